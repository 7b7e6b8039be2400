"""Bytes of an extract on their way over HTTP: ranges, one chunk at a time, judged while they flow.

Rules: what no longer stands cuts the connection, since the length that was announced cannot be
taken back. A chunk is read once the one before has left, so that a slow client holds one chunk and
no file. The ETag is the digest that the provider signs, so that a client that goes on later knows
whether it is the same file.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from connector.dataplane.ranges import Part, part_of
from connector.domain.transfer.extract import Extract
from connector.errors import PreauError, TooManyStreams

JUDGE_SECONDS: Final = 0.5
CHUNK: Final = 1 << 18  # bytes; each client holds about four of them on their way through TLS
WRITE_SECONDS: Final = 60.0  # a client that takes nothing for so long is gone
MEDIA: Final = {
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
}

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Going:
    """Whose reads run at this moment; on the event loop's thread only.

    Attributes:
        most: in all.
        of_one: of one reader.
    """

    most: int
    of_one: int
    readers: list[str] = field(default_factory=list)

    def check(self, reader: str) -> None:
        """See that one more of a reader may begin.

        Raises:
            TooManyStreams: no more may.
        """
        if len(self.readers) >= self.most or self.readers.count(reader) >= self.of_one:
            raise TooManyStreams("too many transfers run at once", hint="wait", retry_after=5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What is sent to whom.

    Attributes:
        extract: what.
        reader: by what reads are counted.
        read: position and size to bytes.
        judge: raises `PreauError` once bytes must not flow any more.
        passed: told the position at which it ended.
        headers: besides those of the file.
    """

    extract: Extract
    reader: str
    read: Callable[[int, int], memoryview]
    judge: Callable[[], object]
    passed: Callable[[int], object]
    headers: Mapping[str, str]


def flowing(request: Request, flow: Flow, going: Going) -> Response:
    """Return the answer to a request for an extract, or for a part of it.

    Raises:
        TooManyStreams: too many reads run.
    """
    size, etag = flow.extract.bytes, f'"{flow.extract.digest}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes", **flow.headers}
    fresh = request.headers.get("if-range", etag) == etag
    part = part_of(size, request.headers.get("range", ""), fresh=fresh)
    if part is None:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    headers |= _about(flow.extract, part)
    status = 206 if part.partial else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    going.check(flow.reader)
    return _Flowing(flow, part, status, headers, going.readers)


class _Flowing(Response):
    """A part of an extract on its way."""

    def __init__(
        self, flow: Flow, part: Part, status: int, headers: dict[str, str], going: list[str]
    ) -> None:
        super().__init__(status_code=status, headers=headers)
        self._flow = flow
        self._part = part
        self._going = going

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; what no longer stands, or nobody takes, ends it unfinished."""
        name = self._flow.extract.id
        position, gone = self._part.start, asyncio.ensure_future(_left(receive))
        self._going.append(self._flow.reader)
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
            _log.info("a pull of `%s` was cut off: %s", name, exc.code)
        except TimeoutError:
            _log.info("a pull of `%s` was given up: nobody reads", name)
        finally:
            gone.cancel()
            self._going.remove(self._flow.reader)
            passed = partial(self._flow.passed, position)
            await asyncio.shield(run_in_threadpool(passed))

    async def _chunks(self) -> AsyncIterator[memoryview]:
        on_thread = partial(asyncio.get_running_loop().run_in_executor, None)
        position, judged = self._part.start, time.monotonic()
        while position < self._part.end:
            if time.monotonic() - judged >= JUDGE_SECONDS:
                await on_thread(self._flow.judge)
                judged = time.monotonic()
            size = min(CHUNK, self._part.end - position)
            yield await on_thread(self._flow.read, position, size)
            position += size


async def _left(receive: Receive) -> None:
    """Return once the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


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
