"""What `preau doctor` finds out, from the home, the database and the network."""
