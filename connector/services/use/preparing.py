"""Prepares what was granted: one extract after another, each in a confined process.

Rules: the contract is judged again before the data are read and before the extract is ready; what
is read is the file that was published, before and after; the steps are those of the signed plan;
nothing is ready before it is whole and on the disk. A failure is a code, and says nothing of a row.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from connector.domain.catalog.dataset import Dataset
from connector.domain.contract.negotiation import Agreement
from connector.domain.transfer.extract import KEPT, ON_DISK, Extract, ExtractState
from connector.domain.transfer.held import Writing
from connector.domain.transfer.requested import ReleasedTables
from connector.domain.transfer.task import Made, Task
from connector.enforcement.asked import read_asked
from connector.enforcement.plan import Use
from connector.enforcement.steps import registry as steps
from connector.enforcement.steps.request import TableRequest
from connector.enforcement.steps.sum_request import SumRequest
from connector.enforcement.steps.table import TableSteps
from connector.errors import NotFound, PreauError, WorkerFailed
from connector.jsonld.canonical import canonical, parse
from connector.ports import Ports, Transaction
from connector.services.continuity import recovery
from connector.services.duties import uses
from connector.services.federation.pace import cells_of, padded
from connector.services.federation.padding import table_unit
from connector.services.privacy import budget
from connector.services.publication import snapshots
from connector.services.transfer import starting
from connector.services.use import (
    anonymous,
    charging,
    deciding,
    destroying,
    drift,
    keys,
    releasing,
    room,
    summing,
)
from connector.services.use.layouts import check_source, task_of
from federated.aggregation import Side

TRIES: Final = 3
LONGEST_SLEEP: Final = 3600.0
_MOST_KEY: Final = 4096  # bytes
_LEAST_SLEEP: Final = 60.0  # what is due may wait for a clock that goes steadily
_SUFFIX: Final = {"arrow": "arrows", "parquet": "parquet", "csv": "csv", "jsonl": "jsonl"}

_log = logging.getLogger(__name__)


def turn(ports: Ports, *, steady: bool) -> float:
    """Prepare the next extract, if one waits; remove those that are due, and what no extract names.

    Args:
        ports: of this node.
        steady: whether anything may be ended by the clock.

    Returns:
        Seconds until something is due, unless a request comes before.
    """
    with ports.store.read() as tx:
        waiting = tx.extracts.find(state=ExtractState.PREPARING)
        there = [each for state in ON_DISK for each in tx.extracts.find(state=state)]
    ports.extracts.clear(frozenset(each.path for each in there))
    snapshots.clear(ports)
    left = destroying.turn(ports, there, steady=steady)
    if waiting:
        prepare(ports, min(waiting, key=lambda each: ports.done.tries(each.id)))
        return 0.0
    return min([LONGEST_SLEEP, *(max(each, _LEAST_SLEEP) for each in left)])


def prepare(ports: Ports, extract: Extract) -> None:
    """Prepare one extract, or note why it cannot be.

    One that met a fault that nobody foresaw is tried again after the others, and then given up.
    """
    if ports.done.tries(extract.id) >= TRIES:
        _fail(ports, extract, WorkerFailed.code)
        ports.done.set(extract.id)
        return
    ports.done.begin(extract.id)
    name = f"{extract.id.rpartition(':')[2]}.{_SUFFIX[extract.format]}"
    try:
        recovery.check(ports)  # waits after a start: nothing fails because peers are asked
        made, tables = _made(ports, extract, name)
        _recorded(ports, extract)  # INVARIANT: on the disk before anything is released
    except PreauError as exc:
        ports.extracts.remove(name)
        _log.info("an extract was not prepared: %s", exc.code)
        _fail(ports, extract, exc.code)
    else:
        if not _ready(ports, extract, made, tables):
            ports.extracts.remove(name)
    ports.done.set(extract.id)


def _recorded(ports: Ports, extract: Extract) -> None:
    with ports.store.read() as tx:
        counted = tx.uses.get(extract.id) is not None
    if counted:
        recovery.record(ports)


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables of a population.

    Attributes:
        dataset: of what this one is.
        name: under which it is kept: the dataset's, or that of its sums.
        seen: how many had left when it was made: of any dataset of the population, or such sums.
        new: what is to be kept of it; empty where rows leave.
    """

    dataset: Dataset
    name: str
    seen: int
    new: bytes


