"""How often somebody may try to log in to an account.

Rules: after five failures each further one makes the next attempt wait, twice as long each time, a
quarter of an hour at most; whether the account exists makes no difference. Addresses are not
counted: all browsers come from the institution's proxy. What is remembered is bounded.

Source: NIST SP 800-63B-4, section 3.2.2 (rate limiting).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from connector.errors import TooManyRequests

FREE: Final = 5
FIRST: Final = timedelta(seconds=2)
LONGEST: Final = timedelta(minutes=15)
MOST: Final = 4096
_DOUBLED: Final = 20  # times, at most: far beyond the longest wait


class Attempts:
    """Counts failures by account; thread-safe."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Begin with none.

        Args:
            now: the time, UTC.
        """
        self._now = now
        self._lock = threading.Lock()
        self._failed: OrderedDict[str, tuple[int, datetime]] = OrderedDict()

    def check(self, name: str) -> None:
        """Check that an attempt may be made now.

        Raises:
            TooManyRequests: it has to wait.
        """
        now = self._now()
        with self._lock:
            _, until = self._failed.get(name, (0, now))
        if until > now:
            seconds = (until - now).total_seconds()
            raise TooManyRequests("too many attempts: wait a moment", retry_after=seconds)

    def failed(self, name: str) -> None:
        """Note that an attempt failed."""
        now = self._now()
        with self._lock:
            count = self._failed.pop(name, (0, now))[0] + 1
            over = min(count - FREE, _DOUBLED)
            wait = min(FIRST * 2 ** (over - 1), LONGEST) if over > 0 else timedelta()
            self._failed[name] = (count, now + wait)
            if len(self._failed) > MOST:
                self._failed.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forget what failed before."""
        with self._lock:
            self._failed.pop(name, None)
