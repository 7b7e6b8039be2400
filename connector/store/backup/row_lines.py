"""Rows of any table as lines of JSON, and back.

Rule: a value's text does not depend on the database that it comes from. What a line holds is
believed only as far as its column allows.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

from sqlalchemy import Column, Table

from connector.errors import BackupInvalid, ConfigurationInvalid, Malformed
from connector.store.mapping import storable, whole_number

_LONGEST_LINE: Final = 256 << 20  # bytes; the longest rows hold a message or a model's state

Write = Callable[[Any], Any]


def writers(table: Table) -> dict[str, Write]:
    """Return how each column's values become JSON, by column.

    Raises:
        ConfigurationInvalid: a column is of a kind that no backup holds.
    """
    return {column.name: _WRITERS[_kind(column)] for column in table.columns}


def write(out: BinaryIO, value: Any) -> None:
    """Write one line."""
    out.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def text(writer: Write, value: Any) -> Any:
    """Return the JSON value of a column's value."""
    return None if value is None else writer(value)


def blocks(
    lines: BinaryIO, tables: Mapping[str, Table]
) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    """Yield each table's name with its rows; the rows must be taken before the next table.

    Raises:
        BackupInvalid: a line is not what its table allows.
    """
    ahead = _Lines(lines)
    while (heading := ahead.next()) is not None:
        name = heading.get("table") if isinstance(heading, dict) else None
        if not isinstance(name, str) or name not in tables:
            raise BackupInvalid("it holds rows of no table of its schema")
        readers = {column.name: _READERS[_kind(column)] for column in tables[name].columns}
        order = heading.get("columns")
        if not isinstance(order, list) or sorted(order, key=str) != sorted(readers):
            raise BackupInvalid(f"the columns of table `{name}` are not those of its schema")
        yield name, ahead.rows(name, {column: readers[column] for column in order})


def _kind(column: Column[Any]) -> type[Any]:
    """Return the Python type of a reflected column: the same on both databases."""
    kind = column.type.python_type
    if kind not in _WRITERS:
        raise ConfigurationInvalid(f"column `{column.name}` is of a type that backups do not hold")
    return kind


class _Lines:
    """JSON lines, looked at one ahead."""

    def __init__(self, lines: BinaryIO) -> None:
        self._lines = lines
        self._ahead: Any = None

    def next(self) -> Any:
        """Return the value of the next line; None at the end."""
        if self._ahead is not None:
            value, self._ahead = self._ahead, None
            return value
        line = self._lines.readline(_LONGEST_LINE)
        if not line:
            return None
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as exc:
            raise BackupInvalid("a line of its database is not JSON") from exc
        if not isinstance(value, list | dict):
            raise BackupInvalid("a line of its database is neither a heading nor a row")
        return value

    def rows(
        self, name: str, readers: Mapping[str, Callable[[Any], Any]]
    ) -> Iterator[dict[str, Any]]:
        while isinstance(row := self.next(), list):
            if len(row) != len(readers):
                raise BackupInvalid(f"a row of table `{name}` is incomplete")
            try:
                yield {
                    column: None if value is None else read(value)
                    for (column, read), value in zip(readers.items(), row, strict=True)
                }
            except (ValueError, TypeError, OverflowError, Malformed) as exc:
                raise BackupInvalid(f"a value of table `{name}` cannot be read") from exc
        self._ahead = row


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return storable(value)


def _read_number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _read_whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return whole_number(value)


def _read_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _read_time(value: Any) -> datetime:
    time = datetime.fromisoformat(_read_text(value))
    if time.tzinfo is None:
        raise ValueError
    return time


def _read_bytes(value: Any) -> bytes:
    return base64.b64decode(_read_text(value), validate=True)


def _write_time(value: datetime) -> str:
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


_WRITERS: Final[Mapping[type[Any], Write]] = {
    str: str,
    int: int,
    float: float,
    bool: bool,
    bytes: lambda value: base64.b64encode(value).decode(),
    datetime: _write_time,
}
_READERS: Final[Mapping[type[Any], Write]] = {
    str: _read_text,
    int: _read_whole,
    float: _read_number,
    bool: _read_bool,
    bytes: _read_bytes,
    datetime: _read_time,
}
