"""The consumer's end of a fetch: the bytes of an extract, as an iterator.

Rules: nothing is fetched ahead beyond gRPC's own window, so that whoever does not read holds the
provider back; a stream on which nothing comes for `SILENT_SECONDS` is broken; what ends the stream
is raised where its next chunk would be.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final, Self

import grpc

from connector.errors import PeerUnreachable
from connector.peer import routes
from connector.peer.routes import Metadata
from connector.peer.status import translate

SILENT_SECONDS: Final = 30.0


class Fetched:
    """Chunks as they come; close it to end the call."""

    def __init__(
        self, channel: grpc.Channel, peer: str, request: bytes, released: Callable[[], None]
    ) -> None:
        """Prepare.

        Args:
            channel: to the provider.
            peer: its DID.
            request: to which the call's token is bound.
            released: called once, when the stream is over.
        """
        self._method = channel.unary_stream(routes.FETCH, routes.raw, routes.raw)
        self._peer = peer
        self._request = request
        self._released = released
        self._lock = threading.Lock()
        self._call: Any = None
        self._first: bytes | None = None
        self._waiting = 0.0  # since when the next chunk is waited for; 0: nobody waits
        self._watch: threading.Timer | None = None
        self._over = False

    def open(self, metadata: Metadata) -> Self:
        """Make the call, and wait for the first chunk or the refusal.

        Raises:
            PeerUnreachable: no answer, or the stream broke.
            PreauError: the provider's refusal.
        """
        self._call = self._method(self._request, metadata=metadata)
        self._look()
        self._first = self._next()
        return self

    def __iter__(self) -> Self:
        """Return itself."""
        return self

    def __next__(self) -> bytes:
        """Return the next chunk; raises as `open`, where the stream ends otherwise than whole."""
        first, self._first = self._first, None
        chunk = self._next() if first is None and not self._over else first
        if chunk is None:
            raise StopIteration
        return chunk

    def close(self) -> None:
        """End the call; harmless when it is over."""
        with self._lock:
            over, self._over = self._over, True
        if over:
            return
        if self._watch is not None:
            self._watch.cancel()
        if self._call is not None:
            self._call.cancel()
        self._released()

    def _next(self) -> bytes | None:
        """Return the next chunk, None at the end of a whole stream."""
        self._waiting = time.monotonic()
        try:
            raw = next(self._call, None)
            if raw is not None:
                return routes.read_chunk(raw)
        except grpc.RpcError as exc:
            self.close()
            raise translate(self._peer, exc) from exc
        finally:
            self._waiting = 0.0
        whole = self._call.code() is grpc.StatusCode.OK
        self.close()
        if not whole:
            raise PeerUnreachable(f"`{self._peer}` closed the connection too early")
        return None

    def _look(self) -> None:
        """End a call on which nothing comes, and look again later."""
        since = self._waiting
        if since and time.monotonic() - since >= SILENT_SECONDS:
            self._call.cancel()
            return
        with self._lock:
            if self._over:
                return
            self._watch = threading.Timer(SILENT_SECONDS / 2, self._look)
            self._watch.daemon = True
            self._watch.start()
