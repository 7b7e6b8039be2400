"""Places for work of many owners, in fair turns: nobody's work keeps that of others waiting.

Rules: the next free place goes to who has the fewest; a quarter of the places is for those who have
none, so that slow work of some never takes all; of one owner only so many wait. Places are threads,
or waits on an event loop. For the thread of that loop.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from connector.errors import TooManyRequests

T = TypeVar("T")


class Turns:
    """Lets owners take places when it is their turn."""

    def __init__(self, places: int, *, waiting: int, at_once: int | None = None) -> None:
        """Prepare.

        Args:
            places: how many there are.
            waiting: how many of one owner wait at most.
            at_once: how many one owner has at most; None: as many as there are.
        """
        self._free = places
        self._kept = places // 4
        self._most = waiting
        self._at_once = places if at_once is None else at_once
        self._taken: Counter[str] = Counter()
        # In the order in which owners came or were last served.
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def enter(self, owner: str) -> None:
        """Take a place when it is the owner's turn; it is the owner's until `leave`.

        Raises:
            TooManyRequests: too many of this owner's wait already.
        """
        queue = self._waiting.get(owner, deque())
        if len(queue) >= self._most:
            raise TooManyRequests(
                "too many calls of this peer are waiting",
                hint="try again in a second",
                retry_after=1.0,
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        self._waiting.setdefault(owner, queue)
        self._next()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the place was given in the same moment
                self.leave(owner)
            raise

    def leave(self, owner: str) -> None:
        """Give a place back."""
        self._free += 1
        self._taken[owner] -= 1
        if not self._taken[owner]:
            del self._taken[owner]
        self._next()

    def _next(self) -> None:
        while self._free and (owner := self._whose()) is not None:
            queue = self._waiting.pop(owner)
            turn = queue.popleft()
            if queue:
                self._waiting[owner] = queue
            if turn.cancelled():  # who asked has gone
                continue
            self._free -= 1
            self._taken[owner] += 1
            turn.set_result(None)

    def _whose(self) -> str | None:
        owner = min(self._waiting, key=self._taken.__getitem__, default=None)
        if owner is None:
            return None
        has = self._taken[owner]
        return None if has >= self._at_once or (has and self._free <= self._kept) else owner


class Threads:
    """Threads of a pool, as places."""

    def __init__(self, pool: Executor, turns: Turns) -> None:
        self._pool = pool
        self._turns = turns

    async def run(self, owner: str, work: Callable[[], T]) -> T:
        """Run some work when it is the owner's turn.

        The thread is the owner's until the work ends, also when nobody waits for it any more.

        Raises:
            TooManyRequests: too many of this owner's wait already.
            Exception: what the work raises.
        """
        await self._turns.enter(owner)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        over = partial(_told, loop, partial(self._over, owner, done))
        try:
            self._pool.submit(work).add_done_callback(over)
        except RuntimeError:  # the pool takes no more
            self._turns.leave(owner)
            raise
        try:
            return await done
        finally:
            del done, over  # else it and its failure hold each other, with what the work was on

    def _over(self, owner: str, done: asyncio.Future[T], ran: Future[T]) -> None:
        self._turns.leave(owner)
        if done.cancelled():  # who asked has gone
            return
        failure = None if ran.cancelled() else ran.exception()
        if ran.cancelled():
            done.cancel()
        elif failure is not None:
            done.set_exception(failure)
        else:
            done.set_result(ran.result())


def _told(loop: asyncio.AbstractEventLoop, over: Callable[[Any], object], ran: Any) -> None:
    """Say on the loop's thread that some work ended; to nobody once the loop has."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(over, ran)
