"""How much each may ask for, and how fairly places are shared. Knows nothing of calls' content."""
