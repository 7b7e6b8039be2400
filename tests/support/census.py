"""The worker that counts a data file, in the test's own process; and a check that passed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from connector.domain.catalog.dataset import Dataset
from connector.domain.privacy.census import Census, Counts
from connector.errors import WorkerFailed
from federated.errors import FederatedError
from federated.training.roles.census import answer


class CensusWorker:
    """The port `Worker` over the real count."""

    pid = 3

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self._before = before
        self._answers: list[tuple[dict[str, Any], bytes]] = []

    def send(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        try:
            self._answers.append(answer(header, payload))
        except FederatedError as exc:
            failed = {"op": "failed", "code": exc.code, "reason": exc.reason}
            self._answers.append((failed, b""))
        self._before()

    def receive(self, seconds: float) -> tuple[dict[str, Any], bytes]:
        assert seconds > 0
        return self._answers.pop(0)

    def stop(self) -> None:
        self._answers.clear()


class CensusWorkers:
    """The port `Workers` for nodes that only publish.

    Attributes:
        started: how often a worker was started.
        failing: whether none starts.
        before: called before each answer.
    """

    def __init__(self) -> None:
        self.started = 0
        self.failing = False
        self.before: Callable[[], None] = lambda: None

    def ready(self, _folder: Path, _files: object, _engines: object) -> None:
        """These start at once."""

    def start(
        self, role: str, folder: Path, _files: object = (), _engine: str = ""
    ) -> CensusWorker:
        assert role == "census"
        del folder
        if self.failing:
            raise WorkerFailed("the worker did not start")
        self.started += 1
        return CensusWorker(self.before)


def passing(dataset: Dataset) -> Census:
    """Return a check that a dataset's file passed."""
    counts = Counts(1, 1, 0, 0, 0, 0, 0, 0)
    return Census(dataset.id, dataset.file.digest, counts, "", "", (), dataset.published_at)
