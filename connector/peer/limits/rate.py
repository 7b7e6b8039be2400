"""How often, and how much, each may ask: token buckets, bounded in number.

Rules: a bucket is full at first and fills again evenly; what a stranger can trigger is bounded per
address and in all; the table of keys is bounded too, and a key that fell out starts afresh, while
the limit in all still holds. Who is refused is told in how many seconds there is room again.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from connector.errors import PreauError, TooManyRequests

MAX_KEYS: Final = 4096
MINUTE: Final = 60.0
HOUR: Final = 3600.0
_Level = tuple[float, float]  # what is left, and when that was


class Rate:
    """Lets each key take `size` in so many seconds, and all together `factor` times that."""

    def __init__(
        self,
        size: float,
        seconds: float = MINUTE,
        *,
        factor: float = math.inf,
        refusal: Callable[[float], PreauError],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare.

        Args:
            size: of a bucket; at least what one taking costs, or 0 to let nothing through.
            seconds: in which an empty bucket is full again.
            factor: size of the bucket of all, in buckets.
            refusal: makes the error, of the seconds until there is room.
            clock: seconds on a clock that never goes back.
        """
        self._size = size
        self._in_all = size * factor
        self._seconds = seconds
        self._refusal = refusal
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, _Level] = OrderedDict()
        self._all = (self._in_all, clock())

    def take(self, key: str, cost: float = 1.0) -> None:
        """Let one request of a key through; what costs more than a bucket empties it.

        Raises:
            PreauError: the key, or all together, are above the rate.
        """
        with self._lock:
            if not self._size:
                raise self._refusal(self._seconds)
            now, cost = self._clock(), min(cost, self._size)
            mine = self._filled(self._buckets.get(key, (self._size, now)), now, self._size)
            everyone = self._filled(self._all, now, self._in_all)
            missing = max((cost - mine) / self._size, (cost - everyone) / self._in_all)
            if missing > 0:
                raise self._refusal(max(1.0, math.ceil(missing * self._seconds)))
            self._buckets[key] = (mine - cost, now)
            self._buckets.move_to_end(key)
            self._all = (everyone - cost, now)
            while len(self._buckets) > MAX_KEYS:
                self._buckets.popitem(last=False)

    def _filled(self, bucket: _Level, now: float, size: float) -> float:
        level, at = bucket
        if math.isinf(size):
            return size
        return min(size, level + (now - at) * size / self._seconds)


def too_many(what: str) -> Callable[[float], TooManyRequests]:
    """Return what makes the refusal of a plain rate."""
    return lambda seconds: TooManyRequests(
        what, hint=f"try again in {seconds:.0f} seconds", retry_after=seconds
    )
