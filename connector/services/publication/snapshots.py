"""Snapshots of the sources of datasets: taken when a dataset is published, and anew when asked for.

Rules: every use reads the snapshot, whatever became of its source since; a fresh one passes the
same check as a published file, and changes nothing of what is described, offered or signed. One is
kept while its dataset is offered or a contract on it runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from connector.domain.catalog.dataset import DataFile, Dataset
from connector.domain.catalog.source import Source
from connector.domain.contract.negotiation import Role
from connector.domain.contract.notice import Standing
from connector.errors import PreauError
from connector.ports import Not, Ports, Sources, Transaction
from connector.services.continuity import recovery
from connector.services.lookup import require
from connector.services.publication import checking, effects, verdicts

SAME: Final = "unchanged since its snapshot was taken"
CHANGED: Final = "changed since its snapshot was taken"
ON_SERVER: Final = "on a server, and not compared"
LARGE: Final = "too large to be compared"


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A dataset whose rows were read anew.

    Attributes:
        dataset: as it is now.
        effects: what that means for contracts that run, a line each.
    """

    dataset: Dataset
    effects: tuple[str, ...]


def taken(ports: Ports, dataset: Dataset) -> Dataset:
    """Return a dataset with the digest of its file, or with a fresh snapshot of its source.

    Raises:
        DataFault: the file or source is not there, cannot be read, or is not of its layout.
        StoreUnavailable: the snapshot cannot be written.
        WorkerFailed: the process that reads the source ended without an answer.
    """
    file = dataset.file
    if not file.source.stated:
        return replace(dataset, file=replace(file, digest=ports.sources.digest(Path(file.path))))
    made = ports.sources.take(file.source)
    return replace(dataset, file=DataFile(made.path, "parquet", made.digest, made.source))


def refresh(ports: Ports, dataset_id: str, *, distinct: str = "") -> Refreshed:
    """Read the rows of a published dataset anew; description and offers stay.

    Args:
        ports: of this node.
        dataset_id: the dataset.
        distinct: as in `publish.publish_anew`.

    Raises:
        NotFound: no dataset of that id.
        DataFault: the rows are not there, or may not be published as described.
        StoreUnavailable: the snapshot cannot be written.
        WorkerFailed: a process that reads them did not answer.
        KeyUnusable: the key of the persons' digests is lost, or cannot be used.
        TooManyRequests: other files were checked meanwhile.
    """
    with ports.store.read() as tx:
        known = require(tx.datasets.get(dataset_id), "dataset", dataset_id)
    fresh = taken(ports, known)
    checking.check_all(ports)
    for _ in range(checking.ATTEMPTS):
        with ports.store.read() as tx:
            now = require(tx.datasets.get(dataset_id), "dataset", dataset_id)
        if now.file != known.file:
            break  # published or refreshed meanwhile
        checked = checking.examine(ports, made := replace(now, file=fresh.file), distinct=distinct)
        verdicts.refuse(made, checked.census)
        with ports.store.write() as tx:
            if tx.datasets.lock(dataset_id) == now and checking.keep(
                tx, checked, distinct=distinct
            ):
                tx.datasets.put(made)
                tx.audit.append("dataset.refreshed", dataset_id, file=made.file.digest)
                tx.after_commit(partial(recovery.note, ports))
                return Refreshed(made, effects.of_dataset(now, made))
    raise checking.busy()


def state_of(sources: Sources, source: Source) -> str:
    """Return what became of a source since its snapshot was taken, in words for its operator."""
    try:
        changed = sources.changed(source)
    except PreauError as exc:
        return f"{exc.code}: {exc.reason}"
    if changed is None:
        return ON_SERVER
    return CHANGED if changed else SAME


def clear(ports: Ports) -> None:
    """Remove the snapshots that no use can need any more."""
    now = ports.clock.now()
    with ports.store.read() as tx:
        held = [each for each in tx.datasets.find() if each.file.source.stated]
        kept = frozenset(each.file.path for each in held if wanted(tx, each.id, now))
    ports.sources.clear(kept)


def wanted(tx: Transaction, dataset_id: str, now: datetime) -> bool:
    """Whether a dataset is offered, or a contract on it runs."""
    if tx.offers.count(dataset_id=dataset_id, withdrawn=False):
        return True
    running = tx.agreements.find(
        dataset_id=dataset_id, role=Role.PROVIDER, standing=Not(Standing.ENDED)
    )
    return any(each.valid_until is None or each.valid_until > now for each in running)
