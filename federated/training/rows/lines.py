"""CSV, read so that no row can touch another: a row is one line of bytes, parsed by itself.

Rules: a line that is no row of the header's fields is left out and counted, by fault; no byte of it
reaches another line, hence a quoted value holds no line break. A line whose quotes stay open could
be half a row: publication refuses a file that has one. The form is UTF-8, comma, RFC 4180 quotes,
lines that end in LF or CRLF.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from federated.errors import ColumnMissing, DataFileUnreadable

LONGEST_LINE: Final = 1 << 20  # bytes
_BLOCK: Final = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """Rows that could not be read.

    Attributes:
        encoding: no UTF-8, a NUL, or longer than `LONGEST_LINE`.
        fields: another number of fields than the header has.
        quotes: a quote that is not closed on its line, or has text behind it.
    """

    encoding: int = 0
    fields: int = 0
    quotes: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.encoding + self.fields + self.quotes


def read_csv(data: bytes, columns: Sequence[str]) -> tuple[pa.Table, Lost]:
    """Return the columns as text, and what could not be read; an empty line is no row.

    Raises:
        DataFileUnreadable: the first line is no header.
        ColumnMissing: the header lacks a column, or has one twice.
    """
    blocks = _blocks(data)
    names = _header(next(blocks)[0])
    check_names(names, columns)
    reader = _Reader(len(names), [names.index(column) for column in columns])
    chunks = [reader.columns(block) for block in blocks]
    kept = (pa.chunked_array(parts, pa.string()) for parts in zip(*chunks, strict=True))
    empty = pa.array([], pa.string())
    return pa.table(list(kept) or [empty] * len(columns), names=list(columns)), reader.lost()


def check_names(names: Sequence[str], columns: Sequence[str]) -> None:
    """See that each column is there once.

    Raises:
        ColumnMissing: one is not.
    """
    for column in columns:
        if list(names).count(column) != 1:
            raise ColumnMissing(f"the data have no column `{column}`, or have it twice")


def _header(line: bytes) -> list[str]:
    try:
        names = _parsed(line.decode("utf-8-sig"))
    except (UnicodeDecodeError, csv.Error):
        names = []
    if not names:  # not chained: a file without a header would be quoted
        raise DataFileUnreadable("the data file has no header that can be read as csv")
    return names


def _blocks(data: bytes) -> Iterator[list[bytes]]:
    """Yield the first line, then the others, many at a time."""
    start, least = 0, 0
    while start < len(data) or not least:
        end = data.find(b"\n", start + least)
        end = len(data) if end < 0 else end
        yield data[start:end].removesuffix(b"\n").split(b"\n")
        start, least = end + 1, _BLOCK


class _Reader:
    """Takes the wanted fields out of lines, and counts the lines that have none."""

    def __init__(self, width: int, places: Sequence[int]) -> None:
        self._width = width
        self._places = places
        self._faults = {"encoding": 0, "fields": 0, "quotes": 0}

    def lost(self) -> Lost:
        return Lost(**self._faults)

    def columns(self, lines: Sequence[bytes]) -> list[pa.Array]:
        rows = self._all(lines) or [row for line in lines if (row := self._one(line))]
        return [pa.array([row[place] for row in rows], pa.string()) for place in self._places]

    def _all(self, lines: Sequence[bytes]) -> list[list[str]]:
        """Return the rows when every line is one, else nothing.

        An open quote takes the next line in, so that there are fewer rows than lines.
        """
        block = b"\n".join(lines)
        if b"\x00" in block or max(map(len, lines)) > LONGEST_LINE:
            return []
        try:
            rows = list(csv.reader(block.decode().split("\n"), strict=True))
        except (UnicodeDecodeError, csv.Error):
            return []
        clean = len(rows) == len(lines) and set(map(len, rows)) == {self._width}
        return rows if clean else []

    def _one(self, line: bytes) -> list[str]:
        """Return the row of one line, parsed by itself; nothing when it is none."""
        fault, row = "encoding", list[str]()
        try:
            if b"\x00" not in line and len(line) <= LONGEST_LINE:
                text = line.decode()
                fault = "quotes" if '"' in text else "fields"
                row = _parsed(text)
                fault = "" if len(row) in (0, self._width) else "fields"
        except (UnicodeDecodeError, csv.Error):
            pass
        if not fault:
            return row
        self._faults[fault] += 1
        return []


def _parsed(line: str) -> list[str]:
    """Return the fields of one line; none for an empty one.

    Raises:
        csv.Error: a quote is not closed, or has text behind it; a line break within the line.
    """
    return next(csv.reader((line,), strict=True), [])
