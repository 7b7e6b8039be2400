"""What a node stores for members, and what it sheds again: counts by member, in memory.

Rule: the counts follow the database, where they are taken anew now and then (`Holdings` of
`ports/records.py`); between two counts what arrives is added, so that a flood does not outrun them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Final

# What a row costs beside its long columns: the short ones, its indexes, its share of a page.
ROW_BYTES: Final = 1024


class Held:
    """Bytes stored for each member; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes: Counter[str] = Counter()

    def counted(self, found: Mapping[str, int]) -> None:
        """Take over what was counted in the database."""
        with self._lock:
            self._bytes = Counter(found)

    def add(self, member: str, size: int) -> None:
        """Add what arrived since the last count."""
        with self._lock:
            self._bytes[member] += size

    def of(self, member: str) -> int:
        """Return how many bytes are stored for a member."""
        with self._lock:
            return self._bytes[member]

    def all(self) -> dict[str, int]:
        """Return the bytes by member."""
        with self._lock:
            return dict(self._bytes)
