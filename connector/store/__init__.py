"""What must survive: SQL tables, unit of work, keys on disk."""

from connector.store.unit import SqlStore

__all__ = ["SqlStore"]
