"""Listening sockets, and how many files this process may open."""

from __future__ import annotations

import resource
import socket
from typing import Final

from connector.errors import ConfigurationInvalid, WorldFault

INNER: Final = "127.0.0.1:0"  # where a server listens that a relay stands in front of
FILES: Final = 8192
_BACKLOG: Final = 512
_MAX_PORT: Final = 65535


def listening(where: str) -> socket.socket:
    """Return a socket that listens at an address.

    Args:
        where: `host:port`; port 0 takes a free one.

    Raises:
        ConfigurationInvalid: the address has another form.
        WorldFault: it cannot be bound.
    """
    host, port = split(where)
    # Named as TCP, since asyncio turns Nagle's delay (40 ms an answer) off only where it sees that.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(_BACKLOG)
    except OSError as exc:
        sock.close()
        raise WorldFault(
            f"cannot listen on `{where}`: {exc.strerror}",
            hint="stop the program that listens there, or change the address in preau.toml",
        ) from exc
    return sock


def split(where: str) -> tuple[str, int]:
    """Read `host:port`, with brackets round an IPv6 address.

    Raises:
        ConfigurationInvalid: not of that form.
    """
    host, _, port = where.rpartition(":")
    if not host or not port.isdecimal() or int(port) > _MAX_PORT:
        raise ConfigurationInvalid(
            f"`{where}` is not of the form host:port", hint="such as `127.0.0.1:8500`"
        )
    return host.removeprefix("[").removesuffix("]"), int(port)


def open_files() -> int:
    """Let this process open as many files as the system allows, 8,192 at most; return the number.

    A soft limit of 1,024 is common, and meant for programs that wait with `select`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
