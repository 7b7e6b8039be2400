"""What is tried against the console: each is refused, and its good twin works."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import pytest
from starlette.types import Message, Receive, Scope, Send

from connector.console.answers import saving
from connector.console.guard import BODY_LIMIT, HEADERS, SEALED, Guard, Reached
from connector.console.pages import PAGES
from connector.console.rendering import Renderer
from connector.console.sessions import COOKIE
from connector.domain.account import AccountRole
from connector.ports import Ports
from connector.services.access import accounts
from tests.support.console import PASSWORD, Browser, browsers, person, served
from tests.support.doubles import ports_for_tests
from tests.support.each import over
from tests.support.markup import HOSTILE, Seen


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    made = ports_for_tests(tmp_path)
    for each in ("operator", "auditor"):
        person(made, each)
    return made


@pytest.fixture
def operator(ports: Ports) -> Iterator[Browser]:
    with browsers(ports, "operator") as (made,):
        yield made


FORM = {"name": "eve", "roles.0": "operator", "reviews": "", "password": PASSWORD}
FORGED: list[tuple[str, str, dict[str, str], dict[str, str]]] = [
    ("POST", "/accounts/add", {}, {}),
    ("POST", "/accounts/add", {"word": "x" * 43}, {}),
    ("POST", "/accounts/add", {"word": "another's"}, {}),
    ("GET", "/accounts/add", {"word": "own"}, {}),
    ("HEAD", "/accounts/add", {"word": "own"}, {}),
    ("PUT", "/accounts/add", {"word": "own"}, {}),
    ("GET", "/accounts/add", {"word": "own"}, {"x-http-method-override": "POST"}),
    ("GET", "/accounts/add", {"word": "own", "_method": "POST"}, {"x-http-method": "POST"}),
    ("POST", "/accounts", {"word": "own"}, {"x-original-url": "/accounts/add"}),
    ("POST", "/accounts/add", {"word": "own"}, {"origin": "null"}),
    ("POST", "/accounts/add", {"word": "own"}, {"origin": "https://evil.example"}),
    ("POST", "/accounts/add", {"word": "own"}, {"origin": "https://HOST"}),
    ("POST", "/accounts/add", {"word": "own"}, {"origin": "http://HOST.evil.example"}),
    ("POST", "/accounts/add", {"word": "own"}, {"origin": "http://evil@HOST"}),
    ("POST", "/accounts/add", {"word": "own"}, {"origin": "http://["}),
    ("POST", "/accounts/add", {"word": "own"}, {"sec-fetch-site": "cross-site"}),
    ("POST", "/accounts/add", {"word": "own"}, {"sec-fetch-site": "same-site"}),
    ("POST", "/accounts/add", {"word": "own"}, {"content-type": "application/json"}),
    ("POST", "/accounts/add", {"word": "own"}, {"content-type": "multipart/form-data"}),
]


def test_a_request_that_no_form_of_the_session_sent_does_nothing(
    ports: Ports, operator: Browser
) -> None:
    with browsers(ports, "auditor") as (auditor,):
        words = {"own": operator.word(), "another's": auditor.word()}
    host = urlsplit(operator.address).netloc
    held = f"{COOKIE}={operator.cookies[COOKIE]}"

    def sent(method: str, path: str, more: dict[str, str], headers: dict[str, str]) -> int:
        form = {**FORM, **more, "word": words.get(more.get("word", ""), more.get("word", ""))}
        headers = {name: value.replace("HOST", host) for name, value in headers.items()}
        kind = {"content-type": "application/x-www-form-urlencoded"}
        query = form if method in ("GET", "HEAD") else None
        answer = operator._client.request(
            method,
            path,
            params=query,
            content=None if query else urlencode(form),
            headers={"cookie": held, **({} if query else kind), **headers},
        )
        return answer.status_code

    for row in FORGED:
        assert sent(*row) >= 300, row
        assert sent(*row) < 500, row
        assert accounts.standing(ports, "eve") is None, row
    own = {"origin": operator.address, "sec-fetch-site": "same-origin"}
    assert sent("POST", "/accounts/add", {"word": "own"}, own) == 303
    assert accounts.standing(ports, "eve") is not None


def raw(address: str, request: bytes) -> tuple[int, str]:
    """Send bytes, and return the status and all of the answer."""
    where = urlsplit(address)
    with socket.create_connection((str(where.hostname), int(where.port or 0)), timeout=20) as sock:
        answer = b""
        with suppress(ConnectionError):  # it hangs up on what is too much
            sock.sendall(request.replace(b"HOST", where.netloc.encode()))
            while chunk := sock.recv(65536):
                answer += chunk
    text = answer.decode("latin-1") or "HTTP/1.1 400 hung up"
    return int(text.split(" ", 2)[1]), text


def request(line: str, *headers: str, body: str = "") -> bytes:
    return "\r\n".join((f"{line} HTTP/1.1", *headers, "Connection: close", "", body)).encode()


def test_behind_a_proxy_only_its_own_address_sends_forms(ports: Ports) -> None:
    body = urlencode({"name": "operator", "password": PASSWORD})
    told = ("Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}")
    with served(ports, public="https://console.example") as address:
        for origin, status in (
            ("https://console.example", 303),
            ("http://console.example", 403),
            ("https://console.example.evil.example", 403),
            ("http://HOST", 403),
        ):
            stated = ("Host: console.example", f"Origin: {origin}")
            asked = request("POST /login", *stated, *told, body=body)
            assert raw(address, asked)[0] == status, origin


_MUCH = BODY_LIMIT + 1


def test_what_is_not_answered_by_a_page_says_why_with_its_code(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a person, in their language: one who brings a large file, or comes by another address."""

    def fails(*_: object) -> str:
        raise ValueError("secret")

    with served(ports, patience=0.05) as address:
        fault, at = "Host: HOST", "POST /login"
        for told, (asked, *headers), code, line in (
            ("421", ("GET /login", "Host: x"), "NOT_FOUND", "adresse"),
            ("403", (at, fault, "Origin: https://x", "Content-Length: 0"), "NOT_PERMITTED", "site"),
            ("411", (at, fault), "MALFORMED_MESSAGE", "longueur"),
            ("413", (at, fault, f"Content-Length: {_MUCH}"), "MESSAGE_TOO_LARGE", "grande"),
            ("408", (at, fault, "Content-Length: 9"), "MALFORMED_MESSAGE", "lentement"),
            ("500", ("GET /login", fault), "INTERNAL", "nœud"),
        ):
            with monkeypatch.context() as patch:
                if told == "500":
                    patch.setattr(Renderer, "page", fails)
                _, french = raw(address, request(asked, "Accept-Language: fr", *headers))
            assert french.startswith(f"HTTP/1.1 {told}"), french
            head, _, said = french.encode("latin-1").decode().partition("\r\n\r\n")
            assert code in said
            assert line in said, said
            assert "content-language: fr" in head
            assert "default-src 'none'" in head
            assert "secret" not in said


