"""Writes rows that were read by a layout, batch by batch: Arrow for a process, Parquet to keep."""

from __future__ import annotations

from typing import BinaryIO, Final

import pyarrow as pa
from pyarrow import parquet

from connector.domain.catalog.layout import Layout
from connector.sources.origins import Origin
from connector.sources.reading import Tally
from connector.sources.values import TYPES


def write(origin: Origin, layout: Layout, form: str, out: BinaryIO) -> Tally:
    """Write the rows of an origin as one stream, and return what was read.

    Args:
        origin: where they are.
        layout: how it is read.
        form: `arrow` (IPC stream) or `parquet`.
        out: where it goes; it need not seek.

    Raises:
        DataFileMissing: it is not there.
        DataFileUnreadable: it is not of that layout.
        ColumnMissing: it lacks a column.
    """
    tally = Tally()
    schema = pa.schema([(each.name, TYPES[each.datatype]) for each in layout.fields])
    with _WRITERS[form](out, schema) as writer:
        for batch in origin.batches(layout, tally):
            writer.write_batch(batch)
    return tally


def _parquet(out: BinaryIO, schema: pa.Schema) -> parquet.ParquetWriter:
    return parquet.ParquetWriter(out, schema, compression="zstd")


_WRITERS: Final = {"arrow": pa.ipc.new_stream, "parquet": _parquet}
