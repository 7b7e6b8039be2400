"""CSV and TSV: a row is one line, its fields are quoted as RFC 4180 has it.

Rules: a line with a quote that is not closed, or with another number of fields than the header,
stops: half a row may belong to another person. A quoted value holds no line break.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import BinaryIO, Literal

import pyarrow as pa
from pyarrow import csv as arrow_csv

from connector.domain.catalog.layout import Layout
from connector.errors import ColumnMissing
from connector.sources.formats.lines import LONGEST, blocks, fault


def columns(file: BinaryIO, layout: Layout, names: Sequence[str]) -> Iterator[list[pa.Array]]:
    """Yield these columns as text, many rows at a time; an empty line is no row.

    Raises:
        DataFileUnreadable: a line is no row, with its number.
        ColumnMissing: the header lacks a column, or has it twice.
    """
    width, places = 0, list[int]()
    for at, lines in blocks(file, layout.encoding):
        first, rest = at, lines
        if not width:
            header = _row(lines[0], layout, 1, 0)
            width, places = len(header), [place(header, name) for name in names]
            first, rest = at + 1, lines[1:]
        found = unquoted(rest, layout, width, places)
        yield found or quoted(rest, layout, first, width, places)


def place(header: Sequence[str], name: str) -> int:
    """Return where a column stands.

    Raises:
        ColumnMissing: it does not, or twice.
    """
    if list(header).count(name) != 1:
        raise ColumnMissing(f"the file has no column `{name}`, or has it twice")
    return list(header).index(name)


def parsed(lines: Sequence[str], separator: str, quote: str) -> list[list[str]]:
    """Return the fields of lines; fewer rows than lines where a quote stays open.

    Raises:
        csv.Error: a quote is not closed, or has text behind it; a line break within the line.
    """
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    sign = quote or None
    before = csv.field_size_limit(LONGEST)  # of the process: others have a limit of their own
    try:
        return list(
            csv.reader(lines, strict=True, delimiter=separator, quotechar=sign, quoting=quoting)
        )
    finally:
        csv.field_size_limit(before)


def unquoted(
    lines: Sequence[str], layout: Layout, width: int, places: Sequence[int]
) -> list[pa.Array]:
    """Return columns of lines without a quote, by Arrow: seven times as fast; else nothing.

    Nothing also where a line is no row: Arrow's own reader does not say which.
    """
    text = "\n".join(lines)
    full = sum(line not in ("", "\r") for line in lines)
    ends = sum(line.endswith("\r") for line in lines)  # of CRLF; elsewhere Arrow begins a row
    if not full or text.count("\r") != ends or (layout.quote and layout.quote in text):
        return []
    data = text.encode("utf-8", "surrogatepass")
    names = [str(at) for at in range(width)]
    wanted = [str(at) for at in places]
    try:
        table = arrow_csv.read_csv(
            BytesIO(data),
            arrow_csv.ReadOptions(use_threads=False, column_names=names, block_size=len(data) + 1),
            arrow_csv.ParseOptions(delimiter=layout.separator, quote_char=False),
            arrow_csv.ConvertOptions(
                include_columns=wanted, column_types={name: pa.string() for name in wanted}
            ),
        )
    except pa.ArrowInvalid:  # not shown: it quotes the row
        return []
    return [each.combine_chunks() for each in table.columns] if len(table) == full else []


def quoted(
    lines: list[str], layout: Layout, first: int, width: int, places: Sequence[int]
) -> list[pa.Array]:
    """Return columns of lines, some of which may have quotes.

    Raises:
        DataFileUnreadable: a line is no row, with its number.
    """
    rows = _rows(lines, layout, first, width)
    return [pa.array([row[each] for row in rows], pa.string()) for each in places]


def _rows(lines: list[str], layout: Layout, first: int, width: int) -> list[list[str]]:
    try:
        rows = parsed(lines, layout.separator, layout.quote)
    except csv.Error:
        rows = []
    if len(rows) == len(lines) and set(map(len, rows)) <= {width}:
        return rows
    each = (_row(line, layout, first + at, width) for at, line in enumerate(lines))
    return [row for row in each if row]


def _row(line: str, layout: Layout, number: int, width: int) -> list[str]:
    """Return the fields of one line, parsed by itself; none for an empty one."""
    row = list[str]()
    try:
        row = (parsed([line], layout.separator, layout.quote) or [[]])[0]
        wrong = ""
    except csv.Error:
        wrong = "has a quote that is not closed on its line, or is followed by text"
    if not wrong and width and len(row) not in (0, width):
        wrong = f"has {len(row)} fields, the header has {width}"
    if wrong:
        raise fault(number, wrong)
    return row
