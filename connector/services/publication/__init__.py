"""Datasets: described, counted, checked, signed and shown in the catalog."""
