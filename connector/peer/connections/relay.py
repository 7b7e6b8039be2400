"""The door of a port: takes connections, bounds them by origin, hands their bytes to the server.

The servers behind it (gRPC, uvicorn) have no say per origin before a connection holds resources of
theirs. Rules: a connection counts from accept on (`crowd.py`), and reaches the server only once the
first TLS record is there, within `HELLO_SECONDS`; TLS stays between the caller and the server. A
connection that no member has proven to be its own ends after `stranger_seconds`; a proven one is
counted apart, by member, so that strangers take no place of theirs. Where a proxy that the settings
name made the connection, its origin is what the proxy says (`proxied.py`). What a server sends at
length passes by the kernel's pipe (`pipe.py`), and not by the memory of this process.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from dataclasses import dataclass
from functools import partial
from typing import Final

from connector.errors import Malformed
from connector.peer.connections import proxied
from connector.peer.connections.crowd import Crowd, origin
from connector.peer.connections.loop import Loop
from connector.peer.connections.pipe import Pipe
from connector.serving.sockets import listening

HELLO_SECONDS: Final = 3.0
_TURNS: Final = 5  # of the loop, until a connection is accepted
_LOOPBACK: Final = "127.0.0.1"
_HANDSHAKE, _MAJOR = 22, 3  # RFC 8446 section 5.1: record type, and the version's first byte
_RECORD_HEAD: Final = 5
_RECORD_BYTES: Final = 1 << 14
_MOVES: Final = 4  # of the pipe, before others of the loop have their turn
# Closing resets: who is turned away leaves no socket behind in TIME_WAIT.
_RESET: Final = struct.pack("ii", 1, 0)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Doors:
    """How many connections a port takes.

    Attributes:
        strangers: connections that no member has proven to be its own.
        per_origin: of those, of one address (IPv4) or /64 network (IPv6).
        members: proven connections; none can be proven where this is 0.
        per_member: of those, of one member.
        stranger_seconds: how long a connection may stay unproven.
    """

    strangers: int
    per_origin: int
    members: int
    per_member: int
    stranger_seconds: float


class Relay:
    """Stands in front of one server of this process."""

    def __init__(self, loop: Loop, where: str, proxies: tuple[str, ...], doors: Doors) -> None:
        """Prepare.

        Args:
            loop: on which it lives.
            where: `host:port` to listen at.
            proxies: addresses or networks of proxies that speak the PROXY protocol.
            doors: its limits.
        """
        self._loop = loop
        self._where = where
        self._proxies = proxies
        self._seconds = doors.stranger_seconds
        self._strangers: Crowd[Caller] = Crowd(doors.strangers, doors.per_origin)
        self._members: Crowd[Caller] = Crowd(doors.members, doors.per_member)
        self._open: set[Caller] = set()
        self._others: dict[int, Caller] = {}
        self._server: asyncio.Server | None = None
        self.inner = 0
        self.place = memoryview(bytearray(_RECORD_BYTES))
        self.pipe: Pipe | None = None

    def start(self, inner: int) -> int:
        """Listen, and hand on to a port of loopback; return the port that was bound.

        Raises:
            ConfigurationInvalid: the address is not `host:port`.
            WorldFault: it cannot be bound.
        """
        self.inner = inner
        sock = listening(self._where)
        self._server = self._loop.run(self._listen(sock))
        return int(sock.getsockname()[1])

    def stop(self) -> None:
        """Take no more, and cut off who is there; harmless before `start`."""
        server, self._server = self._server, None
        if server is not None:
            self._loop.run(self._close(server))

    def caller(self, port: int) -> Caller | None:
        """Return whose connection reaches the server from a port of loopback."""
        return self._others.get(port)

    def origin_of(self, port: int) -> str:
        """Return the origin of whose connection reaches the server from a port; empty: unknown."""
        caller = self._others.get(port)
        return caller.origin if caller is not None else ""

    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self._strangers) + len(self._members)

    def prove(self, caller: Caller, member: str) -> None:
        """Count a connection as a member's from now on; on the loop's thread only."""
        if caller.proven or caller.over:
            return
        caller.proven = True
        self._strangers.leave(caller)
        _turn_away(self._members.enter(member, caller))

    def proven(self, port: int, member: str) -> None:
        """As `prove`, of the caller that reaches the server from a port; on any thread."""
        caller = self._others.get(port)
        if caller is not None and not caller.proven:  # else each request would wake the loop
            self._loop.soon(partial(self._prove_at, port, member))

    def _prove_at(self, port: int, member: str) -> None:
        caller = self._others.get(port)
        if caller is not None:
            self.prove(caller, member)

    def opened(self, caller: Caller) -> None:
        """Note a new connection."""
        self._open.add(caller)

    def entered(self, caller: Caller) -> None:
        """Count a new connection, now that it is known where it came from."""
        _turn_away(self._strangers.enter(caller.origin, caller))

    def spoke(self, caller: Caller) -> None:
        """Note that a caller sent something."""
        (self._members if caller.proven else self._strangers).spoke(caller)

    def reached(self, caller: Caller, port: int) -> None:
        """Note by which port of loopback the server sees a caller."""
        self._others[port] = caller

    def left(self, caller: Caller, port: int) -> None:
        """Forget a caller."""
        self._open.discard(caller)
        self._strangers.leave(caller)
        self._members.leave(caller)
        if self._others.get(port) is caller:  # the port may be another's by now
            del self._others[port]

    def is_proxy(self, address: str) -> bool:
        """Return whether the settings name an address as a proxy's."""
        return proxied.is_named(address, self._proxies)

    async def _listen(self, sock: socket.socket) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Caller(self, self._seconds), sock=sock)
        self.pipe = Pipe()
        return server

    async def _close(self, server: asyncio.Server) -> None:
        # A closed server drops what it is accepting, and leaves its sockets open; so those first.
        for sock in server.sockets:
            asyncio.get_running_loop().remove_reader(sock.fileno())
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        server.close()
        for caller in list(self._open):
            caller.end()
        await asyncio.sleep(0)
        if self.pipe is not None:
            self.pipe.close()