@dataclass(frozen=True, slots=True)
class Work:
    """What is made of a dataset.

    Attributes:
        dataset: what is read.
        use: of the plan, whose steps are executed.
        columns: of rows, those that are wanted; none for all that may leave.
        cells: the table that is wanted; None for rows.
        sums: the sum over sites that is added to; None for rows and tables.
        agreement: under which; None where anybody may have it.
    """

    dataset: Dataset
    use: Use
    columns: tuple[str, ...] = ()
    cells: TableRequest | None = None
    sums: SumRequest | None = None
    agreement: Agreement | None = None

    @property
    def steps(self) -> TableSteps:
        """The steps of the use, typed."""
        return steps.table(self.use.steps)


def _made(ports: Ports, extract: Extract, name: str) -> tuple[Extract, Tables]:
    """Return the extract as it is once its file is there, and what is to be kept of its table.

    Raises:
        PreauError: it cannot be made, or must not be any more.
    """
    work = _work(ports, extract)
    check_source(ports, work.dataset)
    drift.check(ports, extract.agreement_id, work.dataset, work.use)
    before = _before(ports, work)
    task = _task(ports, work, extract, before)
    if work.sums is not None and not work.sums.members:
        made, out = _joined(ports, work, task, extract, name)
    elif work.steps.noise is None:
        made, out = _carried(ports, work, task, extract, name)
    else:
        made, out = _with_noise(ports, work, task, extract, name)
    now = ports.clock.now()
    new = _kept(work, made)
    return replace(
        extract,
        snapshot_digest=work.dataset.file.digest,
        salt=secrets.token_hex(32),
        digest=out.digest,
        rows=made.rows,
        bytes=out.bytes,
        suppressed=made.suppressed,
        path=name,
        sealed_key=out.sealed_key,
        state=ExtractState.HELD if work.steps.review else ExtractState.READY,
        made_at=now.replace(microsecond=0),
        due_at=None if work.steps.review else now + KEPT,
    ), Tables(work.dataset, _kept_under(work), len(before), new)


def _kept(work: Work, made: Made) -> bytes:
    """Return what is to be kept of what leaves, for what is asked later; empty of rows."""
    if work.sums is not None and work.sums.members:
        return summing.kept(work.steps, work.sums, work.dataset.file.digest)
    return canonical(list(made.released)) if made.released else b""


def _kept_under(work: Work) -> str:
    return work.dataset.id if work.sums is None else summing.kept_under(work.dataset.id)


def _joined(
    ports: Ports, work: Work, task: Task, extract: Extract, name: str
) -> tuple[Made, Writing]:
    """Return this node's key of a session, once there are persons enough for what is asked.

    A site with too few is left out before any sum is over it.
    """
    assert work.sums is not None  # noqa: S101 - the caller has looked
    assert work.agreement is not None  # noqa: S101 - nobody joins without a contract
    key = summing.key_of(ports, work.agreement, work.sums.session)
    with ports.extracts.writing(extract.id, name, _MOST_KEY) as out:
        ports.preparing(task, out)
        out.write(canonical(key.body()) + b"\n")
    return Made(rows=1, suppressed=0), out


def _carried(
    ports: Ports, work: Work, task: Task, extract: Extract, name: str
) -> tuple[Made, Writing]:
    with ports.store.read() as tx:
        most = max(room.left(ports, tx, extract.consumer), 0)
    with ports.extracts.writing(extract.id, name, most) as out:
        made: Made = ports.preparing(task, out)
        check_source(ports, work.dataset)
    return made, out


def _with_noise(
    ports: Ports, work: Work, task: Task, extract: Extract, name: str
) -> tuple[Made, Writing]:
    """Charge a table with noise, then make it; what fails from then on has one code, and one time.

    Raises:
        PreauError: it may not be charged any more.
        WorkerFailed: it was charged, and cannot be made.
    """
    charged = charging.commit(ports, extract.id, extract.consumer)
    unit = partial(table_unit, cells_of(work.dataset))
    try:
        with padded(ports.pace, unit):
            return _carried(ports, work, replace(task, charged=charged), extract, name)
    except PreauError as exc:
        _log.warning("a table with noise was charged, and not made: %s", exc.code)
        raise WorkerFailed("the table cannot be made") from exc


def _before(ports: Ports, work: Work) -> list[ReleasedTables]:
    """Return what is kept of tables of the same persons or rows, whoever received them."""
    if work.sums is not None and work.sums.members and work.agreement is not None:
        digest = work.dataset.file.digest
        return summing.before(ports, work.agreement, work.steps, work.sums, digest)
    if work.cells is None or work.steps.noise:
        return []
    with ports.store.read() as tx:
        alike = _alike(tx, work.dataset)
        return [kept for each in alike for kept in tx.released.find(dataset_id=each)]


