"""Places that few have at a time, of which one account has not all.

What is held lasts as long as a browser reads; who holds it may be slow, or mean it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Shares:
    """Places; thread-safe."""

    def __init__(self, most: int, of_one: int) -> None:
        """Begin with all of them free.

        Args:
            most: places that there are.
            of_one: that one account may have.
        """
        self._most, self._of_one = most, of_one
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    def free(self, account: str) -> bool:
        """Say whether there is a place for an account."""
        with self._lock:
            return self._held.total() < self._most and self._held[account] < self._of_one

    @contextmanager
    def held(self, account: str) -> Iterator[None]:
        """Hold a place."""
        self._count(account, 1)
        try:
            yield
        finally:
            self._count(account, -1)

    def _count(self, account: str, change: int) -> None:
        with self._lock:
            self._held[account] += change
            self._held += Counter()  # forgets who has none
