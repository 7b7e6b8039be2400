"""A table as it is read: the statement that selects its columns, and rows as columns of Arrow.

Rules: no statement comes from a description: a table or view is named, and names are quoted by
sqlglot; columns that the layout calls text are text in the database's own words.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

import pyarrow as pa
import sqlglot.expressions as exp

from connector.errors import ColumnMissing, DataFileUnreadable

BATCH: Final = 1 << 14  # rows
_DEEPEST: Final = 2  # schema and table


class Table(Protocol):
    """A table or view that is open."""

    def names(self) -> list[str]:
        """Return its columns."""

    def columns(
        self, names: Sequence[str], texts: Collection[str], most: int
    ) -> Iterator[list[pa.Array]]:
        """Yield these columns, some rows at a time.

        Args:
            names: of the columns, in this order.
            texts: those that are wanted as text.
            most: rows; 0: all.

        Raises:
            ColumnMissing: it lacks one of them.
            DataFileUnreadable: it cannot be read to its end.
        """


Opening = Callable[[], AbstractContextManager[Table]]


def statement(
    table: str, names: Sequence[str], texts: Collection[str], most: int, dialect: str
) -> str:
    """Return the SQL that selects columns of a table.

    Args:
        table: `name`, or `schema.name`.
        names: of the columns; none for no more than their names.
        texts: those that are wanted as text.
        most: rows; 0: all.
        dialect: as sqlglot calls it.

    Raises:
        DataFileUnreadable: it is no name of a table.
    """
    parts = table.split(".")
    if not all(parts) or len(parts) > _DEEPEST or "\x00" in table:
        raise DataFileUnreadable("`table` must be the name of a table or view, or `schema.name`")
    schema = parts[0] if len(parts) == _DEEPEST else None
    wanted = [_column(name, text=name in texts) for name in names] or [exp.Star()]
    query = exp.select(*wanted).from_(exp.table_(parts[-1], db=schema, quoted=True))
    return (query if not most and names else query.limit(most)).sql(dialect=dialect)


def _column(name: str, *, text: bool) -> exp.Expr:
    column = exp.column(name, quoted=True)
    return exp.alias_(exp.cast(column, "text"), name, quoted=True) if text else column


def arrays(rows: Sequence[Sequence[Any]], width: int) -> list[pa.Array]:
    """Return rows of Python values as columns.

    Args:
        rows: of equal length.
        width: how many columns there are.
    """
    return [_array([row[at] for row in rows]) for at in range(width)]


def check_columns(names: Sequence[str], there: Collection[str]) -> None:
    """See that a table has columns.

    Raises:
        ColumnMissing: it lacks one of them.
    """
    for name in names:
        if name not in there:
            raise ColumnMissing(f"the table has no column `{name}`")


def _array(values: list[Any]) -> pa.Array:
    try:
        made = pa.array(values)
    except (
        pa.ArrowException,
        OverflowError,
        TypeError,
        ValueError,
    ):  # of several types, or of none
        return pa.array([_text(value) for value in values], pa.string())
    binary = pa.types.is_binary(made.type) or pa.types.is_large_binary(made.type)
    return pa.nulls(len(values), pa.string()) if binary else made


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, bytes | memoryview):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
