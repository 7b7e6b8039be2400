"""Reads the columns that a job needs, from the very bytes whose digest was published.

Rules: the file is read once, hashed and parsed from memory, so that it cannot be another one in
between; only needed columns are kept; a value that is not what it should be is a missing one, and
a row that cannot be read is left out, because stopping on it would tell something about one person.
What stops depends on the file as a whole, which publication has read with this very code. No
message quotes a value. What the columns mean is left to `encode.py`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from federated.errors import (
    ColumnMissing,
    DataFileChanged,
    DataFileMissing,
    DataFileUnreadable,
)
from federated.persons import MISSING
from federated.training.rows.lines import Lost, check_names, read_csv

MAX_FILE_BYTES: Final = 4 * 1024**3
_NUMBER: Final = r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\s*$"


@dataclass(frozen=True, slots=True)
class Table:
    """Columns in memory.

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
        text = self.text(column)
        plain = pc.fill_null(pc.match_substring_regex(text, _NUMBER), fill_value=False)
        kept = pc.if_else(plain, pc.utf8_trim_whitespace(text), pa.scalar(None, pa.string()))
        values = _cast(kept, pa.float64()).to_numpy(zero_copy_only=False)
        return np.where(np.isfinite(values), values, np.nan)

    def _column(self, column: str) -> pa.Array:
        places = self.data.schema.get_all_field_indices(column)
        if len(places) != 1:
            raise ColumnMissing(f"the data have no column `{column}`, or have it twice")
        values = self.data.column(places[0]).combine_chunks()
        return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def read_table(path: Path, kind: str, digest: str, columns: Sequence[str]) -> Table:
    """Read columns of a data file.

    Args:
        path: the file.
        kind: `csv` (UTF-8, comma, header) or `parquet`.
        digest: SHA-256 (hex) of the file when it was published.
        columns: names, each once.

    Raises:
        DataFileMissing: no such file.
        DataFileUnreadable: not a plain file, too large, or not of that kind.
        DataFileChanged: its bytes have another digest.
        ColumnMissing: it lacks a column, or has one twice.
    """
    data = _bytes(path)
    if hashlib.sha256(data).hexdigest() != digest:
        raise DataFileChanged("the data file is not the one that was published")
    return _parsed(data, kind, columns)


def own_table(path: Path, columns: Sequence[str]) -> Table:
    """Read columns of a file of one's own, which nobody published; its name says of which kind.

    Raises:
        DataFileMissing: no such file.
        DataFileUnreadable: not a plain file, too large, or neither csv nor parquet.
        ColumnMissing: it lacks a column, or has one twice.
    """
    return _parsed(_bytes(path), path.suffix.removeprefix("."), columns)


def _parsed(data: bytes, kind: str, columns: Sequence[str]) -> Table:
    if kind == "csv":
        return Table(*read_csv(data, columns))
    if kind != "parquet":
        raise DataFileUnreadable(f"`{kind}` is no kind of data file that is known")
    try:
        return Table(_parquet(data, columns))
    except (pa.ArrowException, UnicodeError, OSError):
        # Not chained: the parser's message quotes the row that it stumbled over.
        raise DataFileUnreadable(f"the data file cannot be read as {kind}") from None


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


def _bytes(path: Path) -> bytes:
    try:
        # Not blocking: a named pipe in place of the file would hold the worker for ever.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise DataFileUnreadable("the data file is not a plain file")
            if state.st_size > MAX_FILE_BYTES:
                raise DataFileUnreadable(f"the data file is over {MAX_FILE_BYTES} bytes")
            return file.read()
    except FileNotFoundError as exc:
        raise DataFileMissing("the data file is not there") from exc
    except OSError as exc:
        raise DataFileUnreadable(f"the data file cannot be read: {exc.strerror}") from exc


def _parquet(data: bytes, columns: Sequence[str]) -> pa.Table:
    from pyarrow import parquet  # noqa: PLC0415 - most files are none

    file = parquet.ParquetFile(pa.BufferReader(data))
    check_names(file.schema_arrow.names, columns)
    return file.read(columns=list(columns), use_threads=False)


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
