"""Pages of who describes and publishes data."""
