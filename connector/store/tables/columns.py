"""Column types that mean the same on SQLite and on PostgreSQL.

Rules: a time is stored in UTC and comes back aware; a naive time is refused; whole numbers have
64 bits. What a value becomes on its way to a column is `mapping.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetime, UTC, to the microsecond. SQLite keeps text without an offset."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """Return what makes of a time what the driver takes, and refuses a naive one."""
        return _text if dialect.name == "sqlite" else _utc

    def result_processor(self, dialect: Dialect, _coltype: object) -> Callable[[Any], Any]:
        """Return what makes of what the driver gives the stored time, aware, UTC."""
        return _read if dialect.name == "sqlite" else _utc


def _utc(value: datetime | None) -> datetime | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("a time without a time zone cannot be stored")
    return value.astimezone(UTC)


def _read(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


def _text(value: datetime | None) -> str | None:
    utc = _utc(value)
    return None if utc is None else utc.replace(tzinfo=None).isoformat(" ", "microseconds")


def whole() -> BigInteger:
    """Return the type of a whole number, 64 bits on both databases."""
    return BigInteger()


def serial() -> BigInteger:
    """Return the type of a row number that the database gives.

    SQLite numbers rows by itself only where the type is INTEGER.
    """
    return BigInteger().with_variant(Integer(), "sqlite")
