"""Models of what the node publishes."""
