"""The management API's server.

Leaves binding to `listen.py` and the application to `app.py`.
"""

from __future__ import annotations

from starlette.types import ASGIApp

from connector.management.listen import Listening
from connector.serving.server import Server, configured


class ManagementServer(Server):
    """Serves an application on a bound socket until stopped."""

    def __init__(self, app: ASGIApp, listening: Listening) -> None:
        super().__init__("management", configured(app), listening.socket)
        self._listening = listening

    @property
    def address(self) -> str:
        """`unix:PATH` or `http://host:port`."""
        return self._listening.address

    def stop(self) -> None:
        """Stop within 5 seconds and remove the socket."""
        super().stop()
        self._listening.close()
