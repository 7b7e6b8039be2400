"""Rows read as values: strictly where something is decided, one by one where they are listed.

Rules: one row that cannot be read stops a decision (`RowDamaged`) and no list. What is wrong is
said by column, never by value, which may be anybody's. A row is read by itself only after its list
could not be read as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeVar

from sqlalchemy import Select, Table, bindparam, select
from sqlalchemy.exc import DataError, OperationalError

from connector.domain.page import Damaged
from connector.errors import RowDamaged
from connector.store.database.prepared import Names
from connector.store.database.scope import Scope
from connector.store.mapping import SPOILED, codecs_of, fields_of, from_record, from_row

T = TypeVar("T")
# What a query raises where a row is spoiled: drivers refuse some values before we see them.
UNREADABLE: Final = (*SPOILED, DataError, OperationalError)
_PLACE: Final = "asked_place"


def strictly(kind: type[T], table: Table, ask: Callable[[], Iterable[Sequence[Any]]]) -> list[T]:
    """Return the values of the rows that a query finds, each with the fields in their order.

    Raises:
        RowDamaged: one of them cannot be read.
    """
    try:
        return [from_record(kind, row) for row in ask()]
    except UNREADABLE as exc:
        raise _named(table, exc) from exc


def sound(table: Table, read: Callable[[], T]) -> T:
    """Return what is read of a table.

    Raises:
        RowDamaged: a row of it cannot be read.
    """
    try:
        return read()
    except UNREADABLE as exc:
        raise _named(table, exc) from exc


def _named(table: Table, exc: Exception) -> RowDamaged:
    """Return what a row that cannot be read is called.

    Raises:
        Exception: `exc` itself, where it is about the database.
    """
    if not spoiled(exc):
        raise exc
    reason = f"a row of table `{table.name}` cannot be read"
    return RowDamaged(reason, hint="`preau doctor` names the row; restore it from a backup")


def spoiled(exc: Exception) -> bool:
    """Whether an exception is about what a row holds, rather than about the database."""
    return not isinstance(exc, OperationalError) or "decode" in str(exc.orig)


def one_by_one(
    scope: Scope, kind: type[T], table: Table, key: Names, places: Iterable[int], place: str = "seq"
) -> Iterator[T | Damaged]:
    """Yield the value of each row, or what is wrong with it.

    Args:
        scope: of the transaction.
        kind: of the values.
        table: that they are in.
        key: columns that a row is called by.
        places: of the rows.
        place: column of these.
    """
    names = fields_of(kind)
    for at in places:
        row = _columns(scope, table, place, at, names)
        try:
            yield from_row(kind, row)
        except SPOILED:
            yield _fault(kind, table, key, at, row)


def _columns(scope: Scope, table: Table, place: str, at: int, names: Names) -> dict[str, Any]:
    """Return the columns of a row that the driver can read."""
    try:
        return dict(scope.read(_row(table, place, names), {_PLACE: at}).mappings().one())
    except UNREADABLE as exc:
        if not spoiled(exc):
            raise
        if len(names) == 1:
            return {}
    parts = [_columns(scope, table, place, at, (name,)) for name in names]
    return {name: value for part in parts for name, value in part.items()}


def _fault(kind: type[Any], table: Table, key: Names, at: int, row: Mapping[str, Any]) -> Damaged:
    codecs = codecs_of(kind)
    wrong = []
    for name, codec in codecs.items():
        try:
            codec.from_column(row[name])
        except SPOILED:
            wrong.append(f"`{name}`")
    parts = [row.get(name) for name in key]
    whole = all(isinstance(part, str | int) for part in parts)
    named = " ".join(map(str, parts)) if whole else f"{table.name} {at}"
    what = f"column {', '.join(wrong)}" if wrong else "the columns together"
    reason = f"{what} of table `{table.name}` cannot be read"
    return Damaged(named, f"{RowDamaged.code}: {reason}", whole)


@cache
def _row(table: Table, place: str, names: Names) -> Select[Any]:
    column: Any = table.c[place]
    return select(*(table.c[name] for name in names)).where(column == bindparam(_PLACE))
