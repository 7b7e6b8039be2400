"""Pages of who decides for the institution, and of what it then owes."""
