"""What a worker does in each role, and how it talks with its node."""
