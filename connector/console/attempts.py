"""How often somebody may try to log in to an account.

Rules: after five failures each further one makes the next attempt wait, twice as long each time, a
quarter of an hour at most; whether the account exists makes no difference. An attempt counts from
its beginning, so that none gains by being made at once with others. A browser in which somebody
logged in to an account before is counted apart: strangers who fail keep nobody out who works here.
Addresses are not counted: all browsers come from the institution's proxy. What is remembered is
bounded, and so are the passwords that are looked at in one moment, each of which takes memory.

Source: NIST SP 800-63B-4, section 3.2.2 (rate limiting); OWASP, Slow Down Online Guessing Attacks
with Device Cookies.
"""

from __future__ import annotations

import hmac
import math
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from connector.errors import TooManyRequests

COOKIE: Final = "__Host-preau-known"
FREE: Final = 5
FIRST: Final = timedelta(seconds=2)
LONGEST: Final = timedelta(minutes=15)
MOST: Final = 4096
AT_ONCE: Final = 4  # of 64 MiB each (`identity/passwords.py`)
_DOUBLED: Final = 20  # times, at most: far beyond the longest wait
_PATIENCE: Final = 5.0  # seconds for a place
_WAITING: Final = 16  # for one, at most
_BYTES: Final = 32


class Attempts:
    """Counts failures by account and kind of browser; thread-safe."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Begin with none.

        Args:
            now: the time, UTC.
        """
        self._now, self._key = now, secrets.token_bytes(_BYTES)
        self._lock = threading.Lock()
        self._failed: OrderedDict[bytes, tuple[int, datetime]] = OrderedDict()
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._coming = threading.BoundedSemaphore(AT_ONCE + _WAITING)

    @contextmanager
    def one(self, name: str, cookie: str) -> Iterator[None]:
        """Let an attempt be made; one that raises something is a failure.

        Args:
            name: as typed.
            cookie: of the browser, as `cookie` made it, or anything.

        Raises:
            TooManyRequests: it has to wait.
        """
        key = self._counted(name, cookie)
        with self._place():
            self._begin(key)
            yield
            with self._lock:
                self._failed.pop(key, None)

    def cookie(self, name: str) -> str:
        """Return what a browser keeps in which somebody logged in to an account."""
        mark = secrets.token_hex(_BYTES)
        return f"{mark}.{self._sealed(name, mark)}"

    def _counted(self, name: str, cookie: str) -> bytes:
        """Return whose failures count: those of a known browser, or of all others together."""
        mark, _, seal = cookie.partition(".")
        known = hmac.compare_digest(seal.encode(), self._sealed(name, mark).encode())
        return sha256(_both(mark if known else "", name)).digest()

    def _sealed(self, name: str, mark: str) -> str:
        return hmac.digest(self._key, _both(mark, name), "sha256").hex()

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._coming.acquire(blocking=False):
            raise _crowded()
        try:
            if not self._places.acquire(timeout=_PATIENCE):
                raise _crowded()
            try:
                yield
            finally:
                self._places.release()
        finally:
            self._coming.release()

    def _begin(self, key: bytes) -> None:
        """Count an attempt as failed; who succeeds forgets it."""
        now = self._now()
        with self._lock:
            count, until = self._failed.get(key, (0, now))
            if until > now:
                left = math.ceil((until - now).total_seconds())
                hint = f"try again in {left} seconds"
                raise TooManyRequests("too many attempts: wait a moment", hint=hint)
            over = min(count + 1 - FREE, _DOUBLED)
            wait = min(FIRST * 2 ** (over - 1), LONGEST) if over > 0 else timedelta()
            self._failed[key] = (count + 1, now + wait)
            self._failed.move_to_end(key)
            if len(self._failed) > MOST:
                self._failed.popitem(last=False)


def _both(mark: str, name: str) -> bytes:
    return b" ".join((mark.encode(), name.encode()))


def _crowded() -> TooManyRequests:
    return TooManyRequests("too many log in at this moment: try again", retry_after=2)
