"""Commands for what this node publishes, and what of it may be spent."""
