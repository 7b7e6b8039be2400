"""Whether a node answers, for `preau doctor`: itself, not just its sockets.

Rules: a process that is frozen still has its connections accepted by the system, so each server is
asked for something that only the process can give: an answer of the management API, a finished TLS
handshake of the others. Each look ends after `LOOK_SECONDS`; nothing is changed.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import closing
from typing import Final

from connector.bootstrap import state
from connector.bootstrap.keys import tls_rotation
from connector.config import Settings
from connector.errors import ConfigurationInvalid, PreauError
from connector.identity import did as dids
from connector.peer.connections import proxied
from connector.peer.web.client import tls_context
from connector.services.health import diagnose
from connector.services.health.diagnose import Check
from connector.services.storage import given_out
from connector.serving import local
from connector.serving.local import UNIX
from connector.serving.sockets import listening, split

LOOK_SECONDS: Final = 3.0


def checks(settings: Settings) -> list[Check]:
    """Look at the node and at the addresses where it listens."""
    running = state.is_running(settings.home)
    announced = state.announced(settings.home) if running else {}
    wanted = [("https", settings.https_listen)]
    if settings.kind == "participant":
        wanted.insert(0, ("grpc", settings.grpc_listen))
        # Nobody shakes hands there while nothing is served.
        wanted += [("flight", settings.flight_listen)] if settings.flight_listen else []
    management = str(announced.get("management", ""))
    found = [diagnose.process(silent=_silent(management))] if management else []
    if not running:
        found += _local(settings)
    for name, configured in wanted:
        address = str(announced.get(name) or configured)
        try:
            host, port = split(address)
        except ConfigurationInvalid as exc:
            found.append(diagnose.setting(f"{name} port", exc.reason, f"correct `{name}_listen`"))
            continue
        answers = _answers(
            settings, name, _reachable(host), port, whole=running and name != "flight"
        )
        free = not answers and _bindable(address)
        found.append(
            diagnose.port(f"{name} port", address, running=running, free=free, answers=answers)
        )
    return found


def _local(settings: Settings) -> list[Check]:
    """Say why the addresses for this machine alone cannot be bound, where that is so."""
    found = []
    for name in ("management", "metrics", "console"):
        setting = f"{name}_listen"
        where = getattr(settings, setting)
        try:
            if where.startswith(UNIX):
                local.socket_path(settings, setting)
            elif where:
                local.loopback(setting, where).close()
        except PreauError as exc:
            found.append(diagnose.setting(f"{name} port", exc.reason, exc.hint))
    if settings.console_listen:
        try:
            given_out.folders(settings, "console_folders")
            given_out.theme(settings)
        except PreauError as exc:
            found.append(diagnose.setting("console", exc.reason, exc.hint))
    return found


def _silent(address: str) -> bool:
    """Return whether the management API answers nothing; a refusal is an answer."""
    unix = address.startswith(UNIX)
    host, port = ("", 0) if unix else split(address.removeprefix("http://"))
    family = socket.AF_UNIX if unix else socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with closing(socket.socket(family, socket.SOCK_STREAM)) as sock:
            sock.settimeout(LOOK_SECONDS)
            sock.connect(address.removeprefix(UNIX) if unix else (host, port))
            sock.sendall(b"GET /node HTTP/1.0\r\n\r\n")
            return not sock.recv(1)
    except OSError:
        return True


def _answers(settings: Settings, name: str, host: str, port: int, *, whole: bool) -> bool:
    """Return whether something accepts connections; with `whole`, whether it ends a handshake."""
    if port == 0:
        return False
    try:
        with closing(socket.create_connection((host, port), timeout=LOOK_SECONDS)) as sock:
            if not whole:
                return True
            if proxied.is_named(sock.getsockname()[0], settings.proxies):
                sock.sendall(proxied.OWN)
            return _shakes_hands(sock, _believed(settings, name), settings.did)
    except OSError:
        return False


def _shakes_hands(sock: socket.socket, tls: ssl.SSLContext | None, did: str) -> bool:
    if tls is None:
        return True  # our own keys cannot be read, which the check of keys says
    try:
        with closing(tls.wrap_socket(sock, server_hostname=dids.host(did))):
            return True
    except ssl.SSLCertVerificationError:
        return True  # it answers; of certificates other checks tell
    except OSError:
        return False


def _believed(settings: Settings, name: str) -> ssl.SSLContext | None:
    """Return a client context that believes the certificates of one of our servers."""
    try:
        if name == "https":
            return tls_context(settings.path(settings.web_roots) if settings.web_roots else None)
        authorities = "".join(each.certificate for each in tls_rotation.read(settings))
        return ssl.create_default_context(cadata=authorities) if authorities else None
    except (PreauError, ssl.SSLError):
        return None


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def _bindable(where: str) -> bool:
    try:
        listening(where).close()
    except PreauError:
        return False
    return True
