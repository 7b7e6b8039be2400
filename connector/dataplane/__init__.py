"""Data over HTTPS, and what is made of it: a face like the peers', without gRPC."""
