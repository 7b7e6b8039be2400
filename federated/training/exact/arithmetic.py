"""Numbers with few digits, whose products are exact; and the logistic function without a library.

A BLAS product adds in an order that depends on a row's place, and its last bits with it. Here both
factors are integers of few bits times a power of two: every partial sum is an integer below 2**53,
which float64 holds exactly, so that order, fused operations, threads and blocks cannot matter. The
powers of two are put together from exponent bits, and exp from elementary operations, since neither
`ldexp` nor `exp` of a library promises one result for one input.

Rules: what is no integer is never added up; NaN and infinity do not occur, since inputs and
weights are bounded. Shapes are (persons, rows of a person, width).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
EXACT: Final = 53  # bits of an integer that float64 always holds
DIGITS: Final = 19  # bits of what a person says
_LEAST: Final = -200  # a value below 2**-200 counts as one of that size, hence as zero
_MOST: Final = 60.0  # of exp; beyond it the logistic function is flat to 1e-26
_LOG2_E: Final = 1.4426950408889634
_LN_2: Final = 0.6931471805599453
_TERMS: Final = (1 / 40320, 1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5, 1.0, 1.0)
_KNOTS: Final = 64  # of the hyperbolic tangent, in each unit
_FLAT: Final = 640  # knots; beyond 10 it is flat to 5e-9, which no digit shows


@dataclass(frozen=True, slots=True)
class Scaled:
    """Values as integers times a power of two of each person.

    Attributes:
        digits: (persons, rows, width), integers of at most 2**bits in size.
        power: (persons,), or (1,) for all; a value is its digits times 2**power.
    """

    digits: Floats
    power: Integers

    @property
    def whole(self) -> Floats:
        """The values themselves."""
        return self.digits * two(self.power)[:, None, None]


def scaled(values: Floats, bits: int = DIGITS) -> Scaled:
    """Return values rounded to `bits` binary digits below each person's largest value.

    Args:
        values: (persons, rows, width).
        bits: digits of the largest.
    """
    top = exponent(np.abs(values).reshape(len(values), -1).max(axis=1))
    digits = values * two(bits - top)[:, None, None]
    return Scaled(np.rint(digits, out=digits), top - bits)


def within_one(values: NDArray[np.floating]) -> Scaled:
    """Return values in [-1, 1] rounded to multiples of 2**-`DIGITS`, with a 1 behind each row's."""
    digits = np.empty((*values.shape[:2], values.shape[2] + 1))
    np.multiply(values, 2.0**DIGITS, out=digits[:, :, :-1])
    digits[:, :, -1] = 2.0**DIGITS
    return Scaled(np.rint(digits, out=digits), np.array([-DIGITS]))


def added(values: Floats) -> Floats:
    """Return the sum of each person's values, two by two, in an order that only their number sets.

    This is elementwise, hence does not depend on a place.

    Args:
        values: (persons, number).
    """
    while (width := values.shape[1]) > 1:
        half = width // 2
        rest = values[:, 2 * half :]
        values = values[:, :half] + values[:, half : 2 * half]
        if rest.size:
            values[:, :1] += rest
    return values[:, 0].copy()


def weights(matrix: Floats) -> Scaled:
    """Return a matrix (out, in) as one person's values, with as many digits as stay exact.

    A product with values of `DIGITS` bits over either side adds fewer than 2**(bits of the longer
    side) terms.
    """
    return scaled(matrix[None], EXACT - DIGITS - max(matrix.shape).bit_length())


def product(values: Scaled, matrix: Scaled, *, back: bool = False) -> Floats:
    """Return values through a layer, (persons, rows, out): exact, then scaled.

    Args:
        values: (persons, rows, in), or (persons, rows, out) on the way back.
        matrix: of `weights`, (out, in) with the bias last.
        back: from outputs to inputs, without the bias.
    """
    persons, rows, width = values.digits.shape
    factor = matrix.digits[0, :, :-1] if back else matrix.digits[0].T
    digits = values.digits.reshape(persons * rows, width)
    # One column at a time is no sum, and faster without the library.
    summed: Floats = digits * factor if width == 1 else digits @ factor
    summed = summed.reshape(persons, rows, -1)
    summed *= two(values.power + matrix.power)[:, None, None]
    return summed


def exponent(values: Floats) -> Integers:
    """Return the least e >= -200 with values < 2**e; values are 0 or more."""
    power: Integers = np.maximum((values.view(np.int64) >> 52) - 1022, _LEAST)
    return power


def two(power: Integers) -> Floats:
    """Return 2**power, exact, for powers in [-1022, 1023]."""
    return ((power + 1023) << 52).view(np.float64)


def exp(values: Floats) -> Floats:
    """Return exp of values up to 60, off by less than 1e-9 of it; below -60 they count as -60.

    exp(x) = 2**n exp(r) with n = rint(x / ln 2) and |r| < 0.347, where eight terms of the series
    leave less than 3e-10.
    """
    bounded = np.clip(values, -_MOST, _MOST)
    whole = np.rint(bounded * _LOG2_E)
    rest = bounded - whole * _LN_2
    series = np.full_like(rest, _TERMS[0])
    for term in _TERMS[1:]:
        series *= rest
        series += term
    series *= two(whole.astype(np.int64))
    return series


def logistic(values: Floats) -> Floats:
    """Return 1 / (1 + exp(-values)), off by less than 1e-9 of it."""
    series = exp(-values)
    series += 1.0
    return np.divide(1.0, series, out=series)


def tanh(values: Floats) -> Floats:
    """Return the hyperbolic tangent, off by less than 5e-9.

    tanh(k + r) = (t + s) / (1 + t s) with t = tanh(k) of the nearest knot, and s = tanh(r), which
    r - r³ / 3 gives to 4e-12, since |r| < 1 / 128.
    """
    rest = values * float(_KNOTS)
    np.clip(rest, -float(_FLAT), float(_FLAT), out=rest)
    knot = np.rint(rest)
    rest -= knot
    near: Floats = np.take(_knots(), knot.astype(np.int32), out=knot, mode="wrap")
    small = rest * rest
    small *= -1 / (3 * _KNOTS**3)
    small += 1 / _KNOTS
    small *= rest
    np.multiply(near, small, out=rest)
    rest += 1.0
    small += near
    small /= rest
    return small


@cache
def _knots() -> Floats:
    """Return the hyperbolic tangent, 2 logistic(2 x) - 1, at knots from 0 on, then from below."""
    knots: Floats = np.roll(np.arange(-_FLAT, _FLAT + 1), -_FLAT).astype(np.float64)
    return 2.0 * logistic(knots * (2 / _KNOTS)) - 1.0
