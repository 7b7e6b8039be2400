"""How many calls, streams or bytes there are at once, in all and per peer; bounded, thread-safe.

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

    def __init__(
        self,
        most: int,
        most_per_peer: int,
        refusal: Callable[[], PreauError],
        *,
        spare: bool = False,
    ) -> None:
        """Prepare.

        Args:
            most: in all.
            most_per_peer: of one peer.
            refusal: makes the error for what is beyond.
            spare: whether a peer of which nothing is counted gets in although all is taken.
        """
        self._spare = spare
        self._most = most
        self._most_per_peer = most_per_peer
        self._refusal = refusal
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()

    @contextmanager
    def some(self, did: str, number: int = 1) -> Iterator[None]:
        """Count one, or some, of a peer's while the block runs.

        Raises:
            PreauError: a limit is reached.
        """
        with self._lock:
            self._check(did, number)
            self._open[did] += number
        try:
            yield
        finally:
            with self._lock:
                self._open[did] -= number
                if not self._open[did]:
                    del self._open[did]

    def _check(self, did: str, number: int) -> None:
        mine, everyone = self._open[did] + number, self._open.total() + number
        if mine > self._most_per_peer or (everyone > self._most and not self._spared(did)):
            raise self._refusal()

    def _spared(self, did: str) -> bool:
        return self._spare and not self._open[did]

    def total(self) -> int:
        """Return how many run."""
        with self._lock:
            return self._open.total()
