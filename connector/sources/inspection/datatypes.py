"""Which datatype the values of a column have. Pure, on a sample.

Rules: nearly all values must agree; where two readings fit, the reason says so and is not sure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final

from connector.domain.catalog.layout import DATES, DECIMALS
from connector.sources.inspection.words import Reason
from connector.sources.spellings import boolean_of, date_of, number_form

# Spellings of a missing value that are known in exports and statistics.
ABSENT: Final = (
    *("NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None"),
    *("ND", "NR", "NS", "n.d.", "-", "--", ".", "?"),
)
ABSENT_TEXT: Final = ("NA", "N/A", "NaN", "nan", "null", "NULL")  # also where values are words
_AGREEING: Final = 0.95  # share of values
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_ZEROS: Final = re.compile(r"0[0-9]+")
_FEW: Final = 5  # values, below which eight digits are no day
_YEARS: Final = range(1900, 2101)


@dataclass(frozen=True, slots=True)
class Guess:
    """What a column seems to hold.

    Attributes:
        datatype: of a layout.
        reason: why.
        date: pattern of dates.
        decimal: sign of its decimals; empty where none were seen.
    """

    datatype: str
    reason: Reason
    date: str = ""
    decimal: str = ""


def guess(values: Sequence[str]) -> Guess:
    """Return what values seem to be.

    Args:
        values: without missing ones and without blanks at their ends.
    """
    if not values:
        return Guess("text", Reason("empty", sure=False))
    if _share(values, lambda each: boolean_of(each) is not None) == 1:
        return Guess("boolean", Reason("boolean"))
    return _date(values) or _number(values) or Guess("text", Reason("text"))


def absent_in(values: Iterable[str], datatype: str) -> set[str]:
    """Return the spellings of a missing value that stand in a column of this datatype."""
    known = ABSENT_TEXT if datatype == "text" else ABSENT
    return set(values) & set(known)


def _date(values: Sequence[str]) -> Guess | None:
    shares = {
        pattern: _share(values, partial(_is_day, pattern=pattern, of=len(values)))
        for pattern in DATES
    }
    pattern = max(shares, key=lambda each: shares[each])  # of equals the first
    if shares[pattern] < _AGREEING:
        return None
    if pattern == "DD/MM/YYYY" and shares["MM/DD/YYYY"] == shares[pattern]:
        return Guess("date", Reason("date-order", sure=False), pattern)
    return Guess("date", Reason("date", given=(pattern,)), pattern)


def _is_day(value: str, *, pattern: str, of: int) -> bool:
    day: date | None = date_of(value, pattern)
    return day is not None and (pattern != "YYYYMMDD" or (of >= _FEW and day.year in _YEARS))


def _number(values: Sequence[str]) -> Guess | None:
    if _share(values, _INTEGER.fullmatch) >= _AGREEING:
        if any(_ZEROS.fullmatch(each) for each in values):
            return Guess("text", Reason("zeros"))
        return Guess("integer", Reason("integer"))
    for sign in DECIMALS:
        form = re.compile(number_form(sign))
        if _share(values, form.match) >= _AGREEING:
            grouped = re.compile(rf"[+-]?[0-9]{{1,3}}({re.escape(sign)}[0-9]{{3}})+")
            parted = all(grouped.fullmatch(each) for each in values if sign in each)
            code, given = ("thousands", (sign,)) if parted else ("number", ())
            return Guess("number", Reason(code, sure=not parted, given=given), decimal=sign)
    return None


def _share(values: Sequence[str], test: Callable[[str], object]) -> float:
    return sum(bool(test(each)) for each in values) / len(values)
