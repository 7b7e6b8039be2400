"""Units of measure: the common ones, brought to one base so that two of them compare.

A unit that is not in `units.json` equals nothing but itself; a currency has several names and is
never converted; a month or a year is no fixed number of seconds and is not there.
Source of the factors: SI Brochure, 9th edition; IEC 80000-13 (binary prefixes).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal
from types import MappingProxyType
from typing import Final

from policies_odrl.values import Duration
from policies_odrl.vocabulary import loaded

_TABLE: Final = loaded("units.json")
QUDT, UCUM, *_ = _TABLE["namespaces"]
# Unit -> dimension, and its size in the base unit of the dimension.
UNITS: Final[Mapping[str, tuple[str, Decimal]]] = MappingProxyType(
    {
        namespace + name: (dimension, Decimal(size))
        for dimension, rows in _TABLE["dimensions"].items()
        for size, *names in rows
        for namespace, name in zip(_TABLE["namespaces"], names, strict=True)
        if name != "-"
    }
)
EXACT: Final = Context(prec=2_000)  # no sum or product of two numbers that are read rounds


def in_base(value: Decimal, unit: str) -> tuple[str, Decimal] | None:
    """Return (dimension, value in its base unit), or None for an unknown unit."""
    known = UNITS.get(unit)
    return None if known is None else (known[0], EXACT.multiply(value, known[1]))


def canonical(unit: str) -> str:
    """Return the one name of a currency that is written in several ways; another unit as it is."""
    for start in _TABLE["currencies"]["before"] if unit else ():
        code = unit.removeprefix(start)
        if len(code) == 3 and code.isascii() and code.isupper():  # noqa: PLR2004 - ISO 4217
            return code
    named: Mapping[str, str] = _TABLE["currencies"]["named"]
    return named.get(unit, unit)


def length(value: Decimal, unit: str) -> Duration | None:
    """Return a number of a unit of time as a duration, or None for another unit."""
    found = in_base(value, unit)
    return Duration(0, found[1]) if found is not None and found[0] == "time" else None
