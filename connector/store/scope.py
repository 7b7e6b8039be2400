"""One open transaction as the store's parts see it: statements in, rows out.

Rule: a reading transaction refuses to write. The two databases differ in how an insertion says
what to do about a taken key; that difference is here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite


class Scope:
    """A connection in a transaction.

    Attributes:
        connection: open, begun; `unit.py` ends it.
        writable: whether statements that change something are accepted.
    """

    def __init__(self, connection: Connection, *, writable: bool) -> None:
        self.connection = connection
        self.writable = writable

    def read(self, statement: Executable) -> CursorResult[Any]:
        """Run a query."""
        return self.connection.execute(statement)

    def change(self, statement: Executable) -> CursorResult[Any]:
        """Run a statement that writes, or that keeps others from writing.

        Raises:
            RuntimeError: the transaction is for reading (a fault of the caller's code).
        """
        if not self.writable:
            raise RuntimeError("a reading transaction writes nothing")
        return self.connection.execute(statement)

    def insert_or_replace(
        self, table: Table, values: Mapping[str, Any], key: Sequence[str]
    ) -> None:
        """Insert a row, or replace all but the key of the one that is there."""
        rest = {name: value for name, value in values.items() if name not in key}
        self.change(
            self._insert(table)
            .values(**values)
            .on_conflict_do_update(index_elements=list(key), set_=rest)
        )

    def add_up(self, table: Table, values: Mapping[str, Any], key: Sequence[str]) -> None:
        """Insert a row, or add what is no key to the one that is there."""
        insertion = self._insert(table).values(**values)
        sums = {
            name: table.c[name] + insertion.excluded[name] for name in values if name not in key
        }
        self.change(insertion.on_conflict_do_update(index_elements=list(key), set_=sums))

    def insert_new(self, table: Table, values: Mapping[str, Any], key: Sequence[str]) -> bool:
        """Insert a row unless its key is taken; return whether it was inserted."""
        result = self.change(
            self._insert(table)
            .values(**values)
            .on_conflict_do_nothing(index_elements=list(key))
            .returning(table.c[key[0]])  # a row only when one was inserted, on both databases
        )
        return result.first() is not None

    def _insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        if self.connection.dialect.name == "sqlite":
            return sqlite.insert(table)
        return postgresql.insert(table)
