"""Flower's side of a job: messages, client, grid and strategy over our own frames."""
