from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.errors import (
    AddressForbidden,
    Malformed,
    MessageTooLarge,
    NotFound,
    PeerUnreachable,
    TooManyRequests,
)
from connector.identity import certificate
from connector.peer.web import lines
from connector.peer.web.addresses import Target
from connector.peer.web.client import GuardedWeb, tls_context
from connector.peer.web.pinning import MOST_AT_ONCE, resolve
from tests.support.doubles import settings_for_tests

Talk = Callable[[ssl.SSLSocket], None]


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a root, and a certificate of `localhost` that it issued."""
    folder, now = tmp_path_factory.mktemp("web"), datetime.now(UTC)
    cert, key = certificate.make_authority("web", now, 10)
    leaf, leaf_key = certificate.issue_web(cert, key, "localhost", now, 10)
    other, _ = certificate.make_authority("other", now, 10)
    for name, text in (("root", cert), ("leaf", leaf), ("key", leaf_key), ("other", other)):
        (folder / f"{name}.pem").write_text(text)
    return folder


@contextmanager
def served(web: Path, talk: Talk) -> Iterator[int]:
    """Answer TLS connections on loopback by `talk`, one after another; give the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(web / "leaf.pem", web / "key.pem")
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                plain, _ = listener.accept()
            except TimeoutError:
                continue
            try:
                with plain, context.wrap_socket(plain, server_side=True) as secure:
                    secure.settimeout(5)
                    talk(secure)
            except OSError:
                continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        thread.join(10)
        listener.close()
    assert not thread.is_alive()


