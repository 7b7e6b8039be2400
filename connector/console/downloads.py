"""Tables as files: JSON, CSV, and ODS for a spreadsheet.

Rule: what a spreadsheet would take for a formula is written as text (OWASP, CSV injection).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from connector.console import sheets
from connector.console.parts import Link, Table, Words, plain

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def as_json(table: Table) -> bytes:
    """Return the rows as a list of objects."""
    rows = [dict(zip(table.headings, map(plain, row), strict=True)) for row in table.rows]
    return json.dumps(rows, ensure_ascii=False, indent=2).encode()


def as_csv(table: Table) -> bytes:
    """Return the rows in UTF-8, with the mark by which spreadsheets tell it (RFC 4180)."""
    made = io.StringIO()
    writer = csv.writer(made)
    writer.writerow(table.headings)
    writer.writerows([_harmless(plain(cell)) for cell in row] for row in table.rows)
    return made.getvalue().encode("utf-8-sig")


def as_ods(table: Table) -> bytes:
    """Return a spreadsheet of typed cells."""
    rows = ([plain(it) if isinstance(it, Link | Words) else it for it in row] for row in table.rows)
    return sheets.spreadsheet(table.title, table.headings, rows)


def _harmless(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


# Ending -> media type and writer.
FORMATS: Final[Mapping[str, tuple[str, Callable[[Table], bytes]]]] = MappingProxyType(
    {
        "csv": ("text/csv; charset=utf-8", as_csv),
        "ods": (sheets.MEDIA, as_ods),
        "json": ("application/json", as_json),
    }
)
