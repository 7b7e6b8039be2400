"""JSON Lines: each line an object, UTF-8; a member that is an object or a list is its JSON text."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NoReturn

import pyarrow as pa

from connector.domain.catalog.layout import Layout
from connector.sources.formats.lines import blocks, fault


def columns(file: BinaryIO, layout: Layout, names: Sequence[str]) -> Iterator[list[pa.Array]]:
    """Yield these members as text, many rows at a time; one that an object lacks is null.

    Raises:
        DataFileUnreadable: a line is no JSON object, with its number.
    """
    for at, lines in blocks(file, "utf-8"):
        rows = [row(line, at + place) for place, line in enumerate(lines) if line.strip()]
        yield [
            pa.array([as_text(each.get(name), layout.decimal) for each in rows], pa.string())
            for name in names
        ]


def row(line: str, number: int) -> dict[str, Any]:
    """Return the object of a line.

    Raises:
        DataFileUnreadable: it is none, a member stands there twice, or a number is not finite.
    """
    value = None
    with contextlib.suppress(ValueError, RecursionError):  # not chained: they quote the line
        value = json.loads(line, object_pairs_hook=_once, parse_constant=_refuse)
    if not isinstance(value, dict):
        raise fault(number, "is not a JSON object, or has a member twice")
    return value


def as_text(value: Any, decimal: str) -> str | None:
    """Return a JSON value as text; None for null."""
    if value is None or isinstance(value, str):
        return _whole(value)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace(".", decimal) if isinstance(value, float) else _whole(text)


def _whole(text: str | None) -> str | None:
    """Return text that UTF-8 can carry: half of a character becomes a question mark."""
    return None if text is None else text.encode("utf-8", "replace").decode()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)
