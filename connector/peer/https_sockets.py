"""Sockets of the HTTPS server: how many connections are taken, in all and of one origin.

Rules: a connection counts from the moment it is accepted, so before and during its TLS handshake,
until its socket is closed; what is over a limit is closed at once, before a byte of it is read.
The limits stand well below the number of files that a process may open (1024 on most systems, 256
on some), so that strangers never take the store, the workers or the peers their descriptors.
"""

from __future__ import annotations

import ipaddress
import socket
from collections import Counter
from collections.abc import Callable
from threading import Lock
from typing import Any, Final

from connector.errors import ConfigurationInvalid, WorldFault

CONNECTIONS: Final = 96
PER_ORIGIN: Final = 24
_BACKLOG: Final = 128
_MAX_PORT: Final = 65535
_V6_PREFIX: Final = 64  # bits; who has one IPv6 address has 2**64 of them


class Admission:
    """Counts open connections; thread-safe."""

    def __init__(self, in_all: int = CONNECTIONS, per_origin: int = PER_ORIGIN) -> None:
        self._in_all = in_all
        self._per_origin = per_origin
        self._lock = Lock()
        self._open: Counter[str] = Counter()

    def enter(self, origin: str) -> bool:
        """Count a connection of an origin; return whether it may stay."""
        with self._lock:
            full = self._open.total() >= self._in_all
            if full or self._open[origin] >= self._per_origin:
                self._open += Counter()  # drops the origins that have none
                return False
            self._open[origin] += 1
            return True

    def leave(self, origin: str) -> None:
        """Count a connection less."""
        with self._lock:
            self._open[origin] -= 1
            if self._open[origin] <= 0:
                del self._open[origin]

    def total(self) -> int:
        """Return how many connections are open."""
        with self._lock:
            return self._open.total()


class BoundedListener(socket.socket):
    """A listening socket that takes no more connections than its admission allows."""

    def __init__(self, family: int, admission: Admission) -> None:
        # Named as TCP, since asyncio turns Nagle's delay (40 ms an answer) off only where it
        # sees that.
        super().__init__(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._admission = admission

    def accept(self) -> tuple[socket.socket, Any]:
        """Take the next connection.

        Raises:
            ConnectionAbortedError: it was over a limit and is closed; a server waits for the next.
            OSError: as `socket.accept`.
        """
        taken, address = super().accept()
        where = origin(str(address[0]))
        if not self._admission.enter(where):
            taken.close()
            raise ConnectionAbortedError("too many connections")
        return _CountedSocket(taken, self._admission, where), address


class _CountedSocket(socket.socket):
    """A connection that is counted until it is closed."""

    def __init__(self, taken: socket.socket, admission: Admission, where: str) -> None:
        kind = (taken.family, taken.type, taken.proto)
        super().__init__(*kind, fileno=taken.detach())
        self._admission: Admission | None = admission
        self._where = where

    def close(self) -> None:
        """Close the connection and count it less, once."""
        super().close()
        admission, self._admission = self._admission, None
        if admission is not None:
            admission.leave(self._where)


def origin(address: str) -> str:
    """Return by what an address is counted: itself, or the /64 network of an IPv6 address."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if found.version == 4:  # noqa: PLR2004 - the protocol's own number
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), _V6_PREFIX), strict=False))


def listening(where: str, make: Callable[[int], socket.socket]) -> socket.socket:
    """Return a socket that listens at an address.

    Args:
        where: `host:port`.
        make: makes the socket, of an address family.

    Raises:
        ConfigurationInvalid: the address has another form.
        WorldFault: it cannot be bound.
    """
    host, _, port = where.rpartition(":")
    if not host or not port.isdecimal() or int(port) > _MAX_PORT:
        raise ConfigurationInvalid(f"`{where}` is not of the form host:port")
    name = host.removeprefix("[").removesuffix("]")
    sock = make(socket.AF_INET6 if ":" in name else socket.AF_INET)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((name, int(port)))
        sock.listen(_BACKLOG)
    except OSError as exc:
        sock.close()
        raise WorldFault(
            f"cannot listen on `{where}`: {exc.strerror}",
            hint="stop the program that listens there, or change the address in preau.toml",
        ) from exc
    return sock
