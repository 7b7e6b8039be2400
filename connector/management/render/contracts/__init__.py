"""Contracts, and how they come to be, as views."""
