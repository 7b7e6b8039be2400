"""Rows that a caller brings: columns by name, a frame of pandas, a table of Arrow, or a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from federated.training.rows.table import Table

# A CSV or Parquet file, columns by name, a pandas frame, or an Arrow table.
Rows = str | Path | Mapping[str, Iterable[Any]] | Any


def table_of(rows: Rows, columns: Sequence[str]) -> Table:
    """Return some columns of rows; of columns in memory those that are there.

    Raises:
        ColumnMissing: a file lacks a column.
        DataFileMissing: no such file.
        DataFileUnreadable: it is neither CSV nor Parquet.
    """
    from federated.training.rows.parts import own_table  # noqa: PLC0415 - start-up
    from federated.training.rows.table import from_columns  # noqa: PLC0415 - start-up

    if isinstance(rows, str | Path):
        return own_table(Path(rows), columns)
    there = getattr(rows, "column_names", None) or list(rows)
    return from_columns({name: _values(rows[name]) for name in columns if name in there})


def _values(column: Any) -> Iterable[Any]:
    values: Iterable[Any] = column.to_pylist() if hasattr(column, "to_pylist") else column
    return values
