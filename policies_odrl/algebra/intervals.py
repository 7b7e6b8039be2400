"""Sets of points on one totally ordered axis: unions of intervals, closed under complement.

An end is a key and a nudge, so that open and closed ends compare like any two values: `(0, 5, 0)`
is 5 itself, `(0, 5, 1)` just above it, `(0, 5, -1)` just below. Ends may be infinite.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final, cast

from policies_odrl.frozen import frozen
from policies_odrl.logic import Truth
from policies_odrl.units import EXACT

Key = Decimal | datetime
End = tuple[int, Key, int]  # (-1 below everything, 0 a key, 1 above everything), the key, the nudge

_NOWHERE: Final = Decimal(0)
LOWEST: Final[End] = (-1, _NOWHERE, 0)
HIGHEST: Final[End] = (1, _NOWHERE, 0)
_HOUR: Final = timedelta(hours=1)


@frozen
class Piece:
    """An interval between two ends that belong to it; empty where `high` lies below `low`."""

    low: End
    high: End

    @property
    def empty(self) -> bool:
        """Whether nothing lies in it."""
        return self.low > self.high


def at(key: Key) -> End:
    """Return a key as an end that includes it."""
    return (0, key, 0)


def below(end: End) -> End:
    """Return the end just below another one."""
    return (end[0], end[1], end[2] - 1)


def above(end: End) -> End:
    """Return the end just above another one."""
    return (end[0], end[1], end[2] + 1)


@frozen
class Intervals:
    """A union of intervals; `of` builds one."""

    pieces: tuple[Piece, ...]  # in order, none of them empty, none of them touching another
    whole: bool = False  # whether only whole numbers are points of the axis

    @staticmethod
    def of(pieces: Iterable[Piece], *, whole: bool = False) -> Intervals:
        """Return the union of some intervals."""
        found: list[Piece] = []
        if whole:
            pieces = (Piece(_whole(it.low, 1), _whole(it.high, -1)) for it in pieces)
        for piece in sorted((it for it in pieces if not it.empty), key=lambda it: it.low):
            last = above(found[-1].high) if found else LOWEST
            if found and piece.low <= (_whole(last, 1) if whole else last):  # they touch
                found[-1] = Piece(found[-1].low, max(found[-1].high, piece.high))
            else:
                found.append(piece)
        return Intervals(tuple(found), whole)

    @property
    def empty(self) -> bool:
        return not self.pieces

    def meet(self, other: Intervals) -> Intervals:
        found: list[Piece] = []
        left = right = 0
        while left < len(self.pieces) and right < len(other.pieces):
            one, two = self.pieces[left], other.pieces[right]
            shared = Piece(max(one.low, two.low), min(one.high, two.high))
            if not shared.empty:
                found.append(shared)
            left, right = (left + 1, right) if one.high < two.high else (left, right + 1)
        return Intervals(tuple(found), self.whole)

    def complement(self) -> Intervals:
        starts = [LOWEST, *(above(piece.high) for piece in self.pieces if piece.high != HIGHEST)]
        ends = [below(piece.low) for piece in self.pieces if piece.low != LOWEST]
        if self.pieces and self.pieces[0].low == LOWEST:
            del starts[0]
        pieces = map(Piece, starts, [*ends, HIGHEST])  # one start too few where the last has no end
        return Intervals.of(pieces, whole=self.whole)

    def within(self, other: Intervals) -> bool:
        return self.meet(other).pieces == self.pieces

    def truth(self, value: Piece) -> Truth:
        """Return whether a value, which may be a stretch of points, lies in it."""
        for piece in self.pieces:
            if piece.low <= value.low and value.high <= piece.high:
                return Truth.TRUE
            if piece.low <= value.high and value.low <= piece.high:
                return Truth.UNDETERMINED
        return Truth.FALSE

    def samples(self) -> Iterator[Key]:
        """Yield points of it, near the ends of its pieces."""
        for piece in self.pieces:
            for key in _near([end[1] for end in (piece.low, piece.high) if end[0] == 0]):
                point = not self.whole or key == cast("Decimal", key).to_integral_value()
                if point and piece.low <= at(key) <= piece.high:
                    yield key


def _whole(end: End, way: int) -> End:
    """Return the nearest whole number, upwards (1) or downwards (-1), that an end includes."""
    if end[0]:
        return end
    key = cast("Decimal", end[1])
    near = key.to_integral_value(ROUND_CEILING if way > 0 else ROUND_FLOOR)
    excluded = near == key and end[2] * way > 0
    return at(EXACT.add(near, Decimal(way)) if excluded else near)


def _near(keys: list[Key]) -> Iterator[Key]:
    """Yield ends of a piece, what lies between them, and what lies beside each."""
    yield from keys or [_NOWHERE]
    if len(keys) > 1:
        low, high = keys
        if isinstance(low, datetime):
            yield low + (cast("datetime", high) - low) / 2
        else:
            yield EXACT.divide(EXACT.add(low, cast("Decimal", high)), Decimal(2))
    for key in keys:
        for way in (1, -1):
            if isinstance(key, Decimal):
                yield EXACT.add(key, Decimal(way))
                continue
            with suppress(OverflowError):
                yield key + way * _HOUR
