"""What every repository's table has: a key, and the order in which its rows were inserted."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Table, Text, UniqueConstraint

from connector.store.tables.columns import UtcDateTime, serial, whole
from connector.store.tables.declared import Declared, column

UTC_TIME: Any = UtcDateTime()
LONG: Any = Text()
WHOLE: Any = whole()


class Row(Declared):
    """What every repository's table has.

    Attributes:
        seq: given by the database; grows with each insertion, unchanged by a replacement.
        KEY: names of the key's fields, in the order of `Repository.get`.
        KEPT: of how many rows that were read the values are kept, for reading them again.
    """

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    KEPT: ClassVar[int] = 0

    seq: int | None = column(serial(), key=True, counted=True)


def keyed(table: str, *key: str) -> UniqueConstraint:
    """Return the constraint that a key is unique."""
    return UniqueConstraint(*key, name=f"key_{table}")


def table_of(row: type[Declared]) -> Table:
    """Return the SQL table of a row class."""
    return row.TABLE
