"""The node's end of the process that serves Flight: starts it, judges its streams, ends it.

Rules: it runs from the first time that its address is asked for until nothing has been asked for
`IDLE_SECONDS`, or another has taken its place and its streams are over; it gets this node's TLS
leaf and, for each stream, one open file with its key. Whoever shows a token is judged as the
consumer is, by `provider_side.judge`, before a stream begins and twice a second while it flows;
what no longer stands ends it with the code that says why. The process listens on loopback, behind
the door that bounds connections.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from connector.dataplane.flight import messages
from connector.dataplane.flowing import Going
from connector.domain.transfer.extract import Extract
from connector.domain.transfer.transfer import Transfer
from connector.errors import PreauError, UseRefused
from connector.ports import Ports
from connector.services.transfer import provider_side, pulling
from federated.child import start

JUDGE_SECONDS: Final = 0.4
IDLE_SECONDS: Final = 120.0
_LEAVE_SECONDS: Final = 1.0  # for whoever was on the way to it when another took its place
START_SECONDS: Final = 8.0  # less than the call takes that asks for the address
MEMORY: Final = 1 << 30  # bytes
STREAMS: Final = 32  # as of `peer/calls/fetch.py`
STREAMS_PER_PEER: Final = 4
ROWS: Final = "arrow"
_WORKER: Final = "connector.dataplane.flight.server"
_END_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class Door(Protocol):
    """Stands in front of the process (`peer/connections/relay.py`)."""

    inner: int

    def proven(self, port: int, member: str) -> None:
        """Count the connection from a port of loopback as a member's."""


@dataclass(frozen=True, slots=True)
class Shown:
    """By which certificate the node is known, PEM."""

    certificate: str
    key: str = field(repr=False)


