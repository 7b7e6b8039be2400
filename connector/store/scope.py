"""One open transaction as the store's parts see it: statements in, rows out.

Rules: a reading transaction refuses to write. A statement is built once and gets its values as
parameters, since building costs several times what running does. The two databases differ in how an
insertion says what to do about a taken key; that difference is here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite

Names = tuple[str, ...]


class Scope:
    """A connection in a transaction.

    Attributes:
        connection: open, begun; `unit.py` ends it.
        writable: whether statements that change something are accepted.
    """

    def __init__(self, connection: Connection, *, writable: bool) -> None:
        self.connection = connection
        self.writable = writable

    def read(
        self, statement: Executable, values: Mapping[str, Any] | None = None
    ) -> CursorResult[Any]:
        """Run a query."""
        return self.connection.execute(statement, values)

    def change(
        self,
        statement: Executable,
        values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> CursorResult[Any]:
        """Run a statement that writes, or that keeps others from writing.

        Raises:
            RuntimeError: the transaction is for reading (a fault of the caller's code).
        """
        if not self.writable:
            raise RuntimeError("a reading transaction writes nothing")
        return self.connection.execute(statement, values)

    def insert_or_replace(
        self, table: Table, values: Mapping[str, Any], key: Sequence[str]
    ) -> None:
        """Insert a row, or replace all but the key of the one that is there."""
        self.change(_replacing(self._dialect(), table, tuple(values), tuple(key)), values)

    def add_up(self, table: Table, values: Mapping[str, Any], key: Sequence[str]) -> None:
        """Insert a row, or add what is no key to the one that is there."""
        self.change(_adding(self._dialect(), table, tuple(values), tuple(key)), values)

    def insert_new(self, table: Table, values: Mapping[str, Any], key: Sequence[str]) -> bool:
        """Insert a row unless its key is taken; return whether it was inserted."""
        # A row comes back only when one was inserted, on both databases.
        return self.change(_new(self._dialect(), table, tuple(key)), values).first() is not None

    def _dialect(self) -> str:
        return self.connection.dialect.name


def _insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


@cache
def _replacing(dialect: str, table: Table, names: Names, key: Names) -> Executable:
    insertion = _insert(dialect, table)
    rest = {name: insertion.excluded[name] for name in names if name not in key}
    return insertion.on_conflict_do_update(index_elements=list(key), set_=rest)


@cache
def _adding(dialect: str, table: Table, names: Names, key: Names) -> Executable:
    insertion = _insert(dialect, table)
    sums = {name: table.c[name] + insertion.excluded[name] for name in names if name not in key}
    return insertion.on_conflict_do_update(index_elements=list(key), set_=sums)


@cache
def _new(dialect: str, table: Table, key: Names) -> Executable:
    insertion = _insert(dialect, table).on_conflict_do_nothing(index_elements=list(key))
    return insertion.returning(table.c[key[0]])
