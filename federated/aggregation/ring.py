r"""Vectors of fixed-point numbers: whole multiples of 2⁻⁶⁴ in the ring of 2¹²⁸, two's complement.

Rule: no sum leaves the ring's half. An amount is at most 2⁴⁰ and there are at most 2¹⁰ sites, so
that a sum is at most 2¹¹⁴ units, below 2¹²⁷.

Whole numbers need no fraction: modulo 2⁶⁴ what is masked stays uniform, sums below 2⁶³ stay right,
and each is a signed number of 64 bits (`narrowed`, `counted`).

Error: a number is rounded to its nearest multiple, by at most 2⁻⁶⁵; sums in the ring are exact; the
sum is rounded once to 53 bits. Over N sites  |result - Σ v_i| ≤ N 2⁻⁶⁵ + 2⁻⁵³ |Σ v_i|, less than
what adding the numbers v_i in float64 may lose.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from federated.errors import StatisticUnfit

BYTES: Final = 16  # of one number
MOST_AMOUNT: Final = 2.0**40
MOST_SITES: Final = 1 << 10
MODULUS: Final = 1 << (8 * BYTES)
_FRACTION: Final = 64  # bits
_NARROW: Final = 1 << 64
_DIGITS: Final = 2 * BYTES


def encoded(values: Iterable[float]) -> list[int]:
    """Return numbers as elements of the ring.

    Raises:
        StatisticUnfit: one is not finite, or too large.
    """
    found = []
    for value in values:
        if not abs(value) <= MOST_AMOUNT:
            raise StatisticUnfit("a sum is not finite, or too large to be masked")
        found.append(round(math.ldexp(value, _FRACTION)) % MODULUS)
    return found


def decoded(elements: Iterable[int]) -> list[float]:
    """Return elements of the ring as numbers."""
    half = MODULUS >> 1
    signed = ((each + half) % MODULUS - half for each in elements)
    return [each / (1 << _FRACTION) for each in signed]


def total(vectors: Sequence[Sequence[int]]) -> list[int]:
    """Return the sum of vectors in the ring.

    Raises:
        StatisticUnfit: they are not of one length, or too many.
    """
    if len({len(each) for each in vectors}) != 1 or len(vectors) > MOST_SITES:
        raise StatisticUnfit("the vectors of the sites are not of one length")
    return [sum(column) % MODULUS for column in zip(*vectors, strict=True)]


def narrowed(elements: Iterable[int]) -> list[int]:
    """Return elements of the ring, of whole numbers, modulo 2⁶⁴: from -2⁶³ to 2⁶³ - 1."""
    half = _NARROW >> 1
    return [(each + half) % _NARROW - half for each in elements]


def counted(vectors: Sequence[Sequence[int]]) -> list[int]:
    """Return the sum of `narrowed` vectors, all masks of which cancel.

    Raises:
        StatisticUnfit: as `total`.
    """
    return narrowed(total(vectors))


def spelled(element: int) -> str:
    """Return an element as 32 hexadecimal digits."""
    return f"{element:0{_DIGITS}x}"


def unspelled(text: str) -> int:
    """Return the element that digits say.

    Raises:
        StatisticUnfit: they are none.
    """
    if len(text) != _DIGITS or set(text) - set("0123456789abcdef"):
        raise StatisticUnfit("a site did not answer with a masked sum")
    return int(text, 16)
