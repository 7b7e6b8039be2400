"""What the node stores for members: how much it is, and what is dropped again."""
