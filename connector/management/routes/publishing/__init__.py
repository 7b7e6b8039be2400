"""Routes of what the node publishes."""
