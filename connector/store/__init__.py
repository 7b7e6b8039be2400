"""What must survive: SQL tables, unit of work, keys on disk."""
