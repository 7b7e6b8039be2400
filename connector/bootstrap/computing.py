"""Accountant and workers as ports: their failures in the node's own words, their number bounded.

What stands behind is given by `wiring.py`; nothing heavy is imported.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from connector.errors import TooManyRequests
from connector.ports import Accountant, Worker, Workers
from connector.services.federation.translation import translated
from federated.privacy.event import Event
from federated.privacy.question import Question
from federated.task.engine import EXACT

T = TypeVar("T")

AT_ONCE = 2
WAIT_SECONDS = 60.0


class BoundedAccountant:
    """The port `Accountant`, computing for a few callers at a time."""

    def __init__(
        self, inner: Accountant, *, at_once: int = AT_ONCE, seconds: float = WAIT_SECONDS
    ) -> None:
        """Wrap an accountant.

        Args:
            inner: what computes.
            at_once: most computations at the same time.
            seconds: longest wait for a turn.
        """
        self._inner = inner
        self._turns = threading.BoundedSemaphore(at_once)
        self._seconds = seconds

    def costs(self, questions: Sequence[Question]) -> list[float]:
        """Return the answer to each question; infinity where events have no finite cost.

        Raises:
            WorkerFailed: the computation did not end.
            TooManyRequests: no turn came in time.
        """
        return self._in_turn(lambda: self._inner.costs(questions))

    def calibrate(
        self,
        *,
        epsilon: float,
        delta: float,
        sampling_rate: float,
        steps: int,
        beside: Sequence[Event] = (),
    ) -> float:
        """Return the smallest σ with which `steps` steps cost at most `epsilon` at `delta`.

        What is released `beside` them is within that ε, too.

        Raises:
            WorkerFailed: the computation did not end.
            JobRefused: no σ within bounds reaches the target.
            TooManyRequests: no turn came in time.
        """
        return self._in_turn(
            lambda: self._inner.calibrate(
                epsilon=epsilon,
                delta=delta,
                sampling_rate=sampling_rate,
                steps=steps,
                beside=beside,
            )
        )

    def _in_turn(self, compute: Callable[[], T]) -> T:
        if not self._turns.acquire(timeout=self._seconds):
            raise TooManyRequests("the accountant is busy", hint="try again later")
        try:
            with translated():
                return compute()
        finally:
            self._turns.release()


class TranslatedWorker:
    """The port `Worker` over a process of `federated`."""

    def __init__(self, inner: Worker) -> None:
        self._inner = inner

    @property
    def pid(self) -> int:
        """Process id."""
        return self._inner.pid

    def send(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        """Send one frame.

        Raises:
            WorkerFailed: the process is gone.
        """
        with translated():
            self._inner.send(header, payload)

    def receive(self, seconds: float) -> tuple[dict[str, Any], bytes]:
        """Return the next frame.

        Raises:
            WorkerFailed: the process is gone, or silent for `seconds`.
        """
        with translated():
            return self._inner.receive(seconds)

    def stop(self) -> None:
        """End the process."""
        self._inner.stop()


class TranslatedWorkers:
    """The port `Workers` over processes of `federated`."""

    def __init__(self, inner: Workers) -> None:
        self._inner = inner

    def start(
        self, role: str, folder: Path, files: Iterable[Path] = (), engine: str = EXACT
    ) -> TranslatedWorker:
        """Start a worker.

        Raises:
            WorkerFailed: it did not start, or the extra `federated` is not installed.
        """
        with translated():
            return TranslatedWorker(self._inner.start(role, folder, files, engine))

    def ready(self, folder: Path, files: Iterable[Path], engines: Iterable[str]) -> None:
        """Let workers of a site start sooner; returns at once."""
        self._inner.ready(folder, files, engines)
