"""Pinned contexts, JSON-LD and Turtle to node maps; bounded, no network."""
