"""What stands before all pages: whose requests are answered, and what browsers are told to keep to.

Rules: the `Host` must be one by which the console is reached (DNS rebinding), a request that brings
something comes from its own pages (`Origin`, `Sec-Fetch-Site`), a body is small; every answer says
that nothing is loaded from elsewhere, nothing framed, and nothing kept. Answers are compressed, but
for what a page of another site asked: it could learn from their lengths what they hold (BREACH).

Source: CSP Level 3; OWASP ASVS 5.0, V3; Fetch Metadata Request Headers.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT: Final = 1024 * 1024
# Forms that hold files: bytes by path; a bundle of evidence has 16 MiB at most, and its seal.
UPLOADS: Final = MappingProxyType({"/evidence/verify": 20 * 1024 * 1024})
SAFE: Final = frozenset({"GET", "HEAD"})
_OWN: Final = frozenset({"", "same-origin", "none"})
_LEVEL: Final = 5  # of zlib: beyond it an answer takes longer, and hardly less room
_LEAST: Final = 1024  # bytes that are worth it
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Reached:
    """How browsers reach the console.

    Attributes:
        hosts: values of `Host`.
    """

    hosts: frozenset[str]


class Guard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, reached: Reached) -> None:
        self._app, self._reached = app, reached
        self._compressing = GZipMiddleware(app, _LEAST, _LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer why not; other protocols than HTTP are not answered."""
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        refusal = self._refusal(scope["method"], headers, UPLOADS.get(scope["path"], BODY_LIMIT))
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        own = headers.get("sec-fetch-site", "") in _OWN
        await (self._compressing if own else self._app)(scope, receive, guarded)

    def _refusal(self, method: str, headers: Headers, limit: int) -> PlainTextResponse | None:
        host = headers.get("host", "")
        if host not in self._reached.hosts:
            return PlainTextResponse("this is not the address of a console", 421)
        if method in SAFE:
            return None
        origin = headers.get("origin", "")
        foreign = origin not in ("", "null") and urlsplit(origin).netloc != host
        if foreign or origin == "null" or not of_own_page(headers):
            return PlainTextResponse("the request comes from another site", 403)
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            return PlainTextResponse("the request does not state its length", 411)
        if int(length) > limit:
            return PlainTextResponse("the request is too large", 413)
        return None


def of_own_page(headers: Headers) -> bool:
    """Say whether a person's browser does not say that another site led it here."""
    return headers.get("sec-fetch-site", "") in _OWN


def is_small(headers: Headers) -> bool:
    """Say whether a request that was let in brings no more than a form without files may."""
    return int(headers["content-length"]) <= BODY_LIMIT
