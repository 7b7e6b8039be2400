"""How the SDK finds a node and speaks HTTP to it.

Rules: the address and the token come from the node's home (`run/node.json`,
`run/management.token`) or from the caller; problem JSON becomes the exception of its code; a node
that does not answer is `NodeUnreachable`. Nothing is retried. Leaves the calls to `client.py`.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from connector.errors import NodeUnreachable, PreauError, from_code

NODE_FILE = "run/node.json"
_TOKEN_FILE = "run/management.token"  # noqa: S105 - a file name
_UNIX = "unix:"
_CONNECT_SECONDS = 5.0
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
            raise NodeUnreachable(f"`{home}` is no home of a node", hint=_NO_HOME) from exc
        raise NodeUnreachable(f"no node runs in `{home}`", hint=_HINT) from exc


class Transport:
    """One connection to a node's management API. Safe to use from several threads."""

    def __init__(self, address: Address, *, seconds: float) -> None:
        """Prepare.

        Args:
            address: of the node.
            seconds: longest wait for one answer.

        Raises:
            NodeUnreachable: nobody listens on the Unix socket.
        """
        url = address.url
        uds = url.removeprefix(_UNIX) if url.startswith(_UNIX) else None
        if uds is not None:
            _knock(uds)
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=uds),
            base_url="http://node" if uds else url,
            headers={"authorization": f"Bearer {address.token}"},
            timeout=httpx.Timeout(seconds, connect=_CONNECT_SECONDS),
            trust_env=False,
        )

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
        try:
            wait = httpx.USE_CLIENT_DEFAULT if seconds is None else httpx.Timeout(seconds)
            answer = self._http.request(method, path, params=asked, json=body, timeout=wait)
        except httpx.HTTPError as exc:
            raise NodeUnreachable(f"the node does not answer: {_why(exc)}", hint=_HINT) from exc
        if answer.is_success:
            following = httpx.URL(answer.links.get("next", {}).get("url", ""))
            return answer.content, following.params.get("after", "")
        raise _refusal(answer)


def _knock(path: str) -> None:
    """Say plainly that nobody listens; httpcore would leave the refused socket open."""
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
