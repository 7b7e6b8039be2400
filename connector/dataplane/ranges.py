"""Which part of a file a request asks for (RFC 9110 section 14). Pure.

Rules: one range of bytes is understood; several, another unit or a misspelled one count as none, as
the specification lets a server do; a range that nothing of the file is in is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_ONE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes from `start` up to, and without, `end`.

    Attributes:
        partial: whether a range was asked for.
    """

    start: int
    end: int
    partial: bool


def part_of(size: int, stated: str, *, fresh: bool = True) -> Part | None:
    """Return what to send of a file; None where nothing of it is in the range.

    Args:
        size: of the file, bytes.
        stated: the header `Range`; empty where there is none.
        fresh: whether the header `If-Range` names this very file, or is not there.

    >>> part_of(10, "bytes=4-")
    Part(start=4, end=10, partial=True)
    >>> part_of(10, "bytes=-3")
    Part(start=7, end=10, partial=True)
    >>> part_of(10, "bytes=10-") is None
    True
    """
    found = _ONE.fullmatch(stated.strip()) if fresh else None
    if found is None or found.group(0) == "bytes=-":
        return Part(0, size, partial=False)
    first, last = found.groups()
    if not first:  # of the end
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < int(first):
            return Part(0, size, partial=False)
    return Part(start, end, partial=True) if start < end else None