_LONG = "9" * 5000
_TOLD = re.compile("^(set-cookie: a=b|server:|x-powered-by:)", re.MULTILINE)
RAW: list[tuple[str, bytes, tuple[int, ...]]] = [
    ("no host", request("GET /login"), (400,)),
    ("another host", request("GET /login", "Host: evil.example"), (421,)),
    ("two hosts", request("GET /login", "Host: HOST", "Host: evil.example"), (400,)),
    ("a host with a user", request("GET /login", "Host: a@HOST"), (400, 421)),
    ("a host told by a proxy", request("GET /login", "Host: x", "X-Forwarded-Host: HOST"), (421,)),
    ("an address of another host", request("GET http://evil/login", "Host: evil"), (421,)),
    ("a line within a path", request("GET /login%0d%0aset-cookie:%20a=b", "Host: HOST"), (404,)),
    ("a line within a query", request("GET /log?to=%0d%0aset-cookie:a=b", "Host: HOST"), (303,)),
    ("a folder above", request("GET /static/../app.py", "Host: HOST"), (404,)),
    ("the same encoded", request("GET /static/%2e%2e/app.py", "Host: HOST"), (404,)),
    ("encoded twice", request("GET /static/%252e%252e%252fapp.py", "Host: HOST"), (404,)),
    ("from the root", request("GET /static//etc/passwd", "Host: HOST"), (404,)),
    ("a link out of the theme", request("GET /theme/key.css", "Host: HOST"), (404,)),
    ("a folder of the theme", request("GET /theme/", "Host: HOST"), (404,)),
    ("a backslash", request("GET /static/..\\app.py", "Host: HOST"), (400, 404)),
    ("a path that ends", request("GET /login/", "Host: HOST"), (404,)),
    ("a NUL", request("GET /static/%00", "Host: HOST"), (404,)),
    ("no UTF-8", request("GET /%ff%fe?%ff=%fe", "Host: HOST"), (404,)),
    ("TRACE", request("TRACE /", "Host: HOST", "Content-Length: 0"), (404, 405)),
    ("OPTIONS", request("OPTIONS *", "Host: HOST", "Content-Length: 0"), (404, 405)),
    ("CONNECT", request("CONNECT HOST", "Host: HOST", "Content-Length: 0"), (400, 404, 405)),
    ("long headers", request("GET /login", "Host: HOST", f"X: {'x' * 900_000}"), (400, 431)),
    ("many headers", request("GET /login", "Host: HOST", *["X: y"] * 100_000), (400, 431)),
    ("a long cookie", request("GET /", "Host: HOST", f"Cookie: {COOKIE}={'x' * 9000}"), (303,)),
    ("no cookie at all", request("GET /", "Host: HOST", "Cookie: ;;=;\x01=\x02; a"), (303, 400)),
    ("a cookie twice", request("GET /", "Host: HOST", f"Cookie: {COOKIE}=a; {COOKIE}=b"), (303,)),
    ("no length", request("POST /login", "Host: HOST"), (411,)),
    ("chunks", request("POST /login", "Host: HOST", "Transfer-Encoding: chunked"), (411,)),
    ("too long", request("POST /login", "Host: HOST", f"Content-Length: {BODY_LIMIT + 1}"), (413,)),
    ("a length of words", request("POST /login", "Host: HOST", "Content-Length: ten"), (400,)),
    ("less than none", request("POST /login", "Host: HOST", "Content-Length: -1"), (400,)),
    (
        "beyond numbers",
        request("POST /login", "Host: HOST", f"Content-Length: {'9' * 5000}"),
        (400,),
    ),
    (
        "two lengths",
        request("POST /login", "Host: HOST", "Content-Length: 1", "Content-Length: 2"),
        (400,),
    ),
    ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", (400,)),
    ("a web socket", request("GET /", "Host: HOST", "Upgrade: websocket"), (303,)),
    ("a page", request("GET /login", "Host: HOST"), (200,)),
    ("a file of the theme", request("GET /theme/theme.css", "Host: HOST"), (200,)),
]


