"""The inputs of rows: numbers scaled to [-1, 1], categories as one input a value.

Rules: each row is encoded by itself; ranges, lists, what is missing and which spellings count as
one are the manifest's. A row is kept as a record: a number in four bytes, and of a category which
input it sets, in two; `Layout` makes inputs of records.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from federated.task.feature import INDICATOR, REFUSE, VALUE, CategoryFeature, Feature, NumberFeature
from federated.task.spelling import Ignored, alike
from federated.training.rows.store import Records
from federated.training.rows.table import Table

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


class Layout:
    """How rows are kept.

    Attributes:
        width: inputs of a row.
        dtype: of a record: `label`; `numbers`, scaled, NaN where an indicator says that one is
            missing; `places`, of the input that each category sets, `width` for none.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        """Place the features."""
        self.width = sum(feature.width for feature in features)
        at, self._numbers, self._categories = 0, list[_Number](), list[_Category]()
        for feature in features:
            if isinstance(feature, NumberFeature):
                self._numbers.append((at, feature))
            else:
                self._categories.append((at, feature))
            at += feature.width
        told = [feature.missing.kind == INDICATOR for _, feature in self._numbers]
        self._places = np.array([place for place, _ in self._numbers], np.int64)
        self._told = np.array(told, np.bool_)
        self.dtype = np.dtype(
            [
                ("label", "<f4"),
                ("numbers", "<f4", (len(self._numbers),)),
                ("places", "<u2", (len(self._categories),)),
            ]
        )

    def nobody(self) -> Records:
        """Return one record of no row: its label is NaN."""
        record = np.zeros(1, self.dtype)
        record["label"], record["places"] = np.nan, self.width
        return record

    def records(self, table: Table) -> tuple[Records, Bools]:
        """Return a record of each row, without label, and which miss no value that they may not.

        A number is clipped to its public range and scaled to [-1, 1]. A category sets one of its
        inputs to 1. What is missing, or of a category not listed, counts as the manifest says; an
        indicator is the feature's last input, and the others are 0 then.

        Raises:
            ColumnMissing: the table lacks a column.
        """
        records, whole = np.zeros(table.rows, self.dtype), np.ones(table.rows, np.bool_)
        for number, (_, feature) in enumerate(self._numbers):
            values = _scaled(table, feature)
            missing = np.isnan(values)
            if feature.missing.kind == REFUSE:
                whole &= ~missing
            if feature.missing.kind != INDICATOR:
                values[missing] = 0.0
            records["numbers"][:, number] = values
        for number, (at, category) in enumerate(self._categories):
            place = _listed(table, category)
            if category.missing.kind == REFUSE:
                whole &= place >= 0
            records["places"][:, number] = np.where(place < 0, self.width, at + place)
        return records, whole

    def inputs(self, records: Records) -> Floats:
        """Return the inputs of rows, (rows, width)."""
        numbers: Floats = records["numbers"]
        if not self._categories and not self._told.any():
            return numbers
        inputs = np.zeros((len(records), self.width + 1), np.float32)  # the last one: of nothing
        missing = np.isnan(numbers)
        inputs[:, self._places] = np.where(missing, np.float32(0), numbers)
        inputs[:, self._places[self._told] + 1] = missing[:, self._told]
        inputs[np.arange(len(records))[:, None], records["places"]] = 1
        return inputs[:, :-1]


_Number = tuple[int, NumberFeature]  # with the place of its first input
_Category = tuple[int, CategoryFeature]


def encode_features(table: Table, features: Sequence[Feature]) -> Floats:
    """Return the inputs of each row, shape (rows, width), see `Layout.records`.

    Raises:
        ColumnMissing: the table lacks a column.
    """
    layout = Layout(features)
    return layout.inputs(layout.records(table)[0])


def taking_part(table: Table, features: Sequence[Feature]) -> Bools:
    """Tell which rows miss no value whose feature refuses them.

    Raises:
        ColumnMissing: the table lacks a column.
    """
    return Layout(features).records(table)[1]


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


def _scaled(table: Table, feature: NumberFeature) -> NDArray[np.float64]:
    values = np.clip(table.numbers(feature.column), feature.low, feature.high)
    if feature.missing.kind == VALUE:
        values = np.where(np.isnan(values), float(feature.missing.value or 0), values)
    scaled: NDArray[np.float64] = 2 * (values - feature.low) / (feature.high - feature.low) - 1
    return scaled


def _listed(table: Table, feature: CategoryFeature) -> NDArray[np.int64]:
    """Return which of its inputs a category sets; -1 for none."""
    place = places(table, feature.column, feature.values, feature.spelling)
    if feature.missing.kind == VALUE:
        place[place < 0] = feature.values.index(str(feature.missing.value))
    if feature.missing.kind == INDICATOR:
        place[place < 0] = len(feature.values)
    return place
