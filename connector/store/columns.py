"""Column types that mean the same on SQLite and on PostgreSQL.

Rules: a time is stored in UTC and comes back aware; a naive time is refused; whole numbers have
64 bits. What a value becomes on its way to a column is `mapping.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import BigInteger, DateTime, Dialect, Integer
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetime, UTC, to the microsecond. SQLite keeps text without an offset."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time as the driver takes it.

        Raises:
            ValueError: the time is naive.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time cannot be stored")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored time, aware, UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def whole() -> BigInteger:
    """Return the type of a whole number, 64 bits on both databases."""
    return BigInteger()


def serial() -> BigInteger:
    """Return the type of a row number that the database gives.

    SQLite numbers rows by itself only where the type is INTEGER.
    """
    return BigInteger().with_variant(Integer(), "sqlite")
