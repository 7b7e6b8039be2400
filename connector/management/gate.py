"""Who may use the management API: the holder of the token in `run/management.token`.

Rules: every request is judged before routing, so that no path, not even one that does not exist or
the API's own description, answers without the token, on the Unix socket too; but for those that
`Door.open` names. No browser is a
client, hence any `Origin` is refused, and on TCP the `Host` must name loopback (DNS rebinding).
The ASGI interface is asynchronous; nothing here waits. Leaves routing to FastAPI.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from connector.errors import (
    Malformed,
    MessageTooLarge,
    PreauError,
    Unauthenticated,
    status,
)

BODY_LIMIT = 8 * 1024 * 1024  # bytes of a request
PROBLEM_JSON = "application/problem+json"  # RFC 9457
_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Door:
    """What a request must show.

    Attributes:
        token: bearer token.
        hosts: values of `Host` that are answered; empty on a Unix socket, where none matters.
        open: paths that are answered without a token, to GET alone.
    """

    token: str
    hosts: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()


def judge(headers: Mapping[str, str], door: Door, path: str = "") -> PreauError | None:
    """Return why a request is refused, or None.

    Args:
        headers: names in lower case.
        door: what it must show.
        path: what a GET asks for; empty for other methods.
    """
    if "origin" in headers:
        return Unauthenticated("requests of web pages are not answered")
    if door.hosts and headers.get("host", "") not in door.hosts:
        return Unauthenticated("the request names a host that is not this node")
    if path not in door.open and not _holds(headers.get("authorization", ""), door.token):
        return Unauthenticated(
            "no valid management token",
            hint="the token is in run/management.token of the node's home, new at each start",
        )
    return _body_fault(headers)


def problem(error: PreauError) -> dict[str, object]:
    """Return an error as problem JSON (RFC 9457 section 3)."""
    http = HTTPStatus(status(error.code)[1])
    return {
        "type": f"https://w3id.org/preau/problems#{error.code}",
        "title": http.phrase,
        "status": http.value,
        "detail": error.reason,
        "code": error.code,
        "hint": error.hint,
    }


class Gate:
    """ASGI middleware that asks `judge` about every request."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer why not; other protocols than HTTP are not answered."""
        if scope["type"] != "http":
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        path = str(scope["path"]) if scope["method"] == "GET" else ""
        refusal = judge(headers, self._door, path)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await _answer(refusal, send)


def _holds(authorization: str, token: str) -> bool:
    if not token or authorization[: len(_BEARER)].lower() != _BEARER:
        return False
    shown = authorization[len(_BEARER) :].strip()
    return hmac.compare_digest(shown.encode("latin-1"), token.encode("latin-1"))


def _body_fault(headers: Mapping[str, str]) -> PreauError | None:
    if "transfer-encoding" in headers:
        return Malformed("a request must state its length")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        return Malformed("the request's length is not a number")
    if int(length) > BODY_LIMIT:
        return MessageTooLarge(f"the request is larger than {BODY_LIMIT} bytes")
    return None


async def _answer(refusal: PreauError, send: Send) -> None:
    content = problem(refusal)
    body = json.dumps(content).encode()
    headers = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if isinstance(refusal, Unauthenticated):
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": content["status"], "headers": headers})
    await send({"type": "http.response.body", "body": body})
