"""A console on loopback over the ports of a test, and a browser without scripts that visits it."""

from __future__ import annotations

import re
import ssl
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from html import unescape
from pathlib import Path

import httpx
from argon2 import PasswordHasher

from connector.bootstrap import logins
from connector.console.app import Console
from connector.console.guard import Guard, Reached
from connector.domain.account import AccountRole
from connector.identity import passwords
from connector.ports import Ports
from connector.services.access import accounts
from connector.services.health.diagnose import Check
from connector.services.health.looking import Looks
from connector.services.health.vitals import Vitals
from connector.services.health.watching import HeldKey, LastBackup, Watch
from connector.serving import local

PASSWORD = "correct horse battery"
# A hash as it is kept takes a tenth of a second; here many are made.
passwords._HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
_OPEN: defaultdict[str, list[Browser]] = defaultdict(list)  # by the console that they visit
_WORD = re.compile(r'name="word" value="([^"]+)"')


class Browser:
    """Keeps cookies and follows redirects, as a browser on this machine does.

    It is closed with the console that it visits, where `served` serves that.
    """

    def __init__(self, address: str, patience: float = 20.0) -> None:
        self.address = address
        self.cookies: dict[str, str] = {}
        # It goes nowhere by TLS; reading the system's roots would take longer than a page.
        roots = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client = httpx.Client(
            base_url=address, timeout=patience, verify=roots, trust_env=False
        )
        _OPEN[address].append(self)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self._sent("GET", path, None, headers)

    def post(self, path: str, form: Mapping[str, str], **headers: str) -> httpx.Response:
        return self._sent("POST", path, form, headers)

    def log_in(self, name: str, password: str = PASSWORD, to: str = "") -> httpx.Response:
        return self.post("/login", {"name": name, "password": password, "to": to})

    def word(self) -> str:
        """The word of its session, from its first page."""
        found = _WORD.search(self.get("/").text)
        assert found is not None
        return found[1]

    def do(self, path: str, **form: str) -> httpx.Response:
        """Send a form of its session."""
        return self.post(path, {**form, "word": self.word()})

    def upload(self, path: str, files: Mapping[str, bytes], **form: str) -> httpx.Response:
        """Send a form of its session that holds files."""
        held = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        told = {name: (f"{name}.json", content) for name, content in files.items()}
        data = {**form, "word": self.word()}
        return self._client.post(path, data=data, files=told, headers={"cookie": held})

    def close(self) -> None:
        self._client.close()

    def _sent(
        self, method: str, path: str, form: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> httpx.Response:
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self._asked(method, path, form, said)
        while answer.is_redirect:
            answer = self._asked("GET", answer.headers["location"], None, said)
        return answer

    def _asked(
        self, method: str, path: str, form: Mapping[str, str] | None, said: Mapping[str, str]
    ) -> httpx.Response:
        held = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {**said, **({"cookie": held} if held else {})}
        answer = self._client.request(method, path, data=form, headers=headers)
        for line in answer.headers.get_list("set-cookie"):
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0].strip('"')
            self.cookies.pop(name, None)
            if value:
                self.cookies[name] = value
        return answer


def watch(ports: Ports) -> Watch:
    """What tells of a node that is no process of its own."""
    now = ports.clock.now()
    ends = {"https": now + timedelta(days=90)}
    return Watch(
        "1.0",
        lambda: Vitals(expiries=ends),
        lambda: (HeldKey("keys/signing.pem", now - timedelta(days=40)), HeldKey("keys/x", None)),
        lambda: LastBackup(now - timedelta(days=3), keys=True, log_size=7),
        Looks(
            lambda peers: (
                Check("clock", "ok", "in time"),
                Check("disk", "fail", f"{'all' if peers else 'it'} is full", "make room"),
            )
        ),
    )


@contextmanager
def served(
    ports: Ports, theme: Path | None = None, patience: float = 10.0, public: str = ""
) -> Iterator[str]:
    """Serve the console; yields its address.

    Args:
        ports: of the node.
        theme: folder of a theme.
        patience: seconds for a body.
        public: address by which browsers reach it through a proxy.
    """
    listening = local.loopback("console_listen", "127.0.0.1:0")
    origins = {*(f"http://{host}" for host in listening.hosts), *filter(None, [public])}
    provider = ports.settings.console_oidc
    provided = logins.institution(ports, provider, listening.address) if provider else None
    console = Console(ports, theme, watch(ports), provided)
    app = Guard(console.application(), Reached(frozenset(origins)), patience)
    server = local.LocalServer("console", app, listening)
    server.start()
    try:
        yield listening.address
    finally:
        for browser in _OPEN.pop(listening.address, []):
            browser.close()
        server.stop()


@contextmanager
def browsers(ports: Ports, *names: str) -> Iterator[list[Browser]]:
    """A browser for each account; one that is named by a role is made with it."""
    with served(ports) as address:
        made = [Browser(address) for _ in names]
        for name, browser in zip(names, made, strict=True):
            if name:
                person(ports, name)
                assert browser.log_in(name).status_code == 200
        yield made


def person(ports: Ports, name: str, *roles: str, reviews: tuple[str, ...] = ()) -> None:
    """Make an account, with the role of its name where none is stated."""
    stated = roles or ((name,) if name in set(AccountRole) else ("operator",))
    if accounts.standing(ports, name) is None:
        accounts.add(ports, name, stated, reviews, PASSWORD)


def text_of(answer: httpx.Response) -> str:
    """What a reader sees, roughly."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())
