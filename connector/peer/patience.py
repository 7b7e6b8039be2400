"""How long a caller may take to send its request: one thread that cancels those that dawdle.

Rule: gRPC hands a call to a thread before its bytes are there, and gives the wait for them no end;
so each wait is written down here and cut off, and a caller that says nothing holds no thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

STOP_SECONDS: Final = 5.0


class Patience:
    """Cancels what takes longer than `seconds`; thread-safe."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._changed = threading.Condition()
        # All have the same patience, so the first that came is the first that is due.
        self._waiting: dict[object, tuple[float, Callable[[], None]]] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._watch, name="patience", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop within 5 seconds."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    @contextmanager
    def lasts(self, cancel: Callable[[], None]) -> Iterator[None]:
        """Call `cancel` once if the block takes too long."""
        key = object()
        with self._changed:
            self._waiting[key] = (time.monotonic() + self._seconds, cancel)
            if len(self._waiting) == 1:
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._waiting.pop(key, None)

    def _watch(self) -> None:
        while (due := self._due()) is not None:
            for cancel in due:
                cancel()

    def _due(self) -> list[Callable[[], None]] | None:
        """Wait for calls that are due and take them out; None at the end."""
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                late = [key for key, (at, _) in self._waiting.items() if at <= now]
                if late:
                    return [self._waiting.pop(key)[1] for key in late]
                first = next(iter(self._waiting.values()), None)
                self._changed.wait(None if first is None else first[0] - now)
            return None