class Plane:
    """One process that serves, and the thread that judges for it."""

    def __init__(self, ports: Ports, door: Door, shown: Shown) -> None:
        self.shown = shown
        self._ports = ports
        self._door = door
        self._going = Going(STREAMS, STREAMS_PER_PEER)
        self._streams: dict[int, Transfer] = {}
        self._wanted = time.monotonic()
        self._patience = IDLE_SECONDS
        self._ours, self._theirs = messages.pair()
        self._told = threading.Event()
        self._over = threading.Event()
        self._port = 0
        self._thread = threading.Thread(target=self._run, name="flight", daemon=True)
        self._thread.start()

    def port(self) -> int:
        """Return where it listens, and stay for a while; 0 where it does not."""
        self._wanted = time.monotonic()
        self._told.wait(START_SECONDS)
        return 0 if self._over.is_set() else self._port

    @property
    def over(self) -> bool:
        """Whether it has ended, or is about to."""
        return self._over.is_set()

    def leave(self) -> None:
        """End as soon as its streams have: another serves what is asked for from now on."""
        self._patience = _LEAVE_SECONDS

    def end(self, seconds: float = _END_SECONDS) -> None:
        """End it, with all its streams."""
        self._over.set()
        with suppress(OSError):  # it ended by itself
            self._ours.shutdown(socket.SHUT_RDWR)
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="preau-flight-") as name, self._ours:
                process = self._started(Path(name))
                try:
                    self._serve()
                finally:
                    process.kill()
                    process.wait()
        except (OSError, ValueError, PreauError) as exc:
            if not self._over.is_set():
                _log.warning("the process that serves Flight has ended: %s", type(exc).__name__)
        finally:
            if self._port and self._door.inner == self._port:
                self._door.inner = 0  # another program may listen there by now
            self._over.set()
            self._told.set()

    def _started(self, folder: Path) -> subprocess.Popen[bytes]:
        with self._theirs:
            process = start(_WORKER, folder=folder, stdin=self._theirs.fileno())
        told = {"certificate": self.shown.certificate, "key": self.shown.key, "memory": MEMORY}
        messages.send(self._ours, told)
        return process

    def _serve(self) -> None:
        """Answer the process until it is gone, or nobody wants it any more."""
        judged = time.monotonic()
        while not self._over.is_set() and not self._idle():
            if messages.ready(self._ours.fileno(), JUDGE_SECONDS):
                heard = messages.receive(self._ours)
                if heard is None:
                    if not self._over.is_set():
                        _log.warning("the process that serves Flight has ended")
                    return
                self._take(heard[0])
            if self._streams and time.monotonic() - judged >= JUDGE_SECONDS:
                self._judge()
                judged = time.monotonic()

    def _idle(self) -> bool:
        return not self._streams and time.monotonic() - self._wanted > self._patience

    def _take(self, message: dict[str, Any]) -> None:
        if "listening" in message:
            self._port = int(message["listening"])
            self._told.set()
        elif "ask" in message:
            self._wanted = time.monotonic()
            try:
                self._admit(int(message["ask"]), message)
            except PreauError as exc:
                _refuse(self._ours, int(message["ask"]), exc)
        elif "over" in message:
            self._passed(int(message["over"]), int(message["position"]))

    def _admit(self, number: int, message: dict[str, Any]) -> None:
        """Judge who shows a token, and hand over what it opens.

        Raises:
            PreauError: no data may flow now; the class says why.
        """
        transfer, extract = pulling.shown(self._ports, message["token"])
        self._going.check(transfer.peer)
        provider_side.check_offset(extract, int(message["offset"]))
        _check_form(extract, rows=bool(message["rows"]))
        self._door.proven(int(message["port"]), transfer.peer)
        descriptor, key = self._ports.extracts.opened(extract)
        try:
            told = {"stream": number, "bytes": extract.bytes, "key": key.hex()}
            messages.send(self._ours, told, descriptor)
        finally:
            os.close(descriptor)
        self._streams[number] = transfer
        self._going.readers.append(transfer.peer)

    def _judge(self) -> None:
        """Say of each stream whether it stands."""
        stand = []
        for number, transfer in self._streams.items():
            try:
                provider_side.judge(self._ports, transfer.pid, transfer.peer)
            except PreauError as exc:
                _log.info("a stream over Flight was cut off: %s", exc.code)
                _refuse(self._ours, number, exc)
            else:
                stand.append(number)
        messages.send(self._ours, {"stand": stand})

    def _passed(self, number: int, position: int) -> None:
        transfer = self._streams.pop(number, None)
        if transfer is not None:
            self._going.readers.remove(transfer.peer)
            provider_side.passed(self._ports, transfer.pid, position)


class Planes:
    """The process that serves now; another takes its place where the certificate is renewed."""

    def __init__(self, ports: Ports, door: Door, shown: Callable[[], Shown]) -> None:
        self._ports = ports
        self._door = door
        self._shown = shown
        self._lock = threading.Lock()
        self._planes: list[Plane] = []

    def offer(self) -> str:
        """Return `host:port` where extracts are served from now on; empty where they are not."""
        with self._lock:
            self._planes = [each for each in self._planes if not each.over]
            shown = self._shown()
            if not self._planes or self._planes[-1].shown != shown:
                for each in self._planes:
                    each.leave()
                self._planes.append(Plane(self._ports, self._door, shown))
            newest = self._planes[-1]
        port = newest.port()
        if not port:
            return ""
        self._door.inner = port  # those that stream from an older one go on there
        return self._ports.settings.flight_endpoint

    def stop(self) -> None:
        """End all."""
        with self._lock:
            planes, self._planes = self._planes, []
        for each in planes:
            each.end()


def _check_form(extract: Extract, *, rows: bool) -> None:
    if rows and extract.format != ROWS:
        raise UseRefused(
            f"the extract is `{extract.format}`, and only Arrow extracts are read as rows",
            hint="ask for the use with `--format arrow`, or pull the file",
        )


def _refuse(end: socket.socket, number: int, exc: PreauError) -> None:
    messages.send(end, {"stream": number, "code": exc.code, "reason": exc.reason})
