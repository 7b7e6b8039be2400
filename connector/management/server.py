"""The management API's server: uvicorn in one thread, started and stopped within bounds.

Leaves binding to `listen.py` and the application to `app.py`.
"""

from __future__ import annotations

import threading
import time

import uvicorn
from starlette.types import ASGIApp

from connector.errors import WorldFault
from connector.management.listen import Listening

_START_SECONDS = 10.0
_STOP_SECONDS = 5.0
_GRACE_SECONDS = 2


class ManagementServer:
    """Serves an application on a bound socket until stopped."""

    def __init__(self, app: ASGIApp, listening: Listening) -> None:
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._listening = listening
        self._thread = threading.Thread(target=self._run, name="management", daemon=True)

    @property
    def address(self) -> str:
        """`unix:PATH` or `http://host:port`."""
        return self._listening.address

    def start(self) -> None:
        """Serve; return once requests are answered.

        Raises:
            WorldFault: the server did not come up in 10 seconds.
        """
        self._thread.start()
        limit = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if time.monotonic() > limit or not self._thread.is_alive():
                raise WorldFault("the management server did not start")
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop within 5 seconds and remove the socket."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)
        self._listening.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._listening.socket])