@pytest.fixture
def theme(tmp_path: Path) -> Path:
    folder = tmp_path / "theme"
    folder.mkdir()
    (folder / "theme.css").write_text("body { color: black }")
    script = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    (folder / "logo.svg").write_text(script)
    (tmp_path / "key.css").write_text("secret")
    (folder / "key.css").symlink_to(tmp_path / "key.css")
    return folder


def test_a_request_that_is_none_gets_an_answer_and_nothing_of_the_inside(
    ports: Ports, theme: Path
) -> None:
    with served(ports, theme) as address:
        for told, asked, expected in RAW:
            status, answer = raw(address, asked)
            assert status in expected, (told, answer[:300])
            head = answer.partition("\r\n\r\n")[0].lower()
            assert not re.search(r"^(set-cookie: a=b|server:|x-powered-by:)", head, re.MULTILINE), (
                told
            )
            for inside in ("Traceback", "connector", "root:", "secret", 'File "'):
                assert inside not in answer, told


def test_every_answer_says_what_browsers_keep_to(ports: Ports, theme: Path) -> None:
    with served(ports, theme) as address:
        browser = Browser(address)
        browser.log_in("auditor")
        held = f"{COOKIE}={browser.cookies[COOKIE]}"
        for path, headers, sealed in (
            *(("/", {}, False), ("/nothing", {}, False), ("/log?start=x", {}, False)),
            *(("/accounts", {}, False), ("/static/preau.css", {}, True), ("/log?as=csv", {}, True)),
            *(("/theme/logo.svg", {}, True), ("/log?as=ods", {}, True), ("/", {"host": "x"}, True)),
            ("/live/job?id=none", {"cookie": ""}, True),
            *(("/login", {}, True), ("/login", {"cookie": ""}, False)),
        ):
            answer = browser._client.get(path, headers={"cookie": held, **headers})
            policy = SEALED if sealed else HEADERS["content-security-policy"]
            told = {**HEADERS, "content-security-policy": policy}
            for header, value in told.items():
                assert answer.headers[header] == value, (path, header)
            assert "server" not in answer.headers
        browser.close()
    assert "sandbox" in SEALED
    assert "frame-ancestors 'none'" in HEADERS["content-security-policy"]
    assert HEADERS["cache-control"] == "no-store"


