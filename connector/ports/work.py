"""Processes that compute for the node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from federated.privacy.event import Event
from federated.privacy.question import Question
from federated.task.engine import EXACT


class Accountant(Protocol):
    """Cost of mechanisms, computed outside the node's process."""

    def costs(self, questions: Sequence[Question]) -> list[float]:
        """Return the answer to each question; infinity where events have no finite cost.

        Raises:
            WorkerFailed: the computation did not end.
        """

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
        """


class Worker(Protocol):
    """A process that computes for one job. Frames are (JSON header, payload)."""

    @property
    def pid(self) -> int:
        """Process id."""

    def send(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        """Send one frame.

        Raises:
            WorkerFailed: the process is gone.
        """

    def receive(self, seconds: float) -> tuple[dict[str, Any], bytes]:
        """Return the next frame.

        Raises:
            WorkerFailed: the process is gone, or silent for `seconds`.
        """

    def stop(self) -> None:
        """End the process, at once if it does not end by itself."""


class Workers(Protocol):
    """Starts worker processes."""

    def start(
        self, role: str, folder: Path, files: Iterable[Path] = (), engine: str = EXACT
    ) -> Worker:
        """Start a worker in the role `site`, `lead`, `census`, or `rehearsal`, which leads later.

        It writes in `folder` only, and reads nothing but `files` and what it is sent.

        Raises:
            WorkerFailed: it did not start, or the extra `federated` is not installed.
        """

    def ready(self, folder: Path, files: Iterable[Path], engines: Iterable[str]) -> None:
        """Let workers of a site start sooner from now on; returns at once.

        Args:
            folder: beneath it are the workers' own.
            files: what they may be told to read; none where no more are to be expected.
            engines: by which they compute.
        """
