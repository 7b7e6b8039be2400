"""How coarse days and numbers of a column leave at least, as a steward writes it.

`year`, `month` and `decade` are of days; `width 5 from 10` makes bands of numbers, `from 0 to 20`
sets those beyond to the ends. All else is the level of a hierarchy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

DAYS: Final = ("year", "month", "decade")
_NUMBER: Final = r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?"
_BANDS: Final = re.compile(rf"width ({_NUMBER})(?: from ({_NUMBER}))?")
_ENDS: Final = re.compile(rf"(?=from|to)(?:from ({_NUMBER}))?(?: ?to ({_NUMBER}))?")


@dataclass(frozen=True, slots=True)
class Bands:
    """A number leaves as the lower end of its band.

    Attributes:
        width: > 0.
        start: where one band begins.
    """

    width: int | float
    start: int | float


@dataclass(frozen=True, slots=True)
class Ends:
    """A number beyond an end leaves as that end.

    Attributes:
        bottom: None without.
        top: None without; above `bottom`.
    """

    bottom: int | float | None
    top: int | float | None


def of_numbers(text: str) -> Bands | Ends | None:
    """Return how numbers leave; None where the text does not say it."""
    if (found := _BANDS.fullmatch(text)) is not None:
        width, start = _number(found[1]), _number(found[2] or "0")
        return Bands(width, start) if width > 0 else None
    if (found := _ENDS.fullmatch(text)) is not None:
        bottom, top = (None if each is None else _number(each) for each in found.groups())
        whole = bottom is None or top is None or bottom < top
        return Ends(bottom, top) if whole else None
    return None


def _number(text: str) -> int | float:
    return int(float(text)) if float(text).is_integer() else float(text)
