"""Memory for the workers of all jobs on this node, those that it leads and those of others.

Rules: what a job takes follows from public numbers, never from rows: what its worker needs for the
persons that the contract declares, at most what a worker may have. A job begins where that fits
beside those that run, or where none runs; one whose turn it is and that does not fit keeps those
behind it waiting, so that small jobs do not keep a large one from ever beginning.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from connector.config import Settings
from connector.domain.federation.job import Job
from connector.errors import PreauError
from connector.services.federation.translation import translated
from federated import memory
from federated.job import parse


class Room:
    """The memory that workers of jobs share.

    Attributes:
        most: bytes; 0: no limit.
        deciding: held while a job is chosen and begun, so that two do not take the same bytes.
        held: each returns the bytes that one side's jobs hold now.
        waking: each wakes one side's jobs: something was given back.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.most = settings.jobs_memory_bytes
        self.deciding = threading.Lock()
        self.held: list[Callable[[], int]] = []
        self.waking: list[Callable[[], None]] = []

    def need(self, job: Job) -> int:
        """Return what a job's worker takes, in bytes; a job that cannot be read takes nothing."""
        try:
            with translated():
                manifest = parse(job.manifest)
        except PreauError:  # it gets an end instead of a worker
            return 0
        contract = manifest.contract(self._settings.did)  # none at a lead, which reads no rows
        needed = memory.needed(manifest, contract.population if contract else 0)
        return min(needed, self._settings.worker_memory_bytes or needed)

    def free(self) -> int:
        """Return the bytes that no job holds."""
        return max(self.most - sum(each() for each in self.held), 0)

    def fits(self, need: int) -> bool:
        """Return whether a job may begin now."""
        return not self.most or need <= self.free() or not any(each() for each in self.held)

    def wake(self) -> None:
        """Let both sides look whether a job that waits fits now."""
        for each in self.waking:
            each()
