"""What the node publishes as views."""
