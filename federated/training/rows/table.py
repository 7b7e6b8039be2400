"""The columns that a job needs, as text or as numbers.

Rules: a value that is not what it should be is a missing one, and a row that cannot be read is left
out, because stopping on it would tell something about one person. No message quotes a value. Files
are read by `parts.py`; what the columns mean is left to `encode.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from federated.errors import ColumnMissing
from federated.persons import MISSING
from federated.training.rows.lines import Lost

_NUMBER: Final = r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\s*$"


class Rows(Protocol):
    """Rows of data, which may be too many to hold: a `Table`, or the `parts.Parts` of a file."""

    def parts(self) -> Iterator[Table]:
        """Yield all rows, some after others."""
        ...

    def some(self, rows: NDArray[np.int64]) -> Iterator[Table]:
        """Yield some rows, by their places, rising."""
        ...


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in memory, all of them or a part.

    Attributes:
        data: Arrow table.
        lost: rows of the file that are not in it.
    """

    data: pa.Table
    lost: Lost = field(default_factory=Lost)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.data.num_rows)

    def take(self, rows: NDArray[np.int64]) -> Table:
        """Return some rows, by their places."""
        return Table(self.data.take(pa.array(rows)), self.lost)

    def parts(self) -> Iterator[Table]:
        """Yield all rows: they are one part."""
        yield self

    def some(self, rows: NDArray[np.int64]) -> Iterator[Table]:
        """Yield some rows, by their places."""
        yield self.take(rows)

    def text(self, column: str) -> pa.Array:
        """Return a column as text; null where missing, or where it has no text in UTF-8.

        Raises:
            ColumnMissing: no such column, or its type has no text form.
        """
        text = _as_text(self._column(column), column)
        return pc.if_else(pc.is_in(text, pa.array(MISSING)), pa.scalar(None, pa.string()), text)

    def numbers(self, column: str) -> NDArray[np.float64]:
        """Return a column as numbers; NaN where missing, no number, or not finite.

        Raises:
            ColumnMissing: no such column, or its type is neither text nor number: every value would
                be missing, and a model would be trained on nothing. The type is the file's, it
                tells of no row.
        """
        if not _may_hold_numbers(self._column(column).type):
            raise ColumnMissing(f"the column `{column}` holds no numbers")
        text = _as_text(self._column(column), column)
        plain = pc.match_substring_regex(text, _NUMBER)
        if not pc.all(plain, skip_nulls=False).as_py():
            plain = pc.fill_null(plain, fill_value=False)
            text = pc.if_else(plain, text, pa.scalar(None, pa.string()))
        kept = pc.utf8_trim_whitespace(text)
        values = _cast(kept, pa.float64()).to_numpy(zero_copy_only=False)
        return np.where(np.isfinite(values), values, np.nan)

    def _column(self, column: str) -> pa.Array:
        places = self.data.schema.get_all_field_indices(column)
        if len(places) != 1:
            raise ColumnMissing(f"the data have no column `{column}`, or have it twice")
        values = self.data.column(places[0]).combine_chunks()
        return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def from_columns(columns: Mapping[str, Iterable[Any]]) -> Table:
    """Make a table of columns in memory, for scoring; None and NaN are missing.

    Raises:
        ColumnMissing: a column mixes kinds of values.
    """
    try:
        arrays = {
            name: pa.array(list(values), from_pandas=True) for name, values in columns.items()
        }
        return Table(pa.table(arrays))
    except (pa.ArrowException, TypeError) as exc:
        raise ColumnMissing("a column mixes kinds of values, or is shorter than others") from exc


def _may_hold_numbers(kind: pa.DataType) -> bool:
    types = pa.types
    known = (types.is_string, types.is_large_string, types.is_integer, types.is_floating)
    return any(test(kind) for test in (*known, types.is_decimal, types.is_null))


def _as_text(values: pa.Array, column: str) -> pa.Array:
    """Return values as valid UTF-8; null where one has none."""
    types = pa.types
    if types.is_string(values.type) or types.is_binary(values.type):
        values = values.cast(pa.binary())  # from bytes, since text to text is not validated
    elif types.is_large_string(values.type):
        values = values.cast(pa.large_binary())
    try:
        return _cast(values, pa.string())
    except pa.ArrowNotImplementedError:
        raise ColumnMissing(f"the column `{column}` is neither text nor number") from None


def _cast(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Convert; a value that cannot be converted becomes null, and it alone.

    It is found by halving: were all converted one by one, its row could be told from the time.

    Raises:
        pa.ArrowNotImplementedError: no value of this type can.
    """
    try:
        return pc.cast(values, kind)
    except pa.ArrowInvalid:
        half = len(values) // 2
        if not half:
            return pa.nulls(len(values), kind)
        return pa.concat_arrays([_cast(values[:half], kind), _cast(values[half:], kind)])
