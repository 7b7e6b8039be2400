"""Prepared data and how it goes to a consumer."""
