"""Lengths of time: since when, how often, and sets of them.

Lengths are ordered in part only, because a month has no fixed number of days: one of months and
days is a line of points, one for each moment that it may start from. What is said of a set holds
from whatever moment is counted. A clock that runs backwards, or a period that is not positive,
compares with nothing.
Source: XML Schema 1.1 Part 2, 3.3.6.1 (order of durations), appendix E.3.3; ODRL
Vocabulary, `delayPeriod`, `elapsedTime`, `timeInterval`.
"""

from __future__ import annotations

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import product
from typing import Final

from policies_odrl.algebra.extent import TooMany
from policies_odrl.frozen import frozen
from policies_odrl.logic import Truth, any_of
from policies_odrl.model import Operator
from policies_odrl.values import Duration, orders

NOTHING: Final = Duration(0, Decimal(0))
MAX_PIECES: Final = 256  # of one set; a complement multiplies them
_PERIODS: Final = range(1, 10**18)  # a period is no shorter than a microsecond


@frozen
class Stretch:
    """The time between two aware instants: the start of a clock, and when it is read."""

    start: datetime
    end: datetime


@frozen
class Recurrence:
    """What is needed to say whether something is due again."""

    now: datetime  # when it is asked, aware
    last: datetime | None = None  # start of the last execution
    anchor: datetime | None = None  # of the first period; None: each starts with an execution


def instant(at: datetime) -> datetime:
    """Return a moment with a fixed offset from UTC; one without a zone is in UTC.

    Python compares two moments in one zone by the wall clock, which repeats an hour in autumn.
    """
    offset = at.utcoffset()
    if offset is None:
        return at.replace(tzinfo=UTC)
    return at if isinstance(at.tzinfo, timezone) else at.replace(tzinfo=timezone(offset), fold=0)


def later(start: datetime, by: Duration) -> datetime | None:
    """Return an instant moved by a duration, or None beyond the calendar."""
    year, month = divmod(start.year * 12 + start.month - 1 + by.months, 12)
    if not 1 <= year <= 9999:  # noqa: PLR2004 - the years of `datetime`
        return None
    day = min(start.day, monthrange(year, month + 1)[1])
    try:
        moved = start.replace(year=year, month=month + 1, day=day)
        return moved + timedelta(microseconds=int(by.seconds * 1_000_000))
    except OverflowError:
        return None


def recurs(operator: Operator, clock: Recurrence, period: Duration) -> Truth:
    """Return whether something is due again (`eq` alone): once the next period began."""
    following = later(clock.now, period)
    counts = following is not None and following > clock.now
    counts = counts and period.months >= 0 <= period.seconds
    if operator is not Operator.EQ or not counts or (clock.last and clock.last > clock.now):
        return Truth.UNDETERMINED
    if clock.anchor is not None and clock.now < clock.anchor:
        return Truth.FALSE
    if clock.last is None:
        return Truth.TRUE
    if clock.anchor is not None:
        now, last = (_index(clock.anchor, period, at) for at in (clock.now, clock.last))
        return Truth.of(last < now)
    ready = later(clock.last, period)
    return Truth.UNDETERMINED if ready is None else Truth.of(ready <= clock.now)


def _index(anchor: datetime, period: Duration, at: datetime) -> int:
    """Return in which period after the anchor an instant lies; -1 before it."""
    if at < anchor:
        return -1

    def begins(index: int) -> tuple[bool, datetime]:
        found = later(anchor, Duration(period.months * index, period.seconds * index))
        return (found is None, found or at)  # no period begins beyond the calendar

    return bisect_right(_PERIODS, (False, at), key=begins)


@frozen
class Edge:
    """A length at which a piece ends, just above it (nudge 1) or just below it (-1)."""

    length: Duration
    nudge: int = 0

    def before(self, other: Edge, *, or_same: bool) -> bool:
        """Return whether it is shorter than another, from whatever moment is counted."""
        found = orders(self.length, other.length)
        most = other.nudge if or_same else other.nudge - 1
        return 1 not in found and (0 not in found or self.nudge <= most)


