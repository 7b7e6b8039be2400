"""Calls of peers over gRPC: taken, authenticated, answered or refused."""
