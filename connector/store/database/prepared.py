"""Statements that run often: compiled once by SQLAlchemy, handed to the driver by us.

Rules: text, types and dialects are SQLAlchemy's. Ours is only the way of the values in and of the
rows out, on which it spends ten times what the database does. A statement lives as long as the
process and names each of its values; none is a list. How it runs is `session.py`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Dialect
from sqlalchemy.sql.dml import Insert
from sqlalchemy.types import LargeBinary, TypeEngine

Names = tuple[str, ...]
Values = Mapping[str, Any]
Record = tuple[Any, ...]
Process = Callable[[Any], Any]
NOTHING: Final[Values] = {}


class Prepared:
    """One statement as a driver takes it.

    Attributes:
        text: SQL; its values are named by place.
        binary: of each value, whether it is bytes.
    """

    def __init__(self, statement: Any, dialect: Dialect, columns: Names) -> None:
        """Compile.

        Args:
            statement: a query, or a change.
            dialect: of the database; its values have places.
            columns: that an insertion writes.

        Raises:
            TypeError: a list is among its values (a fault of the caller's code).
        """
        # A copy: what SQLAlchemy notes on what it compiles, columns above all, goes with it.
        inserts = isinstance(statement, Insert)
        made: Any = statement.inline() if inserts else statement.execution_options()
        compiled: Any = made.compile(dialect=dialect, column_keys=list(columns) or None)
        if compiled.post_compile_params:
            raise TypeError("a list is no value of a prepared statement")
        self.text = str(compiled)
        binds = [(name, compiled.binds[name]) for name in compiled.positiontup]
        self.binary = [isinstance(bind.type, LargeBinary) for _, bind in binds]
        self._fixed = {name: bind.value for name, bind in binds if not bind.required}
        self._into = [(name, _into(bind.type, dialect)) for name, bind in binds]
        self._dialect = dialect
        self._types = [each.type for each in getattr(made, "selected_columns", ())]
        self._out: list[tuple[int, Process]] | None = None

    def given(self, values: Values) -> list[Any]:
        """Return the values in their places, as the driver takes them."""
        known = {**self._fixed, **values} if self._fixed else values
        return [known[name] if into is None else into(known[name]) for name, into in self._into]

    def read(self, rows: list[Any], kinds: Sequence[object]) -> list[Record]:
        """Return rows as the types of their columns have them.

        Args:
            rows: as the driver returned them.
            kinds: what it says of each column.
        """
        if self._out is None:  # some types ask what the driver says of a column
            found = zip(self._types, kinds, strict=True) if self._types else ()
            made = [_out(kind, self._dialect, said) for kind, said in found]
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
