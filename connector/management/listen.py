"""Where the management API listens, and the token that opens it.

Rules: a Unix socket has mode 0600 in a folder of mode 0700; TCP is bound to loopback only; the
token is new at each start, 256 bits, in a file of mode 0600. Leaves judging requests to `gate.py`.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from connector.config import Settings
from connector.errors import ConfigurationInvalid, WorldFault
from connector.serving.sockets import listening, split

TOKEN_FILE = "run/management.token"  # noqa: S105 - a file name
UNIX = "unix:"
_SOCKET_PATH_LIMIT = 100  # bytes; Linux allows 107, macOS 103
_BACKLOG = 64


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


def bind(settings: Settings) -> Listening:
    """Bind the address of the setting `management_listen`.

    Raises:
        ConfigurationInvalid: not a Unix socket nor loopback, or a path that is too long.
        WorldFault: the address is taken or cannot be bound.
    """
    where = settings.management_listen
    if where.startswith(UNIX):
        return _unix(socket_path(settings))
    return loopback("management_listen", where)


def write_token(settings: Settings) -> str:
    """Make a fresh token, write it with mode 0600 and return it.

    Raises:
        WorldFault: the file cannot be written.
    """
    file = settings.path(TOKEN_FILE)
    token = secrets.token_urlsafe(32)
    try:
        private_folder(file.parent)
        file.unlink(missing_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(token)
    except OSError as exc:
        raise WorldFault(f"cannot write `{file}`: {exc.strerror}") from exc
    return token


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


def socket_path(settings: Settings) -> Path:
    """Return where the management socket is, when it is one.

    Raises:
        ConfigurationInvalid: its path is too long.
    """
    path = settings.path(settings.management_listen.removeprefix(UNIX)).absolute()
    if len(os.fsencode(path)) > _SOCKET_PATH_LIMIT:
        raise ConfigurationInvalid(
            f"the path of the management socket is longer than {_SOCKET_PATH_LIMIT} bytes",
            hint="choose a shorter home, or set `management_listen` to `127.0.0.1:PORT`",
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
