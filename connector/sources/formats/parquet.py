"""Apache Parquet: columns with the types of the file, many rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final

import pyarrow as pa
from pyarrow import parquet

from connector.domain.catalog.layout import Layout
from connector.errors import ColumnMissing, DataFileUnreadable
from connector.sources.formats.separated import place

_ROWS: Final = 1 << 14


def columns(file: BinaryIO, layout: Layout, names: Sequence[str]) -> Iterator[list[pa.Array]]:
    """Yield these columns.

    Raises:
        DataFileUnreadable: it is not Parquet, or damaged.
        ColumnMissing: it lacks a column, has it twice, or nests values in it.
    """
    del layout
    try:
        opened = parquet.ParquetFile(file)
        schema = opened.schema_arrow
        for name in names:
            if schema.field(place(schema.names, name)).type.num_fields:
                raise ColumnMissing(f"the column `{name}` nests values")
        for batch in opened.iter_batches(_ROWS, columns=list(names), use_threads=False):
            yield [batch.column(batch.schema.get_field_index(name)) for name in names]
    except (pa.ArrowException, OSError, UnicodeError):
        raise DataFileUnreadable("the file cannot be read as parquet") from None


def schema_of(file: BinaryIO) -> pa.Schema:
    """Return names and types of the columns.

    Raises:
        DataFileUnreadable: it is not Parquet, or damaged.
    """
    try:
        return parquet.ParquetFile(file).schema_arrow
    except (pa.ArrowException, OSError, UnicodeError):
        raise DataFileUnreadable("the file cannot be read as parquet") from None
