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
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
EXACT: Final = 53  # bits of an integer that float64 always holds
DIGITS: Final = 21  # bits of what a person says
_LEAST: Final = -200  # a value below 2**-200 counts as one of that size, hence as zero
_MOST: Final = 60.0  # of exp; beyond it the logistic function is flat to 1e-26
_LOG2_E: Final = 1.4426950408889634
_LN_2: Final = 0.6931471805599453
_TERMS: Final = (1 / 40320, 1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Scaled:
    """Values as integers times a power of two of each person.

    Attributes:
        digits: (persons, rows, width), integers of at most 2**bits in size.
        power: (persons,); a value is its digits times 2**power.
        largest: (persons, rows), the size of each row's largest integer.
    """

    digits: Floats
    power: Integers
    largest: Floats


def scaled(values: Floats, bits: int = DIGITS) -> Scaled:
    """Return values rounded to `bits` binary digits below each person's largest value.

    Args:
        values: (persons, rows, width).
        bits: digits of the largest.
    """
    largest = np.abs(values).max(axis=2)
    top = exponent(largest.max(axis=1))
    scale = two(bits - top)
    digits = values * scale[:, None, None]
    return Scaled(np.rint(digits, out=digits), top - bits, np.rint(largest * scale[:, None]))


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
    summed: Floats = values.digits.reshape(persons * rows, width) @ factor
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
    """Return the hyperbolic tangent, off by less than 1e-9: 2 logistic(2 x) - 1."""
    result = logistic(2.0 * values)
    result *= 2.0
    result -= 1.0
    return result
