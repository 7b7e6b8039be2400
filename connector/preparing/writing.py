"""Writes batches as a file, in a stream that need not seek: Arrow, Parquet, CSV or JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any, BinaryIO, Final

import pyarrow as pa
from pyarrow import csv, parquet


def write(batches: Iterable[pa.RecordBatch], form: str, out: BinaryIO) -> int:
    """Write batches of one schema; return how many rows there were.

    Args:
        batches: at least one, which may be empty.
        form: `arrow`, `parquet`, `csv` or `jsonl`.
        out: where it goes.
    """
    rows = 0
    writer: Any = None
    for batch in batches:
        writer = writer or _WRITERS[form](out, batch.schema)
        if batch.num_rows:
            writer.write_batch(batch)
        rows += batch.num_rows
    if writer is not None:
        writer.close()
    return rows


class _Lines:
    """A JSON object for each row, UTF-8."""

    def __init__(self, out: BinaryIO, _schema: pa.Schema) -> None:
        self._out = out

    def write_batch(self, batch: pa.RecordBatch) -> None:
        for row in batch.to_pylist():
            line = json.dumps(row, ensure_ascii=False, allow_nan=False, default=_plain)
            self._out.write(line.encode() + b"\n")

    def close(self) -> None:
        self._out.flush()


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _parquet(out: BinaryIO, schema: pa.Schema) -> parquet.ParquetWriter:
    return parquet.ParquetWriter(out, schema, compression="zstd")


def _arrow(out: BinaryIO, schema: pa.Schema) -> pa.RecordBatchStreamWriter:
    return pa.ipc.new_stream(out, schema, options=pa.ipc.IpcWriteOptions(compression="lz4"))


_WRITERS: Final[Mapping[str, Callable[[BinaryIO, pa.Schema], Any]]] = MappingProxyType(
    {"arrow": _arrow, "parquet": _parquet, "csv": csv.CSVWriter, "jsonl": _Lines}
)
