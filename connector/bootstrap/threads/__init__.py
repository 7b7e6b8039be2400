"""The threads of a running node."""
