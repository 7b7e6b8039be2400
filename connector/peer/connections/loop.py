"""The one thread with an event loop, on which connections and gRPC calls wait.

Rule: nothing blocks here; what computes, or asks the database, runs on threads
(`peer/limits/turns.py`).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

from connector.errors import WorldFault

SECONDS: Final = 10.0

T = TypeVar("T")


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._work, name="peer-loop", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and return what it returns.

        Raises:
            WorldFault: it did not end in 10 seconds, or the loop does not run.
        """
        if self._loop is None:
            work.close()
            raise WorldFault("the node's event loop does not run")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(SECONDS)
        except TimeoutError as exc:
            future.cancel()
            raise WorldFault("the node's event loop does not answer") from exc

    def soon(self, work: Callable[[], None]) -> None:
        """Let the loop's thread do something short; nothing where it does not run."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it was closed meanwhile
                loop.call_soon_threadsafe(work)

    def stop(self) -> None:
        """Cancel what is left and end the thread; harmless before `start`."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop = self._thread = None

    def _work(self) -> None:
        loop = self._loop
        if loop is None:
            return
        asyncio.set_event_loop(loop)
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=SECONDS))
        loop.close()
