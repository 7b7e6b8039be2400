"""What a node that went back owes, and what peers keep so that it can be told."""
