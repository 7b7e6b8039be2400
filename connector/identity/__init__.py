"""DIDs, credentials, proofs, status lists, trust decisions; pure."""
