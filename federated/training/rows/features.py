"""The inputs of rows: numbers scaled to [-1, 1], categories as one input a value.

Rules: each row is encoded by itself; ranges, lists, what is missing and which spellings count as
one are the manifest's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from federated.task.feature import INDICATOR, REFUSE, VALUE, CategoryFeature, Feature, NumberFeature
from federated.task.spelling import Ignored, alike
from federated.training.rows.table import Table

Floats = NDArray[np.float32]


def encode_features(table: Table, features: Sequence[Feature]) -> Floats:
    """Return the inputs of each row, shape (rows, width).

    A number is clipped to its public range and scaled to [-1, 1]. A category sets one of its inputs
    to 1. What is missing, or of a category not listed, counts as the manifest says; an indicator is
    the feature's last input, and the others are 0 then.

    Raises:
        ColumnMissing: the table lacks a column.
    """
    inputs = np.empty((table.rows, sum(feature.width for feature in features)), np.float32)
    at = 0
    for feature in features:
        inputs[:, at : at + feature.width] = _feature(table, feature)
        at += feature.width
    return inputs


def taking_part(table: Table, features: Sequence[Feature]) -> NDArray[np.bool_]:
    """Tell which rows miss no value whose feature refuses them.

    Raises:
        ColumnMissing: the table lacks a column.
    """
    kept = np.ones(table.rows, dtype=np.bool_)
    for feature in features:
        if feature.missing.kind != REFUSE:
            continue
        if isinstance(feature, CategoryFeature):
            kept &= places(table, feature.column, feature.values, feature.spelling) >= 0
        else:
            kept &= ~np.isnan(table.numbers(feature.column))
    return kept


def places(table: Table, column: str, values: Sequence[str], ignored: Ignored) -> NDArray[np.int64]:
    """Return the place of each row's value in a list; -1 where it is missing or not listed.

    Args:
        table: of the rows.
        column: its name.
        values: the list.
        ignored: what is ignored when values are compared.

    Raises:
        ColumnMissing: the table lacks the column.
    """
    text = table.text(column)
    listed = list(values)
    if ignored:
        plain = text.dictionary_encode()
        spelled = [alike(value, ignored) for value in plain.dictionary.to_pylist()]
        text = pa.array(spelled, pa.string()).take(plain.indices)
        listed = [alike(value, ignored) for value in values]
    found = pc.fill_null(pc.index_in(text, pa.array(listed, pa.string())), -1)
    whole: NDArray[np.int64] = found.to_numpy(zero_copy_only=False).astype(np.int64)
    return whole


def _feature(table: Table, feature: Feature) -> Floats:
    if isinstance(feature, CategoryFeature):
        return _category(table, feature)
    return _number(table, feature)


def _number(table: Table, feature: NumberFeature) -> Floats:
    values = np.clip(table.numbers(feature.column), feature.low, feature.high)
    missing = np.isnan(values)
    if feature.missing.kind == VALUE:
        values = np.where(missing, float(feature.missing.value or 0), values)
    scaled = 2 * (values - feature.low) / (feature.high - feature.low) - 1
    inputs = np.where(np.isnan(scaled), 0.0, scaled)[:, None]
    if feature.missing.kind == INDICATOR:
        inputs = np.concatenate([inputs, missing[:, None]], axis=1)
    return inputs.astype(np.float32)


def _category(table: Table, feature: CategoryFeature) -> Floats:
    place = places(table, feature.column, feature.values, feature.spelling)
    if feature.missing.kind == VALUE:
        place[place < 0] = feature.values.index(str(feature.missing.value))
    if feature.missing.kind == INDICATOR:
        place[place < 0] = len(feature.values)
    return np.equal.outer(place, np.arange(feature.width)).astype(np.float32)
