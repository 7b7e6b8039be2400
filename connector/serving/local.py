"""Listening for this machine alone: a Unix socket of its owner, or loopback.

Rules: a Unix socket has mode 0600 in a folder of mode 0700; TCP is bound to loopback only.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp

from connector.config import Settings
from connector.errors import ConfigurationInvalid, WorldFault
from connector.serving.server import Server, configured
from connector.serving.sockets import listening, split

UNIX: Final = "unix:"
_SOCKET_PATH_LIMIT: Final = 100  # bytes; Linux allows 107, macOS 103
_BACKLOG: Final = 64


@dataclass(frozen=True, slots=True)
class Listening:
    """A bound socket.

    Attributes:
        socket: bound and listening.
        address: `unix:PATH` or `http://host:port`, as the SDK takes it.
        hosts: values of `Host` that are answered; empty on a Unix socket.
    """

    socket: socket.socket
    address: str
    hosts: frozenset[str]

    def close(self) -> None:
        """Close the socket and remove its file."""
        self.socket.close()
        if self.address.startswith(UNIX):
            Path(self.address.removeprefix(UNIX)).unlink(missing_ok=True)


class LocalServer(Server):
    """Serves an application on a bound socket until stopped."""

    def __init__(self, name: str, app: ASGIApp, listening: Listening) -> None:
        """Prepare.

        Args:
            name: of the server, for its thread and for people.
            app: the application.
            listening: where.
        """
        super().__init__(name, configured(app), listening.socket)
        self.name = name
        self._listening = listening

    @property
    def address(self) -> str:
        """`unix:PATH` or `http://host:port`."""
        return self._listening.address

    def stop(self) -> None:
        """Stop within 5 seconds and remove the socket."""
        super().stop()
        self._listening.close()


def bind(settings: Settings, setting: str) -> Listening:
    """Bind the address of a setting.

    Args:
        settings: of the node.
        setting: name of the one whose value is `unix:PATH` or `host:port`.

    Raises:
        ConfigurationInvalid: not a Unix socket nor loopback, or a path that is too long.
        WorldFault: the address is taken or cannot be bound.
    """
    where = str(getattr(settings, setting))
    if where.startswith(UNIX):
        return _unix(socket_path(settings, setting))
    return loopback(setting, where)


def private_folder(folder: Path) -> None:
    """Make a folder that only its owner can enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine's loopback."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def socket_path(settings: Settings, setting: str) -> Path:
    """Return where the socket of a setting is, when it is one.

    Raises:
        ConfigurationInvalid: its path is too long.
    """
    where = str(getattr(settings, setting))
    path = settings.path(where.removeprefix(UNIX)).absolute()
    if len(os.fsencode(path)) > _SOCKET_PATH_LIMIT:
        raise ConfigurationInvalid(
            f"the path of the socket `{setting}` is longer than {_SOCKET_PATH_LIMIT} bytes",
            hint=f"choose a home with a shorter path, or set `{setting}` to `127.0.0.1:PORT`",
        )
    return path


def _unix(path: Path) -> Listening:
    private_folder(path.parent)
    if path.exists() and _answers(path):
        raise WorldFault(
            f"another node listens on `{path}`", hint="stop it first, or choose another home"
        )
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        sock.bind(str(path))
        path.chmod(0o600)
        sock.listen(_BACKLOG)
    except OSError as exc:
        sock.close()
        raise WorldFault(f"cannot listen on `{path}`: {exc.strerror}") from exc
    return Listening(sock, UNIX + str(path), frozenset())


def loopback(setting: str, where: str) -> Listening:
    """Bind a TCP address of this machine alone.

    Args:
        setting: its name.
        where: `host:port`.

    Raises:
        ConfigurationInvalid: not loopback.
        WorldFault: the address is taken or cannot be bound.
    """
    host, _ = split(where)
    if not is_loopback(host):
        hint = "use `127.0.0.1:PORT`"
        raise ConfigurationInvalid(f"`{setting}` may only name loopback, not `{where}`", hint=hint)
    sock = listening(where)
    bound = sock.getsockname()[1]
    named = f"[{host}]" if ":" in host else host
    hosts = frozenset({f"{named}:{bound}", f"localhost:{bound}", f"127.0.0.1:{bound}"})
    return Listening(sock, f"http://{named}:{bound}", hosts)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
