r"""Discrete Gaussian integers, drawn exactly from random bits.

N_Z(0, S²) gives z the chance  exp(-z² / 2S²) / Σ_y exp(-y² / 2S²).  Source: Canonne, Kamath and
Steinke 2020 (arXiv 2004.00010), algorithms 1 to 3, with S = t = 2**bits: then every probability
that is needed is exp of minus a fraction with a power of two below, and int64 holds all of it.

Rules: integers only, no float is involved; uniform integers come from random words by rejection, so
that none is more likely than another; draws are independent, and the time that they take depends on
the random words alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Words = Callable[[int], NDArray[np.uint64]]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
# A draw of 64 deviations or more counts as refused: it would be taken with a chance of
# exp(-63²/2) < 1e-861, and its square need not fit into int64.
_FAR: Final = 64
_SPARE: Final = 2.5  # candidates for one draw: a little more than are needed on average
MOST_BITS: Final = 24


def discrete_gaussian(words: Words, bits: int, size: int) -> Integers:
    """Return `size` independent draws from N_Z(0, (2**bits)²).

    Args:
        words: gives that many uniform words of 64 bits.
        bits: log2 of the deviation, 0 to 24.
        size: how many.
    """
    taken = np.empty(0, np.int64)
    while len(taken) < size:
        more = _candidates(words, bits, int(_SPARE * (size - len(taken))) + 8)
        taken = np.concatenate([taken, more])
    return taken[:size]


def _candidates(words: Words, bits: int, size: int) -> Integers:
    """Return those that are accepted of `size` draws from the discrete Laplace (algorithm 3)."""
    drawn = _laplace(words, bits, size)
    # exp(-(|y| - S)² / 2S²), as exp(-whole) times exp(-part / 2**(2 bits + 1)).
    square = (np.abs(drawn) - (1 << bits)) ** 2
    likely = np.flatnonzero(_geometric(words, len(drawn)) >= square >> (2 * bits + 1))
    part = square[likely] & ((1 << (2 * bits + 1)) - 1)
    return drawn[likely][_happens(words, part, 2 * bits + 1)]


def _laplace(words: Words, bits: int, size: int) -> Integers:
    """Return up to `size` draws with chances proportional to exp(-|y| / 2**bits) (algorithm 2)."""
    low = _below(words, 1 << bits, size)
    low = low[_happens(words, low, bits)]
    high = _geometric(words, len(low))
    size_of = low + (high << bits)
    minus = _below(words, 2, len(low)) == 1
    # Zero would come twice, once with either sign.
    kept = (high < _FAR) & ~(minus & (size_of == 0))
    drawn: Integers = np.where(minus, -size_of, size_of)[kept]
    return drawn


def _geometric(words: Words, size: int) -> Integers:
    """Return counts with P(count >= n) = exp(-n): how often in a row exp(-1) happens."""
    count = np.zeros(size, np.int64)
    going = np.arange(size)
    while len(going):
        going = going[_happens(words, np.ones(len(going), np.int64), 0)]
        count[going] += 1
    return count


def _happens(words: Words, part: Integers, bits: int) -> Flags:
    """Tell for each whether an event of chance exp(-part / 2**bits), part <= 2**bits, happens.

    Algorithm 1: the first k at which an event of chance γ / k fails is odd with chance exp(-γ).
    """
    happens = np.ones(len(part), np.bool_)
    going = np.arange(len(part))
    k = 1
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
