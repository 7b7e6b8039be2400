"""Guarded HTTPS client for addresses that peers supply.

Rules: the text of a URL and every address of its host are judged (`addresses.py`) before a packet
is sent; the host is resolved once and the connection goes to the address that was judged, so that
a second DNS answer changes nothing (DNS rebinding); no redirect is followed; no proxy or setting
is read from the environment; one deadline bounds the whole exchange, however slowly the peer
drips; no more than `limit` bytes are read. It uses httpcore, the layer below httpx, because only
that layer lets the caller choose the address and bound each read.
"""

from __future__ import annotations

import copy
import math
import re
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import httpcore

from connector.config import Settings
from connector.errors import (
    BY_CODE,
    LONGEST_WAIT,
    AddressForbidden,
    Malformed,
    MessageTooLarge,
    NotFound,
    PeerUnreachable,
    PreauError,
    from_code,
)
from connector.jsonld.canonical import parse_object
from connector.peer.web.addresses import HTTPS_PORT, Target, target
from connector.peer.web.lines import Deadline, Line, Lines, url_of
from connector.peer.web.pinning import Resolver, pin, resolve
from connector.ports import Answer, Web
from connector.ports.peers import NO_HEADERS

TOTAL_SECONDS: Final = 10.0
RETRY_AFTER: Final = "Retry-After"  # RFC 9110 section 10.2.3
SILENT_SECONDS: Final = 30.0  # for which nothing may come of a file
_OK: Final = range(200, 300)
_WHOLE, _PART, _PAST_END = 200, 206, 416
_UNBELIEVED: Final = (401, 403)
_REDIRECT: Final = range(300, 400)
_NOT_FOUND: Final = 404
_FIELD: Final = re.compile(r"[\x20-\x7e]*")


