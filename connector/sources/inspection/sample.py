"""Takes a bounded sample of a file: its beginning and some places further on.

What it says of spelling is `spelling.py`; what its values say, `datatypes.py` and `classes.py`.
"""

from __future__ import annotations

import codecs
import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import PurePath
from typing import Any, BinaryIO, Final

import pyarrow as pa

from connector.domain.catalog.layout import Layout
from connector.errors import DataFileUnreadable
from connector.sources.formats import json_lines, lines, parquet, separated, sheets
from connector.sources.inspection.spelling import check_header, encoding_of, separator_of
from connector.sources.inspection.words import Reason
from connector.sources.values import as_text, is_decimal

_HEAD: Final = 1 << 20  # bytes
_PIECE: Final = 1 << 16  # bytes of each further place
_PIECES: Final = 16
_ROWS: Final = 5_000  # of the beginning
_MORE_ROWS: Final = 100  # of each further place
_LINES: Final = 500  # that must agree on a separator
# First bytes -> what it is, where it is not read.
_OTHERS: Final = (
    (b"\x1f\x8b", "is compressed: unpack it first"),
    (b"BZh", "is compressed: unpack it first"),
    (b"\xfd7zXZ", "is compressed: unpack it first"),
    (b"%PDF", "is a PDF: no rows can be read from it"),
    (b"<", "is XML or HTML, which is not read: export it as CSV"),
    (b"[", "is one JSON document: write one object a line"),
)


@dataclass(slots=True)
class Sample:
    """What was seen of a file.

    Attributes:
        format: of a layout.
        values: texts of each column, in file order; empty where a value is missing.
        natives: datatype of each column whose values have one in the file itself.
        stated: further members of a layout.
        reasons: for each of them.
    """

    format: str
    values: dict[str, list[str]]
    natives: dict[str, str] = field(default_factory=dict)
    stated: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, Reason] = field(default_factory=dict)


def take(file: BinaryIO, name: str) -> Sample:
    """Return a sample of an open file.

    Args:
        file: at its beginning.
        name: of the file; its ending decides between formats that share their first bytes.

    Raises:
        DataFileUnreadable: it is of no format that is read, or not of the one it seems to be.
    """
    head = file.read(_HEAD)
    file.seek(0)
    plain = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if not plain:
        raise DataFileUnreadable("the file is empty")
    for start, what in _OTHERS:
        if plain.startswith(start):
            raise DataFileUnreadable(f"the file {what}")
    if head.startswith(b"PAR1"):
        return _parquet(file)
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return _workbook(file)
    blocks = [head, *_further(file)]
    ending = PurePath(name).suffix.lower()
    if plain.startswith(b"{") or ending in (".jsonl", ".ndjson"):
        return _json_lines(blocks)
    return _separated(blocks)


def _further(file: BinaryIO) -> Iterator[bytes]:
    size = os.fstat(file.fileno()).st_size
    for at in range(1, _PIECES + 1):
        place = _HEAD + (size - _HEAD - _PIECE) * at // _PIECES
        if size > _HEAD + _PIECE * _PIECES:
            file.seek(place)
            yield file.read(_PIECE)
    file.seek(0)


def _texts(blocks: Sequence[bytes], encoding: str) -> Iterator[list[str]]:
    """Yield the whole lines of each block."""
    for at, block in enumerate(blocks if encoding != "utf-16" else blocks[:1]):
        text = block.decode("utf-8-sig" if encoding == "utf-8" else encoding, "replace")
        found = text.split("\n")
        cut = len(block) == (_PIECE if at else _HEAD)
        whole = found[bool(at) : -1 if cut else None]
        yield [line.removesuffix("\r") for line in whole]


def _separated(blocks: Sequence[bytes]) -> Sample:
    encoding, because = encoding_of(blocks)
    first, *others = _texts(blocks, encoding)
    if not first or len(max(first, key=len)) > lines.LONGEST:
        raise lines.fault(1, f"is longer than {lines.LONGEST} characters")
    separator, quote, why = separator_of([line for line in first if line][:_LINES])
    header = separated.parsed(first[:1], separator, quote)[0]
    check_header(header)
    seen = [*first[1 : _ROWS + 1], *(line for each in others for line in each[:_MORE_ROWS])]
    rows = [row for line in seen if len(row := _fields(line, separator, quote)) == len(header)]
    return Sample(
        format="csv",
        values={name: [row[at].strip() for row in rows] for at, name in enumerate(header)},
        stated={"encoding": encoding, "separator": separator, "quote": quote},
        reasons={"encoding": because, "separator": why},
    )


def _fields(line: str, separator: str, quote: str) -> list[str]:
    try:
        return (separated.parsed([line], separator, quote) or [[]])[0]
    except csv.Error:  # it stops the reading that follows, with its number
        return []


def _json_lines(blocks: Sequence[bytes]) -> Sample:
    first, *others = _texts(blocks, "utf-8")
    rows = [json_lines.row(line, at + 1) for at, line in enumerate(first[:_ROWS]) if line.strip()]
    for each in others:
        for line in each[:_MORE_ROWS]:
            rows += _objects(line)
    names = list(dict.fromkeys(name for row in rows for name in row))
    check_header(names)
    values = {name: [_member(row.get(name)) for row in rows] for name in names}
    return Sample("jsonl", values)


def _objects(line: str) -> list[dict[str, Any]]:
    try:
        return [json_lines.row(line, 0)] if line.strip() else []
    except DataFileUnreadable:  # it stops the reading that follows, with its number
        return []


def _member(value: Any) -> str:
    return (json_lines.as_text(value, ".") or "").strip()


def _workbook(file: BinaryIO) -> Sample:
    names = sheets.names_of(file)
    if not names:
        raise DataFileUnreadable("the workbook has no sheet")
    file.seek(0)
    rows = sheets.cells(file, names[0])
    header = [sheets.as_text(cell, ".") or "" for cell in next(rows, [])]
    check_header(header)
    seen = [
        [(sheets.as_text(cell, ".") or "").strip() for cell in row] for row in islice(rows, _ROWS)
    ]
    full = [row for row in seen if any(row)]
    return Sample(
        format="xlsx",
        values={name: [row[at] for row in full] for at, name in enumerate(header)},
        stated={"sheet": names[0]},
        reasons={"sheet": Reason("sheets", sure=False)} if len(names) > 1 else {},
    )


def _parquet(file: BinaryIO) -> Sample:
    schema = parquet.schema_of(file)
    check_header(schema.names)
    plain = [each for each in schema if not each.type.num_fields]
    names = [each.name for each in plain]
    file.seek(0)
    found: dict[str, list[str]] = {name: [] for name in names}
    for arrays in islice(parquet.columns(file, Layout("parquet", ()), names), 1):
        for name, array in zip(names, arrays, strict=True):
            shown = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
            found[name] = [
                text.strip() for text in as_text(shown[:_ROWS]).fill_null("").to_pylist()
            ]
    natives = {each.name: kind for each in plain if (kind := native_of(each.type))}
    return Sample("parquet", found, natives)


def native_of(kind: pa.DataType) -> str:
    """Return the datatype of a layout that a type of Arrow is; empty for text and others."""
    types = pa.types
    if types.is_boolean(kind):
        return "boolean"
    if types.is_integer(kind):
        return "integer"
    if types.is_floating(kind) or is_decimal(kind):
        return "number"
    return "date" if types.is_date(kind) else ""
