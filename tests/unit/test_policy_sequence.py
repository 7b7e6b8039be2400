"""`andSequence`: what came true, when, and in which order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from policies_odrl import (
    Connective,
    Constraint,
    Facts,
    Iri,
    Knowledge,
    Literal,
    LogicalConstraint,
    Operator,
    Policy,
    Request,
    Truth,
)
from policies_odrl.evaluation.case import Case
from policies_odrl.evaluation.conditions import condition
from policies_odrl.evaluation.sequence import ALWAYS, in_order
from policies_odrl.evaluation.state import Usage, UsageKey, commit, open_agreement, reserve
from policies_odrl.model import ODRL, XSD, Condition
from tests.support.policies import amount, name_is, one_rule, purpose

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNDETERMINED
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NOW = START + DAY * 100
RECIPIENT, INDUSTRY = ODRL + "recipient", ODRL + "industry"
FIRST = name_is(RECIPIENT, "urn:example:school")
SECOND = name_is(INDUSTRY, "urn:example:education")
VALUES = {RECIPIENT: ("urn:example:school",), INDUSTRY: ("urn:example:education",)}
ASK = Request(ODRL + "read", "urn:example:alice", "urn:example:a")


def sequence(*items: Condition) -> LogicalConstraint:
    return LogicalConstraint(Connective.AND_SEQUENCE, items)


def date_time(operator: str, day: int) -> Constraint:
    at = (START + DAY * day).isoformat()
    return Constraint(ODRL + "dateTime", Operator(operator), (Literal(at, XSD + "dateTime"),))


def lasts(name: str, operator: str, value: str) -> Constraint:
    return Constraint(ODRL + name, Operator(operator), (Literal(value, XSD + "duration"),))


def truth(item: Condition, facts: Facts, policy: Policy | None = None) -> Truth:
    owner = policy or replace(one_rule("read"), id="urn:example:p")
    return condition(item, "", Case.of(owner, ASK, facts)).truth


def known(first: int | None, second: int | None) -> Facts:
    dated = {RECIPIENT: first, INDUSTRY: second}
    since = {left: START + DAY * day for left, day in dated.items() if day is not None}
    return Facts(now=NOW, values=VALUES, since=since)


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [(1, 2, T), (2, 1, F), (1, 1, U), (None, 2, U), (1, None, U), (None, None, U), (1, 101, U)],
)
def test_the_order_has_to_be_known(first: int | None, second: int | None, wanted: Truth) -> None:
    assert truth(sequence(FIRST, SECOND), known(first, second)) is wanted


def test_a_part_that_does_not_hold_decides_alone() -> None:
    facts = replace(known(1, 2), values={**VALUES, INDUSTRY: ("urn:example:war",)})
    assert truth(sequence(FIRST, SECOND), facts) is F
    unknown = replace(known(1, 2), values={RECIPIENT: VALUES[RECIPIENT]})
    assert truth(sequence(FIRST, SECOND), unknown) is U


def test_order_is_kept() -> None:
    third = amount(ODRL + "percentage", "50")
    facts = replace(
        known(1, 2),
        values={**VALUES, ODRL + "percentage": (10,)},
        since={**known(1, 2).since, ODRL + "percentage": START + DAY * 3},
    )
    outcomes = {
        order: truth(sequence(*order), facts) for order in permutations((FIRST, SECOND, third))
    }
    assert outcomes.pop((FIRST, SECOND, third)) is T
    assert set(outcomes.values()) == {F}


def test_the_same_operand_twice_is_told_apart_by_the_constraint() -> None:
    one, two = replace(FIRST, id="urn:c:1"), replace(FIRST, id="urn:c:2")
    facts = replace(known(1, None), since={"urn:c:1": START, "urn:c:2": START + DAY})
    assert truth(sequence(one, two), facts) is T
    assert truth(sequence(two, one), facts) is F


def test_dates_say_themselves_when_they_came_true() -> None:
    facts = known(5, None)
    for operator in ("gteq", "gt"):
        assert truth(sequence(date_time(operator, 1), FIRST), facts) is T
        assert truth(sequence(FIRST, date_time(operator, 1)), facts) is F
        assert truth(sequence(FIRST, date_time(operator, 9)), facts) is T
    for operator in ("lt", "lteq"):  # it held from the start, which imposes no order
        assert truth(sequence(FIRST, date_time(operator, 200)), facts) is T
        assert truth(sequence(date_time(operator, 200), FIRST), facts) is T
    assert truth(sequence(FIRST, date_time("neq", 200)), facts) is U
    today = Constraint(ODRL + "dateTime", Operator.EQ, (Literal("2026-04-11", XSD + "date"),))
    assert truth(sequence(FIRST, today), facts) is T


def test_events_say_it_too_where_they_are_known() -> None:
    games = (START + DAY * 10, START + DAY * 20)
    facts = replace(known(15, None), knowledge=Knowledge(events={"urn:games": games}))
    over = name_is(ODRL + "event", "urn:games", "gt")
    begun = name_is(ODRL + "event", "urn:games", "gteq")
    assert truth(sequence(FIRST, over), facts) is T
    assert truth(sequence(over, FIRST), facts) is F
    assert truth(sequence(begun, FIRST), facts) is T
    lists = replace(over, operator=Operator.EQ, right=(Iri("urn:games"), Iri("urn:games")))
    assert truth(sequence(FIRST, lists), facts) is U
    some = replace(facts, now=START + DAY * 18)
    listed = replace(lists, operator=Operator.IS_ANY_OF)
    assert truth(listed, some) is T
    assert truth(sequence(FIRST, listed), some) is U
    stated = replace(known(15, None), values={**VALUES, ODRL + "event": ("urn:games",)})
    assert truth(sequence(FIRST, name_is(ODRL + "event", "urn:games")), stated) is U


@pytest.mark.parametrize(
    ("operator", "period", "wanted"),
    [
        ("gteq", "P3D", T),
        ("gteq", "P96D", F),
        ("gt", "P94D", T),
        ("gt", "P95D", F),
        ("lt", "P96D", T),
    ],
)
def test_a_delay_counts_from_the_member_before_it(
    operator: str, period: str, wanted: Truth
) -> None:
    facts = known(5, None)  # 95 days ago
    assert truth(sequence(FIRST, lasts("delayPeriod", operator, period)), facts) is wanted


def test_delays_in_a_row_add_up() -> None:
    delays = [lasts("delayPeriod", "gteq", "P40D"), lasts("delayPeriod", "gteq", "P40D")]
    assert truth(sequence(FIRST, *delays), known(15, None)) is T
    assert truth(sequence(FIRST, *delays), known(25, None)) is F


def test_a_first_delay_counts_from_the_agreement() -> None:
    policy = replace(one_rule("read"), id="urn:example:p", timestamp=START.isoformat())
    delay = lasts("delayPeriod", "gteq", "P99D")
    assert truth(sequence(delay), known(None, None), policy) is T
    # a member that held from the start does not move the clock
    assert truth(sequence(date_time("lt", 200), delay), known(None, None), policy) is T
    assert truth(sequence(delay), known(None, None)) is U
    odd = replace(delay, operator=Operator.NEQ)
    assert truth(sequence(odd), known(None, None), policy) is T
    assert truth(sequence(odd, FIRST), known(1, None), policy) is U


def test_used_up_times_held_from_the_start_and_an_interval_until_it_was_used() -> None:
    key = UsageKey("urn:example:p", "", "urn:example:alice", "urn:example:a")
    fresh = open_agreement(Usage(), "urn:example:p", START)
    facts = replace(known(5, None), usage=fresh)
    weekly, metered = lasts("timeInterval", "eq", "P7D"), lasts("meteredTime", "lteq", "P1D")
    assert truth(sequence(FIRST, metered, weekly), facts) is T
    used = commit(reserve(fresh, [key], "t", START + DAY), "t")
    later = replace(facts, usage=used)
    assert truth(sequence(FIRST, weekly), later) is U
    many = Constraint(ODRL + "count", Operator.GTEQ, (Literal("1", XSD + "integer"),))
    assert truth(sequence(FIRST, many), facts) is U


def joined(connective: Connective, *items: Condition) -> LogicalConstraint:
    return LogicalConstraint(connective, items)


def test_groups_come_true_with_their_last_part_or_their_first() -> None:
    facts = replace(
        known(1, 3),
        values={**VALUES, ODRL + "percentage": (10,)},
        since={**known(1, 3).since, ODRL + "percentage": START + DAY * 2},
    )
    two = amount(ODRL + "percentage", "50")
    both, either = (joined(c, FIRST, SECOND) for c in (Connective.AND, Connective.OR))
    assert truth(sequence(both, two), facts) is F
    assert truth(sequence(either, two), facts) is T
    assert truth(sequence(joined(Connective.AND_SEQUENCE, FIRST, SECOND), two), facts) is F
    assert truth(sequence(joined(Connective.XONE, FIRST), two), facts) is U
    unknown = purpose("AcademicResearch")
    assert truth(sequence(joined(Connective.OR, FIRST, unknown), two), facts) is U
    other = name_is(RECIPIENT, "urn:example:firm")
    assert truth(sequence(joined(Connective.OR, other, FIRST), two), facts) is T
    undated = replace(facts, since={ODRL + "percentage": START})
    assert truth(sequence(either, two), undated) is U


def test_moments() -> None:
    a, b = START, START + DAY
    assert in_order([]) is T
    assert in_order([None]) is T
    assert in_order([ALWAYS, None]) is T
    assert in_order([ALWAYS, a, ALWAYS, b]) is T
    assert in_order([b, None, a]) is F
    assert in_order([a, None, b]) is U
    assert in_order([a, a]) is U


def test_without_the_time_a_moment_is_taken_as_stated() -> None:
    assert truth(sequence(FIRST, SECOND), replace(known(1, 2), now=None)) is T
