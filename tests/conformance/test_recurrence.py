"""The theory of recurrence that the public tables need, beside counting out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from policies_odrl.algebra.intervals import Piece, at
from policies_odrl.values import Duration
from tests.conformance.times.recurrence import ALL, Cycle, Uncounted, common
from tests.support.each import over

DAY = datetime(2026, 1, 1, tzinfo=UTC)


def days(count: int, *, after: int = 0) -> Cycle:
    return Cycle(DAY + timedelta(days=after), Duration(0, Decimal(86_400 * count)))


def months(count: int, *, after: int = 0) -> Cycle:
    return Cycle(DAY + timedelta(days=after), Duration(count, Decimal(0)))


def window(first: int, last: int) -> list[Piece]:
    return [Piece(at(DAY + timedelta(days=first)), at(DAY + timedelta(days=last)))]


@over("one", range(1, 6))
@over("other", range(1, 6))
@over("shift", range(3))
def test_congruences_agree_with_counting(one: int, other: int, shift: int) -> None:
    mine, theirs = days(one), days(other, after=shift)
    first = common([mine, theirs], window(5, 200))
    counted = [
        moment
        for index in range(5, 201)
        if mine.begins(moment := DAY + timedelta(days=index)) and theirs.begins(moment)
    ]
    assert first == (counted[0] if counted else None)


def test_months_are_counted_out() -> None:
    assert common([months(1), days(59)], window(1, 400)) == DAY + timedelta(days=59)
    assert common([months(1)], window(1, 30)) is None
    assert common([months(1)], []) is None
    assert not months(1, after=5).begins(DAY)
    assert months(1).begins(DAY + timedelta(days=31))
    with pytest.raises(Uncounted):
        common([months(1, after=1), months(1)], [ALL])
    late = Cycle(datetime(9999, 12, 1, tzinfo=UTC), Duration(1, Decimal(0)))
    with pytest.raises(Uncounted):
        common([late, days(7)], [ALL])


def test_a_beginning_beyond_the_calendar_is_none() -> None:
    end = datetime(9999, 12, 31, tzinfo=UTC)
    assert common([days(30)], [Piece(at(end), at(end))]) is None
