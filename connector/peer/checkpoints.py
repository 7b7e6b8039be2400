"""Checkpoints that travel with calls and answers: ours out, the peers' in.

Rules: the newest checkpoint of the own log goes with every call and answer, signed once for each
size of the log; a peer's checkpoint is looked at off the hot path, one at a time, the newest of
each peer only and one in `REST_SECONDS`, so that a flood of them costs nothing. A peer that is
heard after it did not answer is reported, once. What a checkpoint proves is
`services.evidence.witness`'s.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from connector.errors import PreauError

MAX_NOTE_BYTES: Final = 4096
MAX_WAITING: Final = 256
MAX_LOST: Final = 1024
REST_SECONDS: Final = 0.25  # a negotiation shows several in that time; the next covers them
_STOP_SECONDS: Final = 15.0

_log = logging.getLogger(__name__)

Own = Callable[[], bytes]
Witness = Callable[[str, str], None]
# Takes a step and a pause, and keeps what nobody foresaw from ending the thread.
Guard = Callable[[Callable[[], object], Callable[[float], object]], object]


def _nobody(_peer: str) -> None:
    return None


def _straight(step: Callable[[], object], _pause: Callable[[float], object]) -> object:
    return step()


class Checkpoints:
    """Hands out the own checkpoint, and passes received ones to the witness in one thread."""

    def __init__(
        self,
        own: Own,
        witness: Witness,
        *,
        again: Callable[[str], None] = _nobody,
        guard: Guard = _straight,
    ) -> None:
        """Prepare.

        Args:
            own: returns the newest signed note of the own log; empty when there is none.
            witness: takes the DID of an authenticated peer and its note.
            again: takes the DID of a peer that is heard after it was lost; must not block.
            guard: outermost guard of the thread (`services.guard`).
        """
        self._guard = guard
        self._own = own
        self._witness = witness
        self._again = again
        self._lost: set[str] = set()
        self._changed = threading.Condition()
        self._waiting: dict[str, bytes] = {}
        self._looked: dict[str, float] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="witness", daemon=True)

    def own(self) -> bytes:
        """Return the newest checkpoint of the own log; empty when there is none."""
        try:
            return self._own()
        except PreauError as exc:
            _log.warning("no checkpoint could be made: %s", exc.code)
            return b""

    def lost(self, peer: str) -> None:
        """Remember that a peer did not answer a call."""
        with self._changed:
            if len(self._lost) < MAX_LOST:
                self._lost.add(peer)

    def received(self, peer: str, note: bytes) -> None:
        """Queue the note of an authenticated peer; an older one still waiting is dropped."""
        with self._changed:
            back = peer in self._lost
            self._lost.discard(peer)
        if back:
            self._again(peer)
        if not 0 < len(note) <= MAX_NOTE_BYTES:
            return
        with self._changed:
            if peer in self._waiting:
                self._waiting[peer] = note
            elif len(self._waiting) < MAX_WAITING:
                self._waiting[peer] = note
                self._changed.notify_all()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop within 15 seconds; what waits is dropped."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def _work(self) -> None:
        while (item := self._next()) is not None:
            self._guard(partial(self._look, *item), self._rest)

    def _look(self, peer: str, note: bytes) -> None:
        try:
            self._witness(peer, note.decode("utf-8"))
        except UnicodeDecodeError:
            _log.warning("the checkpoint of `%s` is not text", peer)
        except PreauError as exc:
            _log.warning("the checkpoint of `%s` was refused: %s", peer, exc.code)

    def _rest(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, seconds)

    def _next(self) -> tuple[str, bytes] | None:
        """Return a peer that has rested and its note, once there is one; None at the end."""
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                looked = self._looked.items()
                self._looked = {peer: at for peer, at in looked if now - at < REST_SECONDS}
                rested = next((peer for peer in self._waiting if peer not in self._looked), None)
                if rested is not None:
                    self._looked[rested] = now
                    return rested, self._waiting.pop(rested)
                self._changed.wait(REST_SECONDS if self._waiting else None)
        return None
