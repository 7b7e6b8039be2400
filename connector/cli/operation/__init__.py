"""Commands that make a node, run it, and keep it whole."""
