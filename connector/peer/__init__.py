"""The face towards other nodes: gRPC, HTTPS, guarded fetches."""
