"""SQL tables declared as classes: a name and a type for each column, and nothing that maps objects.

Rule: only SQLAlchemy's Core is loaded. An object mapper beside it would take 14 MB and a fifth of
a node's start, and `mapping.py` turns rows into values anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, ClassVar, Final, get_args, get_origin, get_type_hints

from sqlalchemy import Boolean, Column, Float, LargeBinary, MetaData, String, Table

METADATA: Final = MetaData()
# One object for all columns of a type: SQLAlchemy keeps what each object becomes on a database.
_TYPES: Final[dict[Any, Any]] = {
    str: String(),
    bytes: LargeBinary(),
    bool: Boolean(),
    float: Float(),
}


@dataclass(frozen=True, slots=True)
class _Stated:
    kind: Any
    key: bool
    counted: bool


def column(kind: Any = None, *, key: bool = False, counted: bool = False) -> Any:
    """State what a column is, where its Python type does not say it.

    Args:
        kind: SQL type; by the Python type where it is left out.
        key: whether it is of the primary key.
        counted: whether the database counts it up.
    """
    return _Stated(kind, key, counted)


class Declared:
    """A table; a subclass declares it with `table=True`.

    Attributes:
        NAME: of the table.
        PARTS: its constraints and indexes.
        TABLE: the table itself.
    """

    NAME: ClassVar[str]
    PARTS: ClassVar[Sequence[Any]] = ()
    TABLE: ClassVar[Table]

    def __init_subclass__(cls, *, table: bool = False) -> None:
        """Make the table of a class that declares one."""
        if table:
            hints = get_type_hints(cls)
            named = [name for name, hint in hints.items() if get_origin(hint) is not ClassVar]
            columns = [_column(name, hints[name], getattr(cls, name, column())) for name in named]
            cls.TABLE = Table(cls.NAME, METADATA, *columns, *cls.PARTS)


def _column(name: str, hint: Any, stated: _Stated) -> Column[Any]:
    """Return a column; it may be empty where its Python type may be None."""
    some = [each for each in get_args(hint) if each is not NoneType] or [hint]
    return Column(
        name,
        stated.kind or _TYPES[some[0]],
        primary_key=stated.key,
        autoincrement=stated.counted,
        nullable=NoneType in get_args(hint) and not stated.key,
    )
