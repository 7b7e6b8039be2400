"""Conditions on rows: what one text says, and whether whoever meets one meets another.

A condition is `COLUMN in A | B`, `COLUMN not in A | B`, `COLUMN from X` or `COLUMN to Y`; ends
count. Ends are numbers, or days of a column of texts (ISO 8601). A value that is missing meets
none. Only the data can say of which type a column is, so that an answer holds of both.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Final

from policies_odrl.frozen import frozen
from policies_odrl.vocabulary import PREAU

ROW_CONDITION: Final = PREAU + "rowCondition"
IN: Final = "in"
NOT_IN: Final = "not in"
FROM: Final = "from"
TO: Final = "to"
# Where a column may end; `not in` is one word, so that no column is called `… not`.
_JOINT: Final = re.compile(r"(?<=\S)(?<! not)(?= (in|not in|from|to) \S)")
_OR: Final = " | "
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@frozen
class RowCondition:
    """One reading of a text: each condition has one for each place where its column may end."""

    column: str
    test: str  # `in`, `not in`, `from` or `to`
    stated: tuple[str, ...]  # as they are written, each once

    @property
    def is_end(self) -> bool:
        """Whether it states where values begin or end."""
        return self.test in (FROM, TO)

    def values(self, *, numbers: bool) -> tuple[str | float, ...]:
        """Return its values as a column of numbers or of texts has them; none where it cannot."""
        if self.is_end and len(self.stated) > 1:
            return ()
        if numbers:
            plain = all(map(_NUMBER.fullmatch, self.stated))
            return tuple(map(float, self.stated)) if plain else ()
        return self.stated if all(map(_is_day if self.is_end else _is_text, self.stated)) else ()


@lru_cache(maxsize=1024)
def readings(text: str) -> tuple[RowCondition, ...]:
    """Return what a text may say, of whichever column; nothing where it is no condition."""
    found = []
    for at in _JOINT.finditer(text):
        stated = text[at.start() + len(at[1]) + 2 :].split(_OR)
        found.append(RowCondition(text[: at.start()], at[1], tuple(dict.fromkeys(stated))))
    return tuple(found)


def entails(one: str, other: str) -> bool:
    """Return whether each row that meets one condition is proved to meet another."""
    mine, theirs = readings(one), readings(other)
    if one == other or len(mine) != 1 or len(theirs) != 1:  # they may be about several columns
        return one == other
    return mine[0].column == theirs[0].column and _within(mine[0], theirs[0])


def _within(one: RowCondition, other: RowCondition) -> bool:
    """Whether whatever meets a condition meets another one of the same column."""
    if one.test == IN:
        return all(_meets(each, other) for each in one.stated)
    if one.test == NOT_IN:
        return other.test == NOT_IN and set(other.stated) <= set(one.stated)
    if not _is_bound(one):
        return False
    if other.test == NOT_IN:
        return not any(_meets(each, one) for each in other.stated)
    return one.test == other.test and _meets(one.stated[0], other)


def _is_bound(item: RowCondition) -> bool:
    return any(item.values(numbers=numbers) for numbers in (False, True))


def _meets(value: str, item: RowCondition) -> bool:
    """Whether a value meets a condition, be its column of numbers or of texts."""
    mine, stated = _place(value), tuple(map(_place, item.stated))
    if item.test == IN:
        return value in item.stated
    if item.test == NOT_IN:  # 2 and 2.0 are one number
        return value not in item.stated and (mine is None or mine not in stated)
    end = stated[0]
    if mine is None or end is None or mine[0] != end[0] or not _is_bound(item):
        return False
    return mine >= end if item.test == FROM else mine <= end


def _place(text: str) -> tuple[str, float, str] | None:
    """Return where a number or a day stands among its like; None for another text."""
    if _NUMBER.fullmatch(text):
        return "number", float(text), ""
    return ("day", 0.0, text) if _DAY.fullmatch(text) else None


def _is_text(text: str) -> bool:
    return bool(text) and text == text.strip()


def _is_day(text: str) -> bool:
    try:
        return _DAY.fullmatch(text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False
