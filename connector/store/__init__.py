"""What must survive: SQL tables, unit of work, keys on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connector.store.unit import SqlStore

__all__ = ["SqlStore"]


def __getattr__(name: str) -> Any:
    """Load the tables once they are asked for: who opens a sealed file needs none."""
    if name not in __all__:
        raise AttributeError(name)
    from connector.store import unit  # noqa: PLC0415 - see above

    return getattr(unit, name)
