"""Looks of `preau doctor` that a running node takes: one at a time, aside of who asked for it.

Rule: the last look is kept until the node stops, so that a page shows it at once; it is of no use
afterwards, and is never stored.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from connector.errors import PreauError, TooManyRequests
from connector.ports import Ports
from connector.services.guard import guarded
from connector.services.health.diagnose import Check

_THREAD: Final = "doctor"


@dataclass(frozen=True, slots=True)
class Look:
    """A look of doctor.

    Attributes:
        peers: whether peers and authorities are asked.
        begun_at: UTC.
        checks: what it found; None until it has ended well.
        refusal: why it could not look to the end.
    """

    peers: bool
    begun_at: datetime
    checks: Sequence[Check] | None = None
    refusal: PreauError | None = None

    @property
    def ended(self) -> bool:
        """Whether it looks no more."""
        return self.checks is not None or self.refusal is not None


class Looks:
    """The looks of one node."""

    def __init__(self, examine: Callable[[bool], Sequence[Check]]) -> None:
        """Begin with none.

        Args:
            examine: does what `preau doctor` does; asks peers where that is said.
        """
        self._examine, self._lock = examine, threading.Lock()
        self._last: Look | None = None

    @property
    def last(self) -> Look | None:
        """The last look, which may not have ended; None before the first."""
        return self._last

    def begin(self, ports: Ports, *, peers: bool) -> None:
        """Begin a look.

        Args:
            ports: of the node.
            peers: whether peers and authorities are asked.

        Raises:
            TooManyRequests: it looks already.
        """
        with self._lock:
            if self._last is not None and not self._last.ended:
                raise TooManyRequests("`doctor` is running already: wait a moment", retry_after=10)
            self._last = begun = Look(peers, ports.clock.now())
        threading.Thread(target=self._look, args=(ports, begun), name=_THREAD, daemon=True).start()

    def _look(self, ports: Ports, begun: Look) -> None:
        def step() -> None:
            try:
                self._last = replace(begun, checks=self._examine(begun.peers))
            except PreauError as exc:
                self._last = replace(begun, refusal=exc)

        if not guarded(ports, _THREAD, step, lambda _seconds: None):
            hint = "see the faults of the node; `preau doctor` can look meanwhile"
            fault = PreauError("`doctor` met a fault that was not foreseen", hint=hint)
            self._last = replace(begun, refusal=fault)
