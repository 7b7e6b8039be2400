"""Whether the columns that a sum adds up hold figures at all: SQLite holds any value in any column.

A sum takes text for zero, and a comparison of times compares whatever is there. So each sum that
something is decided by counts its spoiled rows beside it, and is refused where there is one.
PostgreSQL upholds types by itself, but for times without an end; signs are looked at on both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Float,
    Integer,
    String,
    case,
    func,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from connector.errors import RowDamaged
from connector.store.tables.columns import UtcDateTime

# What a value of a column's type is on SQLite. A time is text of one length and order.
_TIME: Final = "typeof({0}) = 'text' AND length({0}) = 26 AND datetime({0}) IS NOT NULL"
_HELD: Final[dict[type[Any], str]] = {
    Boolean: "typeof({0}) = 'integer' AND {0} IN (0, 1)",
    UtcDateTime: _TIME,
    Float: "typeof({0}) IN ('real', 'integer')",
    BigInteger: "typeof({0}) = 'integer'",
    Integer: "typeof({0}) = 'integer'",
    String: "typeof({0}) = 'text'",
}
_FIGURES: Final = (Float, BigInteger, Integer)


class _Mistyped(FunctionElement[bool]):
    """Whether a column holds what its type cannot, or nothing where it must hold something."""

    type = Boolean()
    inherit_cache = True


@compiles(_Mistyped)
def _typed(element: Any, compiler: Any, **options: Any) -> str:
    (column,) = element.clauses
    timed = isinstance(column.type, UtcDateTime)
    return f"(NOT isfinite({compiler.process(column, **options)}))" if timed else "(1 = 0)"


@compiles(_Mistyped, "sqlite")
def _looked_at(element: Any, compiler: Any, **options: Any) -> str:
    (column,) = element.clauses
    shown = compiler.process(column, **options)
    held = _HELD[type(column.type)].format(shown)
    return f"({shown} IS NOT NULL AND NOT ({held}))" if column.nullable else f"(NOT ({held}))"


class _Unnamed(FunctionElement[bool]):
    """Whether a key holds no text, in one of the ways in which SQLite sorts what holds none.

    Attributes:
        FORM: what is asked of the column; alone it is found by the column's index.
    """

    type = Boolean()
    inherit_cache = True
    FORM: ClassVar[str]

    def self_group(self, against: Any = None) -> Any:
        """Return it as it is: no index is used for what is compared with 1 once more."""
        del against
        return self


class _Nothing(_Unnamed):
    inherit_cache = True
    FORM = "IS NULL"


class _Figure(_Unnamed):
    inherit_cache = True
    FORM = "< ''"


class _Bytes(_Unnamed):
    inherit_cache = True
    FORM = ">= x''"


@compiles(_Unnamed)
def _named(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "(1 = 0)"


@compiles(_Unnamed, "sqlite")
def _sorted(element: Any, compiler: Any, **options: Any) -> str:
    (column,) = element.clauses
    shown = compiler.process(column, **options)
    return f"({shown} {element.FORM})"


def spoiled(*columns: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether one of some columns holds no value of its type, or a negative figure."""
    wrong: list[ColumnElement[bool]] = [_Mistyped(each) for each in columns]
    wrong += [each < 0 for each in columns if isinstance(each.type, _FIGURES)]
    return or_(*wrong)


def unnamed(key: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether a key holds no text, so that no sum would find its row."""
    return or_(*_unnamed(key))


def _unnamed(key: ColumnElement[Any]) -> Iterator[ColumnElement[bool]]:
    yield from (each(key) for each in (_Nothing, _Figure, _Bytes))


def strays(*keys: ColumnElement[Any]) -> ColumnElement[int]:
    """Return how many rows have a key, of each table's own, that holds no text."""
    count = func.count().label("count")
    # Each way alone: SQLite reads the whole index for several at once.
    ways = (way for key in keys for way in _unnamed(key))
    found = union_all(*(select(count).where(way) for way in ways)).subquery()
    return select(func.sum(found.c.count)).scalar_subquery()


def number_of(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """Return in how many rows a condition holds."""
    return func.sum(case((condition, 1), else_=0))


def check_whole(what: str, table: str, found: int | None, hint: str) -> None:
    """Refuse a sum that has spoiled rows.

    Args:
        what: was to be added up, with its id.
        table: in which they are.
        found: how many.
        hint: what mends them.

    Raises:
        RowDamaged: there are some.
    """
    if found:
        raise RowDamaged(f"{what} is not known: a row of table `{table}` cannot be read", hint=hint)
