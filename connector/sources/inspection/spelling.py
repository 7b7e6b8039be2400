"""How the text of a file is spelled: encoding, separator, quote, header. Pure, on a sample."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from typing import Final

from connector.domain.catalog.layout import DATES, DECIMALS, MOST_COLUMNS, QUOTES, SEPARATORS
from connector.errors import DataFileUnreadable
from connector.sources.formats.separated import parsed
from connector.sources.inspection.words import Reason
from connector.sources.spellings import date_of, number_form
from federated.reading import MAX_TEXT

_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_C1: Final = re.compile(rb"[\x80-\x9f]")  # controls in ISO 8859, letters and quotes in Windows-1252
# € Š š Ž ž Œ œ Ÿ in ISO-8859-15, other signs in ISO-8859-1 and Windows-1252.
_LATIN_9: Final = re.compile(rb"[\xa4\xa6\xa8\xb4\xb8\xbc-\xbe]")
_AGREEING: Final = 0.5  # share of lines that a separator must explain
_NEARLY: Final = 0.95  # share, above which the usual quote stays


def encoding_of(blocks: Sequence[bytes]) -> tuple[str, Reason]:
    """Return the encoding of a file.

    Args:
        blocks: its beginning, and some from further on, which may be cut within a character.

    Raises:
        DataFileUnreadable: it is no text in an encoding that a layout may state.
    """
    whole = b"\n".join(blocks)
    if blocks[0].startswith(_UTF_16):
        return "utf-16", Reason("bom")
    if b"\x00" in whole:
        raise DataFileUnreadable("the file holds NUL bytes: it is not text")
    if blocks[0].startswith(codecs.BOM_UTF8):
        return "utf-8", Reason("bom")
    if all(_is_utf8(block, first=not at) for at, block in enumerate(blocks)):
        return "utf-8", Reason("ascii" if whole.isascii() else "utf-8")
    if _C1.search(whole):
        try:
            whole.decode("cp1252")
        except UnicodeDecodeError:
            unknown = DataFileUnreadable("the text is neither UTF-8 nor Windows-1252 or ISO 8859")
        else:
            return "cp1252", Reason("windows")
        raise unknown  # not chained: that one holds the bytes
    if _LATIN_9.search(whole):
        return "iso-8859-15", Reason("latin-9", sure=False)
    return "cp1252", Reason("one-byte")


def separator_of(lines: Sequence[str]) -> tuple[str, str, Reason]:
    """Return separator and quote of CSV.

    Args:
        lines: the first of the file, whole.

    Raises:
        DataFileUnreadable: no separator gives most lines as many fields as the header.
    """
    fits = [
        (*_fit(lines, separator, quote), separator, quote)
        for quote in QUOTES
        for separator in SEPARATORS
    ]
    wide = [fit for fit in fits if fit[1] > 1]
    # A line or two that are broken speak for broken lines, not for another quote.
    usual = [fit for fit in wide if fit[3] == QUOTES[0] and fit[0] >= _NEARLY]
    share = max((fit[0] for fit in usual or wide), default=0.0)
    if share >= _AGREEING:
        best = [fit for fit in usual or wide if fit[0] == share]
        best = [fit for fit in best if fit[3] == best[0][3]]  # the first quote that does
        _, _, separator, quote = max(best, key=lambda fit: fit[1])
        whole = "separator" if len(best) == 1 else "separators"
        code = whole if share == 1 else "ragged"
        return separator, quote, Reason(code, sure=code == "separator")
    if all(fit[:2] == (1.0, 1) for fit in fits):
        return SEPARATORS[0], QUOTES[0], Reason("one-column", sure=False)
    raise DataFileUnreadable("no separator gives the lines as many fields as the header has")


def check_header(names: Sequence[str]) -> None:
    """See that the first line holds names. The message shows none: they may be somebody's data.

    Raises:
        DataFileUnreadable: it does not.
    """
    if not 0 < len(names) <= MOST_COLUMNS:
        raise DataFileUnreadable(f"the header must name 1 to {MOST_COLUMNS} columns")
    if not all(name.isprintable() and len(name) <= MAX_TEXT for name in names):
        raise DataFileUnreadable(
            f"the names of columns must be printable, of up to {MAX_TEXT} characters"
        )
    if any(looks_like_data(name) for name in names):
        raise DataFileUnreadable("the first line holds data: put the names of the columns there")
    if len(set(names)) != len(names) or not all(name.strip() for name in names):
        raise DataFileUnreadable("the first line must name each column, and each once")


def looks_like_data(name: str) -> bool:
    """Return whether no column would be called so: a decimal number, a day, an address."""
    plain = name.strip()
    numbers = (number_form(sign) for sign in DECIMALS)
    number = not plain.isdigit() or len(plain) != len("2025")  # a year may be a column
    return (
        (number and any(re.match(form, plain) for form in numbers))
        or any(date_of(plain, pattern) for pattern in DATES)
        or "@" in plain
    )


def _is_utf8(block: bytes, *, first: bool) -> bool:
    inside = block if first else block.lstrip(bytes(range(0x80, 0xC0)))
    try:
        codecs.getincrementaldecoder("utf-8")().decode(inside)
    except UnicodeDecodeError:
        return False
    return True


def _fit(lines: Sequence[str], separator: str, quote: str) -> tuple[float, int]:
    """Return the share of lines with as many fields as the first, and that number."""
    widths = [width for line in lines if (width := _width(line, separator, quote))]
    if not widths or widths[0] < 1:
        return 0.0, 0
    return widths.count(widths[0]) / len(widths), widths[0]


def _width(line: str, separator: str, quote: str) -> int:
    """Return the number of fields; 0 for an empty line, -1 for one that is broken."""
    try:
        return len((parsed([line], separator, quote) or [[]])[0])
    except csv.Error:
        return -1
