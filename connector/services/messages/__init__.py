"""What goes to peers and what comes from them, whatever the binding."""
