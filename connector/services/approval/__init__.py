"""Decisions of persons, where the provider wants one before anything is signed."""
