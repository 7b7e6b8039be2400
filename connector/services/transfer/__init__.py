"""Carries prepared extracts to their consumers."""
