"""Sets of points on one totally ordered axis: unions of intervals, closed under complement.

An end is a key and a nudge, so that open and closed ends compare like any two values: `(0, 5, 0)`
is 5 itself, `(0, 5, 1)` just above it, `(0, 5, -1)` just below. Ends may be infinite.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Final, cast

from policies_odrl.logic import Truth

Key = Decimal | datetime
End = tuple[int, Key, int]  # (-1 below everything, 0 a key, 1 above everything), the key, the nudge

_NOWHERE: Final = Decimal(0)
LOWEST: Final[End] = (-1, _NOWHERE, 0)
HIGHEST: Final[End] = (1, _NOWHERE, 0)
EXACT: Final = Context(prec=2_000)  # no sum of two values that `values.number` reads is rounded


@dataclass(frozen=True, slots=True)
class Piece:
    """An interval.

    Attributes:
        low: its lower end.
        high: its upper end; the piece is empty when it lies below `low`.
    """

    low: End
    high: End

    def meet(self, other: Piece) -> Piece:
        """Return what both hold."""
        return Piece(max(self.low, other.low), min(self.high, other.high))

    def holds(self, key: Key) -> bool:
        """Return whether a key lies in it."""
        return self.low <= at(key) <= self.high

    @property
    def empty(self) -> bool:
        """Whether nothing lies in it."""
        return self.low > self.high


ALL: Final = Piece(LOWEST, HIGHEST)


def at(key: Key) -> End:
    """Return a key as an end that includes it."""
    return (0, key, 0)


def below(end: End) -> End:
    """Return the end just below another one."""
    return (end[0], end[1], end[2] - 1)


def above(end: End) -> End:
    """Return the end just above another one."""
    return (end[0], end[1], end[2] + 1)


@dataclass(frozen=True, slots=True)
class Intervals:
    """A union of intervals; `of` builds one.

    Attributes:
        pieces: in order, none of them empty, none of them touching another.
        whole: whether only whole numbers are points of the axis.
    """

    pieces: tuple[Piece, ...]
    whole: bool = False

    @staticmethod
    def of(pieces: Iterable[Piece], *, whole: bool = False) -> Intervals:
        """Return the union of some intervals.

        >>> Intervals.of([Piece(at(Decimal(1)), at(Decimal(2))), Piece(at(Decimal(3)), HIGHEST)],
        ...     whole=True).pieces[0].low[1]
        Decimal('1')
        """
        found: list[Piece] = []
        known = (_rounded(piece) for piece in pieces) if whole else iter(pieces)
        for piece in sorted((it for it in known if not it.empty), key=lambda it: it.low):
            if found and piece.low <= _next(found[-1].high, whole=whole):
                found[-1] = Piece(found[-1].low, max(found[-1].high, piece.high))
            else:
                found.append(piece)
        return Intervals(tuple(found), whole)

    @property
    def empty(self) -> bool:
        """Whether it holds no point."""
        return not self.pieces

    def meet(self, other: Intervals) -> Intervals:
        """Return the points that both hold."""
        if len(self.pieces) == 1 == len(other.pieces):  # the usual case, faster
            shared = self.pieces[0].meet(other.pieces[0])
            return Intervals(() if shared.empty else (shared,), self.whole)
        return Intervals(tuple(_both(self.pieces, other.pieces)), self.whole)

    def complement(self) -> Intervals:
        """Return the points that it does not hold."""
        low, found = LOWEST, []
        for piece in self.pieces:
            if piece.low != LOWEST:
                found.append(Piece(low, below(piece.low)))
            low = above(piece.high)
        if not self.pieces or self.pieces[-1].high != HIGHEST:
            found.append(Piece(low, HIGHEST))
        return Intervals.of(found, whole=self.whole)

    def within(self, other: Intervals) -> bool:
        """Return whether the other holds every point of this one."""
        return (
            self.meet(other).pieces == self.pieces
            if len(self.pieces) > 1
            else all(
                any(wide.low <= piece.low and piece.high <= wide.high for wide in other.pieces)
                for piece in self.pieces
            )
        )

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
            ends = [end for end in (piece.low, piece.high) if end[0] == 0]
            for key in _near([end[1] for end in ends]) if ends else (_NOWHERE,):
                if piece.holds(key) and (not self.whole or _is_whole(key)):
                    yield key


def _both(mine: tuple[Piece, ...], theirs: tuple[Piece, ...]) -> Iterator[Piece]:
    left = right = 0
    while left < len(mine) and right < len(theirs):
        shared = mine[left].meet(theirs[right])
        if not shared.empty:
            yield shared
        if mine[left].high < theirs[right].high:
            left += 1
        else:
            right += 1


def _next(end: End, *, whole: bool) -> End:
    """Return the lowest end of a piece that touches one that ends here."""
    if whole and end[0] == 0:
        return (0, EXACT.add(cast("Decimal", end[1]), Decimal(1)), 0)
    return above(end)


def _rounded(piece: Piece) -> Piece:
    """Return a piece that holds the same whole numbers and ends with some of them."""
    return Piece(_whole_end(piece.low, up=True), _whole_end(piece.high, up=False))


def _whole_end(end: End, *, up: bool) -> End:
    if end[0]:
        return end
    key = cast("Decimal", end[1])
    near = key.to_integral_value(ROUND_CEILING if up else ROUND_FLOOR)
    excluded = near == key and (end[2] > 0 if up else end[2] < 0)
    return (0, EXACT.add(near, Decimal(1 if up else -1)) if excluded else near, 0)


def _is_whole(key: Key) -> bool:
    return isinstance(key, Decimal) and key == key.to_integral_value()


def _near(keys: list[Key]) -> Iterator[Key]:
    yield from keys
    if len(keys) > 1:
        yield _middle(keys[0], keys[1])
    for key in keys:
        yield from _beside(key)


def _middle(one: Key, other: Key) -> Key:
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one + (other - one) / 2
    low, high = cast("Decimal", one), cast("Decimal", other)  # keys of one axis are of one type
    return EXACT.divide(EXACT.add(low, high), Decimal(2))


def _beside(key: Key) -> Iterator[Key]:
    if isinstance(key, Decimal):
        yield EXACT.add(key, Decimal(1))
        yield EXACT.subtract(key, Decimal(1))
        return
    for step in (_HOUR, -_HOUR):
        try:
            yield key + step
        except OverflowError:
            continue


_HOUR: Final = datetime(1, 1, 1, 1) - datetime(1, 1, 1)  # noqa: DTZ001 - a difference has no zone
