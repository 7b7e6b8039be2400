"""Pages of who reads afterwards what was done."""
