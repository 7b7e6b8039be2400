"""One open transaction as the store's parts see it: statements in, rows out.

Rules: a reading transaction refuses to write, and begins with its first query. A statement is built
once and gets its values as parameters, since building costs several times what running does. The
two databases differ in how an insertion says what to do about a taken key; that difference is here
and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any, TypeVar, cast

from sqlalchemy import CursorResult, Executable, Table, case

from connector.store.database.prepared import NOTHING, Names, Record, Values, prepared
from connector.store.database.session import Rows, Session
from connector.store.database.soundness import spoiled
from connector.store.recent import Answers, Recent

T = TypeVar("T")


class Scope:
    """A transaction.

    Attributes:
        writable: whether statements that change something are accepted.
        written: names of the tables that it changed, of those that are asked by `recently`.
    """

    def __init__(self, begin: Callable[[], Session], recent: Recent, *, writable: bool) -> None:
        """Prepare.

        Args:
            begin: takes a connection and begins.
            recent: what tables said a moment ago.
            writable: see above.
        """
        self.writable = writable
        self.written: set[str] = set()
        self._begin = begin
        self._recent = recent
        self._mark = recent.mark()
        self._said: dict[str, dict[Hashable, Any]] = {}
        self._session: Session | None = None
        self._over = False

    @property
    def session(self) -> Session:
        """Open, begun.

        Raises:
            RuntimeError: the transaction is over (a fault of the caller's code).
        """
        if self._over:
            raise RuntimeError("the transaction is over")
        if self._session is None:
            self._session = self._begin()
        return self._session

    def end(self, *, commit: bool) -> None:
        """Commit or roll back, if anything was begun.

        Raises:
            StoreUnavailable: it could not be committed.
        """
        self._over = True  # its connection may serve another one from now on
        if self._session is not None:
            self._session.end(commit=commit)

    def recently(self, table: Table, question: Hashable, ask: Callable[[], T]) -> T:
        """Return what a table that changes seldom answers, perhaps as it did a moment ago.

        Where the transaction is for writing, what it decides rests on what is there now.
        """
        if self.writable:
            return self.once(table, question, ask)
        return self._recent.answer(table.name, question, self._mark, ask)

    def once(self, table: Table, question: Hashable, ask: Callable[[], T]) -> T:
        """Return what a table answers, asked once until the transaction changes it.

        Of one for writing only: nobody else writes meanwhile.
        """
        if not self.writable:
            return ask()
        answers = self._said.setdefault(table.name, {})
        if question not in answers:
            answers[question] = ask()
        return cast("T", answers[question])

    def said(self, table: Table, question: Hashable) -> Any:
        """Return what `once` has answered, and still holds; `NOTHING` where it was not asked."""
        return self._said.get(table.name, {}).get(question, NOTHING)

    def kept(self, table: Table) -> Answers:
        """Return what a table said to readers a moment ago; see `Recent.kept`."""
        return self._recent.kept(table.name)

    def ask(self, statement: Any, values: Values = NOTHING) -> list[Record]:
        """Run a query of the code's own, one that is built once; see `prepared.py`."""
        session = self.session
        return session.run(prepared(statement, session.dialect), values)

    def ahead(self, statement: Any) -> Rows:
        """As `answered`; return what returns the rows. What is locked is so for what follows.

        Raises:
            RuntimeError: the transaction is for reading (a fault of the caller's code).
        """
        self.check_writable()
        session = self.session
        rows = session.ahead(prepared(statement, session.dialect), NOTHING)
        return lambda: rows() if self.session else []  # not once the transaction is over

    def answered(
        self, statement: Any, values: Values = NOTHING, columns: Names = ()
    ) -> list[Record]:
        """As `ask`, of what `change` runs; an insertion states the columns that it writes.

        Raises:
            RuntimeError: the transaction is for reading (a fault of the caller's code).
        """
        self.check_writable()
        self._said.pop(statement.table.name, None)
        session = self.session
        return session.run(prepared(statement, session.dialect, columns), values)

    def tell(self, statement: Any, values: Values = NOTHING, columns: Names = ()) -> None:
        """As `answered`, where nobody asks for the answer: it may wait for the next statement.

        Raises:
            RuntimeError: the transaction is for reading (a fault of the caller's code).
        """
        self.check_writable()
        self._said.pop(statement.table.name, None)
        session = self.session
        session.tell(prepared(statement, session.dialect, columns), values)

    def tell_many(self, statement: Any, rows: Sequence[Values]) -> None:
        """As `tell`, once for each row.

        Raises:
            RuntimeError: the transaction is for reading (a fault of the caller's code).
        """
        self.check_writable()
        for row in rows:
            self.tell(statement, row, tuple(row))

    def read(
        self, statement: Executable, values: Mapping[str, Any] | None = None
    ) -> CursorResult[Any]:
        """Run a query."""
        return self.session.connection.execute(statement, values)

    def change(
        self,
        statement: Executable,
        values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> CursorResult[Any]:
        """Run a statement that writes, or that keeps others from writing.

        Raises:
            RuntimeError: the transaction is for reading (a fault of the caller's code).
        """
        self.check_writable()
        self._said.clear()
        return self.session.connection.execute(statement, values)

    def check_writable(self) -> None:
        """Check that the transaction may change something, or keep others from it.

        Raises:
            RuntimeError: it is for reading (a fault of the caller's code).
        """
        if not self.writable:
            raise RuntimeError("a reading transaction writes nothing")

    def insert_or_replace(
        self, table: Table, values: Mapping[str, Any], key: Sequence[str]
    ) -> None:
        """Insert a row, or replace all but the key of the one that is there."""
        names = tuple(values)
        self.tell(_replacing(self._dialect(), table, names, tuple(key)), values, names)

    def add_up(self, table: Table, values: Mapping[str, Any], key: Sequence[str]) -> None:
        """Insert a row, or add what is no key to the one that is there; a spoiled sum stays one."""
        names = tuple(values)
        self.tell(_adding(self._dialect(), table, names, tuple(key)), values, names)

    def insert_new(self, table: Table, values: Mapping[str, Any], key: Sequence[str]) -> bool:
        """Insert a row unless its key is taken; return whether it was inserted."""
        # A row comes back only when one was inserted, on both databases.
        return bool(self.answered(_new(self._dialect(), table, tuple(key)), values, tuple(values)))

    def _dialect(self) -> str:
        return self.session.dialect.name


def _insert(dialect: str, table: Table) -> Any:
    """Return an insertion of a database's own; the other one's dialect is not loaded."""
    return import_module(f"sqlalchemy.dialects.{dialect}").insert(table)


@cache
def _replacing(dialect: str, table: Table, names: Names, key: Names) -> Executable:
    insertion = _insert(dialect, table)
    rest = {name: insertion.excluded[name] for name in names if name not in key}
    replacing: Executable = insertion.on_conflict_do_update(index_elements=list(key), set_=rest)
    return replacing


@cache
def _adding(dialect: str, table: Table, names: Names, key: Names) -> Executable:
    insertion = _insert(dialect, table)
    sums = {
        name: case((spoiled(table.c[name]), table.c[name]), else_=table.c[name] + new)
        for name, new in insertion.excluded.items()
        if name in names and name not in key
    }
    adding: Executable = insertion.on_conflict_do_update(index_elements=list(key), set_=sums)
    return adding


@cache
def _new(dialect: str, table: Table, key: Names) -> Executable:
    insertion = _insert(dialect, table).on_conflict_do_nothing(index_elements=list(key))
    new: Executable = insertion.returning(table.c[key[0]])
    return new
