"""Writes rows that were read by a layout as Parquet, batch by batch."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
from pyarrow import parquet

from connector.domain.catalog.layout import Layout
from connector.sources.reading import Tally, batches
from connector.sources.values import TYPES


def write(path: Path, layout: Layout, out: BinaryIO) -> Tally:
    """Write a file or folder as one Parquet file, and return what was read.

    Raises:
        DataFileMissing: it is not there.
        DataFileUnreadable: it is not of that layout.
        ColumnMissing: it lacks a column.
    """
    tally = Tally()
    schema = pa.schema([(each.name, TYPES[each.datatype]) for each in layout.fields])
    with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        for batch in batches(path, layout, tally):
            writer.write_batch(batch)
    return tally
