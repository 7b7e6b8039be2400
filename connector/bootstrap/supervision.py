"""Tells systemd how the node is: that it is ready, that it stops, and that it still works.

Rules: `sd_notify(3)` over the socket that the supervisor names, and nothing where it names none;
both variables leave the environment, so that no worker inherits them. The watchdog is fed only
while the management API, asked as anybody would ask it, says that the process is healthy: a node
that is frozen is thereby restarted.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
from collections.abc import Callable, MutableMapping
from contextlib import closing
from http import HTTPStatus
from typing import Any, Final

from connector.errors import NodeUnreachable
from connector.management.observation import HEALTH
from connector.serving.local import UNIX

_SOCKET: Final = "NOTIFY_SOCKET"
_WATCHDOG: Final = ("WATCHDOG_USEC", "WATCHDOG_PID")
_LOOK_SECONDS: Final = 5.0
_STOP_SECONDS: Final = 10.0
_MOST_BYTES: Final = 65_536


class Supervision:
    """The line to the supervisor of this process."""

    def __init__(self, environment: MutableMapping[str, str] | None = None) -> None:
        """Take the supervisor's variables out of the environment.

        Args:
            environment: of this process by default.
        """
        given = os.environ if environment is None else environment
        self._address = given.pop(_SOCKET, "")
        usec, pid = (given.pop(name, "") for name in _WATCHDOG)
        ours = pid in ("", str(os.getpid()))
        self._seconds = int(usec) / 2_000_000 if ours and usec.isdigit() else 0.0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def ready(self, healthy: Callable[[], bool]) -> None:
        """Say that the node answers, and feed the watchdog from now on.

        Args:
            healthy: asked each time before it is fed; bounded.
        """
        self._say("READY=1")
        if self._address and self._seconds:
            self._thread = threading.Thread(
                target=self._feed, args=(healthy,), name="watchdog", daemon=True
            )
            self._thread.start()

    def stopping(self) -> None:
        """Say that the node stops; the watchdog is fed no more."""
        self._over.set()
        self._say("STOPPING=1")
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def _feed(self, healthy: Callable[[], bool]) -> None:
        while not self._over.wait(self._seconds):
            if healthy():
                self._say("WATCHDOG=1")

    def _say(self, state: str) -> None:
        if not self._address:
            return
        # An abstract address begins with "@" in the variable (sd_notify(3)).
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.settimeout(_LOOK_SECONDS)
                line.sendto(state.encode(), address)
        except OSError:
            return  # the supervisor is gone; what it misses, it acts upon


def is_healthy(management: str) -> bool:
    """Return whether a node says that it is healthy; no answer is none."""
    try:
        return ask(management, HEALTH)[0]
    except NodeUnreachable:
        return False


def ask(management: str, path: str) -> tuple[bool, dict[str, Any]]:
    """Ask a node how it is, as anybody may.

    Args:
        management: `unix:PATH` or `http://host:port`.
        path: `/health` or `/ready`.

    Returns:
        Whether it is, and what it says.

    Raises:
        NodeUnreachable: it does not answer in 5 seconds.
    """
    try:
        with closing(_connection(management)) as asked:
            asked.request("GET", path)
            answer = asked.getresponse()
            return answer.status == HTTPStatus.OK, dict(json.loads(answer.read(_MOST_BYTES)))
    except (OSError, http.client.HTTPException, ValueError) as exc:
        hint = "start it with `preau serve`, or restart it"
        raise NodeUnreachable("the node does not answer", hint=hint) from exc


def _connection(management: str) -> http.client.HTTPConnection:
    if not management.startswith(UNIX):
        host = management.removeprefix("http://")
        return http.client.HTTPConnection(host, timeout=_LOOK_SECONDS)
    connection = http.client.HTTPConnection("node", timeout=_LOOK_SECONDS)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(_LOOK_SECONDS)
    try:
        connection.sock.connect(management.removeprefix(UNIX))
    except OSError:
        connection.close()
        raise
    return connection