class GuardedWeb:
    """`ports.Web` over the network."""

    def __init__(
        self,
        tls: ssl.SSLContext,
        *,
        allow_hosts: Collection[str] = (),
        resolver: Resolver = resolve,
        seconds: float = TOTAL_SECONDS,
        whole: bool = True,
        keeps: bool = False,
    ) -> None:
        """Prepare.

        Args:
            tls: vouches for peers.
            allow_hosts: hosts that may be inside.
            resolver: finds addresses.
            seconds: longest exchange.
            whole: whether the system's roots are in `tls`; they come in when they are needed.
            keeps: whether `ask` keeps connections for a moment; then `close` ends them.
        """
        self._tls = tls
        self._whole = threading.Event()  # one for all that `within` makes, as `tls` is
        if whole:
            self._whole.set()
        self._allow = frozenset(host.lower() for host in allow_hosts)
        self._resolve = resolver
        self._seconds = seconds
        self._until = math.inf
        self._lines = Lines() if keeps else None  # for all that `within` makes

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        keeps: bool = False,
        own: Collection[str] = (),
        seconds: float = TOTAL_SECONDS,
    ) -> GuardedWeb:
        """Build the client that the settings describe; see the constructor.

        Args:
            settings: of the node.
            keeps: see the constructor.
            own: hosts of the institution's own, which may be inside as well.
            seconds: longest exchange.

        Raises:
            AddressForbidden: the file of extra roots cannot be read.
        """
        roots = settings.path(settings.web_roots) if settings.web_roots else None
        context = tls_context(roots, system=roots is None)
        hosts, whole = {*settings.unsafe_allow_hosts, *own}, roots is None
        return cls(context, allow_hosts=hosts, whole=whole, keeps=keeps, seconds=seconds)

    def close(self) -> None:
        """Close the connections that are kept."""
        if self._lines is not None:
            self._lines.close()

    def within(self, seconds: float) -> GuardedWeb:
        """Return a client all of whose exchanges together end within so many seconds."""
        fresh = copy.copy(self)
        fresh._until = time.monotonic() + seconds  # noqa: SLF001 - its own class
        return fresh

    def get(self, url: str, *, limit: int = 1 << 20) -> bytes:
        """Fetch a document; see `ports.Web`."""
        return _content(target(url), self._exchange("GET", url, None, limit), posting=False)

    def time(self, url: str) -> datetime:
        """Return the time at which an answer was made, by its sender's clock, UTC (RFC 9110 6.6.1).

        Raises:
            AddressForbidden: the address is not one that this node calls.
            PeerUnreachable: no answer, or one without a time.
        """
        answer = self._exchange("GET", url, None, 1 << 16)
        _content(target(url), answer, posting=False)
        try:
            return parsedate_to_datetime(answer.headers.get("date", "")).astimezone(UTC)
        except (ValueError, OverflowError) as exc:
            raise PeerUnreachable(f"`{target(url).host}` states no time") from exc

    def post(self, url: str, body: bytes, *, limit: int = 1 << 16) -> bytes:
        """Post a JSON body; see `ports.Web`.

        Raises:
            PreauError: the refusal that the peer answered with as a problem (RFC 9457).
        """
        answer = self._exchange("POST", url, body, limit)
        return _content(target(url), answer, posting=True)

    def ask(
        self,
        url: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        limit: int = 1 << 20,
    ) -> Answer:
        """Send a request, and return the answer of whatever status; see `ports.Web`."""
        if not all(_FIELD.fullmatch(value) for value in headers.values()):
            raise Malformed("a header of a request is not one line of ASCII")  # no smuggled lines
        method = "GET" if body is None else "POST"
        return self._exchange(method, url, body, limit, headers, keeps=True)

    def fetch(self, url: str, token: str, offset: int) -> Iterator[bytes]:
        """Fetch the bytes of a file from an offset on; see `ports.Web`."""
        if not _FIELD.fullmatch(token):
            raise Malformed("a token is not one line of ASCII")
        goal = target(url)
        further = {"Authorization": f"Bearer {token}"}
        further |= {"Range": f"bytes={offset}-"} if offset else {}
        headers = _headers(goal, further, posting=False)
        try:
            address = pin(self._resolve, goal, self._allow, self._seconds)
            until = Deadline(time.monotonic() + self._seconds, SILENT_SECONDS)
            with (
                Line(self._tls, goal, address, until).connection as line,
                line.stream("GET", url_of(goal), headers=headers) as answer,
            ):
                yield from _body(goal, answer, offset)
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as exc:
            raise _unreachable(goal, exc) from exc

    def _exchange(
        self,
        method: str,
        url: str,
        body: bytes | None,
        limit: int,
        headers: Mapping[str, str] = NO_HEADERS,
        *,
        keeps: bool = False,
    ) -> Answer:
        goal = target(url)
        deadline = Deadline(min(time.monotonic() + self._seconds, self._until))
        lines = self._lines if keeps else None
        sent = _headers(goal, headers, posting=body is not None, last=lines is None)

        def ask(line: Line) -> Answer:
            try:
                with line.connection.stream(
                    method, url_of(goal), headers=sent, content=body
                ) as answer:
                    found = _read(goal, answer, limit)
            except BaseException:
                line.close()
                raise
            if lines is None:
                line.close()
            else:
                lines.give(goal, line)
            return found

        try:
            deadline.left()
            kept = lines.take(goal) if lines is not None else None
            if kept is not None:
                kept.deadline.at = deadline.at
                with suppress(httpcore.NetworkError, httpcore.ProtocolError):
                    return ask(kept)  # else it was closed in this moment; a message comes once
            address = pin(self._resolve, goal, self._allow, deadline.left())
            return self._vouched(lambda: ask(Line(self._tls, goal, address, deadline)))
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as exc:
            raise _unreachable(goal, exc) from exc

    def _vouched(self, ask: Callable[[], Answer]) -> Answer:
        """Run an exchange, with the system's roots too where those of the file do not suffice.

        They take 4 MB, and where a space has web roots of its own seldom anybody needs them.
        Nothing was sent to the other side before its certificate was judged.
        """
        whole = self._whole.is_set()
        try:
            return ask()
        except httpcore.ConnectError as exc:
            if whole or not isinstance(_cause(exc), ssl.SSLCertVerificationError):
                raise
        self._tls.load_default_certs()
        self._whole.set()
        return ask()


def hurried(web: Web, seconds: float) -> Web:
    """Return a client that takes no longer than so many seconds for everything together."""
    return web.within(seconds) if isinstance(web, GuardedWeb) else web


def tls_context(roots: Path | None = None, *, system: bool = True) -> ssl.SSLContext:
    """Return a client context.

    Args:
        roots: a PEM file of certificates that it trusts.
        system: whether it trusts the system's too.

    Raises:
        AddressForbidden: the file cannot be read as certificates.
    """
    try:
        context = ssl.create_default_context(cafile=None if roots is None else str(roots))
    except (OSError, ssl.SSLError) as exc:
        raise AddressForbidden(
            f"the roots in `{roots}` cannot be read", hint="correct the setting `web_roots`"
        ) from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if roots is not None and system:  # with a file, the default is that file alone
        context.load_default_certs()
    return context


