"""Backups, homes made from them, and upgrades after a copy."""
