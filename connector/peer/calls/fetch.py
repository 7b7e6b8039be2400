"""The provider's end of a fetch: the bytes of an extract, authenticated and judged while they flow.

Rules: the call's token is bound to the request's bytes, as of a unary call; streams have threads of
their own, which read the file, and a limit in all and per peer; chunks are read while gRPC takes
those before, so that a slow consumer holds eight of them. INVARIANT: trust, contract, transfer and
extract are judged before the first byte and again before a chunk that comes `JUDGE_SECONDS`
after the last judgement; what no longer stands ends the stream with the code that says why.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

from connector.domain.transfer.extract import Extract
from connector.errors import Malformed, PeerUnreachable, TooManyStreams
from connector.peer import routes
from connector.peer.calls.authenticate import Shown
from connector.peer.calls.border import Border
from connector.peer.calls.reception import Visit
from connector.peer.calls.use import Use
from connector.peer.limits.counted import Counted
from connector.peer.routes import STATED
from connector.peer.status import Context
from connector.services.transfer import provider_side

JUDGE_SECONDS: Final = 0.5
CHUNK: Final = 1 << 18  # bytes; larger ones take longer: each is a fresh piece of memory
AT_ONCE: Final = 4 * CHUNK  # that a thread reads: it takes as long to reach as to read so much
# A consumer that takes no chunk for so long is gone; it asks again from where it is.
WRITE_SECONDS: Final = 60.0
STREAMS: Final = 32
STREAMS_PER_PEER: Final = 4
FETCH_THREADS: Final = 8

T = TypeVar("T")


class Fetch:
    """Behaviour of the fetch method."""

    def __init__(self, border: Border) -> None:
        self._ports = border.ports
        self._border = border
        self._counted = Counted(STREAMS, STREAMS_PER_PEER, _too_many)
        self._threads = ThreadPoolExecutor(FETCH_THREADS, thread_name_prefix="peer-fetch")
        self._stopping = threading.Event()

    async def serve(self, _requests: object, context: Context) -> None:
        """Serve one stream."""
        await self._border.stream(self._served, self._counted, routes.FETCH, context)

    def stop(self) -> None:
        """End all streams."""
        self._stopping.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _served(self, visit: Visit, context: Context) -> None:
        request = await self._border.arrivals.read(visit.owner, context)
        if not isinstance(request, bytes):
            raise Malformed("the call carries no message")
        admitted = partial(self._admitted, visit.call, request)
        pid, offset, extract = await self._border.turns.run(visit.owner, admitted)
        position, judged = offset, time.monotonic()
        reading = self._reading(extract, position)
        try:
            await context.send_initial_metadata(STATED)
            while position < extract.bytes:
                if time.monotonic() - judged >= JUDGE_SECONDS:
                    await self._on_thread(partial(self._judge, pid, visit.did))
                    judged = time.monotonic()
                chunks = await reading
                reading = self._reading(extract, position + AT_ONCE)
                async with asyncio.timeout(WRITE_SECONDS):
                    for chunk in chunks:
                        await context.write(chunk)
                        position = min(position + CHUNK, extract.bytes)
        except TimeoutError as exc:
            raise PeerUnreachable("the consumer has stopped reading") from exc
        finally:  # also when the stream broke, which cancels this
            reading.add_done_callback(_let_go)
            with suppress(RuntimeError):  # the node stops
                asyncio.get_running_loop().run_in_executor(
                    self._threads, provider_side.passed, self._ports, pid, position
                )

    def _admitted(self, call: Shown, request: bytes) -> tuple[str, int, Extract]:
        caller, token = self._border.gate.authorise(call, routes.FETCH, request)
        Use(self._ports.store, token).settle()
        pid, offset = routes.read_fetch(request)
        _, extract = provider_side.judge(self._ports, pid, caller.did)
        provider_side.check_offset(extract, offset)
        return pid, offset, extract

    def _judge(self, pid: str, caller: str) -> None:
        if self._stopping.is_set():
            raise PeerUnreachable("the node is stopping")
        provider_side.judge(self._ports, pid, caller)

    def _reading(self, extract: Extract, position: int) -> asyncio.Future[list[bytes]]:
        """Begin to read the chunks at a position, while those before are sent."""
        return self._run(partial(self._chunks, extract, position))

    def _chunks(self, extract: Extract, position: int) -> list[bytes]:
        size = min(AT_ONCE, extract.bytes - position)
        if size <= 0:
            return []
        data = self._ports.extracts.read(extract, position, size)
        return [routes.write_chunk(data[at : at + CHUNK]) for at in range(0, size, CHUNK)]

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await self._run(work)

    def _run(self, work: Callable[[], T]) -> asyncio.Future[T]:
        try:
            return asyncio.get_running_loop().run_in_executor(self._threads, work)
        except RuntimeError as exc:  # there are no threads any more
            raise PeerUnreachable("the node is stopping") from exc


def _let_go(reading: asyncio.Future[list[bytes]]) -> None:
    """Look at the end of a read that nobody waits for any more."""
    if not reading.cancelled():
        reading.exception()


def _too_many() -> TooManyStreams:
    return TooManyStreams("too many transfers run at once", hint="wait", retry_after=5.0)
