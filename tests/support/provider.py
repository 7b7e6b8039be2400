"""A provider of OpenID Connect on loopback: real HTTPS, real tokens, and persons who log in there.

It does what the flow of authorization codes asks of it, and checks what it is asked: the secret of
the client, the address to come back to, PKCE, and that a code is redeemed once.
"""

from __future__ import annotations

import base64
import json
import secrets
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

import httpx
from joserfc import jws
from joserfc.jwk import ECKey

from connector.domain.account import AccountRole
from connector.domain.provider import Provider as Named
from connector.identity import certificate
from connector.identity.oidc.token import LONGEST
from connector.ports import Ports
from tests.support.doubles import FixedClock, ports_for_tests, settings_for_tests

CLIENT, SECRET = "the console", "s3cret: of + the / client"
GROUPS = {
    "gestion": (AccountRole.STEWARD,),
    "dpo": (AccountRole.APPROVER,),
    "labo": (AccountRole.SCIENTIST, AccountRole.AUTHOR),
}
DANA = {"sub": "7f3a-dana", "preferred_username": "Dana.Martin", "groups": ["dpo", "others"]}
_AT = "/realms/school"
_FORM = (
    '<!doctype html><html lang="en"><title>Provider</title><h1>Provider</h1>'
    '<form method="post" action="?{query}"><button>it is me</button></form></html>'
)


@dataclass
class Provider:
    """The provider, and what a test changes of it.

    Attributes:
        origin: `https://localhost:PORT`.
        root: PEM file with the root of its certificate.
        now: the time by which its tokens are made.
        person: who logs in; claims of the ID token.
        elsewhere: claims that it states apart.
        changes: of what it states of itself.
        header: changes of the header of its tokens.
        claims: changes of what they say.
        names_itself: in the answer that the browser brings; None: not.
        status: of the endpoint that redeems codes.
        asks: whether a person has to press a button.
        asked: paths, in order.
    """

    origin: str
    root: Path
    now: Callable[[], datetime]
    person: dict[str, Any] = field(default_factory=lambda: dict(DANA))
    elsewhere: dict[str, Any] | None = None
    signs_elsewhere: bool = False
    changes: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    names_itself: str | None = None
    status: int = 200
    asks: bool = False
    asked: list[str] = field(default_factory=list)
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"{self.origin}{_AT}"

    def come_back(self, location: str) -> str:
        """Log in as the person, where a browser was led; return where it is led back."""
        with httpx.Client(verify=ssl.create_default_context(cafile=str(self.root))) as client:
            answer = client.get(location)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def answer(self, method: str, path: str, headers: Any, body: str) -> tuple[int, str, str]:
        """Return status, media type (or where the browser is led) and body."""
        parts = urlsplit(path)
        name = parts.path.removeprefix(_AT)
        self.asked.append(name)
        query = {each: values[0] for each, values in parse_qs(parts.query).items()}
        form = {each: values[0] for each, values in parse_qs(body).items()}
        pages: dict[str, Callable[[], tuple[int, str, str]]] = {
            "/.well-known/openid-configuration": lambda: _json(self.stated()),
            "/keys": self._keys,
            "/authorize": lambda: self._door(method, query),
            "/person": lambda: self._told(headers["authorization"]),
            "/token": lambda: self._redeemed(headers, form),
        }
        return pages.get(name, lambda: (404, "text/plain", ""))()

    def stated(self) -> dict[str, Any]:
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/person",
            "end_session_endpoint": f"{self.issuer}/logout",
            "response_types_supported": ["code", "id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["HS256", "ES256"],
            "code_challenge_methods_supported": ["plain", "S256"],
            **self.changes,
        }
        return {name: value for name, value in said.items() if value is not None}

    def _keys(self) -> tuple[int, str, str]:
        public = {**self.key.as_dict(private=False), "kid": "1", "use": "sig"}
        other = {**ECKey.generate_key("P-256").as_dict(private=False), "kid": "0"}
        return _json({"keys": [other, public]})

    def _door(self, method: str, query: dict[str, str]) -> tuple[int, str, str]:
        if self.asks and method == "GET":
            again = urlencode(query).replace("&", "&amp;")
            return 200, "text/html", _FORM.format(query=again)
        return 303, self._led(query), ""

    def _led(self, query: dict[str, str]) -> str:
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        back = {"code": code, "state": query["state"]}
        back |= {"iss": self.names_itself} if self.names_itself is not None else {}
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def _redeemed(self, headers: Any, form: dict[str, str]) -> tuple[int, str, str]:
        kind, _, pair = headers.get("authorization", "").partition(" ")
        shown = base64.b64decode(pair).decode().split(":") if kind == "Basic" else []
        known = [unquote_plus(each) for each in shown] == [CLIENT, SECRET]
        known |= (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)
        begun = self._codes.pop(form.get("code", ""), {})
        challenge = _b64(sha256(form.get("code_verifier", "").encode()).digest())
        fits = challenge == begun.get("code_challenge")
        fits &= begun.get("redirect_uri") == form.get("redirect_uri")
        assert headers.get_all("content-type") == ["application/x-www-form-urlencoded"]
        if self.status != 200:
            return self.status, "/", '{"error": "invalid_client"}'
        if not known or not fits:
            return 400, "application/json", '{"error": "invalid_grant"}'
        access = secrets.token_urlsafe(16)
        said = {
            **self.person,
            "iss": self.issuer,
            "aud": CLIENT,
            "nonce": begun["nonce"],
            "iat": int(self.now().timestamp()),
            "exp": int((self.now() + LONGEST).timestamp()),
            "at_hash": _b64(sha256(access.encode()).digest()[:16]),
            **self.claims,
        }
        token = self.signed({name: value for name, value in said.items() if value is not None})
        told = {"id_token": token, "access_token": access, "token_type": "Bearer"}
        return _json(told)

    def _told(self, bearer: str) -> tuple[int, str, str]:
        assert bearer.startswith("Bearer ")
        if self.elsewhere is None:
            return 403, "application/json", "{}"
        if self.signs_elsewhere:
            said = {"iss": self.issuer, "aud": [CLIENT], **self.elsewhere}
            return 200, "application/jwt", self.signed(said)
        return 200, "application/json; charset=utf-8", json.dumps(self.elsewhere)

    def signed(self, said: dict[str, Any]) -> str:
        header = {"alg": "ES256", "kid": "1", "typ": "JWT", **self.header}
        return jws.serialize_compact(header, json.dumps(said).encode(), self.key, ["ES256"])


