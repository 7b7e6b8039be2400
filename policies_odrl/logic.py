"""Three truth values and Kleene's strong logic.

What cannot be evaluated is `UNDETERMINED`, and stays so unless the rest decides alone.
Source: S. C. Kleene, Introduction to Metamathematics, section 64.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class Judged:
    """An answer with more than two values, which no `if` can take for one of them."""

    __slots__ = ()

    def __bool__(self) -> bool:
        """Refuse to be true or false.

        Raises:
            TypeError: always; every value of it would count as true.
        """
        raise TypeError(f"`{type(self).__name__}` is neither true nor false: ask what it says")


class Truth(Judged, Enum):
    """True, False, or not to be known from the facts given."""

    TRUE = "true"
    FALSE = "false"
    UNDETERMINED = "undetermined"

    @staticmethod
    def of(value: bool) -> Truth:  # noqa: FBT001 - it turns a boolean into a Truth
        """Return the truth value of a boolean."""
        return Truth.TRUE if value else Truth.FALSE


_TRUE, _FALSE, _UNDETERMINED = Truth  # a member is slow to look up by its name


def negate(truth: Truth) -> Truth:
    """Return the strong negation."""
    return truth if truth is _UNDETERMINED else Truth.of(truth is _FALSE)


def all_of(truths: Iterable[Truth]) -> Truth:
    """Return the strong conjunction; True when empty."""
    return _decided(truths, _FALSE, _TRUE)


def any_of(truths: Iterable[Truth]) -> Truth:
    """Return the strong disjunction; False when empty."""
    return _decided(truths, _TRUE, _FALSE)


def _decided(truths: Iterable[Truth], decisive: Truth, result: Truth) -> Truth:
    for truth in truths:
        if truth is decisive:
            return truth
        if truth is _UNDETERMINED:
            result = truth
    return result


def one_of(truths: Iterable[Truth]) -> Truth:
    """Return exclusive choice: True when one is True and all others are False."""
    seen = list(truths)
    trues = seen.count(Truth.TRUE)
    if trues > 1:
        return Truth.FALSE
    if Truth.UNDETERMINED in seen:
        return Truth.UNDETERMINED
    return Truth.of(trues == 1)


def unanimous(truths: Iterable[Truth]) -> Truth:
    """Return what all say; Undetermined when they differ or there is none."""
    seen = set(truths)
    return seen.pop() if len(seen) == 1 else Truth.UNDETERMINED
