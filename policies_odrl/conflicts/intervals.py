"""Sets of points on one ordered axis: bounds, listed pieces, and what is taken out.

Rules: an end of a piece is a key and a nudge, so that open and closed ends compare like any two
values: `(5, 0)` is 5 itself, `(5, 1)` just above it, `(5, -1)` just below. Ends may be infinite.
Everything is one sort and one sweep; nothing is multiplied out. What the keys are is left to
`axes.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

Key = Decimal | datetime

# (-1 below everything, 0 a key, 1 above everything), the key, the nudge
End = tuple[int, Key, int]

_NOWHERE: Final = Decimal(0)
LOWEST: Final[End] = (-1, _NOWHERE, 0)
HIGHEST: Final[End] = (1, _NOWHERE, 0)


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


class Region:
    """A set of points, narrowed step by step.

    >>> region = Region()
    >>> region.clip(Piece(at(Decimal(1)), HIGHEST))
    >>> region.take_out(Piece(at(Decimal(1)), at(Decimal(1))))
    >>> [piece.low for piece in region.pieces()]
    [(0, Decimal('1'), 1)]
    """

    __slots__ = ("_bounds", "_holes", "_lists")

    def __init__(self) -> None:
        self._bounds = ALL
        self._lists: list[list[Piece]] = []
        self._holes: list[Piece] = []

    def clip(self, piece: Piece) -> None:
        """Keep what lies within one piece."""
        self._bounds = self._bounds.meet(piece)

    def keep(self, pieces: Iterable[Piece]) -> None:
        """Keep what lies within one of several pieces."""
        self._lists.append(merged(pieces))

    def take_out(self, piece: Piece) -> None:
        """Take out what lies within a piece."""
        self._holes.append(piece)

    def pieces(self) -> Iterator[Piece]:
        """Yield what is left, in order, none of it empty."""
        left = [self._bounds]
        for listed in self._lists:
            left = _both(left, listed)
        yield from _without(left, merged(self._holes))


def merged(pieces: Iterable[Piece]) -> list[Piece]:
    """Return pieces, none of them empty, in order, those that overlap joined."""
    found: list[Piece] = []
    for piece in sorted(pieces, key=lambda item: item.low):
        if found and piece.low <= found[-1].high:
            found[-1] = Piece(found[-1].low, max(found[-1].high, piece.high))
        else:
            found.append(piece)
    return found


def _both(left: list[Piece], right: list[Piece]) -> list[Piece]:
    found: list[Piece] = []
    mine = theirs = 0
    while mine < len(left) and theirs < len(right):
        shared = left[mine].meet(right[theirs])
        if not shared.empty:
            found.append(shared)
        if left[mine].high < right[theirs].high:
            mine += 1
        else:
            theirs += 1
    return found


def _without(left: list[Piece], holes: list[Piece]) -> Iterator[Piece]:
    hole = 0
    for piece in left:
        low = piece.low
        while hole < len(holes) and holes[hole].high < low:
            hole += 1
        here = hole
        while here < len(holes) and holes[here].low <= piece.high:
            before = Piece(low, below(holes[here].low))
            if not before.empty:
                yield before
            low = max(low, above(holes[here].high))
            here += 1
        rest = Piece(low, piece.high)
        if not rest.empty:
            yield rest
