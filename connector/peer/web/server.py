"""The HTTPS server, over `connector/serving/server.py`.

Rules: TLS 1.2 or newer; a TLS handshake ends after `HANDSHAKE_SECONDS`. It listens on loopback,
behind a `peer/connections/relay.py` that bounds connections by origin and in time, however slowly
they speak. A renewed certificate is taken without a restart (`certificate.py`). What is answered is
`https.py`'s.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any, Final

from starlette.types import ASGIApp

from connector.errors import KeyUnusable, WorldFault
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

    def __init__(self, app: ASGIApp, certificate: Path, key: Path) -> None:
        """Prepare.

        Args:
            app: ASGI application.
            certificate: PEM chain.
            key: PEM key.
        """
        self._app = app
        self._certificate = certificate
        self._key = key
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
        config = configured(
            self._app,
            loop=f"{__name__}:{BoundedLoop.__name__}",
            ssl_certfile=str(self._certificate),
            ssl_keyfile=str(self._key),
        )
        try:
            # First, since OpenSSL would ask a terminal for the password of a key.
            followed = FollowedCertificate(self._certificate, self._key)
            config.load()
        except (OSError, ssl.SSLError) as exc:
            raise KeyUnusable(
                "the HTTPS certificate or its key cannot be read",
                hint="mend `https_certificate` and `https_key`",
            ) from exc
        if config.ssl is not None:
            config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
            followed.follow(config.ssl)
        return config
