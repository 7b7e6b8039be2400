"""From rows to what the model sees: one tensor entry per person.

Rules: ranges, categories and thresholds come from the manifest, never from the rows; each row is
encoded by itself; which rows of a person take part depends on that person's rows only. Thus adding
or removing one person changes one entry and no other, which is what the accounting assumes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from federated.manifest import CategoryFeature, Feature, JobManifest, NumberFeature, Target
from federated.persons import NOBODY_SUPPRESSED, Suppressed
from federated.training.rows.persons import spelled
from federated.training.rows.table import Table

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Persons:
    """Encoded persons. A person without a usable row is no entry: it would add nothing to a sum.

    Attributes:
        inputs: (persons, k, width), float32, each in [-1, 1]; zero where there is no row.
        labels: (persons, k), float32, 0 or 1; zero where there is no row.
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
) -> Persons:
    """Encode a table, at most `manifest.unit.rows` rows a person.

    Of a person with more usable rows, the first ones in file order stay. Any choice would do that
    looks at nobody else's rows: clipping bounds the person, not the row.

    Args:
        table: with the manifest's columns.
        manifest: of the job.
        form: how persons are spelled, see `persons.spelled`.
        suppressed: persons whose rows are as if they were not there.

    Raises:
        ColumnMissing: the table lacks a column of the manifest.
    """
    person = spelled(table.text(manifest.unit.column), form, suppressed)
    labels = encode_labels(table, manifest.target)
    usable = np.flatnonzero(~np.isnan(labels) & np.asarray(pc.is_valid(person)))
    entry, place = _places(person.take(pa.array(usable)))
    kept = place < manifest.unit.rows
    rows = usable[kept]  # only these: memory follows the agreed numbers (`../memory.py`)
    inputs = encode_features(table.take(rows), manifest.features)
    return _fill(inputs, labels[rows], entry[kept], place[kept], manifest)


def encode_features(table: Table, features: tuple[Feature, ...]) -> Floats:
    """Return the inputs of each row, shape (rows, width).

    A number is clipped to its public range and scaled to [-1, 1]; a missing one counts as the
    manifest says, or becomes 0, the middle. A category sets one of its inputs to 1; a value that is
    not listed sets none.

    Raises:
        ColumnMissing: the table lacks a column.
    """
    return np.concatenate([_feature(table, feature) for feature in features], axis=1)


def encode_labels(table: Table, target: Target) -> Floats:
    """Return 1 where the target lies strictly above its threshold, 0 where not, NaN without label.

    Raises:
        ColumnMissing: the table lacks a column.
    """
    values = table.numbers(target.column)
    names = pa.array([name for name, _ in target.thresholds])
    limits = np.array([*(limit for _, limit in target.thresholds), np.nan])
    place = pc.fill_null(pc.index_in(table.text(target.by), names), len(names))
    limit = limits[place.to_numpy(zero_copy_only=False)]
    known = ~(np.isnan(values) | np.isnan(limit))
    return np.where(known, values > limit, np.nan).astype(np.float32)


def _feature(table: Table, feature: Feature) -> Floats:
    if isinstance(feature, CategoryFeature):
        return _category(table, feature)
    return _number(table, feature)


def _number(table: Table, feature: NumberFeature) -> Floats:
    values = np.clip(table.numbers(feature.column), feature.low, feature.high)
    if feature.missing is not None:
        values = np.where(np.isnan(values), feature.missing, values)
    scaled = 2 * (values - feature.low) / (feature.high - feature.low) - 1
    return np.where(np.isnan(scaled), 0.0, scaled).astype(np.float32)[:, None]


def _category(table: Table, feature: CategoryFeature) -> Floats:
    place = pc.fill_null(pc.index_in(table.text(feature.column), pa.array(feature.values)), -1)
    index: NDArray[np.int64] = place.to_numpy(zero_copy_only=False)
    return np.equal.outer(index, np.arange(len(feature.values))).astype(np.float32)


def _places(person: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each row's entry (persons by first row) and its place among that person's rows."""
    entry = person.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    order = np.argsort(entry, kind="stable")
    first = np.flatnonzero(np.diff(entry[order], prepend=-1))
    sizes = np.diff(first, append=len(order))
    place = np.empty(len(entry), dtype=np.int64)
    place[order] = np.arange(len(order)) - np.repeat(first, sizes)
    return entry, place


def _fill(
    inputs: Floats,
    labels: Floats,
    entry: NDArray[np.int64],
    place: NDArray[np.int64],
    manifest: JobManifest,
) -> Persons:
    shape = (int(entry.max(initial=-1)) + 1, manifest.unit.rows)
    persons = Persons(
        inputs=np.zeros((*shape, manifest.width), dtype=np.float32),
        labels=np.zeros(shape, dtype=np.float32),
        mask=np.zeros(shape, dtype=np.float32),
    )
    persons.inputs[entry, place] = inputs
    persons.labels[entry, place] = labels
    persons.mask[entry, place] = 1
    return persons
