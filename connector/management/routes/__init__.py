"""The routes of the management API, one module per noun."""
