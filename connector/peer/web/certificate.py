"""The certificate of the HTTPS server, as it lies on the disk now.

Rules: a renewed certificate is shown from the next connection on, without a restart; a pair that
cannot be used, or is written only half, leaves the last good one in place and is named in the log.
TLS 1.2 or newer.
"""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

_log = logging.getLogger(__name__)

_Seen = tuple[tuple[int, int, int], ...]


class FollowedCertificate:
    """Looks at two files with each handshake; used by one thread."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Read the pair.

        Args:
            certificate: PEM chain.
            key: PEM key.

        Raises:
            OSError: a file cannot be read, or the two are no pair (`ssl.SSLError`).
        """
        self._files = (certificate, key)
        self._seen = self._look()
        self._context = self._read()

    def follow(self, context: ssl.SSLContext) -> None:
        """Let a server's context show the newest pair."""
        context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _used: ssl.SSLContext) -> None:
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            try:
                self._context = self._read()
                _log.info("the HTTPS certificate was renewed")
            except OSError as exc:  # ssl.SSLError is one
                _log.error("the new HTTPS certificate cannot be used: %s", type(exc).__name__)
        connection.context = self._context

    def _look(self) -> _Seen:
        return tuple(_mark(file) for file in self._files)

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*self._files, password=_none)
        return context


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
