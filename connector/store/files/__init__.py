"""What lies in the home beside the database: keys, files held for a time, what was charged."""
