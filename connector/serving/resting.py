"""An application that is asked seldom, and gives back what its answers took once nobody asks.

Pages of persons come in bursts, and then not for hours; what is freed stays with the process
unless somebody says that it is not needed soon.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

SECONDS: Final = 5.0  # without an answer, after which it rests


class Resting:
    """ASGI middleware; used by one event loop."""

    def __init__(self, app: ASGIApp, rest: Callable[[], None], seconds: float = SECONDS) -> None:
        """Prepare.

        Args:
            app: the application.
            rest: gives back what is not needed; called in a thread.
            seconds: without an answer, after which that is done.
        """
        self._app, self._rest, self._seconds = app, rest, seconds
        self._timer: asyncio.TimerHandle | None = None
        self._resting: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and rest some time after the last."""
        try:
            await self._app(scope, receive, send)
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._begin)

    def _begin(self) -> None:
        self._resting = asyncio.ensure_future(run_in_threadpool(self._rest))
