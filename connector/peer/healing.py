"""Mending what stands between two nodes: this node introduces itself anew, and calls again.

Rules: a server never sees a TLS handshake that fails, so whoever is refused, or reaches nobody,
introduces itself again over HTTPS: both sides then fetch documents and memberships anew. That is
done off the caller's thread, once at a time for a peer, at once and then ever later while it does
not help. The call is repeated within its own deadline; receivers deduplicate.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from connector.domain.participant import Participant
from connector.errors import (
    AddressForbidden,
    PeerUnreachable,
    PreauError,
    TokenMismatch,
    TokenMissing,
    TokenReplayed,
    Untrusted,
)

FIRST_PAUSE: Final = 2.0  # seconds
LONGEST_PAUSE: Final = 300.0
THREADS: Final = 4
# Refusals of a single call, which no introduction changes.
_OF_THE_CALL: Final = (AddressForbidden, TokenMissing, TokenMismatch, TokenReplayed)

T = TypeVar("T")
Introduce = Callable[[str], Participant]


class Backoff:
    """When something may be tried again for each key: at once, then ever later; thread-safe."""

    def __init__(
        self, first: float, longest: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare.

        Args:
            first: seconds after the first try.
            longest: seconds; pauses double up to it.
            clock: monotonic time, in seconds.
        """
        self._first = first
        self._longest = longest
        self._clock = clock
        self._lock = threading.Lock()
        self._next: dict[str, tuple[float, float]] = {}  # as many keys as peers were admitted

    def take(self, key: str) -> bool:
        """Return whether it may be tried now; if so, that try is counted."""
        with self._lock:
            now = self._clock()
            due, pause = self._next.get(key, (now, self._first))
            if now < due:
                return False
            self._next[key] = (now + pause, min(pause * 2, self._longest))
            return True

    def forget(self, key: str) -> None:
        """Begin anew for a key: it went well."""
        with self._lock:
            self._next.pop(key, None)


class Healing:
    """Repeats what is refused, or reaches nobody, once this node has introduced itself anew."""

    def __init__(self, backoff: Backoff | None = None) -> None:
        """Prepare; nothing is healed before `introduce_by`."""
        self._backoff = backoff or Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        self._introduce: Introduce | None = None
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="introduce")
        self._lock = threading.Lock()
        self._running: dict[str, Future[Participant]] = {}

    def introduce_by(self, introduce: Introduce) -> None:
        """Heal by this from now on; it returns the peer as it is known after the introduction."""
        self._introduce = introduce

    def close(self) -> None:
        """Begin no further introduction; one under way is bounded."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def mended(self, peer: Participant, attempt: Callable[[Participant], T], until: float) -> T:
        """Return what an attempt returns: the first, or the second after an introduction.

        Args:
            peer: whom it is about, as it is known.
            attempt: calls a peer, as it is known then.
            until: monotonic time, in seconds, up to which an introduction is waited for.

        Raises:
            PreauError: as the attempt's own; the first failure when nothing could be healed.
        """
        try:
            answer = attempt(peer)
        except (PeerUnreachable, Untrusted) as exc:
            if isinstance(exc, _OF_THE_CALL):
                raise
            fresh = self._introduced(peer.did, until - time.monotonic())
            if fresh is None:
                raise
            answer = attempt(fresh)
        self._backoff.forget(peer.did)
        return answer

    def _introduced(self, did: str, seconds: float) -> Participant | None:
        """Return the peer after an introduction; None when there was none, or not in time."""
        task = self._task(did)
        if task is None:
            return None
        try:
            return task.result(max(seconds, 0.0))
        except (TimeoutError, PreauError):
            return None

    def _task(self, did: str) -> Future[Participant] | None:
        """Return the introduction that runs, or a new one if one is due."""
        with self._lock:
            running = self._running.get(did)
            if running is not None and not running.done():
                return running
            if self._introduce is None or not self._backoff.take(did):
                return None
            try:
                task = self._pool.submit(self._introduce, did)
            except RuntimeError:  # the node stops
                return None
            self._running[did] = task
            return task
