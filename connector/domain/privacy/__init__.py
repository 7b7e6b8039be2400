"""Registers of persons, and what contracts and jobs spend of their privacy."""
