"""One repository for every kind of value: the port `Repository` over one table."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, and_, delete, func, select

from connector.domain.page import PAGE, Page, place
from connector.ports import Not
from connector.store.mapping import codecs_of, from_row, storable_key, to_row
from connector.store.scope import Scope
from connector.store.tables import Row, table_of

T = TypeVar("T")


class SqlRepository(Generic[T]):
    """Values of one kind in one table."""

    def __init__(self, scope: Scope, kind: type[T], row: type[Row]) -> None:
        self._scope = scope
        self._kind = kind
        self._key = row.KEY
        self._table = table_of(row)

    def get(self, *key: str | int) -> T | None:
        """Return the value of a key, or None."""
        return self._one(self._select().where(self._is(key)))

    def lock(self, *key: str | int) -> T | None:
        """As `get`, and keep others from writing it until the transaction ends.

        Raises:
            RuntimeError: the transaction is for reading.
        """
        return self._one(self._select().where(self._is(key)).with_for_update(), locking=True)

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
            KeyError: the value has no such field (a fault of the caller's code).
        """
        return self.matching(*(self._equals(name, wanted) for name, wanted in equal.items()))

    def page(self, *, after: str = "", limit: int = PAGE, **equal: object) -> Page[T]:
        """Return as `find`, at most `limit` values that come after a page.

        Raises:
            Malformed: `after` is not a `Page.next`.
            KeyError: the value has no such field (a fault of the caller's code).
        """
        seq = self._table.c.seq
        conditions = (self._equals(name, wanted) for name, wanted in equal.items())
        query = select(seq, *self._select().selected_columns)
        query = query.where(*conditions, seq > place(after)).order_by(seq).limit(limit + 1)
        rows = list(self._scope.read(query).mappings())
        values = tuple(from_row(self._kind, row) for row in rows[:limit])
        return Page(values, str(rows[limit - 1]["seq"]) if len(rows) > limit else "")

    def count(self, **equal: object) -> int:
        """Return how many values have fields that equal these.

        Raises:
            KeyError: the value has no such field (a fault of the caller's code).
        """
        conditions = (self._equals(name, wanted) for name, wanted in equal.items())
        query = select(func.count()).select_from(self._table).where(*conditions)
        return int(self._scope.read(query).scalar_one())

    def remove(self, *key: str | int) -> None:
        """Remove the value of a key, if it is there.

        Raises:
            RuntimeError: the transaction is for reading.
        """
        self._scope.change(delete(self._table).where(self._is(key)))

    def matching(self, *conditions: ColumnElement[bool], limit: int | None = None) -> list[T]:
        """Return the values of the rows that meet all conditions, oldest first.

        For the store's own queries; services use `find`.
        """
        query = self._select().where(*conditions).order_by(self._table.c.seq).limit(limit)
        return [from_row(self._kind, row) for row in self._scope.read(query).mappings()]

    def _select(self) -> Select[Any]:
        return select(*(self._table.c[name] for name in codecs_of(self._kind)))

    def _one(self, query: Select[Any], *, locking: bool = False) -> T | None:
        run = self._scope.change if locking else self._scope.read
        row = run(query).mappings().one_or_none()
        return None if row is None else from_row(self._kind, row)

    def _is(self, key: tuple[str | int, ...]) -> ColumnElement[bool]:
        return and_(
            *(self._equals(name, wanted) for name, wanted in zip(self._key, key, strict=True))
        )

    def _equals(self, name: str, wanted: object) -> ColumnElement[bool]:
        """Return the condition that a field equals a value; `None` equals an empty column."""
        column: ColumnElement[Any] = self._table.c[name]
        differs, value = (True, wanted.value) if isinstance(wanted, Not) else (False, wanted)
        stored = codecs_of(self._kind)[name].to_column(value)
        condition: ColumnElement[bool] = column != stored if differs else column == stored
        return condition

    def _columns(self, value: T) -> dict[str, Any]:
        columns = to_row(value)
        for name in self._key:
            if isinstance(columns[name], str):
                storable_key(columns[name])
        return columns
