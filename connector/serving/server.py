"""An ASGI server: uvicorn in one thread, started and stopped within bounds.

Rules: no header of a proxy is believed; nothing but the application answers.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import suppress
from typing import Any, Final

from starlette.types import ASGIApp

from connector.errors import WorldFault
from connector.serving.lean import Config
from connector.serving.lean import Server as UvicornServer

_START_SECONDS: Final = 10.0
_STOP_SECONDS: Final = 5.0
_GRACE_SECONDS: Final = 2
_DATE_SECONDS: Final = 1.0  # how often the header `Date` is written anew


def configured(app: ASGIApp, **more: Any) -> Config:
    """Return uvicorn's configuration for an application.

    Args:
        app: ASGI application.
        more: of uvicorn's settings.
    """
    return Config(
        app,
        **{"loop": "asyncio", **more},
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


class _Sleeper(UvicornServer):
    """Sleeps until it is to stop, where uvicorn looks ten times a second whether it is."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked = asyncio.Event()

    async def main_loop(self) -> None:
        """Keep the date until `stop`."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), _DATE_SECONDS)

    def stop(self) -> None:
        """Let it end; may be called from any thread, before `main_loop` too."""
        self.should_exit = True  # first: a loop that starts meanwhile sees it
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._asked.set)


class Server:
    """Serves on a bound socket until stopped."""

    def __init__(self, name: str, config: Config, sock: socket.socket) -> None:
        """Prepare.

        Args:
            name: of the server, for its thread and for people.
            config: as `configured` makes it.
            sock: bound and listening.
        """
        self._name = name
        self._server = _Sleeper(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [sock]}, name=name, daemon=True
        )

    def start(self) -> None:
        """Serve; return once requests are answered.

        Raises:
            WorldFault: the server did not come up in 10 seconds.
        """
        self._thread.start()
        limit = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if time.monotonic() > limit or not self._thread.is_alive():
                raise WorldFault(f"the {self._name} server did not start")
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop within 5 seconds; harmless before `start`."""
        self._server.stop()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)
