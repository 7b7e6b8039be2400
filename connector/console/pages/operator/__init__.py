"""Pages of who keeps the node running."""
