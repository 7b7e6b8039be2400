"""From rows to what the model sees: one tensor entry per person.

Rules: ranges, categories and thresholds come from the manifest, never from the rows; each row is
encoded by itself; which rows of a person take part depends on that person's rows only. Thus adding
or removing one person changes one entry and no other, which is what the accounting assumes. What
columns are as inputs and labels is `features.py` and `labels.py`, which rows stay `choice.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from federated.manifest import JobManifest
from federated.persons import NOBODY_SUPPRESSED, Suppressed
from federated.training.rows.choice import chosen
from federated.training.rows.features import encode_features, taking_part
from federated.training.rows.held import held_out
from federated.training.rows.labels import encode_labels
from federated.training.rows.persons import spelled
from federated.training.rows.table import Table

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Persons:
    """Encoded persons. A person without a usable row is no entry: it would add nothing to a sum.

    Attributes:
        inputs: (persons, k, width), float32, each in [-1, 1]; zero where there is no row.
        labels: (persons, k), float32, see `labels.py`; zero where there is no row.
        mask: (persons, k), float32, 1 where there is a row.
    """

    inputs: Floats
    labels: Floats
    mask: Floats

    def __len__(self) -> int:
        return len(self.mask)


def nobody(manifest: JobManifest) -> Persons:
    """Return no persons at all, in the shapes of a manifest."""
    shape = (0, manifest.unit.rows)
    return Persons(
        inputs=np.zeros((*shape, manifest.width), dtype=np.float32),
        labels=np.zeros(shape, dtype=np.float32),
        mask=np.zeros(shape, dtype=np.float32),
    )


def encode(
    table: Table,
    manifest: JobManifest,
    form: str = "text",
    suppressed: Suppressed = NOBODY_SUPPRESSED,
    key: bytes = b"",
) -> Persons:
    """Encode a table, at most `manifest.unit.rows` rows a person.

    Of a person with more usable rows, those stay that `choice.py` chooses. Any choice would do for
    the accounting that looks at nobody else's rows: clipping bounds the person, not the row.

    Args:
        table: with the manifest's columns.
        manifest: of the job.
        form: how persons are spelled, see `persons.spelled`.
        suppressed: persons whose rows are as if they were not there.
        key: of the choice of rows.

    Raises:
        ColumnMissing: the table lacks a column of the manifest.
    """
    person = spelled(table.text(manifest.unit.column), form, suppressed)
    return _encoded(table, manifest, person, key, np.ones(table.rows, dtype=np.bool_))


def encode_apart(
    table: Table,
    manifest: JobManifest,
    form: str = "text",
    suppressed: Suppressed = NOBODY_SUPPRESSED,
    key: bytes = b"",
    held_key: bytes = b"",
) -> tuple[Persons, Persons]:
    """Encode a table as `encode` does; return the persons to train on, and those held out.

    Args:
        table: as of `encode`, as the rest.
        manifest: of the job.
        form: how persons are spelled.
        suppressed: persons whose rows are as if they were not there.
        key: of the choice of rows.
        held_key: of the choice of persons, see `held.py`.

    Raises:
        ColumnMissing: the table lacks a column of the manifest.
    """
    person = spelled(table.text(manifest.unit.column), form, suppressed)
    held = held_out(person, held_key)
    trained, rest = (_encoded(table, manifest, person, key, each) for each in (~held, held))
    return trained, rest


def _encoded(
    table: Table, manifest: JobManifest, person: pa.Array, key: bytes, among: NDArray[np.bool_]
) -> Persons:
    labels = encode_labels(table, manifest.target)
    there = among & ~np.isnan(labels) & np.asarray(pc.is_valid(person))
    usable = np.flatnonzero(there & taking_part(table, manifest.features))
    rows, entry, place = chosen(table, manifest, usable, person.take(pa.array(usable)), key)
    # Only these: memory follows the agreed numbers (`../memory.py`).
    kept = table if len(rows) == table.rows else table.take(rows)
    inputs = encode_features(kept, manifest.features)
    return _fill(inputs, labels[rows], entry, place, manifest)


def _fill(
    inputs: Floats,
    labels: Floats,
    entry: NDArray[np.int64],
    place: NDArray[np.int64],
    manifest: JobManifest,
) -> Persons:
    shape = (int(entry.max(initial=-1)) + 1, manifest.unit.rows)
    if shape[1] == 1:  # persons by their first row, hence in the order of the rows
        return Persons(inputs[:, None], labels[:, None], np.ones(shape, dtype=np.float32))
    persons = Persons(
        inputs=np.zeros((*shape, manifest.width), dtype=np.float32),
        labels=np.zeros(shape, dtype=np.float32),
        mask=np.zeros(shape, dtype=np.float32),
    )
    persons.inputs[entry, place] = inputs
    persons.labels[entry, place] = labels
    persons.mask[entry, place] = 1
    return persons
