r"""Discrete Gaussian integers, drawn from random bits alone.

N_Z(0, S²) gives z the chance  exp(-z² / 2S²) / Σ_y exp(-y² / 2S²),  with S = 2**bits. The size of
z is cut into bins of W = S / 16 integers, z = k W + u. A bin is drawn from a table, u from random
bits, and the pair is kept with what is left of its chance::

    exp(-z² / 2S²) = exp(-k² / 512) · exp(-γ),   γ = u (2 k W + u) / 2S² < 1

Sources: algorithm 1 of Canonne, Kamath and Steinke 2020 (arXiv 2004.00010) for an event of chance
exp(-γ); von Neumann 1951 for drawing by refusal.

Rules: integers only, no float is involved; the table has 128 binary digits, so that the law of a
draw is off by less than 2**-115 in total variation, what lies beyond 13 S included; draws are
independent, and the time that they take depends on the random words alone.
"""

from __future__ import annotations

import decimal
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

Words = Callable[[int], NDArray[np.uint64]]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
_FINE: Final = 4  # log2 of the bins of a deviation
_BINS: Final = 13 << _FINE
_PLACES: Final = 60  # decimal places of an entry, before it is cut to 128 binary ones
_SPARE: Final = 1.04  # candidates for one draw: a little more than are needed on average
LEAST_BITS: Final = _FINE
MOST_BITS: Final = 22  # then sign, place in a bin and the first comparison fill one word


def discrete_gaussian(words: Words, bits: int, size: int) -> Integers:
    """Return `size` independent draws from N_Z(0, (2**bits)²).

    Args:
        words: gives that many uniform words of 64 bits.
        bits: log2 of the deviation, 4 to 22.
        size: how many.
    """
    taken = np.empty(0, np.int64)
    while len(taken) < size:
        more = _candidates(words, bits, int(_SPARE * (size - len(taken))) + 8)
        taken = np.concatenate([taken, more])
    return taken[:size]


def _candidates(words: Words, bits: int, size: int) -> Integers:
    """Return those that are kept of `size` pairs of bin and place."""
    low = bits - _FINE
    start = _bins(words, size) << low
    drawn = words(size)
    minus = (drawn & np.uint64(1)).astype(np.bool_)
    place = (drawn >> np.uint64(1)).astype(np.int64)
    place, rest = place & ((1 << low) - 1), place >> low
    depth = 2 * bits + 1  # γ is `part` over 2**depth
    part = place * (2 * start + place)
    rest &= (1 << depth) - 1
    kept = _happens(words, rest, part, depth)
    value = start + place
    kept &= ~(minus & (value == 0))  # zero would come twice, once with either sign
    drawn_from: Integers = np.where(minus, -value, value)[kept]
    return drawn_from


@dataclass(frozen=True, slots=True)
class _Table:
    """Where bins end, as parts of 2**128: all digits, and the upper 64 of them."""

    ends: list[int]
    upper: NDArray[np.uint64]


@cache
def _table() -> _Table:
    with decimal.localcontext(prec=_PLACES):
        sizes = [(decimal.Decimal(-k * k) / (2 << (2 * _FINE))).exp() for k in range(_BINS)]
        ends = [int(end * (1 << 128) / sum(sizes)) for end in accumulate(sizes)]
    ends[-1] = 1 << 128
    return _Table(ends, np.array([end >> 64 for end in ends[:-1]], np.uint64))


def _bins(words: Words, size: int) -> Integers:
    """Return bins with their chances; a word that ends as a bin does asks for a second one."""
    table, drawn = _table(), words(size)
    found = np.searchsorted(table.upper, drawn, side="right")
    for tie in np.flatnonzero(table.upper[np.maximum(found - 1, 0)] == drawn):
        whole = int(drawn[tie]) << 64 | int(words(1)[0])
        found[tie] = bisect_right(table.ends, whole)
    return found.astype(np.int64)


def _happens(words: Words, first: Integers, part: Integers, bits: int) -> Flags:
    """Tell for each whether an event of chance exp(-part / 2**bits), part <= 2**bits, happens.

    Algorithm 1: the first k at which an event of chance γ / k fails is odd with chance exp(-γ).

    Args:
        words: uniform words.
        first: uniform integers below 2**bits, for k = 1.
        part: γ of each, times 2**bits.
        bits: at most 45.
    """
    going = np.flatnonzero(first < part)
    happens = np.ones(len(part), np.bool_)
    k = 2
    while len(going):
        goes_on = _below(words, k << bits, len(going)) < part[going]
        happens[going[~goes_on]] = k % 2 == 1
        going = going[goes_on]
        k += 1
    return happens


def _below(words: Words, bound: int, size: int) -> Integers:
    """Return `size` uniform integers in [0, bound), bound <= 2**62."""
    limit = (1 << 63) // bound * bound
    drawn = _positive(words, size)
    again = np.flatnonzero(drawn >= limit) if limit < 1 << 63 else np.empty(0, np.int64)
    while len(again):
        drawn[again] = _positive(words, len(again))
        again = again[drawn[again] >= limit]
    return drawn % bound


def _positive(words: Words, size: int) -> Integers:
    return (words(size) >> np.uint64(1)).astype(np.int64)
