"""Lines of text out of a file, many at a time; what is no line of text stops, with its number.

Rules: no more than a block and a line are in memory; a line is at most 1 MiB; no message quotes
the file.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO, Final

from connector.errors import DataFileUnreadable

LONGEST: Final = 1 << 20  # characters of a line
_BLOCK: Final = 1 << 20  # bytes
_CODECS: Final = {"utf-8": "utf-8-sig"}
_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def blocks(file: BinaryIO, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """Yield lines without their ends, and the number of the first of them, from 1.

    Args:
        file: opened at its beginning.
        encoding: one that a layout may state.

    Raises:
        DataFileUnreadable: a line is no text in this encoding, is too long, or holds a NUL.
    """
    decoder = codecs.getincrementaldecoder(_CODECS.get(encoding, encoding))()
    at, rest, first = 1, "", True
    while True:
        data = file.read(_BLOCK)
        if first and encoding == "utf-16" and not data.startswith(_MARKS):
            raise DataFileUnreadable("line 1: a file in UTF-16 must begin with a byte order mark")
        first = False
        lines = (rest + _decoded(decoder, data, encoding, at)).split("\n")
        rest = lines.pop() if data else ""
        _check(lines, at)
        if len(rest) > LONGEST:
            raise fault(at + len(lines), f"is longer than {LONGEST} characters")
        if lines:
            yield at, lines
        at += len(lines)
        if not data:
            return


def fault(number: int, what: str) -> DataFileUnreadable:
    """Return what is raised for a line.

    Args:
        number: of the line, from 1.
        what: is wrong, without any of its signs.
    """
    return DataFileUnreadable(f"line {number}: {what}")


def _decoded(decoder: codecs.IncrementalDecoder, data: bytes, encoding: str, at: int) -> str:
    try:
        return decoder.decode(data, final=not data)
    except UnicodeDecodeError as exc:
        number = at + exc.object[: exc.start].count(b"\n")
        wrong = fault(number, f"is not text in {encoding}")
    raise wrong  # not chained: that one holds the bytes


def _check(lines: list[str], at: int) -> None:
    for place, line in enumerate(lines):
        if len(line) > LONGEST:
            raise fault(at + place, f"is longer than {LONGEST} characters")
        if "\x00" in line:
            raise fault(at + place, "holds a NUL")