def _cause(exc: BaseException) -> BaseException | None:
    return exc.__cause__ or exc.__context__


def _body(goal: Target, answer: httpcore.Response, offset: int) -> Iterator[bytes]:
    """Yield the bytes of a file from an offset on, also where the peer sends it whole again."""
    if answer.status == _PAST_END and offset:
        return
    if answer.status in _REDIRECT:
        raise AddressForbidden(f"`{goal.host}` answers with a redirect, which is not followed")
    if answer.status not in (_WHOLE, _PART):
        gone = answer.status in _UNBELIEVED
        hint = "its token has expired: end the transfer, and ask again" if gone else ""
        raise PeerUnreachable(f"`{goal.host}` answers with status {answer.status}", hint=hint)
    passed_over = offset if answer.status == _WHOLE else 0
    for chunk in answer.iter_stream():
        left = chunk[passed_over:]
        passed_over -= len(chunk) - len(left)
        if left:
            yield left


def _headers(
    goal: Target, further: Mapping[str, str], *, posting: bool, last: bool = True
) -> list[tuple[bytes | str, bytes | str]]:
    headers: list[tuple[bytes | str, bytes | str]] = [
        ("Host", goal.host if goal.port == HTTPS_PORT else f"{goal.host}:{goal.port}"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close" if last else "keep-alive"),
        ("User-Agent", "preau"),
        *further.items(),
    ]
    if posting and "Content-Type" not in further:
        headers.append(("Content-Type", "application/json"))
    return headers


def _read(goal: Target, answer: httpcore.Response, limit: int) -> Answer:
    if answer.status in _REDIRECT:
        raise AddressForbidden(f"`{goal.host}` answers with a redirect, which is not followed")
    chunks, size = [], 0
    for chunk in answer.iter_stream():
        size += len(chunk)
        if size > limit:
            raise MessageTooLarge(f"`{goal.host}` sent more than {limit} bytes")
        chunks.append(chunk)
    headers: dict[str, str] = {}
    for raw, value in answer.headers:  # RFC 9110 sections 5.1 and 5.2
        name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return Answer(answer.status, b"".join(chunks), headers)


def _content(goal: Target, answer: Answer, *, posting: bool) -> bytes:
    """Return the body of an answer that is none of an error."""
    if answer.status not in _OK:
        raise _problem(goal, answer.status, answer.body if posting else b"", waiting(answer))
    return answer.body


def waiting(answer: Answer) -> float:
    """Return the seconds of `Retry-After`; 0 for none, and for a date, which we never send."""
    said = answer.headers.get(RETRY_AFTER.lower(), "")
    return min(float(said), LONGEST_WAIT) if said.isascii() and said.isdigit() else 0.0


def _problem(goal: Target, status: int, body: bytes, wait: float) -> PreauError:
    """Rebuild the refusal that a peer answered with; a foreign answer is a plain failure."""
    try:
        problem = parse_object(body)
    except Malformed:
        problem = {}
    code, detail = problem.get("code"), problem.get("detail")
    if isinstance(code, str) and code in BY_CODE and isinstance(detail, str):
        return from_code(code, f"`{goal.host}` refused: {_line(detail)}", retry_after=wait)
    if status == _NOT_FOUND:
        return NotFound(f"`{goal.host}` has nothing at this address")
    return PeerUnreachable(f"`{goal.host}` answers with status {status}", retry_after=wait)


def _unreachable(goal: Target, exc: Exception) -> PeerUnreachable:
    hint = "see whether its node runs, and whether its name and port are right"
    said = "its answer is not HTTP"
    if isinstance(exc, httpcore.TimeoutException):
        said = "it took too long"
    elif isinstance(exc, httpcore.ConnectError):
        said = "no connection"
        if isinstance(_cause(exc), ssl.SSLError):
            said = "its certificate is not trusted, or it does not speak TLS"
            hint = "name the authority of its certificate in the setting `web_roots`"
    elif isinstance(exc, httpcore.NetworkError):
        said = "the connection was interrupted"
    return PeerUnreachable(f"no answer from `{goal.host}:{goal.port}`: {said}", hint=hint)


def _line(text: str) -> str:
    return "".join(char for char in text if char.isprintable())[:300]
