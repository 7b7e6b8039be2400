"""Reads the columns that a job needs, from the very bytes whose digest was published.

Rules: the file is read once, hashed and parsed from memory, so that it cannot be another one in
between; only needed columns are kept; a value that is no number is a missing one, because stopping
on it would tell something about one person's row. No message quotes a value. What the columns mean
is left to `encode.py`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv, parquet

from federated.errors import (
    ColumnMissing,
    DataFileChanged,
    DataFileMissing,
    DataFileUnreadable,
)

MAX_FILE_BYTES: Final = 4 * 1024**3
MISSING: Final = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
_NUMBER: Final = r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\s*$"


@dataclass(frozen=True, slots=True)
class Table:
    """Columns in memory.

    Attributes:
        data: Arrow table; every column is text or a number.
    """

    data: pa.Table

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.data.num_rows)

    def text(self, column: str) -> pa.Array:
        """Return a column as text; null where missing.

        Raises:
            ColumnMissing: no such column, or its type has no text form.
        """
        values = self._column(column)
        try:
            text = pc.cast(values, pa.string())
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            raise ColumnMissing(f"the column `{column}` is neither text nor number") from None
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
        values = pc.cast(kept, pa.float64()).to_numpy(zero_copy_only=False)
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
    readers = {"csv": _csv, "parquet": _parquet}
    if kind not in readers:
        raise DataFileUnreadable(f"`{kind}` is no kind of data file that is known")
    try:
        return Table(readers[kind](data, columns))
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


def _csv(data: bytes, columns: Sequence[str]) -> pa.Table:
    with csv.open_csv(pa.BufferReader(data), csv.ReadOptions(use_threads=False)) as head:
        names = head.schema.names
    _check_names(names, columns)
    return csv.read_csv(
        pa.BufferReader(data),
        csv.ReadOptions(use_threads=False),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.string()),
            include_columns=list(columns),
            null_values=list(MISSING),
            strings_can_be_null=True,
        ),
    )


def _parquet(data: bytes, columns: Sequence[str]) -> pa.Table:
    file = parquet.ParquetFile(pa.BufferReader(data))
    _check_names(file.schema_arrow.names, columns)
    return file.read(columns=list(columns), use_threads=False)


def _check_names(names: Sequence[str], columns: Sequence[str]) -> None:
    for column in columns:
        if list(names).count(column) != 1:
            raise ColumnMissing(f"the data have no column `{column}`, or have it twice")
