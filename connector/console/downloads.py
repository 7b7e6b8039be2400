"""Tables as files: JSON, CSV, and ODS for a spreadsheet, with all rows that a list has.

Rules: what a spreadsheet would take for a formula is written as text (OWASP, CSV injection), also
where one that parts cells by other characters than commas would find it. Numbers and times are
written for machines. Headings and words of ours in CSV and JSON are the same in each language, for
programs; in a spreadsheet they are in the reader's. What is left out of a file is said at its end.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from connector.console import sheets
from connector.console.parts import Cell, Link, Spoken, Table, Words, plain
from connector.console.shares import Shares
from connector.errors import PreauError, TooManyRequests

MOST_ROWS: Final = 100_000  # of a file
AT_A_TIME: Final = 4  # files of several pages that are made
OF_ONE: Final = 2  # account
Pages: TypeAlias = Iterator[Table]
Say: TypeAlias = Callable[[str], str]
_HELD: Final = 1 << 20  # bytes of a spreadsheet in memory, the rest is in a file without a name
_CHUNK: Final = 1 << 16  # bytes
# Other programs part cells by semicolons, tabs or lines, whatever the quotes say.
# Each run of blanks is looked at from its start alone, once: there may be a million of them.
_FORMULA: Final = re.compile(
    "(?:^|(?<=;)|(?<![ \t\r\n]) *+(?=[\t\r\n]))[ \t\r\n]*+(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])"
)


class Gathering:
    """Pages of lists for files; thread-safe."""

    def __init__(self) -> None:
        """Begin with none."""
        self._shares = Shares(AT_A_TIME, OF_ONE)

    def pages(
        self,
        account: str,
        first: Table,
        follow: Callable[[Mapping[str, str]], Table],
        rest: Callable[..., str],
    ) -> Pages:
        """Return a list page by page, as the file of it needs it.

        Args:
            account: for whom.
            first: page of it.
            follow: returns the page that a query asks for.
            rest: returns the address of a file that begins with the page of a query.

        Raises:
            TooManyRequests: several others are being made.
        """
        if not first.next:
            return iter((first,))
        if not self._shares.free(account):
            raise TooManyRequests("several files are being made: wait a moment", retry_after=10)
        return self._followed(account, first, follow, rest)

    def _followed(
        self,
        account: str,
        page: Table,
        follow: Callable[[Mapping[str, str]], Table],
        rest: Callable[..., str],
    ) -> Pages:
        with self._shares.held(account):
            rows = 0
            while page.next:
                rows += len(page.rows)
                yield page
                if rows >= MOST_ROWS:
                    line = f"this file ends after {rows} rows: the rest begins at {rest(page.next)}"
                    yield replace(page, rows=(), lost=(line,))
                    return
                try:
                    page = follow(page.next)
                except PreauError as exc:
                    line = f"this file ends here: {exc.code}: {exc.reason}"
                    more = f"the rest begins at {rest(page.next)}"
                    yield replace(page, rows=(), lost=(line, more))
                    return
            yield page


def as_json(pages: Pages, say: Say) -> Iterator[bytes]:
    """Yield the rows as a list of objects, one a line; what is left out, as objects of `note`."""
    mark = "["
    for page in pages:
        rows = [dict(zip(page.headings, map(plain, row), strict=True)) for row in page.rows]
        rows += [{"note": say(line)} for line in page.lost]
        made = io.StringIO()
        for row in rows:
            made.write(mark + "\n" + json.dumps(row, ensure_ascii=False, allow_nan=False))
            mark = ","
        yield made.getvalue().encode()
    yield b"[]\n" if mark == "[" else b"\n]\n"


def as_csv(pages: Pages, say: Say) -> Iterator[bytes]:
    """Yield the rows in UTF-8, with the mark by which spreadsheets tell it (RFC 4180)."""
    heading = True
    for page in pages:
        made = io.StringIO()
        writer = csv.writer(made)
        if heading:
            made.write("\ufeff")
            writer.writerow(map(_harmless, page.headings))
            heading = False
        writer.writerows([_harmless(plain(cell)) for cell in row] for row in page.rows)
        writer.writerows([_harmless(say(line))] for line in page.lost)
        yield made.getvalue().encode()


def as_ods(pages: Pages, say: Say) -> Iterator[bytes]:
    """Yield a spreadsheet of typed cells."""
    first = next(pages)

    def rows() -> Iterator[list[Any]]:
        yield [say(each) for each in first.headings]
        page: Table | None = first
        while page is not None:
            yield from ([_typed(cell, say) for cell in row] for row in page.rows)
            yield from ([say(line)] for line in page.lost)
            page = next(pages, None)

    with tempfile.SpooledTemporaryFile(_HELD) as file:
        sheets.write(file, say(first.title), rows())
        file.seek(0)
        while chunk := file.read(_CHUNK):
            yield chunk


def _typed(cell: Cell, say: Say) -> Any:
    match cell:
        case Words(text=text):
            return say(text)
        case Link(text=text) | Spoken(text=text):
            return text
        case _:
            return cell


def _harmless(value: Any) -> Any:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case str():
            return _FORMULA.sub(r"\g<0>'", value)
        case _:
            return value


# Ending -> media type and writer.
FORMATS: Final[Mapping[str, tuple[str, Callable[[Pages, Say], Iterator[bytes]]]]] = (
    MappingProxyType(
        {
            "csv": ("text/csv; charset=utf-8", as_csv),
            "ods": (sheets.MEDIA, as_ods),
            "json": ("application/json", as_json),
        }
    )
)
