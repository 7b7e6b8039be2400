"""Batches of rows as the engine takes them: columns checked, and numbered.

The engine takes names that differ in case alone for one, so that no column has its own name there.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import sqlglot.expressions as exp

from connector.errors import ColumnMissing
from connector.protection.expressions import Named
from connector.protection.ground import Ground

TYPES: Final = {
    "text": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "date": pa.date32(),
    "boolean": pa.bool_(),
}


def numbered(ground: Ground) -> Named:
    """Return how columns are named in the engine."""
    places = {each.name: f"c{at}" for at, each in enumerate(ground.fields)}

    def named(name: str) -> exp.Expr:
        if name not in places:
            raise ColumnMissing(f"the data have no column `{name}`")
        return exp.column(places[name])

    return named


def shaped(batch: pa.RecordBatch | None, ground: Ground) -> pa.RecordBatch:
    """Return the columns of the ground under their own names; no rows where there is no batch.

    Raises:
        ColumnMissing: one is not there, is there twice, or has another type.
    """
    schema = pa.schema([(each.name, TYPES[each.datatype]) for each in ground.fields])
    if batch is None:
        return pa.record_batch([pa.array([], each.type) for each in schema], schema=schema)
    columns = []
    for each in schema:
        places = batch.schema.get_all_field_indices(each.name)
        if len(places) != 1 or batch.schema.field(places[0]).type != each.type:
            raise ColumnMissing(f"the data have no column `{each.name}` of its datatype")
        columns.append(batch.column(places[0]))
    return pa.record_batch(columns, schema=schema)
