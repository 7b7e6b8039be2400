"""The node's own log shown to others, and others' logs witnessed."""
