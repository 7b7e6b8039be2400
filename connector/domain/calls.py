"""How many calls of peers were answered, and how: a count per method and code since the start."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Final

OK: Final = "OK"


class Calls:
    """Counts calls; thread-safe. Methods and codes are this node's own, hence few."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, method: str, code: str = OK) -> None:
        """Count one call of a method, answered with a code."""
        with self._lock:
            self._counts[method, code] += 1

    def counts(self) -> dict[tuple[str, str], int]:
        """Return (method, code) -> how many."""
        with self._lock:
            return dict(self._counts)
