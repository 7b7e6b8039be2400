"""Has a use of a table carried out by a confined process: the node's end of `worker.py`.

Rules: no row comes into the node's process but as bytes of the finished file on their way to disk;
the key of the pseudonyms is told to the process alone; every wait is bounded.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from connector.domain.privacy.findings import Findings
from connector.domain.transfer.held import Sink
from connector.domain.transfer.task import Made, Task
from connector.errors import WorkerFailed
from connector.jsonld.canonical import canonical, sha256_hex
from connector.sources import child
from federated.privacy.event import Events, to_mapping
from federated.reading import Member

SECONDS: Final = 1800.0
_WORKER: Final = "connector.preparing.worker"
_CHUNK: Final = 1 << 20  # bytes
_MOST_JUDGED: Final = 64
_ISOLATION: Final = "isolation"  # what `sources/worker.py` says beside every answer


class ConfinedPreparing:
    """Carries out uses of tables: the port `preparing`."""

    def __init__(self, memory: int = child.MEMORY, seconds: float = SECONDS) -> None:
        self._memory = memory
        self._seconds = seconds
        self._judged: dict[str, Findings] = {}

    def __call__(self, task: Task, out: Sink) -> Made:
        """Read the source, execute the steps, and write what leaves.

        Raises:
            DataFault: the source is not what its layout states.
            UseRefused: the steps cannot be carried out on it.
            WorkerFailed: the process ended without an answer.
        """
        request = {**body(task), "memory": self._memory}
        with child.running(request, subprocess.PIPE, self._seconds, _WORKER) as (pipe, end):
            shutil.copyfileobj(cast("BinaryIO", pipe), out, _CHUNK)
            made = child.answered(end, self._memory, self._seconds)
        return Made(made["rows"], made["suppressed"], tuple(made["released"]))

    def judge(self, task: Task) -> Findings:
        """Read the source, and measure what the steps come to on it: the port `judging`.

        The same steps on the same snapshot are measured once: who asks has seen that its digest
        is that of the source.

        Raises:
            DataFault: the source is not what its layout states.
            UseRefused: the steps cannot be carried out on it.
            WorkerFailed: the process ended without an answer.
        """
        asked = body(task)
        name = sha256_hex(canonical(asked))
        if name not in self._judged:
            while len(self._judged) >= _MOST_JUDGED:
                self._judged.pop(next(iter(self._judged)), None)
            self._judged[name] = self._measured(asked)
        return self._judged[name]

    def _measured(self, asked: dict[str, Any]) -> Findings:
        request = {**asked, "memory": self._memory}
        with child.running(request, subprocess.PIPE, self._seconds, _WORKER) as (_, end):
            found = child.answered(end, self._memory, self._seconds)
        stated = {name: each for name, each in found.items() if name != _ISOLATION}
        return Findings.read(Member(stated, _refusal))


def _refusal(pointer: str, fault: str) -> WorkerFailed:
    return WorkerFailed(f"the process did not answer with a finding: {pointer} {fault}")


def body(task: Task) -> dict[str, Any]:
    """Return what the process is told."""
    return {
        "path": child.whole(Path(task.path)),
        "layout": task.layout.body(),
        "steps": list(task.steps),
        "personColumn": task.person_column,
        "personFormat": task.person_format,
        "columns": list(task.columns),
        "cells": task.cells,
        "format": task.format,
        "scopeKey": task.scope_key.hex(),
        "snapshot": task.snapshot,
        "suppressed": {
            "key": task.suppressed.key.hex(),
            "digests": sorted(each.hex() for each in task.suppressed.digests),
        },
        "before": list(task.before),
        "charged": to_mapping(Events(task.charged)),
        "hierarchies": dict(task.hierarchies),
        "files": [*map(child.whole, map(Path, task.hierarchies.values()))],
        "classes": dict(task.classes),
        "sums": task.sums,
        "translated": task.translated and task.translated.body(),
        "sides": [[each.key.hex(), each.adds] for each in task.sides],
    }
