"""How the SDK finds a node and speaks HTTP to it.

Rules: the address and the token come from the node's home (`run/node.json`,
`run/management.token`) or from the caller; problem JSON becomes the exception of its code; a node
that does not answer is `NodeUnreachable`. A node that has answered before, and is away, is waited
for: it starts again with another token, and perhaps elsewhere. A request that may have been carried
out is not repeated unless it only asks. Leaves the calls to `client.py`.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from connector.errors import NodeUnreachable, PreauError, Unauthenticated, from_code

NODE_FILE = "run/node.json"
_TOKEN_FILE = "run/management.token"  # noqa: S105 - a file name
_UNIX = "unix:"
_CONNECT_SECONDS = 5.0
_LOOK_SECONDS = 0.1
_SETTINGS_FILE = "preau.toml"
_HINT = "start it with `preau serve`, or pass `--home`"
_NO_HOME = "pass `--home`, or make a node with `preau init`"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a node is, and what opens it.

    Attributes:
        url: `unix:PATH` or `http://host:port`.
        token: bearer token.
    """

    url: str
    token: str


def find(home: Path) -> Address:
    """Return the address of the node of a home folder.

    Raises:
        NodeUnreachable: no node has started there, or its files cannot be read.
    """
    try:
        record = json.loads((home / NODE_FILE).read_text(encoding="utf-8"))
        token = (home / _TOKEN_FILE).read_text(encoding="ascii").strip()
        return Address(str(record["management"]), token)
    except (OSError, ValueError, KeyError, TypeError) as exc:
        if not (home / _SETTINGS_FILE).exists():
            raise NodeUnreachable(f"`{home}` is not the home of a node", hint=_NO_HOME) from exc
        raise NodeUnreachable(f"no node runs in `{home}`", hint=_HINT) from exc


class Transport:
    """A connection to a node's management API. Safe to use from several threads."""

    def __init__(
        self, where: Callable[[], Address], *, seconds: float, patience: float = 0.0
    ) -> None:
        """Prepare.

        Args:
            where: returns the address of the node; asked again once it no longer answers.
            seconds: longest wait for one answer.
            patience: how long a node that has answered before is waited for while it is away.

        Raises:
            NodeUnreachable: nobody listens on the Unix socket.
        """
        self._where = where
        self._seconds = seconds
        self._patience = patience
        self._lock = threading.Lock()
        self._answered = False
        self._address = where()
        self._http = _connected(self._address, seconds)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
        seconds: float | None = None,
    ) -> bytes:
        """Send a request and return the body of the answer; arguments as of `answer`."""
        return self.answer(method, path, query=query, body=body, seconds=seconds)[0]

    def answer(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
        seconds: float | None = None,
    ) -> tuple[bytes, str]:
        """Send a request; return the body of the answer, and where its next page begins.

        Args:
            method: of HTTP.
            path: of the route.
            query: parameters; empty texts are left out.
            body: JSON object, or none.
            seconds: longest wait for this answer, where it is not the connection's.

        Raises:
            NodeUnreachable: no answer.
            PreauError: the refusal that the node answered with, by its code.
        """
        asked = {name: value for name, value in (query or {}).items() if value != ""}
        wait = httpx.USE_CLIENT_DEFAULT if seconds is None else httpx.Timeout(seconds)
        until = time.monotonic() + (self._patience if self._answered else 0.0)
        while True:
            used = self._http
            try:
                used.knock()
                answer = used.request(method, path, params=asked, json=body, timeout=wait)
            except NodeUnreachable:
                if not self._again(used, until):
                    raise
                continue
            except RuntimeError:  # another thread has closed it, after it connected anew
                if used is self._http:
                    raise
                continue
            except httpx.HTTPError as exc:
                # What was sent whole may have been done, so only questions are asked again.
                again = method == "GET" or isinstance(exc, httpx.ConnectError)
                if isinstance(exc, httpx.ReadTimeout) or not (again and self._again(used, until)):
                    why = f"the node does not answer: {_why(exc)}"
                    raise NodeUnreachable(why, hint=_HINT) from exc
                continue
            self._answered = True
            if answer.is_success:
                following = httpx.URL(answer.links.get("next", {}).get("url", ""))
                return answer.content, following.params.get("after", "")
            refusal = _refusal(answer)
            if not isinstance(refusal, Unauthenticated) or not self._renewed(used):
                raise refusal

    def stream(self, path: str, query: Mapping[str, str | int]) -> Iterator[bytes]:
        """Send a GET and yield the body of the answer as it comes.

        Raises:
            NodeUnreachable: no answer, or it broke off.
            PreauError: the refusal that the node answered with, by its code.
        """
        try:
            with self._http.stream("GET", path, params=dict(query)) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _refusal(answer)
                self._answered = True
                yield from answer.iter_raw()
        except httpx.HTTPError as exc:
            with suppress(NodeUnreachable):  # it may start again, with another token
                self._connect(self._http, self._where())
            raise NodeUnreachable(
                f"the node closed the connection: {_why(exc)}", hint=_HINT
            ) from exc

    def _again(self, used: httpx.Client, until: float) -> bool:
        """Wait for the node and connect anew; return whether it is there in time."""
        while time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
            try:
                self._connect(used, self._where())
            except NodeUnreachable:
                continue
            return True
        return False

    def _renewed(self, used: httpx.Client) -> bool:
        """Connect anew if the node has another token since it started again."""
        try:
            address = self._where()
            return address != self._address and self._connect(used, address)
        except NodeUnreachable:
            return False

    def _connect(self, used: httpx.Client, address: Address) -> bool:
        fresh = _connected(address, self._seconds)
        with self._lock:
            stale = self._http is used  # else another thread was first
            if stale:
                self._address, self._http = address, fresh
        (used if stale else fresh).close()
        return True


