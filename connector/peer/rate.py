"""How often an address may ask: token buckets, bounded in number.

Rule: what a stranger can trigger is bounded per address and in all; the table of addresses is
bounded too, and an address that fell out starts afresh, while the limit in all still holds.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from connector.errors import TooManyRequests

MAX_ADDRESSES: Final = 4096
_MINUTE: Final = 60.0


class Rate:
    """Lets each key through `per_minute` times a minute, and all together `factor` times that."""

    def __init__(
        self, per_minute: int, *, factor: int = 10, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_minute = per_minute
        self._in_all = per_minute * factor
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._all = (float(self._in_all), clock())

    def take(self, key: str) -> None:
        """Let one request of `key` through.

        Raises:
            TooManyRequests: the key, or all together, are above the rate.
        """
        with self._lock:
            now = self._clock()
            mine = self._filled(self._buckets.get(key, (self._per_minute, now)), now, own=True)
            everyone = self._filled(self._all, now, own=False)
            if mine < 1 or everyone < 1:
                raise TooManyRequests("too many first contacts", hint="try again in a minute")
            self._buckets[key] = (mine - 1, now)
            self._buckets.move_to_end(key)
            self._all = (everyone - 1, now)
            while len(self._buckets) > MAX_ADDRESSES:
                self._buckets.popitem(last=False)

    def _filled(self, bucket: tuple[float, float], now: float, *, own: bool) -> float:
        level, at = bucket
        size = self._per_minute if own else self._in_all
        return min(float(size), level + (now - at) * size / _MINUTE)
