"""Threads for calls, in fair turns: nobody's calls keep those of others waiting.

Rules: a call takes a thread only when all that it needs is there; the next free thread goes to who
runs the fewest; a quarter of the threads is for those who run nothing, so that slow calls of some
never take all; of one owner only so many wait. For the thread of an event loop.
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


class Turns:
    """Runs work of many owners on few threads."""

    def __init__(
        self, pool: Executor, threads: int, *, waiting: int, at_once: int | None = None
    ) -> None:
        """Prepare.

        Args:
            pool: runs the work; has as many threads.
            threads: how many run at once.
            waiting: how many of one owner wait at most.
            at_once: how many of one owner run at most; None: as many as there are threads.
        """
        self._pool = pool
        self._free = threads
        self._kept = threads // 4
        self._most = waiting
        self._at_once = threads if at_once is None else at_once
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
            raise TooManyRequests("too many calls of this peer wait", hint="try again in a second")
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        queue.append((done, work))
        self._waiting.setdefault(owner, queue)
        self._next()
        return await done

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
            ran = asyncio.get_running_loop().run_in_executor(self._pool, work)
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
