"""The HTTPS server shows the certificate that lies on the disk now."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.errors import KeyUnusable
from connector.identity import certificate
from connector.peer.web.server import HttpsServer

AUTHORITY = certificate.make_authority("web", datetime.now(UTC), 30)


class Served:
    """A server over a pair of files that a test replaces."""

    def __init__(self, folder: Path, *, asking: bool = False) -> None:
        self.cert, self.key = folder / "https.pem", folder / "https.key"
        self.made = self.renew()
        self.server = HttpsServer(_nothing, self.cert, self.key, asking=asking)
        self.port = self.server.start()

    def renew(self) -> str:
        """Put a new pair in its place; returns its thumbprint."""
        cert, key = certificate.issue_web(*AUTHORITY, "localhost", datetime.now(UTC), 30)
        self.cert.write_text(cert)
        self.key.write_text(key)
        return certificate.thumbprint(cert)

    def shown(self) -> str:
        """Shake hands and return the thumbprint of the certificate that was shown."""
        context = ssl.create_default_context(cadata=AUTHORITY[0])
        with (
            closing(socket.create_connection(("127.0.0.1", self.port), timeout=20)) as sock,
            closing(context.wrap_socket(sock, server_hostname="localhost")) as tls,
        ):
            return certificate.thumbprint(
                ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True) or b"")
            )


async def _nothing(_scope: object, _receive: object, _send: object) -> None:
    """Answer nobody."""


@pytest.fixture(params=[False, True], ids=["", "asking"])
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    made = Served(tmp_path, asking=request.param)
    yield made
    made.server.stop()


def test_a_renewed_certificate_is_shown_at_the_next_connection(served: Served) -> None:
    assert served.shown() == served.made
    renewed = served.renew()
    assert served.shown() == renewed != served.made


@pytest.mark.parametrize("file", ["cert", "key"])
def test_what_cannot_be_used_leaves_the_last_good_one(served: Served, file: str) -> None:
    path: Path = getattr(served, file)
    good = path.read_text()
    path.write_text("rubbish")
    assert served.shown() == served.made
    path.unlink()
    assert served.shown() == served.made
    path.write_text(good)
    assert served.shown() == served.made


def test_half_a_pair_waits_for_the_other_half(served: Served) -> None:
    cert, key = certificate.issue_web(*AUTHORITY, "localhost", datetime.now(UTC), 30)
    served.cert.write_text(cert)
    assert served.shown() == served.made
    served.key.write_text(key)
    assert served.shown() == certificate.thumbprint(cert)


def test_a_server_does_not_begin_without_a_pair(tmp_path: Path) -> None:
    (tmp_path / "https.pem").write_text("rubbish")
    (tmp_path / "https.key").write_text("rubbish")
    files = tmp_path / "https.pem", tmp_path / "https.key"
    with pytest.raises(KeyUnusable):
        HttpsServer(_nothing, *files).start()
