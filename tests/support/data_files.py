"""Data files as bytes, read as a worker reads them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from federated.training.rows.lines import Reader
from federated.training.rows.table import Table


def read_csv(data: bytes, columns: Sequence[str], size: int = 1 << 18) -> Table:
    """Return the columns of a CSV file that is read by blocks of so many bytes."""
    blocks = (data[at : at + size] for at in range(0, max(1, len(data)), size))
    reader = Reader(blocks, columns)
    whole = pa.Table.from_batches(reader.batches(), reader.schema)
    return Table(whole, reader.lost())
