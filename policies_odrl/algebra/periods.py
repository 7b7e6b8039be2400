"""Lengths of time that have a place: since when, and how often.

Rules: a duration is added to an instant by the calendar, so that `P1M` after 31 January is the last
day of February; a clock that runs backwards, or a period that is not positive, compares with
nothing; instants are compared by their offset from UTC, never by the clock on a wall, which may
go back.
Source: XML Schema 1.1 Part 2, appendix E.3.3; ODRL Vocabulary, `delayPeriod`, `elapsedTime`,
`timeInterval`.
"""

from __future__ import annotations

from bisect import bisect_right
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from policies_odrl.logic import Truth
from policies_odrl.model import Operator
from policies_odrl.values import Duration

_PERIODS: Final = range(1, 10**18)  # a period is no shorter than a microsecond


@dataclass(frozen=True, slots=True)
class Stretch:
    """The time between two aware instants: the start of a clock, and when it is read."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Recurrence:
    """What is needed to say whether something is due again.

    Attributes:
        now: when it is asked, aware.
        last: start of the last execution; None when there was none.
        anchor: start of the first period; None: each period starts with an execution.
    """

    now: datetime
    last: datetime | None = None
    anchor: datetime | None = None


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
    """Return whether something is due again: once the next period began.

    It knows `eq` alone (Vocabulary, `timeInterval`).
    """
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