class _Http(httpx.Client):
    """A client of one node."""

    def __init__(self, address: Address, seconds: float) -> None:
        # Without TLS the roots of the machine are not read, which takes 20 ms: none is trusted.
        plain = not address.url.startswith("https:")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else True
        self._address = address
        self._over = httpx.HTTPTransport(uds=_socket_of(address), verify=tls)
        super().__init__(
            transport=self._over,
            base_url="http://node" if _socket_of(address) else address.url,
            headers={"authorization": f"Bearer {address.token}"},
            timeout=httpx.Timeout(seconds, connect=_CONNECT_SECONDS),
            trust_env=False,
        )

    def knock(self) -> None:
        """Check that somebody listens, unless a connection is open.

        Raises:
            NodeUnreachable: nobody does.
        """
        kept = self._over._pool.connections  # noqa: SLF001 - httpx does not tell of them
        if not any(each.is_idle() and not each.has_expired() for each in kept):
            _knock(self._address)


def _connected(address: Address, seconds: float) -> _Http:
    _knock(address)
    return _Http(address, seconds)


def _socket_of(address: Address) -> str | None:
    return address.url.removeprefix(_UNIX) if address.url.startswith(_UNIX) else None


def _knock(address: Address) -> None:
    """Say plainly that nobody listens; httpcore would leave the refused Unix socket open."""
    path = _socket_of(address)
    if path is None:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_CONNECT_SECONDS)
        try:
            probe.connect(path)
        except OSError as exc:
            raise NodeUnreachable("no node answers on its socket", hint=_HINT) from exc


def _why(exc: httpx.HTTPError) -> str:
    if isinstance(exc, httpx.ReadTimeout):
        return "no answer in time"
    return str(exc) or type(exc).__name__


def _refusal(answer: httpx.Response) -> PreauError:
    try:
        problem = answer.json()
        return from_code(
            str(problem["code"]), str(problem["detail"]), hint=str(problem.get("hint", ""))
        )
    except (ValueError, KeyError, TypeError):
        return PreauError(f"the node answered with HTTP status {answer.status_code}")
