"""Statements that run often: compiled once by SQLAlchemy, handed to the driver by us.

Rules: text, types and dialects are SQLAlchemy's. Ours is only the way of the values in and of the
rows out, on which it spends ten times what the database does. A statement lives as long as the
process and names each of its values; none is a list. Connection and transaction stay SQLAlchemy's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final, NoReturn

from sqlalchemy import Connection, Dialect
from sqlalchemy.sql.dml import Insert
from sqlalchemy.types import TypeEngine

from connector.store.engine import Unreadable, unavailable

Names = tuple[str, ...]
Values = Mapping[str, Any]
Record = tuple[Any, ...]
Process = Callable[[Any], Any]
NOTHING: Final[Values] = {}


class Prepared:
    """One statement as a driver takes it."""

    def __init__(self, statement: Any, dialect: Dialect, columns: Names) -> None:
        """Compile.

        Args:
            statement: a query, or a change.
            dialect: of the database.
            columns: that an insertion writes.

        Raises:
            TypeError: a list is among its values (a fault of the caller's code).
        """
        made: Any = statement.inline() if isinstance(statement, Insert) else statement
        compiled: Any = made.compile(dialect=dialect, column_keys=list(columns) or None)
        if compiled.post_compile_params:
            raise TypeError("a list is no value of a prepared statement")
        self._text = str(compiled)
        self._errors = dialect.loaded_dbapi.Error
        self._by_place: bool = compiled.positional
        names = compiled.positiontup if self._by_place else list(compiled.params)
        binds = [(name, compiled.binds[name]) for name in names]
        self._fixed = {name: bind.value for name, bind in binds if not bind.required}
        self._into = [(name, _into(bind.type, dialect)) for name, bind in binds]
        self._dialect = dialect
        self._types = [each.type for each in getattr(statement, "selected_columns", ())]
        self._out: list[tuple[int, Process]] | None = None

    def run(self, connection: Connection, values: Values) -> list[Record]:
        """Run the statement and return the rows of its answer.

        Raises:
            Unreadable: the driver cannot read a row.
            StoreUnavailable: the database did not answer, stayed locked or refused the change.
        """
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self._text, self._given(values))
            described = cursor.description
            rows = self._fetched(cursor) if described else []
        except self._errors as exc:
            _failed(connection, cursor, exc)
        finally:
            cursor.close()
        return self._read(rows, described) if rows else rows

    def run_many(self, connection: Connection, rows: Iterable[Values]) -> None:
        """Run the statement once for each row of values."""
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(self._text, [self._given(values) for values in rows])
        except self._errors as exc:
            _failed(connection, cursor, exc)
        finally:
            cursor.close()

    def _fetched(self, cursor: Any) -> list[Any]:
        try:
            return list(cursor.fetchall())
        except self._errors as exc:
            if isinstance(exc, self._dialect.loaded_dbapi.DataError) or "decode" in str(exc):
                raise Unreadable("a driver cannot read a row") from exc
            raise

    def _given(self, values: Values) -> Any:
        """Return the values as the driver takes them."""
        known = {**self._fixed, **values} if self._fixed else values
        if self._by_place:
            return [known[name] if into is None else into(known[name]) for name, into in self._into]
        return {
            name: known[name] if into is None else into(known[name]) for name, into in self._into
        }

    def _read(self, rows: list[Any], described: Any) -> list[Record]:
        """Return rows as the types of their columns have them."""
        if self._out is None:  # some types ask what the driver says of a column
            found = zip(self._types, described, strict=True) if self._types else ()
            made = [_out(kind, self._dialect, column[1]) for kind, column in found]
            self._out = [(at, out) for at, out in enumerate(made) if out is not None]
        if not self._out:
            return rows
        return [self._converted(list(row), self._out) for row in rows]

    @staticmethod
    def _converted(row: list[Any], out: list[tuple[int, Process]]) -> Record:
        for at, process in out:
            row[at] = process(row[at])
        return tuple(row)


@cache
def prepared(statement: Any, dialect: Dialect, columns: Names = ()) -> Prepared:
    """Return a statement of the code's own, compiled for a database once."""
    return Prepared(statement, dialect, columns)


def _into(kind: TypeEngine[Any], dialect: Dialect) -> Process | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _out(kind: TypeEngine[Any], dialect: Dialect, described: object) -> Process | None:
    return kind.dialect_impl(dialect).result_processor(dialect, described)


def _failed(connection: Connection, cursor: Any, exc: BaseException) -> NoReturn:
    """Name a failure of the driver; what is broken goes back to no pool.

    Raises:
        StoreUnavailable: always.
    """
    broken = connection.connection.dbapi_connection
    if connection.dialect.is_disconnect(exc, broken, cursor):  # type: ignore[arg-type]  # its Error
        connection.invalidate(exc)
        connection.engine.dispose()  # who waits in the pool was connected to the same server
    raise unavailable(exc) from exc