class _Side(asyncio.Protocol):
    """One side of a connection that is relayed."""

    _transport: asyncio.Transport | None = None
    _other: _Side | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - as asyncio gives it
        self._transport = transport

    def pause_writing(self) -> None:
        """This side reads slowly: let the other wait."""
        if self._other is not None:
            self._other.rest()

    def resume_writing(self) -> None:
        """Go on."""
        if self._other is not None:
            self._other.go_on()

    def send(self, data: bytes | memoryview) -> None:
        """Send what the other side said."""
        if self._transport is not None:
            self._transport.write(data)

    def ready(self) -> bool:
        """Return whether what is sent next leaves at once."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        return not transport.get_write_buffer_size()

    def descriptor(self) -> int:
        """Return its socket's."""
        assert self._transport is not None  # noqa: S101 - it is connected
        return int(self._transport.get_extra_info("socket").fileno())

    def eof_received(self) -> bool:
        """End both sides; TLS has a farewell of its own."""
        return False

    def rest(self) -> None:
        """Read no more, since the other side takes it slowly."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def end(self, *, flush: bool = False) -> None:
        """Close it and leave nothing behind; `flush` sends first what the other side said."""
        if self._transport is None:
            return
        if flush:
            self._transport.close()
            return
        _reset(self._transport)
        self._transport.abort()


class Caller(_Side):
    """One connection from outside, with its way to the server once it has spoken TLS."""

    def __init__(self, relay: Relay, seconds: float) -> None:
        self._relay = relay
        self._seconds = seconds
        self._early = b""
        self._connecting: asyncio.Task[None] | None = None  # kept: the loop holds tasks weakly
        self._awaits_header = False
        self._timers: list[asyncio.TimerHandle] = []
        self.origin = ""
        self.address = ""
        self.proven = False
        self.over = False
        self.port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it, and start its clocks."""
        super().connection_made(transport)
        self._relay.opened(self)
        peer = transport.get_extra_info("peername")
        if peer is None:  # gone already
            self.end()
            return
        self.address = str(peer[0])
        self._awaits_header = self._relay.is_proxy(self.address)
        if not self._awaits_header:  # else once it is known from where
            self._came_from(self.address)
        loop = asyncio.get_running_loop()
        self._timers = [
            loop.call_later(HELLO_SECONDS, self._silent),
            loop.call_later(self._seconds, self._unproven),
        ]

    def data_received(self, data: bytes) -> None:
        """Hand bytes to the server; the first ones only once they are a TLS record."""
        self._relay.spoke(self)
        if self._other is not None:
            self._other.send(data)
            return
        self._early += data
        try:
            if self._awaits_header and not self._read_header():
                return
            ready = _tls_record(self._early)
        except Malformed as exc:
            _log.debug("a connection was turned away: %s", exc.reason)
            self.end()
            return
        if ready:
            self.rest()  # until the server is reached
            way = self._other = _Way(self, self._early, self._relay)
            self._connecting = asyncio.get_running_loop().create_task(self._connect(way))

    def connection_lost(self, _exc: Exception | None) -> None:
        """Forget it, and end the server's side."""
        self.over = True
        for timer in self._timers:
            timer.cancel()
        self._relay.left(self, self.port)
        if self._other is not None:
            self._other.end(flush=self.proven)

    def _came_from(self, address: str) -> None:
        self.address, self.origin = address, origin(address)
        self._relay.entered(self)

    def _read_header(self) -> bool:
        found = proxied.header(self._early)
        if found is None:
            return False
        address, self._early = found
        self._awaits_header = False
        self._came_from(address or self.address)
        return True

    def _silent(self) -> None:
        if self._other is None:
            self.end()

    def _unproven(self) -> None:
        if not self.proven:
            self.end()

    async def _connect(self, way: _Way) -> None:
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_connection(lambda: way, _LOOPBACK, self._relay.inner)
        except OSError:
            self.end()
            return
        self.port = int(transport.get_extra_info("sockname")[1])
        if self.over:
            way.end()
            return
        self._relay.reached(self, self.port)
        way.begin()
        self.go_on()


