"""The HTTPS server that asks for a certificate: any is taken, none is demanded, and it is known."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from connector.errors import CertificateMismatch
from connector.identity import certificate
from connector.peer.web import shown
from connector.peer.web.server import HttpsServer
from tests.support.each import over

NOW = datetime.now(UTC)
AUTHORITY = certificate.make_authority("web", NOW, 30)
ELSEWHERE = certificate.make_authority("another", NOW, 30)
PAIRS = {
    "signed by itself": ELSEWHERE,
    "of an unknown authority": certificate.issue_web(*ELSEWHERE, "nowhere.example", NOW, 30),
    "expired": certificate.issue_web(*ELSEWHERE, "x.example", NOW - timedelta(days=9), 1),
}
BODY = b"x" * 100_000  # more than one record each way


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Say which certificate was shown, and give the body back."""
    request = Request(scope, receive)
    found = shown.of(request, "", ())
    named = certificate.thumbprint(found) if found else "none"
    headers = [(b"x-shown", named.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": await request.body()})


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("asking")
    files = folder / "https.pem", folder / "https.key"
    pair = certificate.issue_web(*AUTHORITY, "localhost", NOW, 30)
    for file, text in zip(files, pair, strict=True):
        file.write_text(text)
    server = HttpsServer(application, *files, asking=True)
    yield server.start()
    server.stop()


def client(folder: Path, name: str = "", **changes: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=AUTHORITY[0])
    for attribute, value in changes.items():
        setattr(context, attribute, value)
    if name:
        file = folder / "own.pem"
        file.write_text("".join(PAIRS[name]))
        context.load_cert_chain(file)
    return context


def connected(port: int, context: ssl.SSLContext, **more: Any) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    return context.wrap_socket(plain, server_hostname="localhost", **more)


def ask(tls: ssl.SSLSocket) -> str:
    """Send the body, and return which certificate the server saw."""
    tls.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" + BODY)
    data = b""
    while not data.endswith(b"\r\n0\r\n\r\n"):
        part = tls.recv(1 << 16)
        assert part
        data += part
    assert data.count(b"x") >= len(BODY)
    return data.partition(b"x-shown: ")[2].partition(b"\r\n")[0].decode()


@over("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@over("name", PAIRS)
def test_any_certificate_is_taken_for_what_its_key_proves(
    port: int, tmp_path: Path, name: str, version: ssl.TLSVersion
) -> None:
    context = client(tmp_path, name, maximum_version=version)
    with closing(connected(port, context)) as tls:
        assert [ask(tls), ask(tls)] == [certificate.thumbprint(PAIRS[name][0])] * 2
        tls.unwrap().close()  # the server says farewell too


def test_none_is_demanded_and_none_is_another_connection_s(port: int, tmp_path: Path) -> None:
    plain, showing = client(tmp_path), client(tmp_path, "expired")
    with closing(connected(port, showing)) as one, closing(connected(port, plain)) as other:
        assert ask(one) != "none"
        assert ask(other) == "none"


def test_no_session_is_resumed(port: int, tmp_path: Path) -> None:
    """Who resumes one would be known by a certificate that it did not show again."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = client(tmp_path, "expired", maximum_version=version)
        with closing(connected(port, context)) as tls:
            ask(tls)
            session = tls.session
        with closing(connected(port, context, session=session)) as tls:
            assert not tls.session_reused
            assert ask(tls) != "none"


def test_older_versions_and_garbage_end_their_own_connection(port: int, tmp_path: Path) -> None:
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old = client(tmp_path, maximum_version=ssl.TLSVersion.TLSv1_1)
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.raises((ssl.SSLError, OSError)):
        connected(port, old)
    with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert plain.recv(100)[:1] in (b"", b"\x15")  # an alert, RFC 8446 section 5.1
    with closing(connected(port, client(tmp_path))) as tls:
        assert ask(tls) == "none"


def test_a_certificate_of_a_named_proxy_s_connection_is_the_proxy_s() -> None:
    """Nobody else is believed about another's certificate: neither sees the other's."""
    pem, proxy = ELSEWHERE[0], AUTHORITY[0]
    header = f":{''.join(pem.split('-----')[2].split())}:"
    network = ("192.0.2.0/24", "2001:db8::/32")
    for own, stated, origin, proxies, expected in (
        (proxy, header, "192.0.2.7", network, pem),
        ("", header, "2001:db8:0:7::/64", network, pem),
        (proxy, "", "192.0.2.7", network, ""),
        (proxy, header, "198.51.100.7", network, proxy),
        ("", header, "198.51.100.7", network, ""),
        (proxy, header, "192.0.2.7", (), proxy),
        ("", header, "", network, ""),
    ):
        assert shown.certificate(own, stated, origin, proxies) == expected
    for broken in ("x", "::", ":!:", header[:-9] + ":", pem):
        with pytest.raises(CertificateMismatch):
            shown.certificate("", broken, "192.0.2.7", network)
        assert shown.certificate(proxy, broken, "198.51.100.7", network) == proxy
