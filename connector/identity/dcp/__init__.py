"""Decentralized Claims Protocol 1.0 (DCP), without I/O."""
