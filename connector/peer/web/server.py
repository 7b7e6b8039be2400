"""The HTTPS server, over `connector/serving/server.py`.

Rules: TLS 1.2 or newer; a TLS handshake ends after `HANDSHAKE_SECONDS`. It listens on loopback,
behind a `peer/connections/relay.py` that bounds connections by origin and in time, however slowly
they speak. A renewed certificate is taken without a restart (`certificate.py`). Where tokens may be
bound to certificates, callers are asked for theirs (`asking.py`). What is answered is `https.py`'s.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any, Final

from starlette.types import ASGIApp

from connector.errors import KeyUnusable, WorldFault
from connector.peer.web import certificate as certificates
from connector.peer.web.certificate import FollowedCertificate
from connector.serving.lean import Config
from connector.serving.server import Server, configured
from connector.serving.sockets import INNER, listening

HANDSHAKE_SECONDS: Final = 5.0


class BoundedLoop(asyncio.SelectorEventLoop):
    """An event loop whose servers cut off TLS handshakes and farewells that dawdle."""

    async def create_server(self, *args: Any, **kwargs: Any) -> asyncio.Server:
        """Listen as asyncio does, with `HANDSHAKE_SECONDS` for what it gives a minute."""
        kwargs["ssl_handshake_timeout"] = kwargs["ssl_shutdown_timeout"] = HANDSHAKE_SECONDS
        server: asyncio.Server = await super().create_server(*args, **kwargs)
        return server


class HttpsServer:
    """Serves an application over TLS until stopped."""

    def __init__(self, app: ASGIApp, certificate: Path, key: Path, *, asking: bool = False) -> None:
        """Prepare.

        Args:
            app: ASGI application.
            certificate: PEM chain.
            key: PEM key.
            asking: whether callers are asked for a certificate (`shown.py`).
        """
        self._app = app
        self._files = (certificate, key)
        self._asking = asking
        self._server: Server | None = None

    def start(self) -> int:
        """Bind and serve; return once requests are answered.

        Returns:
            The port of loopback that was bound.

        Raises:
            KeyUnusable: certificate or key cannot be read.
            WorldFault: the server does not come up.
        """
        config = self._configured()
        sock = listening(INNER)
        self._server = Server("https", config, sock)
        try:
            self._server.start()
        except WorldFault:
            sock.close()
            raise
        return int(sock.getsockname()[1])

    def stop(self) -> None:
        """Stop within 5 seconds; harmless before `start`."""
        if self._server is not None:
            self._server.stop()

    def _configured(self) -> Config:
        certificate, key = map(str, self._files)
        config = configured(
            self._app,
            loop=f"{__name__}:{BoundedLoop.__name__}",
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
        try:
            # First, since OpenSSL would ask a terminal for the password of a key.
            followed = FollowedCertificate(*self._files, certificates.context)
            config.load()
            if self._asking:
                _ask(config, self._files)
        except (OSError, ssl.SSLError) as exc:
            raise KeyUnusable(
                "the HTTPS certificate or its key cannot be read",
                hint="correct `https_certificate` and `https_key`",
            ) from exc
        if isinstance(config.ssl, ssl.SSLContext):
            config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
            certificates.follow(config.ssl, followed)
        return config


def _ask(config: Config, files: tuple[Path, Path]) -> None:
    from connector.peer.web import asking  # noqa: PLC0415 - 6 MB that other nodes do not need

    pair = FollowedCertificate(*files, asking.context)
    config.ssl = asking.AskingTls(pair)  # type: ignore[assignment]  # in the form of one
    config.http_protocol_class = asking.AskingProtocol
