"""Who belongs to the space, and whom this node believes."""
