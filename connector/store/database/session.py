"""One transaction on one connection of the pool, as each driver does it best.

Rules: it begins with its first statement, and ends once. A change whose answer nobody reads may
wait for the next query, or for the commit; whatever fails, fails at the latest there, and then
nothing is kept. Statements that SQLAlchemy runs itself take part in the same transaction.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any, Final, NoReturn, cast

from sqlalchemy import Connection, Dialect

from connector.errors import StoreUnavailable
from connector.store.database.engine import Idle, Unreadable, begin_sqlite, unavailable
from connector.store.database.prepared import Prepared, Record, Values

Rows = Callable[[], list[Record]]
_STOPPING: Final = "57P"  # class of SQLSTATE by which PostgreSQL says that it ends the connection


class Session(ABC):
    """A transaction.

    Attributes:
        dialect: that statements are compiled for.
    """

    def __init__(self, idle: Idle, dialect: Dialect, *, writable: bool) -> None:
        """Take a connection.

        Raises:
            StoreUnavailable: there is none.
        """
        self.dialect = dialect
        self._idle = idle
        self._errors = dialect.loaded_dbapi.Error
        try:
            self._pooled = idle.take(writable=writable)
        except self._errors as exc:
            raise unavailable(exc) from exc

    @abstractmethod
    def run(self, statement: Prepared, values: Values) -> list[Record]:
        """Run a statement, and return the rows of its answer.

        Raises:
            Unreadable: the driver cannot read a row.
            StoreUnavailable: the database did not answer, stayed locked or refused the change.
        """

    def tell(self, statement: Prepared, values: Values) -> None:
        """As `run`, where nobody asks for the answer."""
        self.run(statement, values)

    def ahead(self, statement: Prepared, values: Values) -> Rows:
        """Return what returns the rows of a query; what it locks is locked for what follows."""
        return partial(self.run, statement, values)

    @property
    def connection(self) -> Connection:
        """For statements that SQLAlchemy runs."""
        if not self._is_open():
            raise undone()
        return Connection(self._idle.engine, self._pooled)

    def end(self, *, commit: bool) -> None:
        """Commit or roll back, and give the connection back.

        Raises:
            StoreUnavailable: it could not be committed.
        """
        ended = False
        try:
            if commit:
                self._end(commit=True)
                ended = True
            elif self._pooled.is_valid:
                with suppress(StoreUnavailable):  # it ends with what led to this
                    self._end(commit=False)
                    ended = True
        finally:
            self._idle.give(self._pooled, ended=ended)

    @abstractmethod
    def _end(self, *, commit: bool) -> None:
        """Commit or roll back."""

    def _is_open(self) -> bool:
        """Return whether what follows would still be of this transaction."""
        return self._pooled.is_valid

    def _failed(self, exc: BaseException, *, spoiled: bool) -> NoReturn:
        """Name a failure of the driver; a connection that is spoiled goes back to no pool.

        Raises:
            StoreUnavailable: always.
        """
        driver = self._pooled.dbapi_connection
        gone = self.dialect.is_disconnect(exc, driver, None)  # type: ignore[arg-type]  # its Error
        dead = gone or str(getattr(exc, "sqlstate", "")).startswith(_STOPPING)
        if self._pooled.is_valid and (dead or spoiled):
            self._pooled.invalidate(exc)
        if dead:
            self._idle.dispose()  # who is idle was connected to the same server
        raise unavailable(exc) from exc


class SqliteSession(Session):
    """A transaction of SQLite."""

    def __init__(self, idle: Idle, *, writable: bool) -> None:
        """Begin."""
        super().__init__(idle, idle.engine.dialect, writable=writable)
        self._driver = cast("Any", self._pooled.dbapi_connection)
        try:
            begin_sqlite(self._pooled, writable=writable)
        except self._errors as exc:
            self._pooled.close()
            raise unavailable(exc) from exc
        self._sound = True  # whether no statement failed

    def run(self, statement: Prepared, values: Values) -> list[Record]:
        """Run a statement; see `Session.run`."""
        if not self._is_open():
            raise undone()
        try:
            cursor = self._driver.execute(statement.text, statement.given(values))
            described = cursor.description
            try:
                rows = cursor.fetchall() if described else []
            finally:
                cursor.close()
        except self._errors as exc:
            if "decode" in str(exc):
                raise Unreadable("a driver cannot read a row") from exc
            self._sound = False
            self._failed(exc, spoiled=False)
        return statement.read(rows, [column[1] for column in described]) if rows else rows

    def _end(self, *, commit: bool) -> None:
        if commit and not self._is_open():
            raise undone()
        try:
            self._driver.commit() if commit else self._driver.rollback()
        except self._errors as exc:
            self._failed(exc, spoiled=False)

    def _is_open(self) -> bool:
        return (
            self._sound and self._driver.in_transaction
        )  # on a full disk SQLite rolls back by itself


def undone() -> StoreUnavailable:
    """Return what a transaction ends with of which a statement failed, whoever passed over it."""
    return StoreUnavailable("an SQL statement failed, so that nothing was stored", hint="try again")


def open_session(idle: Idle, *, writable: bool) -> Session:
    """Begin a transaction on a connection that is idle, or a new one.

    Raises:
        StoreUnavailable: the database did not answer, or stayed locked.
    """
    if idle.engine.dialect.name == "sqlite":
        return SqliteSession(idle, writable=writable)
    # the module loads its driver, which a node on SQLite does without
    pipeline = import_module("connector.store.database.pipeline")
    made: Session = pipeline.PostgresSession(idle, writable=writable)
    return made
