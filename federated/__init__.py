"""Federated jobs and privacy accounting. Knows nothing of connectors."""
