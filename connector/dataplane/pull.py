"""HTTP pull: `GET /data/{extract}` with a bearer token, for any client of a consumer's.

Rules: whoever shows the token is judged as the consumer is, before the first byte and twice a
second while bytes flow; what no longer stands cuts the connection, since the length that was
announced cannot be taken back. A chunk is read once the one before has left, so that a slow client
holds one chunk and no file. The ETag is the digest that the provider signed, so that a client that
goes on later knows whether it is the same file.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from connector.dataplane.ranges import Part, part_of
from connector.domain.transfer.extract import Extract
from connector.domain.transfer.transfer import Transfer
from connector.errors import PreauError, TokenMissing, TooManyStreams
from connector.ports import Ports
from connector.services.transfer import provider_side, pulling

JUDGE_SECONDS: Final = 0.5
CHUNK: Final = 1 << 18  # bytes
WRITE_SECONDS: Final = 60.0  # a client that takes nothing for so long is gone
MOST_AT_ONCE: Final = 64
MOST_OF_ONE: Final = 32
PATH: Final = pulling.PATH + "{extract}"
MEDIA: Final = {
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
}
_BEARER: Final = "bearer "

_log = logging.getLogger(__name__)


class Pull:
    """Serves extracts of one node.

    Args:
        ports: of this node.
        proven: told the port of a connection on loopback, and of which member it was found to be.
    """

    def __init__(self, ports: Ports, proven: Callable[[int, str], None]) -> None:
        self._ports = ports
        self._proven = proven
        self._open: list[str] = []  # consumers; on the event loop's thread only

    def route(self) -> Route:
        """Return the route."""
        return Route(PATH, self.data, methods=["GET"])

    async def data(self, request: Request) -> Response:
        """Answer a request."""
        token = _token(request)
        name = str(request.path_params["extract"])
        transfer, extract = await run_in_threadpool(pulling.admitted, self._ports, name, token)
        if request.client is not None:
            self._proven(request.client.port, transfer.peer)
        etag = f'"{extract.digest}"'
        headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "no-store"}
        fresh = request.headers.get("if-range", etag) == etag
        part = part_of(extract.bytes, request.headers.get("range", ""), fresh=fresh)
        if part is None:
            return Response(
                status_code=416, headers={**headers, "Content-Range": f"bytes */{extract.bytes}"}
            )
        headers |= _about(extract, part)
        status = 206 if part.partial else 200
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        if len(self._open) >= MOST_AT_ONCE or self._open.count(transfer.peer) >= MOST_OF_ONE:
            raise TooManyStreams("too many transfers run at once", hint="wait", retry_after=5.0)
        return _Flowing(self._ports, transfer, extract, part, status, headers, self._open)


class _Flowing(Response):
    """A part of an extract on its way."""

    def __init__(
        self,
        ports: Ports,
        transfer: Transfer,
        extract: Extract,
        part: Part,
        status: int,
        headers: dict[str, str],
        going: list[str],
    ) -> None:
        super().__init__(status_code=status, headers=headers)
        self._ports = ports
        self._transfer = transfer
        self._extract = extract
        self._part = part
        self._going = going

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; what no longer stands, or nobody takes, ends it unfinished."""
        position, gone = self._part.start, asyncio.ensure_future(_left(receive))
        self._going.append(self._transfer.peer)
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            async for data in self._chunks():
                if gone.done():
                    return
                async with asyncio.timeout(WRITE_SECONDS):
                    await send({"type": "http.response.body", "body": data, "more_body": True})
                position += len(data)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except PreauError as exc:
            _log.info("a pull of `%s` was cut off: %s", self._extract.id, exc.code)
        except TimeoutError:
            _log.info("a pull of `%s` was given up: nobody reads", self._extract.id)
        finally:
            gone.cancel()
            self._going.remove(self._transfer.peer)
            passed = partial(provider_side.passed, self._ports, self._transfer.pid, position)
            await asyncio.shield(run_in_threadpool(passed))

    async def _chunks(self) -> AsyncIterator[bytes]:
        position, judged = self._part.start, time.monotonic()
        while position < self._part.end:
            if time.monotonic() - judged >= JUDGE_SECONDS:
                pid, peer = self._transfer.pid, self._transfer.peer
                await run_in_threadpool(provider_side.judge, self._ports, pid, peer)
                judged = time.monotonic()
            size = min(CHUNK, self._part.end - position)
            read = self._ports.extracts.read
            yield await run_in_threadpool(read, self._extract, position, size)
            position += size


async def _left(receive: Receive) -> None:
    """Return once the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _token(request: Request) -> str:
    stated = request.headers.get("authorization", "")
    if not stated.lower().startswith(_BEARER):
        raise TokenMissing("the request carries no bearer token")
    return stated[len(_BEARER) :].strip()


def _about(extract: Extract, part: Part) -> dict[str, str]:
    """Return the headers of an answer's body; the digest is of the whole file (RFC 9530)."""
    digest = base64.b64encode(bytes.fromhex(extract.digest)).decode()
    headers = {
        "Content-Type": MEDIA.get(extract.format, "application/octet-stream"),
        "Content-Length": str(part.end - part.start),
        "Repr-Digest": f"sha-256=:{digest}:",
    }
    if part.partial:
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{extract.bytes}"
    return headers
