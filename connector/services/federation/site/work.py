"""The worker process of a job at its site, as one thing that answers rounds.

Rules: one warm process for the whole job; it is told where the rows are and what the contract says
of them, and answers with noised updates and nothing else. A round is two questions: `check` lets
the worker read the lead's message without a row, before anything is charged; `update` follows the
charge. A worker that dies or falls silent is replaced once for the same round; a message that ends
two of them is refused. Each wait is bounded by its caller. A worker loads and tries its arithmetic
before it takes a row; from then on it is ready after a public time, and `unit` says in which steps
of time an answer may leave (`federation/padding.py`).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from connector.domain.catalog.dataset import Dataset
from connector.domain.contract.negotiation import Agreement
from connector.domain.federation.frames import Round
from connector.domain.federation.job import Job
from connector.enforcement.mechanisms import train
from connector.errors import (
    AgreementUnknown,
    DataFault,
    DataUnchecked,
    PeerFault,
    PreauError,
    RoundRefused,
    WorkerFailed,
    from_code,
)
from connector.identity.receipts.round_receipt import Versions, read_versions
from connector.ports import Ports, Worker
from connector.services.federation import padding
from connector.services.federation.pace import cells_of, padded
from connector.services.federation.site import counting
from connector.services.federation.site.names import job_folder
from connector.services.federation.site.rounds import one_line
from connector.services.negotiation.plans import plan_of
from connector.services.privacy.budget import budget_of
from connector.services.privacy.suppression import suppressed
from connector.services.publication.verdicts import passed
from connector.services.use import keys
from federated.aggregation import Side
from federated.job import JobManifest
from federated.persons import NOBODY_SUPPRESSED, Suppressed
from federated.reading import Member
from federated.task.engine import recipe

START_SECONDS = 120.0
ATTEMPTS = 2
# What a worker may say went wrong; anything else is a failure of the worker.
_REFUSALS = (DataFault, PeerFault, WorkerFailed)


class SiteWork:
    """One job's worker. `stop` may be called from another thread, at any time.

    Attributes:
        recipe: SHA-256 (hex) of the training recipe that the worker runs; empty before it is ready.
        versions: of the libraries that it runs on.
        adjacency: which data sets are neighbours, by the contract.
        starts: how many workers were started.
        enough: whether persons are held out enough for figures without noise.
        left_out: persons whose rows are not used.
    """

    def __init__(self, ports: Ports, job: Job, manifest: JobManifest) -> None:
        self._ports = ports
        self._job = job
        self._manifest = manifest
        self._guard = threading.Lock()
        self._worker: Worker | None = None
        self._stopped = threading.Event()
        self.recipe = ""
        self.versions: Versions = ()
        self.adjacency = ""
        self.source = ""
        self.starts = 0
        self.enough = False
        self.left_out = NOBODY_SUPPRESSED
        self._on_nobody = 0.0
        self._cells = (0, 0)  # of the file, and of the inputs, at most

    def prepare(self, seconds: float) -> None:
        """Start the process and wait until it has read the rows; a second try when it dies.

        Raises:
            WorkerFailed: it died twice, or was not ready within `seconds` (at most two minutes).
            PreauError: what it refused, by code.
        """
        self._started(seconds)

    def unit(self, starts: int) -> float:
        """Return the unit of time in which an answer leaves, in seconds.

        Args:
            starts: workers started before it was asked; one that was started since read the file.
        """
        round_unit = padding.round_unit(self._on_nobody)
        return round_unit + (0.0 if starts == self.starts else padding.start_unit(*self._cells))

    def _read_unit(self) -> float:
        """Return the unit in which a worker that has tried its arithmetic reads the rows."""
        return padding.read_unit(*self._cells)

    def check(self, frame: Round, left: Callable[[], float]) -> str:
        """Let the worker read a round's message; return the digest of its arrays, SHA-256 in hex.

        Args:
            frame: the round.
            left: seconds until the round is over.

        Raises:
            RoundRefused: the worker refused the message, or died of it twice.
            WorkerFailed: no worker could be started in two tries.
            PreauError: what it refused, by code.
        """
        if self._suppressed() != self.left_out:
            self._end()  # the next worker reads the rows without those who objected meanwhile
        for _ in range(ATTEMPTS):
            worker = self._worker or self._started(left())
            try:
                order = {"op": "round", "round": frame.number}
                header, _ = self._ask(worker, order, frame.message, left)
            except WorkerFailed:
                continue
            if header.get("op") != "checked" or header.get("round") != frame.number:
                raise self._refused(header)
            return self._answer(header).child("digest").digest()
        raise RoundRefused("the round's message could not be read: it ended the worker")

    def update(
        self, frame: Round, digest: str, left: Callable[[], float], sides: Sequence[Side] = ()
    ) -> bytes:
        """Return the noised update of a round that was checked, and charged since.

        Args:
            frame: the round.
            digest: of its arrays, as `check` returned it.
            left: seconds until the round is over.
            sides: masks of the sum over sites that it adds to; none: to none.

        Raises:
            WorkerFailed: the process died twice, or the round is over.
            PreauError: what it refused, by code.
        """
        try:
            return self._go(frame, left, sides)
        except WorkerFailed:
            if self.check(frame, left) != digest:
                raise
            return self._go(frame, left, sides)

    def stop(self) -> None:
        """End the process, and let no other start."""
        self._stopped.set()
        self._end()

    def _go(self, frame: Round, left: Callable[[], float], sides: Sequence[Side]) -> bytes:
        worker = self._worker
        if worker is None:
            raise WorkerFailed("the job was stopped")
        order: dict[str, Any] = {"op": "go", "round": frame.number}
        if self._manifest.exact:
            order["sides"] = [[each.key.hex(), each.adds] for each in sides]
        header, payload = self._ask(worker, order, b"", left)
        if header.get("op") != "update" or header.get("round") != frame.number or not payload:
            raise self._refused(header)
        return payload

    def _ask(
        self, worker: Worker, order: Mapping[str, Any], payload: bytes, left: Callable[[], float]
    ) -> tuple[dict[str, Any], bytes]:
        """Send a frame and return the answer; a worker that gives none is ended.

        Raises:
            WorkerFailed: it died, or did not answer in time.
        """
        try:
            worker.send(order, payload)
        except WorkerFailed:
            self._end()
            raise
        return self._answered(worker, left())

    def _answered(self, worker: Worker, seconds: float) -> tuple[dict[str, Any], bytes]:
        """Return a worker's next frame; one that gives none is ended.

        Raises:
            WorkerFailed: it died, or did not answer in time.
        """
        try:
            return worker.receive(_positive(seconds))
        except WorkerFailed:
            self._end()
            raise

    def _answer(self, header: dict[str, Any]) -> Member:
        """Return a worker's answer; a fault of it ends the worker."""
        return Member(header, lambda _pointer, _fault: self._refused({}))

    def _refused(self, header: dict[str, Any]) -> PreauError:
        """End the worker, and return what its unexpected answer means."""
        self._end()
        return _refused(header)

    def _started(self, seconds: float) -> Worker:
        """Start a worker, once more when it dies.

        Raises:
            WorkerFailed: it died twice, or was not ready in time.
            PreauError: what it refused, by code.
        """
        until = time.monotonic() + min(_positive(seconds), START_SECONDS)
        try:
            return self._start(_left(until))
        except WorkerFailed:
            return self._start(_left(until))

    def _start(self, seconds: float) -> Worker:
        self._end()
        if self._stopped.is_set():
            raise WorkerFailed("the job was stopped")
        dataset, agreement = self._data()
        population = agreement.population
        inputs = padding.cells(population, self._manifest.unit.rows, self._manifest.width)
        self._cells = (cells_of(dataset), inputs)
        chosen_by = keys.rows_key(self._ports, self._job.agreement_id)
        self.starts += 1
        files = (Path(dataset.file.path),)
        folder = job_folder(self._ports, self._job.id)
        worker = self._ports.workers.start("site", folder, files, self._manifest.engine)
        with self._guard:
            self._worker = worker
        if self._stopped.is_set():
            self._end()
            raise WorkerFailed("the job was stopped")
        until = time.monotonic() + seconds
        self.source = dataset.file.digest
        self.left_out = left_out = suppressed(self._ports, dataset.register_id)
        own: dict[str, Any] = {"key": left_out.key.hex(), "row_key": chosen_by.hex()}
        if self._manifest.evaluation is not None:
            own["held_key"] = keys.held_key(self._ports, self._job.agreement_id).hex()
        if self._manifest.exact:
            own["minimum"] = counting.step_of(agreement).minimum
        order = self._order(dataset, agreement) | own
        digests = b"".join(sorted(left_out.digests))
        header, _ = self._ask(worker, order, digests, lambda: _left(until))
        if header.get("op") != "tried":
            raise self._refused(header)
        self._on_nobody = _seconds(header.get("seconds"))
        with padded(self._ports.pace, self._read_unit, stop=self._stopped):
            header, _ = self._answered(worker, _left(until))
        if header.get("op") != "ready":
            raise self._refused(header)
        self.recipe = self._answer(header).child("recipe").digest()
        self.versions = read_versions(self._answer(header).child("versions"))
        self.enough = header.get("enough") is True
        return worker

    def _order(self, dataset: Dataset, agreement: Agreement) -> dict[str, Any]:
        file, site = dataset.file, self._ports.settings.did
        return {
            "op": "start",
            "recipe": recipe(self._ports.code_hash, self._manifest.engine),
            "manifest": self._job.manifest.decode(),
            "data": {
                "path": file.path,
                "format": file.format,
                "digest": file.digest,
                "person_format": dataset.person_format,
                "rows": [each.body() for each in train.rows_of(plan_of(agreement))],
            },
            "population": agreement.population,
            "site": site,
            "node": self._manifest.sites.index(site) + 1,
        }

    def held(self) -> counting.Held:
        """Return the persons whom the job evaluates on, as the worker knows them.

        Raises:
            AgreementUnknown: the contract is not there any more.
        """
        dataset, agreement = self._data()
        return counting.Held(self._manifest, agreement, dataset, self.source, self.left_out)

    def _suppressed(self) -> Suppressed:
        return suppressed(self._ports, self._data()[0].register_id)

    def _data(self) -> tuple[Dataset, Agreement]:
        with self._ports.store.read() as tx:
            agreement = tx.agreements.get(self._job.agreement_id)
            dataset = tx.datasets.get(agreement.dataset_id) if agreement else None
            checked = dataset is not None and passed(tx, dataset)
        if agreement is None or dataset is None:
            raise AgreementUnknown(f"no agreement `{self._job.agreement_id}`")
        if not checked:  # a job of an earlier release, taken up again
            raise DataUnchecked(f"the file of `{dataset.id}` has not passed its check")
        self.adjacency = budget_of(agreement).accounting.adjacency
        return dataset, agreement

    def _end(self) -> None:
        with self._guard:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()


def _refused(header: dict[str, Any]) -> PreauError:
    """Return what a worker's unexpected answer means."""
    if header.get("op") == "failed":
        reason = one_line(str(header.get("reason", ""))) or "the worker gave no reason"
        refusal = from_code(str(header.get("code", "")), reason)
        return refusal if isinstance(refusal, _REFUSALS) else WorkerFailed(reason)
    return WorkerFailed("the worker did not answer what it was asked")


def _seconds(value: object) -> float:
    """Return what a worker says a round takes on nobody."""
    if not isinstance(value, float) or not 0 <= value < math.inf:
        raise WorkerFailed("the worker does not say how long a round takes")
    return value


def _positive(seconds: float) -> float:
    if seconds <= 0:
        raise WorkerFailed("the worker did not answer in time")
    return seconds


def _left(until: float) -> float:
    return until - time.monotonic()
