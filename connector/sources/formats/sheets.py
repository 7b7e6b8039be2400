"""Excel workbooks: the rows of one sheet; formulas are the values that Excel last stored.

Rules: the first row is the header; a workbook is read whole, hence its size is bounded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from typing import Any, BinaryIO, Final

import pyarrow as pa

from connector.domain.catalog.layout import Layout
from connector.errors import DataFileUnreadable
from connector.sources.formats.separated import place

MOST_BYTES: Final = 64 << 20  # of the workbook; what it holds is bounded by the child's memory
_ROWS: Final = 1 << 13


def columns(file: BinaryIO, layout: Layout, names: Sequence[str]) -> Iterator[list[pa.Array]]:
    """Yield these columns as text; a row of empty cells is none.

    Raises:
        DataFileUnreadable: it is no workbook, is too large, or has no such sheet.
        ColumnMissing: the sheet lacks a column, or has it twice.
    """
    rows = cells(file, layout.sheet)
    header = [as_text(cell, layout.decimal) or "" for cell in next(rows, [])]
    places = [place(header, name) for name in names]
    block = list[list[str | None]]()
    for row in rows:
        if any(cell != "" for cell in row):
            block.append([as_text(row[each], layout.decimal) for each in places])
        if len(block) == _ROWS:
            yield _arrays(block, len(places))
            block = []
    yield _arrays(block, len(places))


def names_of(file: BinaryIO) -> list[str]:
    """Return the names of the sheets.

    Raises:
        DataFileUnreadable: it is no workbook, or too large.
    """
    return list(_workbook(file).sheet_names)


def cells(file: BinaryIO, sheet: str) -> Iterator[list[Any]]:
    """Yield the rows of a sheet as calamine reads them.

    Raises:
        DataFileUnreadable: it is no workbook, is too large, or has no such sheet.
    """
    from python_calamine import CalamineError  # noqa: PLC0415 - in the child only

    book = _workbook(file)
    if sheet not in book.sheet_names:
        raise DataFileUnreadable(f"the workbook has no sheet `{sheet}`")
    try:
        yield from book.get_sheet_by_name(sheet).iter_rows()
    except CalamineError:
        raise DataFileUnreadable(f"the sheet `{sheet}` cannot be read") from None


def as_text(cell: Any, decimal: str) -> str | None:
    """Return a cell as text; None for an empty one."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell).replace(".", decimal)
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return str(cell) if cell != "" else None


def _workbook(file: BinaryIO) -> Any:
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415 - see `cells`

    if os.fstat(file.fileno()).st_size > MOST_BYTES:
        raise DataFileUnreadable(f"the workbook has more than {MOST_BYTES >> 20} MiB")
    try:
        return CalamineWorkbook.from_filelike(file)
    except (CalamineError, OSError):
        raise DataFileUnreadable("the file cannot be read as a workbook of Excel") from None


def _arrays(rows: list[list[str | None]], width: int) -> list[pa.Array]:
    return [pa.array([row[each] for row in rows], pa.string()) for each in range(width)]
