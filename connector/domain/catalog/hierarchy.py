"""Hierarchies of codes that a steward declares: a file of codes, and of the units they belong to.

Rules: the file is public, from whoever keeps the nomenclature; the description states its name,
source, date and digest, so that a plan names one file and no other. Its first line is `code` and
then the levels, the smallest first; each further line is a code and its unit at each level. Each
code stands once, and each unit lies in one unit of the next level. Those of INSEE and of the
ministry that a node knows by itself are in `territory.py`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connector.errors import DataFileUnreadable

MOST_BYTES: Final = 4 << 20
MOST_CODES: Final = 100_000
MOST_LEVELS: Final = 8
MOST_LISTED: Final = 2000  # units that a description and a plan list
_CODE: Final = "code"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_TEXT: Final = re.compile(r'[^\x00-\x1f\x7f"]{1,64}')

Units = Mapping[str, Mapping[str, str]]  # level -> code -> unit


@dataclass(frozen=True, slots=True)
class Tier:
    """A level of a hierarchy.

    Attributes:
        name: as the first line of the file has it.
        count: how many units it has.
        units: all of them, in the order of their codes; empty where there are over `MOST_LISTED`.
    """

    name: str
    count: int
    units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A declared hierarchy, as it stands in a description.

    Attributes:
        name: what it is called; one line.
        source: who publishes it; one line.
        date: from when on it holds, ISO 8601.
        digest: SHA-256 of the file, hex; empty in a draft, before the file was read.
        codes: how many there are.
        tiers: its levels, the smallest first.
        path: where the steward has the file; in a draft alone, and never in a description.
    """

    name: str
    source: str
    date: str
    digest: str = ""
    codes: int = 0
    tiers: tuple[Tier, ...] = ()
    path: str = ""

    def tier(self, level: str) -> Tier | None:
        """Return a level, or None."""
        return next((each for each in self.tiers if each.name == level), None)


def digest(data: bytes) -> str:
    """Return the SHA-256 (hex) by which descriptions and plans name a file."""
    return hashlib.sha256(data).hexdigest()


def read(data: bytes) -> Units:
    """Return the unit of each code at each level, in the file's order.

    Raises:
        DataFileUnreadable: it is no such file; the reason names the line.
    """
    if len(data) > MOST_BYTES:
        raise _unreadable(f"has more than {MOST_BYTES >> 20} MiB")
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as exc:
        raise _unreadable("is not text in UTF-8") from exc
    levels = _levels(lines[0] if lines else "")
    if not 1 < len(lines) <= MOST_CODES + 1:
        raise _unreadable(f"must have 1 to {MOST_CODES} codes")
    found: dict[str, dict[str, str]] = {level: {} for level in levels}
    for number, line in enumerate(lines[1:], 2):
        code, *units = line.split(",")
        if len(units) != len(levels) or not all(map(_TEXT.fullmatch, (code, *units))):
            raise _unreadable(
                f"has a line {number} that is not a code with its {len(levels)} units"
            )
        if code in found[levels[0]]:
            raise _unreadable(f"states in line {number} the code `{code}` a second time")
        for level, unit in zip(levels, units, strict=True):
            found[level][code] = unit
    _check_nested(found)
    return found


def described(units: Units) -> tuple[int, tuple[Tier, ...]]:
    """Return how many codes there are, and the levels as a description states them."""
    tiers = []
    for level, codes in units.items():
        held = sorted(set(codes.values()))
        tiers.append(Tier(level, len(held), tuple(held) if len(held) <= MOST_LISTED else ()))
    return len(next(iter(units.values()))), tuple(tiers)


def _levels(line: str) -> tuple[str, ...]:
    first, *levels = line.split(",")
    named = all(map(_NAME.fullmatch, levels)) and len(set(levels)) == len(levels)
    if first != _CODE or not named or not 0 < len(levels) <= MOST_LEVELS:
        raise _unreadable(
            "must begin with a header such as `code,epci`: the names of the levels, smallest "
            "first, in lower case"
        )
    return tuple(levels)


def _check_nested(units: Units) -> None:
    """Check that each unit lies in one unit of the next level."""
    for (level, smaller), larger in zip(units.items(), list(units.values())[1:], strict=False):
        above: dict[str, str] = {}
        for code, unit in smaller.items():
            if above.setdefault(unit, larger[code]) != larger[code]:
                raise _unreadable(
                    f"puts the unit `{unit}` of level `{level}` into two units of the next level"
                )


def _unreadable(what: str) -> DataFileUnreadable:
    return DataFileUnreadable(f"the hierarchy {what}")
