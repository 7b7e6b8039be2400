"""A site's end of a job's stream: the port `SiteStream` over gRPC.

Rules: `open` returns once the lead has seated the site or refused it; both queues are bounded;
no wait outlasts what the caller gave; a broken stream says so at the next `receive` or `send`.
gRPC takes what is sent from an iterator and gives what is received as one, so two queues and one
thread stand between.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import grpc

from connector.domain import generation as generations
from connector.domain.federation.frames import LeadFrame, SiteFrame
from connector.errors import MessageTooLarge, PeerUnreachable, PreauError, UpgradeRequired
from connector.peer.routes import (
    PARTICIPATE,
    SEATED_KEY,
    Metadata,
    generation_in,
    raw,
    read_lead_frame,
    write_site_frame,
)
from connector.peer.status import translate

OPEN_SECONDS: Final = 15.0
SEND_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 2.0
MAX_QUEUED: Final = 4


class GrpcSiteStream:
    """One stream, opened once."""

    def __init__(
        self,
        lead: str,
        hello: bytes,
        *,
        limit: int,
        seated: Callable[[Metadata], None],
        released: Callable[[], None],
    ) -> None:
        """Prepare.

        Args:
            lead: DID of the lead.
            hello: bytes of the first frame, to which the call's token is bound.
            limit: largest frame, bytes.
            seated: called with the lead's metadata when it has seated the site.
            released: called once, when the stream is over.
        """
        self._lead = lead
        self._limit = limit
        self._seated_by = seated
        self._released = released
        self._changed = threading.Condition()
        self._outgoing: deque[bytes] = deque([hello])
        self._incoming: deque[bytes] = deque()
        self._seated = False
        self._closing = False
        self._over: PreauError | None = None
        self._cancel: Callable[[], object] = _nothing

    def open(self, channel: grpc.Channel, metadata: Metadata) -> None:
        """Connect and wait until the lead has answered.

        Args:
            channel: to the lead.
            metadata: with the call's token.

        Raises:
            PeerUnreachable: the lead does not answer in 15 seconds.
            PreauError: the refusal that it answered with.
        """
        method = channel.stream_stream(PARTICIPATE, raw, raw)
        call = method(self._requests(), metadata=metadata)
        self._cancel = call.cancel
        reader = threading.Thread(target=self._read, args=(call,), name="site-stream", daemon=True)
        reader.start()
        with self._changed:
            self._changed.wait_for(lambda: self._seated or self._over, OPEN_SECONDS)
            if self._seated:
                return  # also where the lead has ended it since: its last frames are still to read
            if self._over is not None:
                raise self._over
        self._abort()
        raise PeerUnreachable(f"`{self._lead}` did not answer in time")

    def receive(self, seconds: float) -> LeadFrame | None:
        """Return the next frame, or None when none came within `seconds`.

        Raises:
            PeerUnreachable: the stream broke, or the lead ended it.
            PreauError: the lead ended it with this refusal.
            Malformed: the lead sent something else than a frame.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._incoming or self._over, seconds)
            if not self._incoming:
                if self._over is not None:
                    raise self._over
                return None
            data = self._incoming.popleft()
            self._changed.notify_all()
        return read_lead_frame(data)

    def send(self, frame: SiteFrame) -> None:
        """Send a frame.

        Raises:
            PeerUnreachable: the stream is broken, or the lead does not read.
            MessageTooLarge: the frame exceeds the limit.
            PreauError: the lead ended the stream with this refusal.
        """
        data = write_site_frame(frame)
        if len(data) > self._limit:
            raise MessageTooLarge(f"the frame has {len(data)} bytes, more than the limit")
        with self._changed:
            room = self._changed.wait_for(
                lambda: len(self._outgoing) < MAX_QUEUED or self._over, SEND_SECONDS
            )
            if self._over is not None:
                raise self._over
            if not room:
                raise PeerUnreachable(f"`{self._lead}` does not read its stream")
            self._outgoing.append(data)
            self._changed.notify_all()

    def close(self) -> None:
        """End the stream; what was sent before still goes out if the lead reads in 2 seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._over, CLOSE_SECONDS)
        self._abort()

    def _abort(self) -> None:
        with self._changed:
            self._closing = True  # nobody takes what still comes
            self._changed.notify_all()
        self._cancel()

    def _requests(self) -> Iterator[bytes]:
        """Give gRPC the frames to send; ends with the stream, so that its thread ends too."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._outgoing or self._closing or self._over)
                if self._over is not None or not self._outgoing:
                    return
                data = self._outgoing.popleft()
                self._changed.notify_all()
            yield data

    def _read(self, call: grpc.CallIterator[bytes]) -> None:
        failure: PreauError = PeerUnreachable(f"`{self._lead}` ended the stream")
        try:
            self._greet(tuple(call.initial_metadata()))
            for data in call:
                self._arrived(data)
        except grpc.RpcError as exc:
            failure = translate(self._lead, exc)
        except UpgradeRequired as exc:
            failure = exc
            self._cancel()
        finally:
            with self._changed:
                self._over = failure
                self._changed.notify_all()
            self._released()

    def _greet(self, metadata: Metadata) -> None:
        if SEATED_KEY not in dict(metadata):
            return  # refused; the status follows
        generations.check(self._lead, generation_in(metadata))
        self._seated_by(metadata)
        with self._changed:
            self._seated = True
            self._changed.notify_all()

    def _arrived(self, data: bytes) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._incoming) < MAX_QUEUED or self._closing)
            self._incoming.append(data)
            self._changed.notify_all()


def _nothing() -> None:
    """Stand for cancelling before there is a call."""
