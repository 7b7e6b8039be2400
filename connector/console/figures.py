"""Figures as persons type them in a form."""

from __future__ import annotations

import re
from math import isfinite
from typing import Final

from connector.errors import Malformed

_SHAPE: Final = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_LONGEST: Final = 80  # characters


def figure(text: str, where: str = "") -> int | float:
    """Return a number, with a comma or a point before its decimals.

    Args:
        text: as typed.
        where: name of the field.

    Raises:
        Malformed: it is none.
    """
    typed = text.strip().replace(",", ".")
    if len(typed) <= _LONGEST and _SHAPE.fullmatch(typed):
        found = int(typed) if typed.lstrip("+-").isdigit() else float(typed)
        if isfinite(found):
            return found
    raise Malformed(f"`{text[:_LONGEST]}` is no number", where=where)
