"""Datasets and offers, how they are shown, and how they are searched."""
