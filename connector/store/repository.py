"""One repository for every kind of value: the port `Repository` over one table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Delete,
    Select,
    Table,
    bindparam,
    delete,
    func,
    not_,
    or_,
    select,
)

from connector.domain.page import LONGEST, PAGE, Damaged, Page, place
from connector.ports import Among, Not
from connector.store import rows
from connector.store.database.prepared import Names, Record
from connector.store.database.scope import Scope
from connector.store.mapping import codecs_of, fields_of, reader, storable_key, to_row
from connector.store.tables.keyed import Row, table_of

T = TypeVar("T")
# What a list compares: a field, how, and with how many values; with none, it is an empty column.
Shape = tuple[tuple[str, str, int], ...]
EQUAL, DIFFERS = "equal", "differs"
# What each repository of a kind has: key, table, fields, and how a row is read.
Form = tuple[Names, Table, Names, Callable[[Any], Any]]
_ALL: Final = 1 << 62  # rows
_PREFIX: Final = "asked_"
_AFTER: Final = "after_seq"
MOST: Final = "most_rows"
OLDEST, NEWEST = "oldest", "newest"  # orders of a page


class SqlRepository(Generic[T]):
    """Values of one kind in one table."""

    def __init__(self, scope: Scope, kind: type[T], row: type[Row]) -> None:
        self._scope = scope
        self._kind = kind
        self._key, self._table, self._fields, self._read = _form(kind, row)

    def get(self, *key: str | int) -> T | None:
        """Return the value of a key, or None.

        Raises:
            RowDamaged: its row cannot be read.
        """
        return self._scope.once(self._table, key, partial(self._get, key))

    def lock(self, *key: str | int) -> T | None:
        """As `get`, and keep others from writing it until the transaction ends.

        Raises:
            RowDamaged: its row cannot be read.
            RuntimeError: the transaction is for reading.
        """
        self._scope.check_writable()
        return self.get(*key)  # who writes holds the log's head: nobody else does until then

    def put(self, value: T) -> None:
        """Insert the value, or replace the one with its key.

        Raises:
            Malformed: the value holds something that cannot be stored.
            RuntimeError: the transaction is for reading.
        """
        self._scope.insert_or_replace(self._table, self._columns(value), self._key)

    def add(self, value: T) -> bool:
        """Insert the value unless its key is taken; return whether it was inserted.

        Raises:
            Malformed: the value holds something that cannot be stored.
            RuntimeError: the transaction is for reading.
        """
        return self._scope.insert_new(self._table, self._columns(value), self._key)

    def find(self, **equal: object) -> list[T]:
        """Return the values whose fields equal these, oldest first.

        Raises:
            RowDamaged: one of their rows cannot be read.
            KeyError: the value has no such field (a fault of the caller's code).
        """
        shape, values = self._asked(equal)
        asked = _listing(self._table, self._fields, shape)

        def ask() -> list[T]:
            return self._strictly(lambda: [row[1:] for row in self._scope.ask(asked, values)])

        return list(self._scope.once(self._table, (shape, *values.values()), ask))

    def page(
        self, *, after: str = "", limit: int = PAGE, newest: bool = False, **equal: object
    ) -> Page[T]:
        """Return as `find`, at most `limit` rows that come after a page, whatever they hold.

        With a `limit` of 0, all of them; the newest first, where that is asked for.

        Raises:
            Malformed: `after` is not a `Page.next`.
            KeyError: the value has no such field (a fault of the caller's code).
        """
        limit = limit or _ALL
        shape, values = self._asked(equal)
        order = NEWEST if newest else OLDEST
        values[_AFTER] = place(after) or (_ALL if newest else 0)

        def listing(fields: Names) -> Select[Any]:
            return _listing(self._table, fields, shape, order)

        found, places = self._taken(listing, values, limit)
        return Page.of(found, str(places[limit - 1]) if len(places) > limit else "")

    def keys(self, **equal: object) -> list[tuple[str | int, ...]]:
        """Return the keys of the values that `find` returns, and read nothing else of these.

        Raises:
            KeyError: the value has no such field (a fault of the caller's code).
        """
        shape, values = self._asked(equal)
        return [row[1:] for row in self._scope.ask(_listing(self._table, self._key, shape), values)]

    def damaged(self, until: float) -> tuple[list[Damaged], bool]:
        """Return the rows that cannot be read, and whether all were looked at.

        Args:
            until: monotonic time, in seconds, at which the look ends.
        """
        found: list[Damaged] = []
        page: Page[T] = Page((), "0")
        while page.next and time.monotonic() < until:
            page = self.page(after=page.next, limit=LONGEST)
            found += page.damaged
        return found, not page.next

    def count(self, **equal: object) -> int:
        """Return how many values have fields that equal these.

        Raises:
            KeyError: the value has no such field (a fault of the caller's code).
        """
        shape, values = self._asked(equal)
        return int(self._scope.ask(_counting(self._table, shape), values)[0][0])

    def remove(self, *key: str | int) -> None:
        """Remove the value of a key, if it is there.

        Raises:
            RuntimeError: the transaction is for reading.
        """
        self._scope.tell(_removal(self._table, self._key), self._values(key))

    def _taken(
        self, listing: Callable[[Names], Select[Any]], values: dict[str, Any], limit: int
    ) -> tuple[list[T | Damaged], list[int]]:
        """Return the first rows of a list, whatever they hold, and where they and the next are.

        Args:
            listing: returns the query for `seq` and some fields of its first `MOST` rows.
            values: of its parameters, but for `MOST`.
            limit: most rows.
        """
        values = {**values, MOST: limit + 1}
        try:
            read = self._scope.ask(listing(self._fields), values)
            return [self._read(row[1:]) for row in read[:limit]], [row[0] for row in read]
        except rows.UNREADABLE as exc:
            if not rows.spoiled(exc):
                raise
        places = [row[0] for row in self._scope.ask(listing(()), values)]
        return list(self._one_by_one(places[:limit])), places

    def _get(self, key: tuple[str | int, ...]) -> T | None:
        statement, values = one(self._table, self._fields, self._key), self._values(key)
        found = self._strictly(lambda: self._scope.ask(statement, values))
        return found[0] if found else None

    def _strictly(self, ask: Callable[[], list[Record]]) -> list[T]:
        return rows.sound(self._table, lambda: [self._read(row) for row in ask()])

    def _one_by_one(self, places: list[int]) -> Iterator[T | Damaged]:
        return rows.one_by_one(self._scope, self._kind, self._table, self._key, places)

    def _values(self, key: tuple[str | int, ...]) -> dict[str, Any]:
        codecs = codecs_of(self._kind)
        pairs = zip(self._key, key, strict=True)
        return {_PREFIX + name: codecs[name].to_column(value) for name, value in pairs}

    def _asked(self, equal: Mapping[str, object]) -> tuple[Shape, dict[str, Any]]:
        """Return what is compared how, which names a statement, and its values."""
        codecs, shape = codecs_of(self._kind), []
        values: dict[str, Any] = {}
        for name, wanted in equal.items():
            how, listed = _meant(wanted)
            stored = [codecs[name].to_column(each) for each in listed]
            kept = [each for each in stored if each is not None]
            shape.append((name, how, len(kept)))
            values |= {_value(name, number): each for number, each in enumerate(kept)}
        return tuple(shape), values

    def _columns(self, value: T) -> dict[str, Any]:
        columns = to_row(value)
        for name in self._key:
            if isinstance(columns[name], str):
                storable_key(columns[name])
        return columns


class SqlSeldom(SqlRepository[T]):
    """Values that many calls read and few change; a reader sees them within a second of a change.

    What this process changes it sees at once; see `recent.py`.
    """

    def get(self, *key: str | int) -> T | None:
        """Return the value of a key, or None; see `SqlRepository.get`."""
        return self._scope.recently(self._table, key, lambda: super(SqlSeldom, self).get(*key))

    def find(self, **equal: object) -> list[T]:
        """Return the values whose fields equal these; see `SqlRepository.find`."""
        shape, values = self._asked(equal)
        question = (shape, *values.values())
        found = self._scope.recently(
            self._table, question, lambda: super(SqlSeldom, self).find(**equal)
        )
        return list(found)

    def put(self, value: T) -> None:
        """Insert or replace the value; see `SqlRepository.put`."""
        self._scope.written.add(self._table.name)
        super().put(value)

    def add(self, value: T) -> bool:
        """Insert the value unless its key is taken; see `SqlRepository.add`."""
        self._scope.written.add(self._table.name)
        return super().add(value)

    def remove(self, *key: str | int) -> None:
        """Remove the value of a key, if it is there; see `SqlRepository.remove`."""
        self._scope.written.add(self._table.name)
        super().remove(*key)


def _formed(kind: type[Any], row: type[Row]) -> Form:
    return row.KEY, table_of(row), fields_of(kind), reader(kind, row.KEPT)


_form: Final[Callable[[Any, Any], Form]] = cache(_formed)


def _meant(wanted: object) -> tuple[str, list[object]]:
    """Return how a field is compared, and with what."""
    match wanted:
        case Not(value=value):
            return DIFFERS, [value]
        case Among(values=several):
            return EQUAL, sorted(several, key=str)
        case _:
            return EQUAL, [wanted]


def _value(name: str, number: int = 0) -> str:
    """Return the name of a value in a statement: a field's first, or a further one."""
    return f"{_PREFIX}{name}_{number}" if number else _PREFIX + name


def _parameter(table: Table, name: str, number: int = 0) -> ColumnElement[bool]:
    column: ColumnElement[Any] = table.c[name]
    condition: ColumnElement[bool] = column == bindparam(_value(name, number), type_=column.type)
    return condition


def _compared(table: Table, shape: Shape) -> list[ColumnElement[bool]]:
    """Return the conditions of a list; `None` equals an empty column."""
    conditions = []
    for name, how, several in shape:
        column: ColumnElement[Any] = table.c[name]
        each = [_parameter(table, name, number) for number in range(several)]
        equal = or_(*each) if each else column.is_(None)
        conditions.append(not_(equal) if how == DIFFERS else equal)
    return conditions


@cache
def one(table: Table, fields: Names, key: Names) -> Select[Any]:
    """Return the query for some fields of the row with a key; see `SqlRepository._values`."""
    query = select(*(table.c[name] for name in fields))
    return query.where(*(_parameter(table, name) for name in key))


@cache
def _listing(table: Table, fields: Names, shape: Shape, paged: str = "") -> Select[Any]:
    """Return the query for a list; for a page of it, where an order is stated."""
    seq: ColumnElement[int] = table.c.seq
    query = select(seq, *(table.c[name] for name in fields)).where(*_compared(table, shape))
    if not paged:
        return query.order_by(seq)
    after, most = bindparam(_AFTER, type_=BigInteger()), bindparam(MOST, type_=BigInteger())
    beside, order = (seq < after, seq.desc()) if paged == NEWEST else (seq > after, seq)
    return query.where(beside).order_by(order).limit(most)


@cache
def _counting(table: Table, shape: Shape) -> Select[Any]:
    return select(func.count()).select_from(table).where(*_compared(table, shape))


@cache
def _removal(table: Table, key: Names) -> Delete:
    return delete(table).where(*(_parameter(table, name) for name in key))
