"""Pages of who writes policies."""
