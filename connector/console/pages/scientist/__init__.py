"""Pages of who asks for data, and for work on them."""
