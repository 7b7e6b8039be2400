"""Negotiations, and what a party says of a contract afterwards."""