@contextmanager
def provider(folder: Path, clock: FixedClock) -> Iterator[Provider]:
    """Serve a provider on loopback.

    Args:
        folder: for its certificate.
        clock: by which its tokens are made.
    """
    now = datetime.now(UTC)
    root, root_key = certificate.make_authority("provider", now, 10)
    leaf, key = certificate.issue_web(root, root_key, "localhost", now, 10)
    for name, text in (("root", root), ("leaf", leaf), ("key", key)):
        (folder / f"{name}.pem").write_text(text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem", folder / "key.pem")

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            self._done("GET", "")

        def do_POST(self) -> None:
            size = int(self.headers.get("content-length", "0"))
            self._done("POST", self.rfile.read(size).decode())

        def _done(self, method: str, body: str) -> None:
            status, what, text = made.answer(method, self.path, self.headers, body)
            self.send_response(status)
            self.send_header("location" if status == 303 else "content-type", what)
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def get_request(self) -> tuple[Any, Any]:
            plain, where = self.socket.accept()
            plain.settimeout(5)
            # A browser also connects in advance and says nothing: that is waited for elsewhere.
            wrapped = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
            return wrapped, where

        def handle_error(self, *_: object) -> None:
            """A browser that hangs up is no fault."""

    server = Server(("127.0.0.1", 0), Handler)
    made = Provider(f"https://localhost:{server.server_address[1]}", folder / "root.pem", clock.now)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def trusting(folder: Path, at: Provider, clock: FixedClock, **changes: Any) -> Ports:
    """Ports of a node whose settings name a provider."""
    named = Named(at.issuer, CLIENT, GROUPS, decides_as={"dpo": ("dpo",)})
    settings = settings_for_tests(
        folder,
        "did:web:node.example",
        web_roots=str(at.root),
        console_oidc=replace(named, **changes),
    )
    ports = ports_for_tests(folder, clock=clock, settings=settings)
    file = settings.path(named.secret_file)
    file.parent.mkdir(exist_ok=True)
    file.touch(0o600)
    file.write_text(f"{SECRET}\n")
    return ports


def _json(value: Any) -> tuple[int, str, str]:
    return 200, "application/json", json.dumps(value)


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
