"""From rows to what the model sees: one entry per person.

Rules: ranges, categories and thresholds come from the manifest, never from the rows; each row is
encoded by itself; which rows of a person take part depends on that person's rows only. Thus adding
or removing one person changes one entry and no other, which is what the accounting assumes. Rows
are encoded some after others, and kept as records. What columns are as inputs and labels is
`features.py` and `labels.py`, which rows stay `choice.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from federated.manifest import JobManifest
from federated.persons import NOBODY_SUPPRESSED, Suppressed
from federated.training.rows.choice import chosen
from federated.training.rows.entries import Kept, Persons
from federated.training.rows.features import Layout
from federated.training.rows.held import held_out
from federated.training.rows.labels import encode_labels
from federated.training.rows.owners import Owners
from federated.training.rows.persons import spelled
from federated.training.rows.row_test import RowTest, passing
from federated.training.rows.store import Store
from federated.training.rows.table import Rows, Table

_HALF: Final = np.uint64(32)  # bits


@dataclass(frozen=True, slots=True)
class Stated:
    """What a site says of its rows.

    Attributes:
        form: how persons are spelled, see `persons.spelled`.
        suppressed: persons whose rows are as if they were not there.
        key: of the choice of rows.
        held_key: of the choice of persons, see `held.py`; None where nobody is held out.
        tests: that a row must pass.
    """

    form: str = "text"
    suppressed: Suppressed = NOBODY_SUPPRESSED
    key: bytes = field(default=b"", repr=False)
    held_key: bytes | None = field(default=None, repr=False)
    tests: tuple[RowTest, ...] = ()


def nobody(manifest: JobManifest, *, filed: bool = False) -> Kept:
    """Return no persons at all, kept as a manifest's are.

    Args:
        manifest: of the job.
        filed: whether in a file.
    """
    return Kept(manifest.features, manifest.unit.rows, filed=filed)


def encode(
    table: Table,
    manifest: JobManifest,
    form: str = "text",
    suppressed: Suppressed = NOBODY_SUPPRESSED,
    key: bytes = b"",
) -> Persons:
    """Encode a table that is in memory, see `entries`.

    Args:
        table: with the manifest's columns.
        manifest: of the job.
        form: as of `Stated`, as the rest.
        suppressed: persons whose rows are as if they were not there.
        key: of the choice of rows.

    Raises:
        ColumnMissing: the table lacks a column of the manifest.
    """
    return entries(table, manifest, Stated(form, suppressed, key))[0].whole()


def encode_apart(
    table: Table, manifest: JobManifest, key: bytes = b"", held_key: bytes = b""
) -> tuple[Persons, Persons]:
    """Encode a table that is in memory: persons to train on, and those held out, see `entries`.

    Args:
        table: with the manifest's columns.
        manifest: of the job.
        key: as of `Stated`, as the next one.
        held_key: of the choice of persons.

    Raises:
        ColumnMissing: the table lacks a column of the manifest.
    """
    trained, held = entries(table, manifest, Stated(key=key, held_key=held_key))
    return trained.whole(), held.whole()


def entries(
    rows: Rows, manifest: JobManifest, stated: Stated, *, filed: bool = False
) -> tuple[Kept, Kept]:
    """Encode rows, at most `manifest.unit.rows` a person; return those to train on, and those held.

    Of a person with more usable rows, those stay that `choice.py` chooses. Any choice would do for
    the accounting that looks at nobody else's rows: clipping bounds the person, not the row. A
    person stands where its first usable row does.

    Args:
        rows: with the manifest's columns.
        manifest: of the job.
        stated: of these rows.
        filed: whether what is encoded is kept in a file.

    Raises:
        ColumnMissing: the rows lack a column of the manifest, or of a test.
        WorkerFailed: what is encoded cannot be kept.
    """
    encoded, owners = _usable(rows, manifest, stated, filed=filed)
    first, kept = chosen(rows, manifest, owners, stated.key)
    held = np.empty(len(owners), np.bool_)
    for start, block in owners.blocks():
        held[start : start + len(block)] = block["held"]
    trained, rest = (
        _by_person(encoded, manifest, first, kept & which, filed=filed) for which in (~held, held)
    )
    return trained, rest


def _usable(
    rows: Rows, manifest: JobManifest, stated: Stated, *, filed: bool
) -> tuple[Store, Owners]:
    """Return the records of all rows that may take part, and whose they are."""
    layout = Layout(manifest.features)
    encoded, owners, before = Store(layout.dtype, filed=filed), Owners(filed=filed), 0
    for part in rows.parts():
        number = before + np.flatnonzero(passing(part, stated.tests))
        table = part if len(number) == part.rows else part.take(number - before)
        before += part.rows
        labels = encode_labels(table, manifest.target)
        person = spelled(table.text(manifest.unit.column), stated.form, stated.suppressed)
        records, whole = layout.records(table)
        records["label"] = labels
        at = np.flatnonzero(whole & ~np.isnan(labels) & np.asarray(pc.is_valid(person)))
        encoded.append(records[at])
        person = person.take(at)
        held = np.zeros(len(at), np.bool_)
        if stated.held_key is not None:
            held = held_out(person, stated.held_key)
        owners.add(person, number[at], held)
    return encoded, owners


def _by_person(
    encoded: Store,
    manifest: JobManifest,
    first: NDArray[np.uint32],
    which: NDArray[np.bool_],
    *,
    filed: bool,
) -> Kept:
    """Return some rows by person, persons in the order of their first row.

    Args:
        encoded: records of all rows.
        manifest: of the job.
        first: of each row, the place of its person's first one.
        which: which rows.
        filed: whether they are kept in a file.
    """
    order, count = np.empty(int(which.sum()), np.uint64), 0
    for start in range(0, len(which), encoded.block):
        at = start + np.flatnonzero(which[start : start + encoded.block])
        order[count : count + len(at)] = (first[at].astype(np.uint64) << _HALF) | at.astype(
            np.uint64
        )
        count += len(at)
    order.sort()
    kept = Kept(manifest.features, manifest.unit.rows, filed=filed)
    for start in range(0, count, encoded.block):
        some = order[start : start + encoded.block]
        kept.append(encoded.take(some.astype(np.uint32)), some >> _HALF)  # of 64 bits the lower 32
    return kept
