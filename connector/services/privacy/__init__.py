"""Registers of persons: what is promised, spent and left of their ε and δ."""
