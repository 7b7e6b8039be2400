"""Checks a dataset's file, compares its persons with those of all registers, keeps what was found.

Rules: a file is checked once for each digest, at publication; those of an earlier release are made
up for. A file is published only when the persons of all others are known, and what was compared is
still so when it is kept. Counts stay on this node and out of the audit log. What they mean is
`verdicts.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Final, TypeVar

from connector.domain.catalog.dataset import Dataset
from connector.domain.page import Page
from connector.domain.privacy.census import (
    Census,
    ColumnCount,
    Counts,
    Overlap,
    RegisterPersons,
)
from connector.errors import (
    DataFault,
    DataUnchecked,
    DescriptionIncomplete,
    KeyUnusable,
    PreauError,
    RowDamaged,
    TooManyRequests,
)
from connector.jsonld.canonical import parse_object
from connector.ports import Not, Ports, Repository, Transaction
from connector.services.lookup import require
from connector.services.privacy.registers import kept_in
from connector.services.publication import counting
from connector.services.publication.verdicts import judge

ATTEMPTS: Final = 3
RECOUNTED: Final = "persons.recounted"  # of `recounting.py`
LONGEST_REASON: Final = 500
_AT_A_TIME: Final = 200  # rows that are in memory together
T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checked:
    """A census with all that must still hold when it is kept.

    Attributes:
        census: what was found.
        persons: those of the dataset's register, the file's included.
        seen: persons of all registers, as the census compared them.
    """

    census: Census
    persons: RegisterPersons
    seen: tuple[RegisterPersons, ...]


def examine(ports: Ports, dataset: Dataset, *, distinct: str = "") -> Checked:
    """Take the census of a dataset's file; nothing is kept.

    Args:
        ports: of this node.
        dataset: with its register and its file's digest.
        distinct: why persons shared with other registers are not the same; empty: not stated.

    Raises:
        DataFault: the file cannot be read as training would read it.
        DescriptionIncomplete: `distinct` is no line of text.
        WorkerFailed: the worker did not answer; nothing is known.
        KeyUnusable: the key of the persons' digests is lost, or cannot be used.
    """
    _check_reason(distinct)
    with ports.store.read() as tx:
        seen = tuple(tx.persons.find())
        others = _others(tx, dataset, {each.register_id for each in seen})
        known = _answered(tx, dataset)
    key = key_of(ports, seen)
    held = {each.register_id: each.digests for each in seen}
    own = held.pop(dataset.register_id, b"")
    taken = counting.take(ports, dataset, key, own, list(held.values()))
    shared = dict(zip(held, taken.shared, strict=True))
    found = (replace(each, persons=shared.get(each.register_id, 0)) for each in others)
    overlaps = tuple(
        replace(each, reason=distinct or known.get(each.register_id, ""))
        for each in found
        if each.persons or each.same_file or each.uncounted
    )
    counts = _with_source(taken.counts, dataset)
    fault = judge(dataset, counts)
    census = Census(
        dataset_id=dataset.id,
        file=dataset.file.digest,
        counts=counts,
        code=fault.code if fault else "",
        reason=fault.reason if fault else "",
        overlaps=overlaps,
        at=ports.clock.now(),
    )
    persons = RegisterPersons(dataset.register_id, fingerprint(key), taken.digests)
    return Checked(census, persons, seen)


def _with_source(counts: Counts, dataset: Dataset) -> Counts:
    """Return the counts of a snapshot with what could not be read when it was taken.

    A row with a fault in both is counted twice; that refuses once too often at worst.
    """
    source = dataset.file.source
    odd = {each.column: each.values for each in source.unreadable}
    numbers = (replace(c, values=c.values + odd.pop(c.column, 0)) for c in counts.unreadable)
    return replace(
        counts,
        malformed=min(counts.rows, counts.malformed + source.malformed),
        unreadable=(*numbers, *(ColumnCount(name, values) for name, values in odd.items())),
    )


def keep(tx: Transaction, checked: Checked, *, distinct: str = "") -> bool:
    """Keep a census, in the transaction that stores its dataset.

    Returns:
        Whether it was kept: not when the persons of a register changed since they were compared.
    """
    if tuple(tx.persons.find()) != checked.seen:
        return False
    tx.censuses.put(checked.census)
    tx.persons.put(checked.persons)
    if distinct and checked.census.overlaps:
        tx.audit.append(
            "persons.distinct",
            checked.census.dataset_id,
            registers=[each.register_id for each in checked.census.overlaps],
            reason=distinct,
        )
    return True


def check(ports: Ports, dataset_id: str, *, distinct: str = "") -> Census:
    """Check a published dataset's file again, and keep the verdict.

    Args:
        ports: of this node.
        dataset_id: the dataset.
        distinct: as in `examine`.

    Raises:
        NotFound: no dataset of that id.
        WorkerFailed: the worker did not answer; nothing was changed.
        TooManyRequests: other files were checked meanwhile.
        KeyUnusable: as in `examine`.
        DescriptionIncomplete: `distinct` is no line of text.
    """
    for _ in range(ATTEMPTS):
        with ports.store.read() as tx:
            dataset = require(tx.datasets.get(dataset_id), "dataset", dataset_id)
        try:
            checked = examine(ports, dataset, distinct=distinct)
        except DescriptionIncomplete:
            raise
        except DataFault as exc:
            return _unreadable(ports, dataset, exc)
        with ports.store.write() as tx:
            if tx.datasets.get(dataset_id) == dataset and keep(tx, checked, distinct=distinct):
                return checked.census
    raise busy()


def busy() -> TooManyRequests:
    """Return the refusal of a check that others overtook each time."""
    return TooManyRequests("other data files are being checked", hint="try again")


def waiting(ports: Ports) -> list[str]:
    """Return the ids of datasets whose file has no check on record, oldest first."""
    with ports.store.read() as tx:
        found = {each.dataset_id: each.file for each in _all(tx.censuses)}
        return [d.id for d in _all(tx.datasets) if found.get(d.id) != d.file.digest]


def sweep(ports: Ports, stopped: Callable[[], bool] = lambda: False) -> list[str]:
    """Check each dataset that has no check on record; return those that still have none."""
    for dataset_id in waiting(ports):
        if stopped():
            break
        try:
            census = check(ports, dataset_id)
            _log.info("data file of %s checked: %s", dataset_id, census.code or "readable")
        except PreauError as exc:
            _log.warning("data file of %s not checked: %s", dataset_id, exc.code)
    return waiting(ports)


def check_all(ports: Ports) -> None:
    """See that the persons of all datasets are known, before another one is published.

    Raises:
        DataUnchecked: a dataset of an earlier release could not be checked now.
    """
    left = sweep(ports)
    if left:
        raise DataUnchecked(
            f"the data file of `{left[0]}` could not be checked, so that its persons are not known",
            hint=f"run `preau dataset check {left[0]}`",
        )


def fingerprint(key: bytes) -> str:
    """Return the name of a key, from which the key cannot be found."""
    return blake2b(b"preau persons", digest_size=8, key=key).hexdigest()


def key_of(ports: Ports, seen: Sequence[RegisterPersons], *, made: bool = True) -> bytes:
    """Return the key of the persons' digests, made where there are no persons yet and it may be.

    Raises:
        KeyUnusable: it is lost, or not the one that those on record were taken with.
    """
    key = ports.person_key(make=made and not seen)
    if any(each.key != fingerprint(key) for each in seen):
        raise KeyUnusable(
            "the key of the persons' digests is not the one that they were made with",
            hint="restore `keys/persons.key` from your backup, or see `preau register recount`",
        )
    return key


def _answered(tx: Transaction, dataset: Dataset) -> dict[str, str]:
    """Return what was answered of the same persons in the same file, by register.

    An answer speaks of two registers; it may have been given for a dataset of either.
    """
    before, described = tx.censuses.get(dataset.id), tx.datasets.get(dataset.id)
    if before is None or described is None or before.file != dataset.file.digest:
        return {}
    alike = (described.person_column, described.person_format)
    if alike != (dataset.person_column, dataset.person_format):
        return {}
    answers = {each.register_id: each.reason for each in before.overlaps if each.reason}
    for census in _all(tx.censuses):
        for overlap in census.overlaps:
            if overlap.register_id == dataset.register_id and overlap.reason:
                other = tx.datasets.get(census.dataset_id)
                answers.setdefault(other.register_id if other else "", overlap.reason)
    return answers


def _others(tx: Transaction, dataset: Dataset, counted: Collection[str]) -> list[Overlap]:
    """Return the other registers that may share persons, without how many.

    They hold data or have spent. Uncounted are a file of an earlier release that was lost before it
    could be checked, the files of jobs that only a recovery tells of, and those before a recount.

    Args:
        tx: the transaction.
        dataset: with its register and its file's digest.
        counted: registers whose persons are on record.
    """
    lost = set(_keys(tx.censuses, counts=None))
    holding, personal, alike, unknown = set[str](), set[str](), set[str](), set[str]()
    for each in _all(tx.datasets):
        if each.id != dataset.id:
            name = each.register_id
            holding.add(name)
            if each.file.digest == dataset.file.digest:
                alike.add(name)
            if each.personal:
                personal.add(name)
            if each.personal and each.id in lost:
                unknown.add(name)
    unknown |= _recovered(tx) | _recounted(tx)
    about = {*counted, *alike, *unknown} - {dataset.register_id}
    spent = set(_keys(tx.registers, charges=Not(0)))
    return [
        Overlap(
            name,
            0,
            same_file=name in alike and (dataset.personal or name in personal),
            uncounted=name in unknown and dataset.personal,
        )
        for name in _keys(tx.registers)
        if name in about
        and (name in holding or name in spent or tx.reservations.keys(register_id=name))
    ]


def _recovered(tx: Transaction) -> set[str]:
    """Return the registers that count what the database knows nothing else of.

    Such a job or table may have run on a file whose persons are not on record any more.
    """
    known = {*_keys(tx.jobs), *_keys(tx.extracts)}
    lost = (tx.reservations.get(name) for name in _keys(tx.reservations) if name not in known)
    return {each.register_id for each in lost if each} | set(_keys(tx.forfeits))


def _recounted(tx: Transaction) -> set[str]:
    """Return the registers whose earlier files nobody can compare any more."""
    entries = tx.audit.entries(kind=RECOUNTED)
    return {
        kept_in(tx, name)
        for entry in entries
        for name in parse_object(entry.event)["facts"]["registers"]
    }


def _unreadable(ports: Ports, dataset: Dataset, fault: DataFault) -> Census:
    """Keep the verdict on a published file that cannot be read; its persons stay uncounted."""
    file, now = dataset.file.digest, ports.clock.now()
    census = Census(dataset.id, file, None, fault.code, fault.reason, (), now)
    with ports.store.write() as tx:
        before = tx.censuses.get(dataset.id)
        if before is not None and before.file == file and before.counts is not None:
            census = replace(census, counts=before.counts, overlaps=before.overlaps)
        tx.censuses.put(census)
    return census


def _check_reason(distinct: str) -> None:
    plain = distinct.isprintable() and len(distinct) <= LONGEST_REASON
    if distinct and not (plain and distinct.strip()):
        raise DescriptionIncomplete(
            "the reason why persons are different ones must be one line of at most "
            f"{LONGEST_REASON} characters"
        )


def _all(repository: Repository[T]) -> Iterator[T]:
    """Yield what a repository holds, oldest first, a page at a time.

    Raises:
        RowDamaged: a row cannot be read, so that what it holds is not known.
    """
    page: Page[T] = Page((), "0")
    while page.next:
        page = repository.page(after=page.next, limit=_AT_A_TIME)
        for row in page.damaged:
            raise RowDamaged(
                row.fault.removeprefix(f"{RowDamaged.code}: "),
                hint="`preau doctor` names the row; restore it from a backup",
            )
        yield from page.values


def _keys(repository: Repository[Any], **equal: object) -> list[str]:
    """Return the ids of what a repository holds, oldest first; nothing else of it is read."""
    return [str(id_) for (id_,) in repository.keys(**equal)]
