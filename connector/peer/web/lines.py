"""Connections of the guarded client: each to one judged address, none past its deadline.

Rules: a connection goes to the address that was judged, whatever name httpcore is told, and each
call on it ends by the deadline of the exchange. Where a talk goes on, as a negotiation does, it is
kept for a moment: it is used again within `IDLE_SECONDS` and for `LIFE_SECONDS` in all, after which
the host is resolved and judged anew. Few are kept of a host, few in all.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import httpcore

from connector.peer.web.addresses import Target

CONNECT_SECONDS: Final = 5.0
IDLE_SECONDS: Final = 4.0  # servers keep an idle connection for 5 and more
LIFE_SECONDS: Final = 60.0
MOST: Final = 64
MOST_OF_ONE: Final = 8

Headers = list[tuple[bytes | str, bytes | str]]
_Host = tuple[str, int]


@dataclass(slots=True)
class Deadline:
    """Until when an exchange may take.

    Attributes:
        at: on the clock that never goes back, seconds.
        silent: longest wait of one read, where a file is read; 0: the deadline rules.
    """

    at: float
    silent: float = 0.0

    def left(self) -> float:
        """Return the seconds that are left.

        Raises:
            httpcore.ReadTimeout: none.
        """
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the exchange took too long")
        return left

    def reading(self) -> float:
        """Return for how long one read may wait; see `left`."""
        return self.silent or self.left()


def url_of(goal: Target) -> httpcore.URL:
    """Return an address as httpcore has it."""
    return httpcore.URL(scheme="https", host=goal.host, port=goal.port, target=goal.path)


class Line:
    """A connection to one address, for one exchange at a time."""

    def __init__(self, tls: ssl.SSLContext, goal: Target, address: str, deadline: Deadline) -> None:
        """Prepare; it connects when it is used.

        Args:
            tls: vouches for the peer.
            goal: whose host it is to.
            address: of that host, judged.
            deadline: of the exchange; the next one sets it anew.
        """
        self.deadline = deadline
        self.made = self.used = time.monotonic()
        self.connection = httpcore.HTTPConnection(
            url_of(goal).origin, tls, network_backend=_PinnedBackend(address, deadline)
        )

    def rests(self) -> bool:
        """Return whether it may be used again, if it still stands."""
        now = time.monotonic()
        young = now - self.made < LIFE_SECONDS and now - self.used < IDLE_SECONDS
        return young and self.connection.is_idle()

    def kept(self) -> bool:
        """Return whether it stands, and may be used again."""
        return self.rests() and not self.connection.has_expired()

    def close(self) -> None:
        """Close it."""
        self.connection.close()


class Lines:
    """Connections that are kept; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: OrderedDict[_Host, deque[Line]] = OrderedDict()

    def take(self, goal: Target) -> Line | None:
        """Return a connection to a host that stands; None where there is none."""
        with self._lock:
            found = self._of.get((goal.host, goal.port), deque())
            line = found.pop() if found else None
            over = self._over()
        _close(over)
        if line is None or line.kept():
            return line
        line.close()
        return None

    def give(self, goal: Target, line: Line) -> None:
        """Keep a connection after an exchange that went well."""
        line.used = time.monotonic()
        over = [] if line.rests() else [line]
        with self._lock:
            if not over:
                found = self._of.setdefault((goal.host, goal.port), deque())
                found.append(line)
                over = [found.popleft()] if len(found) > MOST_OF_ONE else []
                over += self._beyond()
            over += self._over()
        _close(over)

    def close(self) -> None:
        """Close all that are kept."""
        with self._lock:
            kept = [line for found in self._of.values() for line in found]
            self._of.clear()
        _close(kept)

    def _beyond(self) -> list[Line]:
        """Take out what is above `MOST`, of the hosts that came first."""
        over: list[Line] = []
        while sum(map(len, self._of.values())) > MOST:
            _, found = self._of.popitem(last=False)
            over += found
        return over

    def _over(self) -> list[Line]:
        """Take out what was not used for too long."""
        over: list[Line] = []
        for host, found in list(self._of.items()):
            while found and not found[0].rests():
                over.append(found.popleft())
            if not found:
                del self._of[host]
        return over


def _close(lines: Iterable[Line]) -> None:
    for line in lines:
        line.close()


class _PinnedBackend(httpcore.NetworkBackend):
    """Connects to one judged address, whatever host httpcore names, until a deadline."""

    def __init__(self, address: str, deadline: Deadline) -> None:
        self._address = address
        self._deadline = deadline
        self._tcp = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - judged and resolved before
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline rules
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        seconds = min(CONNECT_SECONDS, self._deadline.left())
        stream = self._tcp.connect_tcp(
            self._address, port, seconds, local_address, socket_options or ()
        )
        return _BoundedStream(stream, self._deadline)


class _BoundedStream(httpcore.NetworkStream):
    """A stream on which no call outlasts the deadline of the exchange that is under way."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline rules
        return self._stream.read(max_bytes, self._deadline.reading())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the deadline rules
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the deadline rules
    ) -> httpcore.NetworkStream:
        inner = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left())
        return _BoundedStream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
