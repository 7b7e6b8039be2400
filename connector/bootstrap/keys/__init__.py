"""The node's own keys and identity on the disk, and their rotation."""
