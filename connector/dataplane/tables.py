"""The rows of a received file, as Arrow. Loads pyarrow, so that only who asks for rows does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyarrow import csv, ipc, json, parquet

from connector.errors import DataFileUnreadable


def table(path: Path) -> pa.Table:
    """Return the rows of a file, by the ending of its name.

    Raises:
        DataFileUnreadable: it is of no form that is transferred, or cannot be read.
    """
    reader = _READERS.get(path.suffix)
    if reader is None:
        raise DataFileUnreadable(f"`{path.name}` is not in a format that can be transferred")
    try:
        return reader(path)
    except (OSError, pa.ArrowException) as exc:
        raise DataFileUnreadable(f"`{path.name}` cannot be read") from exc


def _arrow(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source:
        return ipc.open_stream(source).read_all()


_READERS: Final[Mapping[str, Callable[[Path], pa.Table]]] = {
    ".arrow": _arrow,
    ".parquet": parquet.read_table,
    ".csv": csv.read_csv,
    ".jsonl": json.read_json,
}


def of_rows(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as a table."""
    return pa.Table.from_pylist(rows)
