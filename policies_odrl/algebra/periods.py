"""Lengths of time that have a place: since when, and how often.

Rules: a duration is added to an instant by the calendar, so that `P1M` after 31 January is the last
day of February; a clock that runs backwards, or a period that is not positive, compares with
nothing; instants are compared by their offset from UTC, never by the clock on a wall, which may
go back. Reading a duration is left to `values.py`; who starts which clock, to `clocks.py`.
Source: XML Schema 1.1 Part 2, appendix E.3.3; ODRL Vocabulary, `delayPeriod`, `elapsedTime`,
`timeInterval`.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from policies_odrl.logic import Truth
from policies_odrl.model import Operator
from policies_odrl.values import Duration


@dataclass(frozen=True, slots=True)
class Stretch:
    """The time that has run between two instants.

    Attributes:
        start: when the clock began, aware.
        end: when it is read, aware.
    """

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

    >>> instant(datetime(2026, 1, 1)).isoformat()
    '2026-01-01T00:00:00+00:00'
    """
    offset = at.utcoffset()
    if offset is None:
        return at.replace(tzinfo=UTC)
    return at if isinstance(at.tzinfo, timezone) else at.replace(tzinfo=timezone(offset), fold=0)


def later(start: datetime, by: Duration) -> datetime | None:
    """Return an instant moved by a duration, or None beyond the calendar.

    >>> from datetime import UTC
    >>> from decimal import Decimal
    >>> later(datetime(2026, 1, 31, tzinfo=UTC), Duration(1, Decimal(0))).isoformat()
    '2026-02-28T00:00:00+00:00'
    """
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
    if operator is not Operator.EQ or not _counts(clock, period):
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


def _counts(clock: Recurrence, period: Duration) -> bool:
    """Return whether a period is one, and the last execution was not after now."""
    following = later(clock.now, period)
    forward = following is not None and following > clock.now
    positive = period.months >= 0 and period.seconds >= 0
    return forward and positive and (clock.last is None or clock.last <= clock.now)


def _index(anchor: datetime, period: Duration, at: datetime) -> int:
    """Return in which period after the anchor an instant lies; -1 before it. Logarithmic."""
    if at < anchor:
        return -1
    low, high = 0, 1
    while _begins(anchor, period, high, at):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _begins(anchor, period, middle, at) else (low, middle)
    return low


def _begins(anchor: datetime, period: Duration, index: int, at: datetime) -> bool:
    start = later(anchor, Duration(period.months * index, period.seconds * index))
    return start is not None and start <= at
