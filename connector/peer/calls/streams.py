"""The lead's end of jobs' streams: authenticated, limited, and judged again before each frame.

Rules: streams have threads of their own and a limit in all and per peer, so that no number of them
keeps a unary call waiting; a stream is counted before anything of it is read; the first frame is
read as any request is (`peer/limits/arrivals.py`), and the call's token is bound to its bytes;
trust is judged before each frame that is sent, and at each revocation; a stream whose site is no
longer believed ends with the code that says why. What the frames mean is the lead's service's.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from connector.domain.federation.frames import Hello
from connector.errors import (
    Malformed,
    MessageTooLarge,
    PeerUnreachable,
    PreauError,
    TooManyStreams,
    from_code,
)
from connector.peer import routes
from connector.peer.calls.authenticate import Shown
from connector.peer.calls.border import Border
from connector.peer.calls.reception import Visit
from connector.peer.calls.use import Use
from connector.peer.checkpoints import Checkpoints
from connector.peer.limits.counted import Counted
from connector.peer.routes import STATED, Metadata
from connector.peer.status import Context
from connector.services.federation.lead.hub import LeadHub, Seat
from connector.services.membership import dealing

# An idle stream is judged again at least this often, and at once when a revocation is told.
JUDGE_SECONDS: Final = 30.0
# Streams beyond the limit that gRPC takes, so that they are answered.
SPARE_STREAMS: Final = 64

T = TypeVar("T")


class Participate:
    """Behaviour of the stream method."""

    def __init__(self, border: Border, hub: LeadHub, checkpoints: Checkpoints) -> None:
        settings = border.ports.settings
        self._ports = border.ports
        self._border = border
        self._hub = hub
        self._checkpoints = checkpoints
        self._counted = Counted(
            settings.max_streams, settings.max_streams_per_peer, _too_many_streams
        )
        self._seats: set[Seat] = set()
        self._lock = threading.Lock()
        # Each stream waits for the lead on one, and may hand it a frame on another.
        self._threads = ThreadPoolExecutor(
            2 * settings.max_streams, thread_name_prefix="peer-stream"
        )

    async def serve(self, _requests: object, context: Context) -> None:
        """Serve one stream."""
        await self._border.stream(self._seated, self._counted, routes.PARTICIPATE, context)

    def judge_again(self) -> None:
        """Judge the site of each open stream now; end those that are no longer believed."""
        with self._lock:
            seats = list(self._seats)
        for seat in seats:
            try:
                dealing.judge_site(self._ports, seat.job_id, seat.did)
            except PreauError as exc:
                seat.leave(exc.reason, exc.code)

    def stop(self) -> None:
        """End all streams."""
        with self._lock:
            seats = list(self._seats)
        for seat in seats:
            seat.leave("the node is stopping", PeerUnreachable.code)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def open_streams(self) -> int:
        """Return how many streams are open."""
        return self._counted.total()

    async def _seated(self, visit: Visit, context: Context) -> None:
        """Seat a site, and carry frames until its stream ends."""
        frames = _Frames(context, self._ports.settings.max_message_bytes)
        first = frames.checked(await self._border.arrivals.read(visit.owner, context))
        join = self._border.turns.run(visit.owner, partial(self._join, visit.call, first))
        joining = asyncio.ensure_future(join)
        try:
            seat, metadata = await asyncio.shield(joining)
        except asyncio.CancelledError:  # the site has gone; a thread may be about to seat it
            joining.add_done_callback(self._unseat)
            raise
        reading: asyncio.Task[None] | None = None
        try:
            await context.send_initial_metadata(metadata)
            reading = asyncio.create_task(frames.deliver_to(seat, self._on_thread))
            while (data := await self._on_thread(partial(self._next, seat))) is not None:
                if data:
                    await context.write(data)
            if frames.failure is not None:
                raise frames.failure
            if seat.ended is not None and seat.ended.code:
                raise from_code(seat.ended.code, seat.ended.reason)
        finally:  # also when the stream broke, which cancels this
            self._leave(seat)
            if reading is not None:
                reading.cancel()

    def _join(self, call: Shown, first: bytes) -> tuple[Seat, Metadata]:
        caller, token = self._border.gate.authorise(call, routes.PARTICIPATE, first)
        Use(self._ports.store, token).settle()
        self._checkpoints.received(caller.did, call.checkpoint)
        hello: Hello = routes.read_hello(first)
        seat = self._hub.join(hello.job_id, caller.did, hello)
        with self._lock:
            self._seats.add(seat)
        note = self._checkpoints.own()
        carried = ((routes.CHECKPOINT_KEY, note),) if note else ()
        return seat, ((routes.SEATED_KEY, "1"), *STATED, *carried)

    def _unseat(self, joined: asyncio.Future[tuple[Seat, Metadata]]) -> None:
        if not joined.cancelled() and joined.exception() is None:
            self._leave(joined.result()[0])

    def _leave(self, seat: Seat) -> None:
        seat.leave("the stream ended")
        with self._lock:
            self._seats.discard(seat)

    def _next(self, seat: Seat) -> bytes | None:
        """Return the next frame to send; empty when none came yet, None at the end."""
        frame = seat.next(JUDGE_SECONDS)
        if frame is None and seat.ended is not None:
            return None
        # INVARIANT: nothing goes to a site whose membership does not stand at this moment.
        try:
            dealing.judge_site(self._ports, seat.job_id, seat.did)
        except PreauError as exc:
            seat.leave(exc.reason, exc.code)
            raise
        data = b"" if frame is None else routes.write_lead_frame(frame)
        if len(data) > self._ports.settings.max_message_bytes:
            raise MessageTooLarge("the round's message exceeds the limit of this node")
        return data

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


class _Frames:
    """Reads a site's frames: the first for the checks, the rest for a seat."""

    def __init__(self, context: Context, limit: int) -> None:
        self._context = context
        self._limit = limit
        self.failure: PreauError | None = None

    def checked(self, data: object) -> bytes:
        """Return a frame that was read.

        Raises:
            Malformed: the stream ended before it.
            MessageTooLarge: it exceeds the limit.
        """
        if not isinstance(data, bytes):  # gRPC's mark of the end
            raise Malformed("the stream began without a frame")
        if len(data) > self._limit:
            raise MessageTooLarge(f"a frame of {len(data)} bytes exceeds the limit")
        return data

    async def deliver_to(
        self, seat: Seat, on_thread: Callable[[Callable[[], None]], Awaitable[None]]
    ) -> None:
        """Hand all later frames to a seat, which ends with them."""
        try:
            while (data := await self._read()) is not None:
                await on_thread(partial(_deliver, seat, data))
        except PreauError as exc:
            self.failure = exc
            seat.leave(exc.reason, exc.code)
        else:
            seat.leave("the site closed its stream")

    async def _read(self) -> bytes | None:
        data: object = await self._context.read()
        return self.checked(data) if isinstance(data, bytes) else None


def _deliver(seat: Seat, data: bytes) -> None:
    seat.deliver(routes.read_site_frame(data))


def _too_many_streams() -> TooManyStreams:
    return TooManyStreams("too many streams are open", hint="close one, or wait", retry_after=5.0)
