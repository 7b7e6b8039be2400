"""Doubles and builders that several test files share."""
