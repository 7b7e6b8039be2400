"""Instants that come back: when periods counted from an anchor begin, and when several do at once.

Rules: for conflict analysis an interval with an anchor stands for the instants at which its periods
begin, the first at the anchor; periods in days and seconds are solved by congruences, those in
months are counted out, up to a limit. Source: ODRL Vocabulary, `timeInterval`; arXiv 2606.23442
(periodic constraints).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import gcd
from typing import Final

from policies_odrl.algebra.intervals import HIGHEST, LOWEST, Piece, at
from policies_odrl.algebra.periods import later
from policies_odrl.values import Duration

ALL: Final = Piece(LOWEST, HIGHEST)
MAX_TICKS: Final = 4_096  # periods with months that are counted out
_MOST: Final = 9_999 * 12  # months of the calendar
_MICRO: Final = timedelta(microseconds=1)
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Cycle:
    """Periods one after the other.

    Attributes:
        anchor: when the first one begins, aware.
        period: how long each is; longer than nothing.
    """

    anchor: datetime
    period: Duration

    def begins(self, moment: datetime) -> bool:
        """Return whether a period begins at an instant."""
        if moment < self.anchor:
            return False
        if not self.period.months:
            return (moment - self.anchor) // _MICRO % self.step == 0
        low, high = 0, _MOST
        if self.period.seconds >= 0 < self.period.months:  # a month has 28 to 31 days
            days, longest = (moment - self.anchor).days, 31 * self.period.months + 1
            low = days // (longest + int(self.period.seconds) // _DAY)
            high = min(high, (days + 1) // (28 * self.period.months) + 1)
        while low < high:  # the first period that begins then or later
            middle = (low + high) // 2
            tick = self.beginning(middle)
            low, high = (low, middle) if tick is None or tick >= moment else (middle + 1, high)
        return self.beginning(low) == moment

    def beginning(self, index: int) -> datetime | None:
        """Return when a period begins, or None beyond the calendar."""
        length = Duration(self.period.months * index, self.period.seconds * index)
        return later(self.anchor, length)

    @property
    def step(self) -> int:
        """Microseconds of the period, of one without months."""
        return int(self.period.seconds * 1_000_000)

    def ticks(self) -> Iterator[datetime]:
        """Yield the first beginnings, so many as are counted."""
        for index in range(MAX_TICKS):
            tick = self.beginning(index)
            if tick is None:
                return
            yield tick


class Uncounted(Exception):
    """So many periods are not counted out."""


def common(cycles: Sequence[Cycle], window: Sequence[Piece]) -> datetime | None:
    """Return the first instant in a window at which all cycles begin, or None when there is none.

    Args:
        cycles: one at least.
        window: pieces of time, in order.

    Raises:
        Uncounted: nothing was found among the periods that are counted.
    """
    if any(cycle.period.months for cycle in cycles):
        return _counted(cycles, window)
    start = max(cycle.anchor for cycle in cycles)
    solved = _solved([((cycle.anchor - start) // _MICRO, cycle.step) for cycle in cycles])
    if solved is None:
        return None
    rest, step = solved
    for piece in window:
        tick = _first(start, rest, step, piece)
        if tick is not None and piece.low <= at(tick) <= piece.high:
            return tick
    return None


def _first(start: datetime, rest: int, step: int, piece: Piece) -> datetime | None:
    """Return the first solution from the lower end of a piece on, or None beyond the calendar."""
    low, offset = piece.low[1], rest
    if piece.low[0] == 0 and isinstance(low, datetime) and low > start:
        gap = (low - start) // _MICRO
        offset = rest + -((rest - gap) // step) * step
    tick = _moved(start, offset)
    later_than = tick is not None and at(tick) < piece.low  # the piece begins just above it
    return _moved(start, offset + step) if later_than else tick


def _moved(start: datetime, micro: int) -> datetime | None:
    try:
        return start + timedelta(microseconds=micro)
    except OverflowError:
        return None


def _solved(congruences: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """Return the least solution that is not negative, and the step to the next, or None."""
    rest, step = 0, 1
    for wanted, period in congruences:
        shared = gcd(step, period)
        if (wanted - rest) % shared:
            return None
        turn = period // shared
        factor = ((wanted - rest) // shared * pow(step // shared, -1, turn)) % turn
        rest, step = rest + step * factor, step * turn
        rest %= step
    return rest, step


def _counted(cycles: Sequence[Cycle], window: Sequence[Piece]) -> datetime | None:
    slowest = max(cycles, key=lambda item: (item.period.months, item.period.seconds))
    last = window[-1].high if window else at(slowest.anchor)
    counted = 0
    for tick in slowest.ticks():
        if at(tick) > last:
            return None
        counted += 1
        if any(piece.low <= at(tick) <= piece.high for piece in window) and all(
            cycle.begins(tick) for cycle in cycles
        ):
            return tick
    raise Uncounted(f"{counted} periods were counted")
