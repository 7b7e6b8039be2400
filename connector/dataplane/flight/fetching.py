"""The consumer's end of a Flight stream: the bytes of a file, from the process that fetches them.

Rules: nothing is held but what the pipe holds, so that whoever does not read holds the provider
back; a stream on which nothing comes for `SILENT_SECONDS` is broken; what ends it is raised where
its next chunk would be.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from typing import IO, Any, Final, Self

from connector.dataplane.flight import messages
from connector.dataplane.flight.plane import Planes
from connector.domain.participant import Participant
from connector.errors import PeerUnreachable, PreauError, WorkerFailed
from connector.identity import did as dids
from connector.sources import child

CONNECT_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 30.0
MEMORY: Final = 1 << 30  # bytes
LIFE_SECONDS: Final = 86_400.0
READ: Final = 1 << 20  # bytes
_WORKER: Final = "connector.dataplane.flight.client"


class Fetched:
    """Chunks as they come; close it to end the stream."""

    def __init__(self, peer: str, request: dict[str, Any]) -> None:
        """Start the process, and wait for the first chunk or the refusal.

        Raises:
            PeerUnreachable: no answer, or the stream broke.
            WorkerFailed: the process did not start.
            PreauError: the provider's refusal.
        """
        self._peer = peer
        self._running = ExitStack()
        try:
            running = child.running(request, subprocess.PIPE, LIFE_SECONDS, _WORKER)
            pipe, self._end = self._running.enter_context(running)
            self._pipe = _widened(pipe)
            self._first: bytes | None = self._next()
        except PreauError:
            self.close()
            raise

    def __iter__(self) -> Self:
        """Return itself."""
        return self

    def __next__(self) -> bytes:
        """Return the next chunk; raises as the start, where the stream does not end whole."""
        first, self._first = self._first, b""
        chunk = first or self._next() if first is not None else None
        if chunk is None:
            self._first = None
            raise StopIteration
        return chunk

    def close(self) -> None:
        """End the stream; harmless when it is over."""
        self._running.close()

    def _next(self) -> bytes | None:
        if not messages.ready(self._pipe, SILENT_SECONDS):
            self.close()
            raise PeerUnreachable(f"`{self._peer}` has stopped sending over Flight")
        data = os.read(self._pipe, READ)
        if data:
            return data
        try:
            child.answered(self._end, MEMORY, LIFE_SECONDS)
        except WorkerFailed as exc:
            raise PeerUnreachable(f"`{self._peer}` closed the Flight connection too early") from exc
        finally:
            self.close()
        return None


class FlightData:
    """Data over Arrow Flight: the port `Flight`."""

    def __init__(self, pin: Callable[[str], tuple[str, int]]) -> None:
        """Prepare; nothing is served before `serve`.

        Args:
            pin: returns address and port of a peer's `host:port`, once it was judged.
        """
        self._pin = pin
        self._planes: Planes | None = None

    def serve(self, planes: Planes) -> None:
        """Have extracts served by these."""
        self._planes = planes

    def offer(self) -> str:
        """Have extracts served; see `ports.Flight`."""
        return self._planes.offer() if self._planes is not None else ""

    def fetch(self, provider: Participant, address: str, token: str, offset: int) -> Fetched:
        """Fetch the bytes of a file from an offset on; see `ports.Flight`.

        Raises:
            PeerUnreachable: the provider does not answer there, or broke off.
            AddressForbidden: the address is not one that this node calls.
            WorkerFailed: the process that fetches did not start.
            PreauError: the provider refused, or stopped.
        """
        host, port = self._pin(address)
        _knock(host, port)
        request = {
            "address": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            "host": dids.host(provider.did),
            "roots": "".join(provider.tls_authorities),
            "token": token,
            "offset": offset,
            "memory": MEMORY,
            "network": True,
        }
        return Fetched(provider.did, request)

    def stop(self) -> None:
        """Serve no more."""
        if self._planes is not None:
            self._planes.stop()


def _knock(host: str, port: int) -> None:
    """See that a port is open: a process would wait longer for one that a firewall closes.

    Raises:
        PeerUnreachable: it is not.
    """
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except OSError as exc:
        raise PeerUnreachable(f"port {port}, which the provider names, is closed") from exc


def _widened(pipe: IO[bytes] | None) -> int:
    if pipe is None:
        raise WorkerFailed("the process that fetches has no output")
    fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, READ)
    return pipe.fileno()
