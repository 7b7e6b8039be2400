"""The typed steps of plans, each with its strict reader, and the table of those that are known."""
