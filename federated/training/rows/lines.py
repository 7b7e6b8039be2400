"""CSV, read so that no row can touch another: a row is one line of bytes, parsed by itself.

Rules: a line that is no row of the header's fields is left out and counted, by fault; no byte of it
reaches another line, hence a quoted value holds no line break. A line whose quotes stay open could
be half a row: publication refuses a file that has one. The form is UTF-8, comma, RFC 4180 quotes,
lines that end in LF or CRLF.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from federated.errors import ColumnMissing, DataFileUnreadable

LONGEST_LINE: Final = 1 << 20  # bytes
_LONGEST_FIELD: Final = 1 << 17  # characters that the parser takes: `csv.field_size_limit()`
_MEANING: Final = (b'"', b"\r", b"\x00")


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
        names = _parsed(line.decode("utf-8-sig")) if len(line) <= LONGEST_LINE else []
    except (UnicodeDecodeError, csv.Error):
        names = []
    if not names:  # not chained: a file without a header would be quoted
        raise DataFileUnreadable("the data file has no header that can be read as csv")
    return names


def _lines(blocks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield the first line, then the others, many at a time.

    A line that is too long is cut off where that is seen: it is lost, whatever else it holds, and
    no more of it is held.
    """
    rest, first = b"", True
    for block in blocks:
        *lines, last = block.split(b"\n")
        if lines:
            lines[0] = rest + lines[0]
            rest = b""
        rest = (rest + last)[: LONGEST_LINE + 1]
        if lines and first:
            yield lines[:1]
            lines, first = lines[1:], False
        if lines:
            yield lines
    if rest or first:
        yield [rest]


class Reader:
    """Takes the wanted fields out of the lines of a file, and counts the lines that have none.

    Attributes:
        schema: of a batch: text columns.
    """

    def __init__(self, blocks: Iterable[bytes], columns: Sequence[str]) -> None:
        """Read the header.

        Args:
            blocks: bytes of the file, some after others.
            columns: names, each once.

        Raises:
            DataFileUnreadable: the first line is no header.
            ColumnMissing: the header lacks a column, or has one twice.
        """
        self._lines = _lines(blocks)
        names = _header(next(self._lines)[0])
        check_names(names, columns)
        self.schema = pa.schema([(column, pa.string()) for column in columns])
        self._width = len(names)
        self._places = [names.index(column) for column in columns]
        self._faults = {"encoding": 0, "fields": 0, "quotes": 0}

    def lost(self) -> Lost:
        """Return what could not be read of the lines so far."""
        return Lost(**self._faults)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows, some after others; an empty line is no row."""
        for lines in self._lines:
            yield pa.record_batch(self._plain(lines) or self._read(lines), schema=self.schema)

    def _plain(self, lines: Sequence[bytes]) -> list[pa.Array]:
        """Return the columns when every line is a row and holds commas alone that mean something.

        Then the fields are what stands between commas, as RFC 4180 has it: no quote, no line break,
        none that the parser would find too long.
        """
        block = b",".join(lines)
        if any(sign in block for sign in _MEANING) or max(map(len, lines)) > _LONGEST_FIELD:
            return []
        commas = self._width - 1
        if any(line.count(b",") != commas for line in lines) or (not commas and b"" in lines):
            return []
        try:
            fields = pc.split_pattern(pa.array([block.decode()], pa.string()), ",").flatten()
        except UnicodeDecodeError:
            return []
        return [fields.take(np.arange(at, len(fields), self._width)) for at in self._places]

    def _read(self, lines: Sequence[bytes]) -> list[pa.Array]:
        rows = self._all(lines) or [row for line in lines if (row := self._one(line))]
        found = list(zip(*rows, strict=True)) or [()] * self._width
        return [pa.array(found[at], pa.string()) for at in self._places]

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
