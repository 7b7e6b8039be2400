"""Places for work of many owners, in fair turns: nobody's work keeps that of others waiting.

Rules: the next free place goes to who has the fewest; a quarter of the places is for those who have
none, so that slow work of some never takes all; of one owner only so many wait. Places are threads,
or waits on an event loop. For the thread of that loop.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any, TypeVar

from connector.errors import TooManyRequests

T = TypeVar("T")
_Entry = tuple["asyncio.Future[Any]", Callable[[], Any]]
Begin = Callable[[Callable[[], Any]], "asyncio.Future[Any]"]


class Turns:
    """Lets work of many owners begin when it is their turn."""

    def __init__(
        self, begin: Begin, places: int, *, waiting: int, at_once: int | None = None
    ) -> None:
        """Prepare.

        Args:
            begin: begins some work; the future that it returns ends with the work.
            places: how many run at once.
            waiting: how many of one owner wait at most.
            at_once: how many of one owner run at most; None: as many as there are places.
        """
        self._begin = begin
        self._free = places
        self._kept = places // 4
        self._most = waiting
        self._at_once = places if at_once is None else at_once
        self._running: Counter[str] = Counter()
        # In the order in which owners came or were last served.
        self._waiting: dict[str, deque[_Entry]] = {}

    async def run(self, owner: str, work: Callable[[], T]) -> T:
        """Run some work when it is the owner's turn.

        Raises:
            TooManyRequests: too many of this owner's wait already.
            Exception: what the work raises.
        """
        queue = self._waiting.get(owner, deque())
        if len(queue) >= self._most:
            raise TooManyRequests(
                "too many calls of this peer wait", hint="try again in a second", retry_after=1.0
            )
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        queue.append((done, work))
        self._waiting.setdefault(owner, queue)
        self._next()
        try:
            return await done
        finally:
            del done  # else it and its failure hold each other, with what the work was on

    def _next(self) -> None:
        while self._free and (owner := self._whose()) is not None:
            queue = self._waiting.pop(owner)
            done, work = queue.popleft()
            if queue:
                self._waiting[owner] = queue
            if done.cancelled():  # who asked has gone
                continue
            self._free -= 1
            self._running[owner] += 1
            ran = self._begin(work)
            ran.add_done_callback(partial(self._over, owner, done))

    def _whose(self) -> str | None:
        def running(owner: str) -> int:
            return self._running[owner]

        owner = min(self._waiting, key=running, default=None)
        if owner is None:
            return None
        runs = self._running[owner]
        return None if runs >= self._at_once or (runs and self._free <= self._kept) else owner

    def _over(self, owner: str, done: asyncio.Future[T], ran: asyncio.Future[T]) -> None:
        self._free += 1
        self._running[owner] -= 1
        if not self._running[owner]:
            del self._running[owner]
        failure = None if ran.cancelled() else ran.exception()
        if ran.cancelled():
            done.cancel()
        elif done.cancelled():
            pass  # who asked has gone
        elif failure is not None:
            done.set_exception(failure)
        else:
            done.set_result(ran.result())
        self._next()


def on_threads(pool: Executor) -> Begin:
    """Return what begins work on a thread of a pool."""
    return lambda work: asyncio.get_running_loop().run_in_executor(pool, work)