def _alike(tx: Transaction, dataset: Dataset) -> list[str]:
    """Return the datasets of a population: of one register of persons, or of the same file.

    Publication sees to it that datasets which share persons share a register (record 0037).
    """
    return [
        each.id
        for each in tx.datasets.find()
        if each.register_id == dataset.register_id or each.file.digest == dataset.file.digest
    ]


def _work(ports: Ports, extract: Extract) -> Work:
    """Return what is to be done: what a consumer asked for, or what is open to anybody."""
    with ports.store.read() as tx:
        if not extract.consumer:
            found = anonymous.of_extract(ports, tx, extract)
            return Work(found.dataset, found.use)
        known = tx.requests.get(extract.consumer, extract.request_id)
    if known is None:
        raise NotFound("the request of an extract no longer exists")
    case = deciding.case_of(ports, read_asked(known.request))
    asked = case.asked
    return Work(
        *(case.dataset, case.use, asked.columns, asked.cells),
        sums=asked.sums,
        agreement=case.agreement,
    )


def _task(ports: Ports, work: Work, extract: Extract, before: list[ReleasedTables]) -> Task:
    dataset, cells, pseudonymise = work.dataset, work.cells, work.steps.pseudonymise
    key = b""
    if pseudonymise:
        scope, register = pseudonymise.scope, dataset.register_id
        key = keys.scope_key(ports, scope, extract.agreement_id, register, extract.id)
    sums = work.sums
    sides: tuple[Side, ...] = ()
    if sums is not None and sums.members and work.agreement is not None:
        sides = summing.sides(ports, work.agreement, sums)
    return task_of(
        ports,
        dataset,
        work.use,
        columns=work.columns,
        cells=cells.body() if cells else None,
        format=extract.format,
        scope_key=keys.noise_key(ports, dataset.id) if work.steps.noise else key,
        before=tuple(each for kept in before for each in parse(kept.body)) if cells else (),
        sums=sums.body() if sums else None,
        sides=sides,
    )


def _ready(ports: Ports, before: Extract, made: Extract, tables: Tables) -> bool:
    """Call an extract ready or held, if it is still wanted and its contract stands; return whether.

    A table beside which another one left meanwhile is made again.
    """
    with ports.store.write() as tx:
        if not _waits(tx, before):
            return False
        code = _lapsed(ports, tx, made)
        if code:
            _failed(ports, tx, before, code)
            return False
        if tables.new:
            tx.registers.lock(tables.dataset.register_id)  # tables of a population, one by one
            of_tables = tables.name == tables.dataset.id
            names = _alike(tx, tables.dataset) if of_tables else [tables.name]
            if sum(tx.released.count(dataset_id=each) for each in names) != tables.seen:
                return False
            kept = ReleasedTables(
                use_id=made.id, dataset_id=tables.name, body=tables.new, at=made.made_at
            )
            tx.released.put(kept)
        tx.extracts.put(made)
        budget.release(tx, made.id)
        uses.end(tx, made.id, ports.clock.now())
        releasing.note(ports, tx, made)
    return True


def _lapsed(ports: Ports, tx: Transaction, made: Extract) -> str:
    """Return the code of why an extract is not wanted any more; empty where it is."""
    if made.consumer:
        fault = deciding.lapsed(ports, tx, made.agreement_id, made.consumer)
        return fault.code if fault else ""
    try:
        anonymous.of_extract(ports, tx, made)
    except PreauError as exc:
        return exc.code
    return ""


def _waits(tx: Transaction, extract: Extract) -> bool:
    found = tx.extracts.lock(extract.id)
    return found is not None and found.state is ExtractState.PREPARING


def _fail(ports: Ports, extract: Extract, code: str) -> None:
    with ports.store.write() as tx:
        if _waits(tx, extract):
            _failed(ports, tx, extract, code)


def _failed(ports: Ports, tx: Transaction, extract: Extract, code: str) -> None:
    failed = replace(extract, state=ExtractState.FAILED, code=code)
    tx.extracts.put(failed)
    starting.settle(ports, tx, failed)
    budget.release(tx, extract.id)
    facts = {"use": extract.id, "consumer": extract.consumer, "code": code}
    tx.audit.append("use.failed", extract.agreement_id, **facts)
    agreement = tx.agreements.get(extract.agreement_id)
    if agreement is not None and tx.uses.get(extract.id) is not None:
        uses.release(ports, tx, agreement, extract.id)
