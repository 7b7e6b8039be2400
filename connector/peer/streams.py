"""The lead's end of jobs' streams: authenticated, limited, and judged again before each frame.

Rules: streams have threads of their own and a limit in all and per peer, so that no number of
them keeps a unary call waiting; a stream is counted before anything of it is read; the first
frame must come in `HELLO_SECONDS` and the call's token is bound to its bytes; trust is judged
before each frame that is sent, and at each revocation; a stream whose site is no longer believed
ends with the code that says why. What the frames mean is the lead's service's.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import grpc

from connector.domain.participant import Participant
from connector.errors import (
    Malformed,
    MessageTooLarge,
    PeerUnreachable,
    PreauError,
    TooManyStreams,
    from_code,
)
from connector.peer import routes
from connector.peer.authenticate import Gate, Shown, shown
from connector.peer.checkpoints import Checkpoints
from connector.peer.counted import Counted
from connector.peer.refusals import Refusals
from connector.peer.routes import STATED
from connector.peer.status import refuse, understood, unforeseen
from connector.ports import Ports
from connector.services.federation.lead.hub import LeadHub, Seat
from connector.services.membership import onboard

HELLO_SECONDS: Final = 10.0
# An idle stream is judged again at least this often, and at once when a revocation is told.
JUDGE_SECONDS: Final = 30.0
# Threads beyond the limit, so that a stream too many is answered rather than queued.
SPARE_THREADS: Final = 4


class Participate:
    """Behaviour of the stream method; gRPC runs it on the pool that it carries."""

    def __init__(
        self, ports: Ports, hub: LeadHub, gate: Gate, refusals: Refusals, checkpoints: Checkpoints
    ) -> None:
        settings = ports.settings
        self._ports = ports
        self._hub = hub
        self._gate = gate
        self._refusals = refusals
        self._checkpoints = checkpoints
        self._counted = Counted(
            settings.max_streams, settings.max_streams_per_peer, _too_many_streams
        )
        self._seats: set[Seat] = set()
        self._lock = threading.Lock()
        # grpc/_server.py reads this attribute of a behaviour and runs it there.
        self.experimental_thread_pool = ThreadPoolExecutor(
            settings.max_streams + SPARE_THREADS, thread_name_prefix="peer-stream"
        )

    def __call__(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        """Serve one stream."""
        call = shown(context)
        seat: Seat | None = None
        proven = ""
        try:
            participant = self._gate.identify(call)
            proven = participant.did
            with self._counted.one(participant.did):
                frames = _Frames(requests, self._ports.settings.max_message_bytes)
                seat = self._join(call, participant, frames, context)
                yield from self._serve(seat, frames)
        except PreauError as exc:
            failure = exc
        except Exception:  # noqa: BLE001 - the outermost border: whatever it is, no text leaves
            failure = unforeseen(routes.PARTICIPATE)
        else:
            self._ports.calls.add(routes.PARTICIPATE)
            return
        finally:
            if seat is not None:
                self._forget(seat)
        self._ports.calls.add(routes.PARTICIPATE, failure.code)
        self._refusals.record(proven, routes.PARTICIPATE, failure)
        refuse(context, understood(failure, call.generation))

    def judge_again(self) -> None:
        """Judge the site of each open stream now; end those that are no longer believed."""
        with self._lock:
            seats = list(self._seats)
        for seat in seats:
            try:
                onboard.judge(self._ports, seat.did)
            except PreauError as exc:
                seat.leave(exc.reason, exc.code)

    def stop(self) -> None:
        """End all streams."""
        with self._lock:
            seats = list(self._seats)
        for seat in seats:
            seat.leave("the node stops", PeerUnreachable.code)
        self.experimental_thread_pool.shutdown(wait=False, cancel_futures=True)

    def open_streams(self) -> int:
        """Return how many streams are open."""
        return self._counted.total()

    def _join(
        self, call: Shown, caller: Participant, frames: _Frames, context: grpc.ServicerContext
    ) -> Seat:
        first = frames.first(HELLO_SECONDS)
        participant = self._gate.authorise(call, caller, routes.PARTICIPATE, first)
        self._checkpoints.received(participant.did, call.checkpoint)
        hello = routes.read_hello(first)
        seat = self._hub.join(hello.job_id, participant.did, hello)
        with self._lock:
            self._seats.add(seat)
        if not context.add_callback(lambda: seat.leave("the stream broke")):
            seat.leave("the stream broke")
        frames.deliver_to(seat)
        note = self._checkpoints.own()
        carried = ((routes.CHECKPOINT_KEY, note),) if note else ()
        context.send_initial_metadata(((routes.SEATED_KEY, "1"), *STATED, *carried))
        return seat

    def _serve(self, seat: Seat, frames: _Frames) -> Iterator[bytes]:
        while True:
            frame = seat.next(JUDGE_SECONDS)
            ended = seat.ended
            if frame is None and ended is not None:
                break
            # INVARIANT: nothing goes to a site whose membership does not stand at this moment.
            self._judge(seat)
            if frame is not None:
                yield self._sized(routes.write_lead_frame(frame))
        if frames.failure is not None:
            raise frames.failure
        if ended.code:
            raise from_code(ended.code, ended.reason)

    def _judge(self, seat: Seat) -> Participant:
        try:
            return onboard.judge(self._ports, seat.did)
        except PreauError as exc:
            seat.leave(exc.reason, exc.code)
            raise

    def _sized(self, data: bytes) -> bytes:
        if len(data) > self._ports.settings.max_message_bytes:
            raise MessageTooLarge("the round's message exceeds the limit of this node")
        return data

    def _forget(self, seat: Seat) -> None:
        seat.leave("the stream ended")
        with self._lock:
            self._seats.discard(seat)


class _Frames:
    """Reads a site's frames in a thread of its own: the first for the checks, the rest to a seat.

    The thread ends with the stream, since gRPC then ends the iterator.
    """

    def __init__(self, requests: Iterator[bytes], limit: int) -> None:
        self._requests = requests
        self._limit = limit
        self._changed = threading.Condition()
        self._first: bytes | None = None
        self._seat: Seat | None = None
        self._over = False
        self.failure: PreauError | None = None
        self._thread = threading.Thread(target=self._read, name="site-frames", daemon=True)
        self._thread.start()

    def first(self, seconds: float) -> bytes:
        """Return the first frame.

        Raises:
            Malformed: none came in time.
            MessageTooLarge: it exceeds the limit.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._first is not None or self._over, seconds)
            if self.failure is not None:
                raise self.failure
            if self._first is None:
                raise Malformed("the stream began without a frame")
            return self._first

    def deliver_to(self, seat: Seat) -> None:
        """Hand all later frames to a seat."""
        with self._changed:
            self._seat = seat
            over = self._over
            self._changed.notify_all()
        if over:  # what came after the first frame ended the stream before there was a seat
            self._end(seat)

    def _read(self) -> None:
        try:
            for data in self._requests:
                self._arrived(data)
        except grpc.RpcError:
            pass  # the stream broke; the handler is told by its callback
        except PreauError as exc:
            self.failure = exc
        with self._changed:
            self._over = True
            seat = self._seat
            self._changed.notify_all()
        if seat is not None:
            self._end(seat)

    def _end(self, seat: Seat) -> None:
        if self.failure is None:
            seat.leave("the site hung up")
        else:
            seat.leave(self.failure.reason, self.failure.code)

    def _arrived(self, data: bytes) -> None:
        if len(data) > self._limit:
            raise MessageTooLarge(f"a frame of {len(data)} bytes is over the limit")
        with self._changed:
            if self._first is None:
                self._first = data
                self._changed.notify_all()
                return
            # A frame before the hello was judged waits here, so that no more is read meanwhile.
            self._changed.wait_for(lambda: self._seat is not None, HELLO_SECONDS)
            seat = self._seat
        if seat is None:
            raise Malformed("a frame came before the stream was accepted")
        seat.deliver(routes.read_site_frame(data))


def _too_many_streams() -> TooManyStreams:
    return TooManyStreams("too many streams are open", hint="close one, or wait")
