"""How values are written: numbers, days, words for yes and no. Pure."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

_TRUE: Final = frozenset(("true", "vrai", "oui", "yes"))
_FALSE: Final = frozenset(("false", "faux", "non", "no"))
_PARTS: Final = {"YYYY": "(?P<y>[0-9]{4})", "MM": "(?P<m>[0-9]{2})", "DD": "(?P<d>[0-9]{2})"}


def number_form(decimal: str) -> str:
    """Return the regular expression of a number whose decimals follow this sign."""
    sign = re.escape(decimal)
    return rf"^[+-]?([0-9]+{sign}?[0-9]*|{sign}[0-9]+)([eE][+-]?[0-9]{{1,3}})?$"


def date_of(text: str, pattern: str) -> date | None:
    """Return the day that a text names in a pattern of the layout; None when it names none."""
    form = re.sub("YYYY|MM|DD", lambda part: _PARTS[part[0]], re.escape(pattern))
    found = re.fullmatch(form, text.strip())
    try:
        return date(int(found["y"]), int(found["m"]), int(found["d"])) if found else None
    except ValueError:  # the 31st of February
        return None


def boolean_of(text: str) -> bool | None:
    """Return what a word for yes or no says; None for another word."""
    word = text.strip().casefold()
    return True if word in _TRUE else False if word in _FALSE else None
