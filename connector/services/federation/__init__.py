"""Federated training under contracts: what both sides of a job share."""
