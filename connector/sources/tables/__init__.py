"""Tables of databases and of further distributions, read in the confined process."""
