"""The machine's own clocks, fresh identifiers and wake-ups between threads: small ports.

They need nothing but the standard library; tests put others in their place.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import threading
import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from connector.ports import Clock, Pace

JUMP_SECONDS: Final = 60.0
STEADY_SECONDS: Final = 3600.0

# Objects more than were freed until the collector looks for cycles; Python's own is 700.
COLLECT_AFTER: Final = 10_000

# Of glibc; its own number is eight for each core.
ARENAS: Final = 2
_ARENA_MAX: Final = -8  # M_ARENA_MAX of <malloc.h>

_log = logging.getLogger(__name__)


def share_arenas() -> None:
    """Let all threads take memory from few arenas of glibc, unless the environment says how many.

    Each thread of a job or a call would get one of its own, which keeps what is freed in it. Call
    it before there are threads; another C library goes on as it did.
    """
    if "MALLOC_ARENA_MAX" in os.environ:
        return
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Give memory that is not used back to the system, as far as the C library can."""
    gc.collect()
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def spare_collector() -> None:
    """Let the collector pass over what a started node keeps for good, and look less often.

    Most of what it would walk are parsed libraries and policies; calls leave few cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    gc.enable()  # a start goes without it


class SystemClock:
    """Wall time of the machine: the port `Clock`."""

    def now(self) -> datetime:
        """Return the time, aware, UTC."""
        return datetime.now(UTC)


class SystemPace:
    """Monotonic time of the machine: the port `Pace`."""

    def now(self) -> float:
        """Return seconds on a clock that never goes back."""
        return time.monotonic()

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait for `seconds`, or until `stop` is set; return whether it is."""
        return stop.wait(seconds)


class Steadiness:
    """Whether the wall clock has gone with the monotonic one for long enough to end anything by it.

    A clock is mended minutes after a start or a pause of the machine; what counted hours by it
    until then counted wrongly.
    """

    def __init__(self, clock: Clock, pace: Pace) -> None:
        self._clock = clock
        self._pace = pace
        self._since = pace.now()
        self._apart = self._offset()

    def steady(self) -> bool:
        """Look at both clocks, as often as something is ended; return whether one may."""
        apart = self._offset()
        if abs(apart - self._apart) > JUMP_SECONDS:
            _log.warning("the clock jumped by %+.0f s; nothing is ended by it", apart - self._apart)
            self._since = self._pace.now()
        self._apart = apart
        return self._pace.now() - self._since >= STEADY_SECONDS

    def _offset(self) -> float:
        return self._clock.now().timestamp() - self._pace.now()


class UuidIdentifiers:
    """Random UUIDs (RFC 9562 version 4, 122 bits from the system): the port `Identifiers`."""

    def new(self) -> str:
        """Return a new `urn:uuid:…`, unguessable."""
        return uuid.uuid4().urn


class ThreadWakeups:
    """Named events between the threads of one process: the port `Wakeups`.

    An event that nobody waits for is remembered once and wakes the next that waits for it; an
    event wakes one waiting thread, and none that waits for another. Names are few.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waited: dict[str, threading.Condition] = {}
        self._pending: set[str] = set()

    def notify(self, name: str) -> None:
        """Wake whoever waits for `name`; remembered when nobody does."""
        with self._lock:
            self._pending.add(name)
            if name in self._waited:
                self._waited[name].notify()

    def wait(self, name: str, seconds: float) -> bool:
        """Wait for `name`; return whether it came within `seconds`."""
        with self._lock:
            if name not in self._waited:
                self._waited[name] = threading.Condition(self._lock)
            came = self._waited[name].wait_for(lambda: name in self._pending, timeout=seconds)
            self._pending.discard(name)
            return came
