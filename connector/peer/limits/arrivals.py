"""Requests on their way in: how many bytes of them there are, per owner and in all, is bounded.

Rules: gRPC holds back what nobody reads, but for its window, and hands on a message only when it is
whole; so places for reading bound the bytes that arrive, and go to owners in fair turns; what has
arrived, and what is answered, is counted until the answer has left. Nobody's silence keeps out
another's message, since an owner has few places, and not for long. For the thread of an event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from connector.errors import Malformed, TooManyRequests
from connector.peer.limits.counted import Counted
from connector.peer.limits.turns import Turns
from connector.peer.status import Context

REQUEST_SECONDS: Final = 10.0
# Bytes of messages that are read at once, of all owners: gRPC takes in so many of each message
# (`peer/calls/server.py`) before it hands any of them on.
READING_BYTES: Final = 384 * 1024 * 1024
READING_PER_OWNER: Final = 4  # messages
# For how long nothing is read of whose message took more than half of its time, however it ended:
# else members together could hold all places, one call after another that nearly runs out of time.
LATE_SECONDS: Final = 60.0
WAITING_PER_OWNER: Final = 64
# Bytes that wait for a thread, are worked on, or wait for their caller to read them.
HELD_BYTES: Final = 256 * 1024 * 1024
HELD_BYTES_PER_OWNER: Final = 32 * 1024 * 1024


class Arrivals:
    """Reads the requests of one server."""

    def __init__(self, largest: int = 16 * 1024 * 1024) -> None:
        """Prepare.

        Args:
            largest: bytes that gRPC takes in of one message.
        """
        self._late: dict[str, float] = {}
        places = max(READING_BYTES // largest, 2 * READING_PER_OWNER)
        self._turns = Turns(places, waiting=WAITING_PER_OWNER, at_once=READING_PER_OWNER)
        self._held = Counted(HELD_BYTES, HELD_BYTES_PER_OWNER, _too_many_bytes, spare=True)

    async def read(self, owner: str, context: Context) -> object:
        """Return the next message of a call, or gRPC's mark of the end.

        Raises:
            Malformed: it is not there in time.
            TooManyRequests: too many of this owner's wait to be read, or one came late.
        """
        self._check_late(owner)
        clock, began = asyncio.get_running_loop().time, 0.0
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await self._turns.enter(owner)
                began = clock()
                try:
                    return await context.read()
                finally:
                    self._turns.leave(owner)
        except TimeoutError as exc:
            raise Malformed(f"the request did not arrive in {REQUEST_SECONDS:g} seconds") from exc
        finally:
            if began and clock() - began > REQUEST_SECONDS / 2:  # to wait for a turn is no fault
                self._late[owner] = clock() + LATE_SECONDS

    def _check_late(self, owner: str) -> None:
        now = asyncio.get_running_loop().time()
        left = self._late.get(owner, now) - now
        if left > 0:
            raise TooManyRequests(
                "a request of this peer came late or not at all",
                hint=f"try again in {left:.0f} seconds",
                retry_after=left,
            )
        self._late = {each: until for each, until in self._late.items() if until > now}

    @contextmanager
    def held(self, owner: str, data: bytes) -> Iterator[None]:
        """Count a message that has arrived, or an answer, until the block ends.

        Raises:
            TooManyRequests: too many bytes of this owner's, or of all, are here.
        """
        with self._held.some(owner, len(data)):
            yield


def _too_many_bytes() -> TooManyRequests:
    return TooManyRequests(
        "too many bytes of this peer are waiting", hint="try again in a second", retry_after=1.0
    )