@frozen
class Run:
    """What is longer than each of some lengths and shorter than each of others."""

    lows: tuple[Edge, ...] = ()
    highs: tuple[Edge, ...] = ()

    @property
    def empty(self) -> bool:
        ends = product(self.highs, self.lows)
        return any(high.before(low, or_same=False) for high, low in ends)

    def meet(self, other: Run) -> Run:
        lows = _tightest((*self.lows, *other.lows), upper=False)
        return Run(lows, _tightest((*self.highs, *other.highs), upper=True))

    def within(self, other: Run) -> bool:
        lows = (any(wide.before(it, or_same=True) for it in self.lows) for wide in other.lows)
        highs = (any(it.before(wide, or_same=True) for it in self.highs) for wide in other.highs)
        return all(lows) and all(highs)

    def complement(self) -> Iterator[Run]:
        """Yield runs that hold together what this one does not."""
        yield from (Run(highs=(Edge(low.length, low.nudge - 1),)) for low in self.lows)
        yield from (Run((Edge(high.length, high.nudge + 1),)) for high in self.highs)


@frozen
class Lengths:
    """A union of runs, none of which is proved to be empty."""

    runs: tuple[Run, ...]

    @staticmethod
    def of(runs: Iterable[Run]) -> Lengths:
        """Return a union.

        Raises:
            TooMany: more runs than `MAX_PIECES`.
        """
        found = tuple(dict.fromkeys(run for run in runs if not run.empty))
        if len(found) > MAX_PIECES:
            raise TooMany
        return Lengths(found)

    @property
    def empty(self) -> bool:
        return not self.runs

    def meet(self, other: Lengths) -> Lengths:
        return Lengths.of(one.meet(two) for one, two in product(self.runs, other.runs))

    def complement(self) -> Lengths:
        left = Lengths((Run(),))
        for run in self.runs:
            left = left.meet(Lengths.of(run.complement()))
        return left

    def within(self, other: Lengths) -> bool:
        if all(any(run.within(wide) for wide in other.runs) for run in self.runs):
            return True
        return self.meet(other.complement()).empty

    def truth(self, value: Duration) -> Truth:
        """Return whether a duration lies in it, from whatever moment it is counted."""
        point = Lengths((Run((Edge(value),), (Edge(value),)),))
        if point.within(self):
            return Truth.TRUE
        return Truth.FALSE if point.meet(self).empty else Truth.UNDETERMINED

    def reached(self, clock: Stretch) -> Truth:
        """Return whether the time between two moments lies in it."""
        return any_of(_reached(run, clock) for run in self.runs)

    def samples(self) -> Iterator[Duration]:
        """Yield durations near the ends of its runs; whether they lie in it is not said."""
        edges = [edge.length for run in self.runs for edge in (*run.highs, *run.lows)]
        yield from edges
        for length in edges:
            for seconds in (length.seconds - 1, length.seconds + 1, length.seconds / 2):
                yield Duration(length.months, max(NOTHING.seconds, seconds))
        yield NOTHING


def _tightest(edges: Iterable[Edge], *, upper: bool) -> tuple[Edge, ...]:
    """Return edges without those that others make needless."""

    def limits(one: Edge, other: Edge) -> bool:
        return one.before(other, or_same=True) if upper else other.before(one, or_same=True)

    found: list[Edge] = []
    for edge in dict.fromkeys(edges):
        if not any(limits(other, edge) for other in found):
            found = [*(other for other in found if not limits(edge, other)), edge]
    return tuple(found)


def _reached(run: Run, clock: Stretch) -> Truth:
    found = Truth.TRUE
    for edge, way in (*((low, 1) for low in run.lows), *((high, -1) for high in run.highs)):
        limit = later(clock.start, edge.length)
        if limit is None or clock.end < clock.start:
            found = Truth.UNDETERMINED
        elif edge.nudge * way > 0 if clock.end == limit else (clock.end > limit) is (way < 0):
            return Truth.FALSE
    return found
