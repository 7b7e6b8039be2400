"""How many calls or streams run at once, in all and per peer; bounded and thread-safe.

Rule: only who was identified is counted, so that nobody can use up another's share.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from connector.errors import PreauError


class Counted:
    """Counts what runs, and refuses what is beyond a limit."""

    def __init__(self, most: int, most_per_peer: int, refusal: Callable[[], PreauError]) -> None:
        """Prepare.

        Args:
            most: in all.
            most_per_peer: of one peer.
            refusal: makes the error for what is beyond.
        """
        self._most = most
        self._most_per_peer = most_per_peer
        self._refusal = refusal
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()

    @contextmanager
    def one(self, did: str) -> Iterator[None]:
        """Count one of a peer's while the block runs.

        Raises:
            PreauError: a limit is reached.
        """
        with self._lock:
            if self._open.total() >= self._most or self._open[did] >= self._most_per_peer:
                raise self._refusal()
            self._open[did] += 1
        try:
            yield
        finally:
            with self._lock:
                self._open[did] -= 1
                self._open += Counter()  # drops peers of which nothing runs

    def total(self) -> int:
        """Return how many run."""
        with self._lock:
            return self._open.total()
