"""Made-up rows of a contract's schema, for trying a job before any row of a person is touched.

Rules: what is made follows from public statements alone: ranges and lists of the data dictionary,
else those of the manifest; values are drawn evenly and seeded, so that a try can be repeated. They
say nothing of what a model will be worth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from federated.manifest import JobManifest
from federated.task.feature import CategoryFeature, NumberFeature
from federated.task.target import (
    Binary,
    Category,
    Classes,
    Count,
    Number,
    Threshold,
    ThresholdByGroup,
)
from federated.training.rows.table import Table, from_columns

MOST_ROWS: Final = 20_000
MOST_PERSONS: Final = 2_000
LEAST_PERSONS: Final = 20  # of fewer, all might have one label by chance
MOST_INPUTS: Final = 1 << 22  # of all sites together, since one process holds them
_MISSING: Final = 0.05  # share of values that are left out where the manifest says what they count
_OTHER: Final = "another value"


@dataclass(frozen=True, slots=True)
class Described:
    """What a dictionary states of a column.

    Attributes:
        number: whether it holds numbers.
        range: its public range; None: not stated.
        values: its public list; empty: not stated.
    """

    number: bool
    range: tuple[float, float] | None = None
    values: tuple[str, ...] = ()


def made_up(
    manifest: JobManifest, described: Mapping[str, Described], population: int, seed: int = 0
) -> Table:
    """Return rows of made-up persons, as many as the unit of privacy allows of each.

    Args:
        manifest: of the job.
        described: the columns of the dataset.
        population: persons that the contract declares; `LEAST_PERSONS` are made at least,
            `MOST_PERSONS` at most, and fewer where rows or inputs would be too many.
        seed: of what is drawn.
    """
    draw, rows = np.random.default_rng(seed), manifest.unit.rows
    inputs = rows * manifest.width * len(manifest.contracts)
    persons = min(population, MOST_PERSONS, MOST_ROWS // rows, MOST_INPUTS // inputs)
    persons = max(persons, LEAST_PERSONS)
    size, found = persons * rows, {}
    lacking = {each.column for each in manifest.features if each.missing.kind != "nothing"}
    for name in manifest.columns:
        if name == manifest.unit.column:
            found[name] = np.repeat(np.arange(persons), rows).astype(str).tolist()
            continue
        values = _column(manifest, name, described.get(name), draw, size)
        if name in lacking:
            gone = draw.random(size) < _MISSING
            values = [None if left else value for left, value in zip(gone, values, strict=True)]
        found[name] = values
    return from_columns(found)


def _column(
    manifest: JobManifest,
    name: str,
    said: Described | None,
    draw: np.random.Generator,
    size: int,
) -> list[Any]:
    values = said.values if said and said.values else _values(manifest, name)
    if values:
        return [values[place] for place in draw.integers(0, len(values), size)]
    low, high = said.range if said and said.range else _range(manifest, name)
    if isinstance(manifest.target, Count) and name == manifest.target.column:
        return list(draw.integers(math.ceil(low), math.floor(high) + 1, size).tolist())
    return list(draw.uniform(low, high, size).tolist())


def _values(manifest: JobManifest, name: str) -> tuple[str, ...]:
    """Return the list that the manifest states of a column; empty for numbers."""
    for feature in manifest.features:
        if feature.column == name and isinstance(feature, CategoryFeature):
            return feature.values
    match manifest.target:
        case Binary(column=column) if column == name:
            return ("0", "1")
        case Category(column=column, positive=positive) if column == name:
            return (*positive, _OTHER)
        case Classes(column=column, values=values) if column == name:
            return values
        case ThresholdByGroup(by=by, thresholds=limits) if by == name:
            return tuple(value for value, _ in limits)
    return ()


def _range(manifest: JobManifest, name: str) -> tuple[float, float]:
    """Return a range in which the manifest's numbers of a column lie."""
    for feature in manifest.features:
        if feature.column == name and isinstance(feature, NumberFeature):
            return feature.low, feature.high
    match manifest.target:
        case Number(low=low, high=high):
            return low, high
        case Count(most=most):
            return 0, most
        case Threshold(above=above):
            return above - 1, above + 1
        case ThresholdByGroup(thresholds=limits):
            least = min(limit for _, limit in limits)
            return least - 1, max(limit for _, limit in limits) + 1
    return 0, 1