@over(
    "file", ["a b.csv", 'a".csv', "a\r\nx: y.csv", "../a.csv", "é.csv", "a", ".csv", "a;b.csv", ""]
)
def test_no_file_is_named_by_what_others_wrote(file: str) -> None:
    with pytest.raises(RuntimeError):
        saving(file)
    assert saving("model.card.json")["content-disposition"].endswith('"model.card.json"')


BODIES: list[tuple[str, bytes]] = [
    ("thousands of fields", b"&".join(b"f%d=x" % number for number in range(50_000))),
    ("no UTF-8", b"name=\xff\xfe"),
    ("one long name", b"x" * 900_000),
    ("signs of percent", b"%" * 900_000),
    ("the same field often", b"&".join([b"name=x"] * 9000)),
]
_PART = b'--B\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n'
BOMBS: list[tuple[str, bytes]] = [
    ("many parts", _PART * 10_000 + b"--B--\r\n"),
    ("no end", _PART),
    ("one long header", b"--B\r\nX: " + b"x" * 900_000 + b"\r\n\r\n--B--\r\n"),
    ("nothing but marks", b"--B\r\n" * 100_000),
    ("forms in forms", _PART.replace(b"form-data;", b"form-data; multipart/mixed;") + b"--B--\r\n"),
]


def test_a_body_that_is_a_bomb_does_nothing(operator: Browser) -> None:
    held = {"cookie": f"{COOKIE}={operator.cookies[COOKIE]}"}
    for kind, rows in (
        ("application/x-www-form-urlencoded", BODIES),
        ("multipart/form-data; boundary=B", BOMBS),
    ):
        for told, body in rows:
            sent = {**held, "content-type": kind}
            answer = operator._client.post("/accounts/add", content=body, headers=sent)
            assert answer.status_code in (400, 401, 413), told
    assert operator.do("/accounts/add", **FORM).status_code == 200


def test_a_body_that_comes_slowly_is_not_waited_for(ports: Ports) -> None:
    stated = ("Host: HOST", "Content-Type: application/x-www-form-urlencoded", "Content-Length: 99")
    with served(ports, patience=0.05) as address:
        status, answer = raw(address, request("POST /login", *stated, body="name="))
        assert status == 408
        assert "too slowly" in answer
        assert raw(address, request("POST /login", *stated, body="n=" + "x" * 97))[0] == 401


def test_who_does_not_read_an_answer_is_hung_up_on() -> None:
    left = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(3):
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
        finally:
            left.append("app")

    async def never() -> Message:
        raise AssertionError

    async def reads(_message: Message) -> None:
        pass

    async def does_not(_message: Message) -> None:
        await asyncio.Event().wait()

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"a")]}
    guard = Guard(app, Reached(frozenset({"http://a"})), reading=0.01)
    for send in (reads, does_not):
        asyncio.run(guard(scope, never, send))
    assert left == ["app"] * 2


# Ways, much, signs that look like others, and other languages.
IDS = ["../../%00", "x" * 3000, "did:web:l\u0430b.example", "'; DROP TABLE accounts; --", HOSTILE]


def test_ids_of_nothing_lead_to_nothing(ports: Ports) -> None:
    """Whoever guesses ids gets a refusal by name: never a fault, and nothing that is another's."""
    person(ports, "all", *AccountRole, reviews=("dpo",))
    names = ("id", "peer", "offer", "contract", "contract-1", "after", "start", "place", "target")
    with served(ports) as address:
        browser = Browser(address)
        browser.log_in("all")
        for page in (each for each in PAGES if each.method == "GET"):
            for text in IDS:
                query = urlencode(dict.fromkeys(names, text), quote_via=quote)
                answer = browser.get(f"{page.path}?{query}")
                assert answer.status_code < 500, (page.path, text)
                assert Seen(answer.text).faults == [], (page.path, text)
        browser.close()
