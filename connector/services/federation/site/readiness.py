"""Which files the workers of this site will read: those of contracts that let train.

Rules: who has such a contract is about to be asked for jobs, so the process that workers are forked
from is started then, and not when the first job waits for it. Who has none starts nothing. A look
reads contracts as a whole, so that where it found nothing new the next one is not at once.
"""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from connector.domain.contract.negotiation import Role
from connector.enforcement.mechanisms import train
from connector.errors import PreauError
from connector.ports import Ports, Transaction
from connector.services.negotiation.plans import plan_of

REST: Final = timedelta(seconds=10)  # after a look that found nothing new
MOST: Final = 256  # contracts that are looked at; the first job on others' files waits for a start


class Readiness:
    """Makes ready what the contracts of this site call for."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._seen = -1  # contracts that stood when they were last looked at
        self._files: list[Path] = []
        self._in_vain: datetime | None = None  # when a look last found nothing new

    def look(self) -> None:
        """Look at the contracts again, where there are more or fewer than before."""
        now = self._ports.clock.now()
        if self._in_vain is not None and abs(now - self._in_vain) < REST:
            return
        with self._ports.store.read() as tx:
            standing = tx.agreements.count(role=Role.PROVIDER, finalized=True, stands=True)
            if standing == self._seen:
                return
            files = _files(tx)
        self._in_vain = now if files and files == self._files else None
        self._seen, self._files = standing, files
        folder = self._ports.settings.path("jobs")
        self._ports.workers.ready(folder, files, self._ports.engines)


def _files(tx: Transaction) -> list[Path]:
    found = dict[str, Path]()
    standing = tx.agreements.page(limit=MOST, role=Role.PROVIDER, finalized=True, stands=True)
    for agreement in standing.values:
        if agreement.dataset_id in found:
            continue
        with contextlib.suppress(PreauError):  # it lets nothing train, or cannot be executed here
            train.steps_of(plan_of(agreement))
            dataset = tx.datasets.get(agreement.dataset_id)
            if dataset is not None:
                found[dataset.id] = Path(dataset.file.path)
    return list(found.values())
