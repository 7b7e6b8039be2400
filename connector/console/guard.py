"""What stands before all pages: whose requests are answered, and what browsers are told to keep to.

Rules: the `Host` must be one by which the console is reached (DNS rebinding), a request that brings
something comes from its own pages (`Origin`, `Sec-Fetch-Site`), a body is small; every answer says
that nothing is loaded from elsewhere, nothing framed, and nothing kept. Answers are compressed, but
for what a page of another site asked: it could learn from their lengths what they hold (BREACH).

Source: CSP Level 3; OWASP ASVS 5.0, V3; Fetch Metadata Request Headers.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request, cookie_parser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connector.errors import Malformed, MessageTooLarge, NotFound, NotPermitted, PreauError
from connector.language.asked import of_header
from connector.language.catalog import LANGUAGES, translated

LANGUAGE: Final = "preau-language"  # cookie
BODY_LIMIT: Final = 1024 * 1024
# Forms that hold files: bytes by path; a bundle of evidence has 16 MiB at most, and its seal.
UPLOADS: Final = MappingProxyType({"/evidence/verify": 20 * 1024 * 1024})
SAFE: Final = frozenset({"GET", "HEAD"})
_OWN: Final = frozenset({"", "same-origin", "none"})
_LEVEL: Final = 5  # of zlib: beyond it an answer takes longer, and hardly less room
_LEAST: Final = 1024  # bytes that are worth it
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Of what is no page: an SVG or a file that a browser opens by itself runs and loads nothing.
SEALED: Final = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"
_PAGE: Final = "text/html"
_PATIENCE: Final = 10.0  # seconds for a body, beyond those that its size needs
_SLOWEST: Final = 64 * 1024  # bytes a second
_READING: Final = 60.0  # seconds for a part of an answer
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
        origins: scheme and host, and port where it is not the scheme's, as browsers state them.
    """

    origins: frozenset[str]

    @property
    def hosts(self) -> frozenset[str]:
        """Values of `Host`."""
        return frozenset(each.partition("://")[2] for each in self.origins)


class TooSlow(Exception):
    """A body comes too slowly; answered by `too_slow`."""


class Guard:
    """ASGI middleware."""

    def __init__(
        self,
        app: ASGIApp,
        reached: Reached,
        patience: float = _PATIENCE,
        reading: float = _READING,
    ) -> None:
        """Prepare.

        Args:
            app: the console.
            reached: how browsers reach it.
            patience: seconds for a body, beyond those that its size needs.
            reading: seconds for a browser to take a part of an answer.
        """
        self._app, self._reached, self._patience = app, reached, patience
        self._reading = reading
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
                if not headers.get("content-type", "").startswith(_PAGE):
                    headers["content-security-policy"] = SEALED
            async with asyncio.timeout(self._reading):
                await send(message)

        headers = Headers(scope=scope)
        refusal = self._refusal(scope["method"], headers, UPLOADS.get(scope["path"], BODY_LIMIT))
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        if scope["method"] not in SAFE:
            size = int(headers["content-length"])
            receive = _bounded(receive, self._patience + size / _SLOWEST)
        own = of_own_page(headers)
        # Who does not read is hung up on; Starlette calls it a disconnection.
        with suppress(TimeoutError, ClientDisconnect):
            await (self._compressing if own else self._app)(scope, receive, guarded)

    def _refusal(self, method: str, headers: Headers, limit: int) -> PlainTextResponse | None:
        host = headers.get("host", "")
        if host not in self._reached.hosts:
            hint = "see the address that the operator of the node tells"
            return _told(headers, 421, NotFound("this is not the address of a console", hint=hint))
        if method in SAFE:
            return None
        origin = headers.get("origin", "")
        own = origin in self._reached.origins and origin.partition("://")[2] == host
        if (origin and not own) or not of_own_page(headers):
            hint = "begin again from a page of this console"
            fault = NotPermitted("the request comes from another site", hint=hint)
            return _told(headers, 403, fault)
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            return _told(headers, 411, Malformed("the request does not state its length"))
        if int(length) > limit:
            hint = f"bytes that it may have: {limit}"
            return _told(headers, 413, MessageTooLarge("the request is too large", hint=hint))
        return None


def of_own_page(headers: Headers) -> bool:
    """Say whether a person's browser does not say that another site led it here."""
    return headers.get("sec-fetch-site", "") in _OWN


def language_of(headers: Headers) -> str:
    """Return the language that somebody chose, or that their browser prefers."""
    chosen = cookie_parser(headers.get("cookie", "")).get(LANGUAGE, "")
    return chosen if chosen in LANGUAGES else of_header(headers.get("accept-language", ""))


async def too_slow(request: Request, _error: Exception) -> PlainTextResponse:
    """Say that a body came too slowly, and end the connection."""
    fault = Malformed("the request comes too slowly", hint="try again, or send a smaller file")
    answer = _told(request.headers, 408, fault)
    answer.headers["connection"] = "close"
    return answer


async def failed(request: Request, _error: Exception) -> PlainTextResponse:
    """Say that the node itself failed, where no page can say it."""
    return _told(request.headers, 500, unforeseen())


def unforeseen() -> PreauError:
    """Return a fault of the node itself, of which nothing else is told."""
    hint = "the node's log says more; please report it"
    return PreauError("the node failed in a way that was not foreseen", hint=hint)


def _told(headers: Headers, code: int, fault: PreauError) -> PlainTextResponse:
    """Return why a request is not answered by a page, and what to do, to be read by a person."""
    language = language_of(headers)
    said = [translated(each, language) for each in (fault.reason, fault.hint) if each]
    return PlainTextResponse("\n".join((*said, fault.code)), code, {"content-language": language})


def _bounded(receive: Receive, seconds: float) -> Receive:
    """Return what receives a body within so many seconds, and what comes after it at any time."""
    end, whole = asyncio.get_running_loop().time() + seconds, False

    async def within() -> Message:
        nonlocal whole
        try:
            async with asyncio.timeout_at(None if whole else end):
                message = await receive()
        except TimeoutError:
            raise TooSlow from None
        whole = whole or not message.get("more_body", False)
        return message

    return within


def is_small(headers: Headers) -> bool:
    """Say whether a request that was let in brings no more than a form without files may."""
    return int(headers["content-length"]) <= BODY_LIMIT