def heard(stream: ssl.SSLSocket) -> bytes:
    """Read one whole request; what is left unread would break the connection at its close."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(stream)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line[15:] for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"]
    while lengths and len(body) < int(lengths[0]):
        body += _more(stream)
    return head + b"\r\n\r\n" + body


def _more(stream: ssl.SSLSocket) -> bytes:
    """Read on; a client that has closed its end never says more, however often it is asked."""
    data = stream.recv(65536)
    if not data:
        raise ConnectionResetError
    return data


def says(answer: bytes) -> Talk:
    def talk(stream: ssl.SSLSocket) -> None:
        heard(stream)
        stream.sendall(answer)

    return talk


def answer(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def client(web: Path, *, allow: tuple[str, ...] = ("localhost",), seconds: float = 5) -> GuardedWeb:
    return GuardedWeb(tls_context(web / "root.pem"), allow_hosts=allow, seconds=seconds)


def test_fetches(web: Path) -> None:
    with served(web, says(answer("200 OK", b"hello"))) as port:
        assert client(web).get(f"https://localhost:{port}/x") == b"hello"


@pytest.mark.parametrize(
    ("own", "system", "loaded"),
    [("root", "other", False), ("other", "root", True), ("other", "other", None)],
    ids=["own roots suffice", "the system's are needed", "neither vouches"],
)
def test_the_systems_roots_are_loaded_when_those_of_the_file_do_not_suffice(
    web: Path, monkeypatch: pytest.MonkeyPatch, *, own: str, system: str, loaded: bool | None
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(web / f"{system}.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(web / "none"))
    guarded = GuardedWeb.of(
        settings_for_tests(
            web, "did:web:x", web_roots=f"{own}.pem", unsafe_allow_hosts=("localhost",)
        )
    )
    requests: list[bytes] = []

    def talk(stream: ssl.SSLSocket) -> None:
        requests.append(heard(stream))
        stream.sendall(answer("200 OK", b"hello"))

    with served(web, talk) as port:
        for fetching in (guarded, guarded.within(5)):
            if loaded is None:
                with pytest.raises(PeerUnreachable, match="not trusted"):
                    fetching.get(f"https://localhost:{port}/x")
            else:
                assert fetching.get(f"https://localhost:{port}/x") == b"hello"
    assert len(requests) == (0 if loaded is None else 2)
    assert guarded._whole.is_set() is (loaded is not False)


def test_posts_json(web: Path) -> None:
    requests: list[bytes] = []

    def talk(stream: ssl.SSLSocket) -> None:
        requests.append(heard(stream))
        stream.sendall(answer("200 OK", b"{}"))

    with served(web, talk) as port:
        assert client(web).post(f"https://localhost:{port}/x", b'{"body":1}') == b"{}"
    request = requests[0].lower()
    assert request.startswith(b"post /x http/1.1")
    assert request.endswith(b'{"body":1}')
    assert b"content-type: application/json" in request
    assert f"host: localhost:{port}".encode() in request


def test_asks_with_headers_and_tells_whatever_status(web: Path) -> None:
    requests: list[bytes] = []

    def talk(stream: ssl.SSLSocket) -> None:
        requests.append(heard(stream))
        stream.sendall(answer("404 Not Found", b"{}", "Link: <a>", "link: <b>"))

    with served(web, talk) as port:
        address = f"https://localhost:{port}/x"
        told = client(web).ask(address, b"{1}", headers={"Authorization": "Bearer t"})
        assert (told.status, told.body, told.headers["link"]) == (404, b"{}", "<a>, <b>")
        client(web).ask(address)
        with pytest.raises(Malformed):
            client(web).ask(address, headers={"Authorization": "x\r\nHost: inside"})
    assert b"Bearer t" in requests[0]
    assert [each[:4] for each in requests] == [b"POST", b"GET "]


class TestKept:
    """Connections that are kept for a moment, of a talk that goes on."""

    def client(self, web: Path, asked: list[str]) -> GuardedWeb:
        def resolver(host: str, _port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"]

        trusted = tls_context(web / "root.pem")
        return GuardedWeb(
            trusted, allow_hosts=("localhost",), resolver=resolver, seconds=5, keeps=True
        )

    def talk(self, requests: int) -> Talk:
        def talk(stream: ssl.SSLSocket) -> None:
            for number in range(requests):
                head = heard(stream).lower()
                assert b"connection: keep-alive" in head
                stream.sendall(answer("200 OK", f"{number}".encode()))

        return talk

    def test_the_next_request_needs_no_handshake(self, web: Path) -> None:
        asked: list[str] = []
        guarded = self.client(web, asked)
        with served(web, self.talk(2)) as port:
            url = f"https://localhost:{port}/x"
            assert [guarded.ask(url).body, guarded.within(5).ask(url, b"{}").body] == [b"0", b"1"]
            assert guarded.ask(url).body == b"0"  # the server has closed the first one
            guarded.close()
            guarded.close()
        assert len(asked) == 1 + 1

    def test_one_that_rested_too_long_is_judged_anew(
        self, web: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []
        guarded = self.client(web, asked)
        for setting in ("IDLE_SECONDS", "LIFE_SECONDS"):
            with monkeypatch.context() as patch, served(web, self.talk(1)) as port:
                patch.setattr(lines, setting, 0.0)
                url = f"https://localhost:{port}/x"
                assert [guarded.ask(url).body for _ in range(2)] == [b"0", b"0"]
        assert len(asked) == 4

    def test_few_are_kept(self, web: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        kept = lines.Lines()
        context, until = tls_context(web / "root.pem"), lines.Deadline(0.0)
        one, two = Target("one.example", 443, "/"), Target("two.example", 443, "/")
        made = [lines.Line(context, one, "127.0.0.1", until) for _ in range(6)]
        closed: list[lines.Line] = []
        monkeypatch.setattr(lines.Line, "rests", lambda line: line not in closed)

        def close(line: lines.Line) -> None:
            closed.append(line)

        monkeypatch.setattr(lines.Line, "close", close)
        monkeypatch.setattr(lines, "MOST_OF_ONE", 2)
        monkeypatch.setattr(lines, "MOST", 3)
        for line in made[:3]:
            kept.give(one, line)
        assert closed == made[:1]
        for line in made[3:5]:
            kept.give(two, line)
        assert closed == made[:3]
        assert (kept.take(two), kept.take(one)) == (made[4], None)
        kept.close()
        assert closed == made[:4]

    def test_get_and_post_keep_none(self, web: Path) -> None:
        guarded = self.client(web, [])
        with served(web, says(answer("200 OK", b"x"))) as port:
            for _ in range(2):
                assert guarded.get(f"https://localhost:{port}/") == b"x"
                assert guarded.post(f"https://localhost:{port}/", b"{}") == b"x"


def test_a_host_that_is_not_public_is_refused_before_a_packet(web: Path) -> None:
    reached: list[object] = []
    with served(web, reached.append) as port, pytest.raises(AddressForbidden):
        client(web, allow=()).get(f"https://localhost:{port}/x")
    assert reached == []


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::1"], ["::ffff:127.0.0.1"]]
)
def test_a_public_name_that_resolves_inside(addresses: list[str]) -> None:
    guarded = GuardedWeb(tls_context(), resolver=lambda _host, _port: addresses)
    with pytest.raises(AddressForbidden):
        guarded.get("https://school.example/")


def test_resolved_once_and_pinned(web: Path) -> None:
    """A second answer of the resolver would come too late to lead anywhere else."""
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    with served(web, says(answer("200 OK", b"pinned"))) as port:
        guarded = GuardedWeb(
            tls_context(web / "root.pem"), allow_hosts=("localhost",), resolver=rebinding
        )
        assert guarded.get(f"https://localhost:{port}/") == b"pinned"
    assert asked == ["localhost"]


def test_a_name_that_does_not_resolve() -> None:
    with pytest.raises(PeerUnreachable):
        resolve("nothing.invalid", 443)
    nowhere = GuardedWeb(tls_context(), resolver=lambda _host, _port: [])
    with pytest.raises(PeerUnreachable):
        nowhere.get("https://school.example/")


def test_a_resolver_that_hangs_holds_nobody_up_and_others_go_on_once_it_answers(web: Path) -> None:
    released = threading.Event()

    def hanging(_host: str, _port: int) -> list[str]:
        released.wait(60.0)
        return ["127.0.0.1"]

    stuck = GuardedWeb(tls_context(), resolver=hanging, seconds=0.05)
    for _ in range(MOST_AT_ONCE + 1):  # the last one gets no thread at all
        with pytest.raises(PeerUnreachable, match=r"`slow\.example` did not resolve within"):
            stuck.get("https://slow.example/")
    released.set()
    with served(web, says(answer("200 OK", b"x"))) as port:
        assert client(web).get(f"https://localhost:{port}/") == b"x"


def test_the_certificate_must_be_of_a_known_root_and_of_the_host(web: Path) -> None:
    with served(web, says(answer("200 OK", b"x"))) as port:
        strange = GuardedWeb(tls_context(), allow_hosts=("localhost",))
        said = f"no answer from `localhost:{port}`: its certificate is not trusted"
        with pytest.raises(PeerUnreachable, match=said) as caught:
            strange.get(f"https://localhost:{port}/")
        assert "web_roots" in caught.value.hint
        other = GuardedWeb(
            tls_context(web / "root.pem"),
            allow_hosts=("other.example",),
            resolver=lambda _host, _port: ["127.0.0.1"],
        )
        with pytest.raises(PeerUnreachable):
            other.get(f"https://other.example:{port}/")
        assert client(web).get(f"https://localhost:{port}/") == b"x"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_redirects(web: Path, status: str) -> None:
    reply = answer(status, b"", "Location: https://localhost/other")
    with served(web, says(reply)) as port, pytest.raises(AddressForbidden):
        client(web).get(f"https://localhost:{port}/")


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (answer("404 Not Found", b"x"), NotFound),
        (answer("500 Error", b"x"), PeerUnreachable),
        (answer("200 OK", b"x" * 5000), MessageTooLarge),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"fff\r\n" + b"x" * 4095
         + b"\r\n0\r\n\r\n", MessageTooLarge),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", PeerUnreachable),
        (b"rubbish\r\n\r\n", PeerUnreachable),
        (b"", PeerUnreachable),
    ],
)  # fmt: skip
def test_answers_that_are_not_what_was_asked(
    web: Path, reply: bytes, error: type[Exception]
) -> None:
    with served(web, says(reply)) as port, pytest.raises(error):
        client(web).get(f"https://localhost:{port}/", limit=1000)


def test_a_peer_that_drips_is_cut_off_by_one_deadline(web: Path) -> None:
    gone = threading.Event()

    def drip(stream: ssl.SSLSocket) -> None:
        stream.recv(65536)
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"a" * 10_000:
            stream.sendall(bytes([byte]))
            if gone.wait(0.05):
                return

    with served(web, drip) as port:
        with pytest.raises(PeerUnreachable, match="it took too long"):
            client(web, seconds=0.6).get(f"https://localhost:{port}/")
        gone.set()


def test_after_the_deadline_not_even_a_name_is_resolved() -> None:
    asked: list[str] = []

    def resolver(host: str, _port: int) -> list[str]:
        asked.append(host)
        return []

    late = GuardedWeb(tls_context(), resolver=resolver).within(0)
    with pytest.raises(PeerUnreachable, match="too long"):
        late.get("https://drips.example/")
    assert asked == []


def test_nobody_listens(web: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        said = f"^no answer from `localhost:{port}`: no connection$"
        with pytest.raises(PeerUnreachable, match=said) as caught:
            client(web).get(f"https://localhost:{port}/")
    assert "node runs" in caught.value.hint


def test_a_refused_post_keeps_its_code(web: Path) -> None:
    problem = b'{"code": "TOO_MANY_REQUESTS", "detail": "slow\\u0007ly"}'
    with served(web, says(answer("429 Too Many", problem, "Retry-After: 7"))) as port:
        with pytest.raises(TooManyRequests, match="refused: slowly") as refusal:
            client(web).post(f"https://localhost:{port}/", b"{}")
        assert refusal.value.retry_after == 7.0
        with pytest.raises(PeerUnreachable):
            client(web).get(f"https://localhost:{port}/")


def test_the_time_of_an_answer_by_its_sender(web: Path) -> None:
    said = "Date: Fri, 27 Nov 2026 11:30:00 GMT"
    with served(web, says(answer("200 OK", b"", said))) as port:
        told = client(web).time(f"https://localhost:{port}/")
    assert told == datetime(2026, 11, 27, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize("said", ["soon", "", "Fri, 31 Dec 9999 23:59:59 -2300"])
def test_a_time_that_is_none(web: Path, said: str) -> None:
    with (
        served(web, says(answer("200 OK", b"", f"Date: {said}"))) as port,
        pytest.raises(PeerUnreachable, match="states no time"),
    ):
        client(web).time(f"https://localhost:{port}/")


def test_no_proxy_is_taken_from_the_environment(web: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with served(web, says(answer("200 OK", b"direct"))) as port:
        assert client(web).get(f"https://localhost:{port}/") == b"direct"


def test_roots_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(AddressForbidden):
        tls_context(tmp_path / "none.pem")
    (tmp_path / "bad.pem").write_text("not a certificate")
    with pytest.raises(AddressForbidden):
        tls_context(tmp_path / "bad.pem")
