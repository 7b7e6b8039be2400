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
Singles = NDArray[np.float32]
Reals = NDArray[np.floating]
Integers = NDArray[np.int64]
EXACT: Final = 53  # bits of an integer that float64 always holds
DIGITS: Final = 19  # bits of what a person says
LEAST: Final = -64  # a smaller value than 2**-64 is rounded as that is; the least unit is 2**-62
_MOST: Final = 60  # of exp; beyond it the logistic function is flat to 1e-26
_LOG2_E: Final = 1.4426950408889634
_LN_2: Final = 0.6931471805599453
_TERMS: Final = (1 / 40320, 1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5, 1.0, 1.0)
_NARROW: Final = 16  # columns: of so few a library finds the largest faster down than along
_STEPS: Final = 64  # knots of exp, in each unit
_KNOTS: Final = 512  # of the hyperbolic tangent, in each unit
_FLAT: Final = 10 * _KNOTS  # knots; beyond 10 it is flat to 5e-9, which no digit shows


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
    digits = np.abs(values)
    top = exponent(_largest(digits.reshape(len(values), -1)))
    np.multiply(values, two(bits - top)[:, None, None], out=digits)
    return Scaled(np.rint(digits, out=digits), top - bits)


def _largest(sizes: Floats) -> Floats:
    """Return the largest of each person, of (persons, number)."""
    if sizes.shape[1] > _NARROW:
        largest: Floats = sizes.max(axis=1)
    else:
        largest = np.ascontiguousarray(sizes.T).max(axis=0)
    return largest


def within_one(values: Reals) -> Scaled:
    """Return values in [-1, 1] rounded to multiples of 2**-`DIGITS`, with a 1 behind each row's."""
    digits = np.empty((*values.shape[:2], values.shape[2] + 1))
    rounded = values * 2.0**DIGITS
    digits[:, :, :-1] = np.rint(rounded, out=rounded)
    digits[:, :, -1] = 2.0**DIGITS
    return Scaled(digits, np.array([-DIGITS]))


def added(values: Floats) -> Floats:
    """Return the sum of each person's values, two by two, in an order that only their number sets.

    This is elementwise, hence does not depend on a place.

    Args:
        values: (number, persons).
    """
    while (number := len(values)) > 1:
        half = number // 2
        rest = values[2 * half :]
        values = values[:half] + values[half : 2 * half]
        if len(rest):
            values[0] += rest[0]
    total: Floats = values[0]
    return total


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
    power, digits = two(values.power + matrix.power), values.digits
    # Powers of two can be taken anywhere: here where there is least to multiply.
    if len(power) == 1:
        factor = factor * power
    elif width < factor.shape[1]:
        digits = digits * power[:, None, None]
    lines = digits.reshape(persons * rows, width)
    # One column at a time is no sum, and faster without the library.
    summed: Floats = lines * factor if width == 1 else lines @ factor
    summed = summed.reshape(persons, rows, -1)
    if len(power) > 1 and width >= summed.shape[2]:
        summed *= power[:, None, None]
    return summed


def exponent(values: Floats) -> Integers:
    """Return the least e >= `LEAST` with values < 2**e; values are 0 or more."""
    power: Integers = np.maximum((values.view(np.int64) >> 52) - 1022, LEAST)
    return power


def two(power: Integers) -> Floats:
    """Return 2**power, exact, for powers in [-1022, 1023]."""
    return ((power + 1023) << 52).view(np.float64)


def exp(values: Floats) -> Floats:
    """Return exp of values up to 60, off by less than 1e-9 of it; below -60 they count as -60.

    exp(k + r) = exp(k) exp(r) at the nearest knot; |r| <= 1 / 128, where four terms of the series
    leave less than 2e-10.
    """
    rest = values * float(_STEPS)
    knot = _parted(rest, _MOST * _STEPS)
    rest *= 1 / _STEPS
    series = rest * (1 / 6)
    series += 0.5
    series *= rest
    series += 1.0
    series *= rest
    series += 1.0
    series *= _powers().take(knot, mode="clip")
    return series


@cache
def _powers() -> Floats:
    """Return exp at knots from the least on, off by less than 3e-10 of it.

    exp(x) = 2**n exp(r) with n = rint(x / ln 2) and |r| < 0.347, by eight terms of the series.
    """
    knots = np.arange(-_MOST * _STEPS, _MOST * _STEPS + 1) / _STEPS
    whole = np.rint(knots * _LOG2_E)
    rest = knots - whole * _LN_2
    series = np.full_like(rest, _TERMS[0])
    for term in _TERMS[1:]:
        series *= rest
        series += term
    series *= two(whole.astype(np.int64))
    return series


def _parted(values: Reals, most: int) -> NDArray[np.int32]:
    """Take the nearest integers off values, and return their places from -`most` on.

    Args:
        values: are cut off at `most` either way, and what is left of them is within a half.
        most: largest integer.
    """
    np.clip(values, -most, most, out=values)
    whole = np.rint(values)
    values -= whole
    whole += most
    return whole.astype(np.int32)


def logistic(values: Floats) -> Floats:
    """Return 1 / (1 + exp(-values)), off by less than 1e-9 of it."""
    series = exp(-values)
    series += 1.0
    return np.divide(1.0, series, out=series)


def tanh(values: Floats) -> Singles:
    """Return the hyperbolic tangent, off by less than 2e-7: a fifth of what is rounded off of it.

    tanh(k + r) = (t + r) / (1 + t r) with t = tanh(k) of the nearest knot, and tanh(r) = r to
    4e-10, since |r| <= 1 / 1024. Single precision is rounded as correctly as double.

    INVARIANT: no number here is subnormal, over which a processor may take longer: then time would
    follow rows. Products of a layer are zero or at least 2**(`LEAST` - `EXACT`).
    """
    rest = np.multiply(values, _KNOTS, dtype=np.float32, casting="same_kind")
    near: Singles = _knots().take(_parted(rest, _FLAT), mode="clip")
    rest *= 1 / _KNOTS
    share = near * rest
    share += 1
    rest += near
    rest /= share
    return rest


@cache
def _knots() -> Singles:
    """Return the hyperbolic tangent, 2 logistic(2 x) - 1, at knots from the least on."""
    knots = np.arange(-_FLAT, _FLAT + 1).astype(np.float64)
    return (2.0 * logistic(knots * (2 / _KNOTS)) - 1.0).astype(np.float32)
