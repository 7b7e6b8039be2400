"""Extracts over Arrow Flight, served and fetched by processes of their own.

The node keeps the decisions: who may read, and whether that still stands. It loads no Flight.
"""
