"""The labels of rows, by the kind of target: NaN where a row has none and takes no part.

Rules: each row is labelled by itself, from public constants of the manifest. A label is 0 or 1, the
place of a class, a number scaled to [-1, 1], or a count.
"""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from federated.task.target import (
    Category,
    Classes,
    Count,
    Number,
    Target,
    Threshold,
    ThresholdByGroup,
)
from federated.training.rows.features import places
from federated.training.rows.table import Table

Floats = NDArray[np.float32]


def encode_labels(table: Table, target: Target) -> Floats:
    """Return the label of each row.

    Raises:
        ColumnMissing: the table lacks a column.
    """
    return _labels(table, target).astype(np.float32)


def _labels(table: Table, target: Target) -> NDArray[np.float64]:
    if isinstance(target, Category):
        place = places(table, target.column, target.positive, target.spelling)
        there = np.asarray(pc.is_valid(table.text(target.column)))
        return np.where(there, place >= 0, np.nan)
    if isinstance(target, Classes):
        place = places(table, target.column, target.values, target.spelling)
        return np.where(place >= 0, place, np.nan)
    values = table.numbers(target.column)
    if isinstance(target, Threshold | ThresholdByGroup):
        limit = _limits(table, target)
        return np.where(np.isnan(values) | np.isnan(limit), np.nan, values > limit)
    if isinstance(target, Number):
        scaled = 2 * (values - target.low) / (target.high - target.low) - 1
        return np.clip(scaled, -1, 1)
    if isinstance(target, Count):
        whole = (values >= 0) & (values == np.rint(values))
        return np.where(whole, np.minimum(values, target.most), np.nan)
    return np.where((values == 0) | (values == 1), values, np.nan)


def _limits(table: Table, target: Threshold | ThresholdByGroup) -> NDArray[np.float64]:
    if isinstance(target, Threshold):
        return np.full(table.rows, target.above)
    names, limits = zip(*target.thresholds, strict=True)
    place = places(table, target.by, names, target.spelling)
    return np.array([*limits, np.nan])[place]
