"""The certificate of the HTTPS server, as it lies on the disk now.

Rules: a renewed certificate is shown from the next connection on, without a restart; a pair that
cannot be used, or is written only half, leaves the last good one in place and is named in the log.
TLS 1.2 or newer.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

_log = logging.getLogger(__name__)

_Seen = tuple[tuple[int, int, int], ...]
T = TypeVar("T")


class FollowedCertificate(Generic[T]):
    """Looks at two files with each handshake; used by one thread."""

    def __init__(self, certificate: Path, key: Path, read: Callable[[Path, Path], T]) -> None:
        """Read the pair.

        Args:
            certificate: PEM chain.
            key: PEM key.
            read: returns what shows such a pair.

        Raises:
            OSError: a file cannot be read, or the two are no pair (`ssl.SSLError`).
        """
        self._files = (certificate, key)
        self._read = read
        self._seen = self._look()
        self._shown = read(certificate, key)

    def newest(self) -> T:
        """Return what shows the newest pair that can be used."""
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            try:
                self._shown = self._read(*self._files)
                _log.info("the HTTPS certificate was renewed")
            except OSError as exc:  # ssl.SSLError is one
                _log.error("the new HTTPS certificate cannot be used: %s", type(exc).__name__)
        return self._shown

    def _look(self) -> _Seen:
        return tuple(_mark(file) for file in self._files)


def follow(context: ssl.SSLContext, pair: FollowedCertificate[ssl.SSLContext]) -> None:
    """Let a server's context show the newest pair."""

    def choose(connection: ssl.SSLObject, _name: str | None, _used: ssl.SSLContext) -> None:
        connection.context = pair.newest()

    context.sni_callback = choose


def context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a context of the standard library that shows a pair.

    Raises:
        OSError: a file cannot be read, or the two are no pair (`ssl.SSLError`).
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.load_cert_chain(certificate, key, password=_none)
    return made


def _mark(file: Path) -> tuple[int, int, int]:
    """Return what changes when a file does; zeros while it is not there."""
    try:
        found = file.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _none() -> str:
    """Return an empty password, so that nobody is asked for one."""
    return ""