class _Way(_Side, asyncio.BufferedProtocol):
    """A caller's connection to the server, which may say much: one place of all takes its start."""

    def __init__(self, caller: Caller, first: bytes, relay: Relay) -> None:
        self._other: _Side = caller
        self._first = first
        self._place = relay.place
        self._pipe = relay.pipe
        self._much = False

    def begin(self) -> None:
        """Send what the caller said before the server was reached."""
        first, self._first = self._first, b""
        self.send(first)

    def get_buffer(self, _sizehint: int) -> memoryview:
        """Return where the next bytes go; where much comes, what the pipe has left of them."""
        pipe = self._pipe if self._much else None
        for _ in range(_MOVES):
            if pipe is None or not self._other.ready():
                break
            came, rest = pipe.move(self.descriptor(), self._other.descriptor())
            self._other.send(rest)
            if not came:
                break
        return self._place

    def buffer_updated(self, nbytes: int) -> None:
        """Hand bytes to the caller."""
        self._other.send(self._place[:nbytes])
        self._much = nbytes == len(self._place)

    def connection_lost(self, _exc: Exception | None) -> None:
        """End the caller's side, after what the server said."""
        self._other.end(flush=True)

    def send(self, data: bytes | memoryview) -> None:
        """Send bytes to the server, in order; those that came too early wait."""
        if self._first or self._transport is None:
            self._first += data
        else:
            self._transport.write(data)


def _tls_record(data: bytes) -> bool:
    """Return whether the first record of a TLS handshake is there.

    Raises:
        Malformed: these bytes do not begin one.
    """
    if data and data[0] != _HANDSHAKE or len(data) > 1 and data[1] != _MAJOR:  # noqa: RUF021
        raise Malformed("not TLS")
    if len(data) < _RECORD_HEAD:
        return False
    size = int.from_bytes(data[3:5])
    if not 0 < size <= _RECORD_BYTES:
        raise Malformed("not a TLS record")
    return len(data) >= _RECORD_HEAD + size


def _reset(transport: asyncio.Transport) -> None:
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None and not transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def _turn_away(caller: Caller | None) -> None:
    if caller is not None:
        caller.end()
