"""Usage state: reservations, counts, clocks and recurrence, and what missing state means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies_odrl import (
    Action,
    Constraint,
    Facts,
    Iri,
    Knowledge,
    Literal,
    Mode,
    Operator,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Request,
    evaluate,
)
from policies_odrl.errors import UsageRefused
from policies_odrl.evaluation.case import key_of
from policies_odrl.evaluation.reservation import reserve_use
from policies_odrl.evaluation.state import (
    Usage,
    UsageKey,
    Use,
    commit,
    finish,
    metered_time,
    open_agreement,
    release,
    reserve,
)
from policies_odrl.model import ODRL, XSD

READ = ODRL + "read"
AGREEMENT = "urn:example:agreement"
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ASK = Request(READ, "urn:example:alice", "urn:example:a")
KEY = UsageKey(AGREEMENT, "/permission/0", "urn:example:alice", "urn:example:a")
OPEN = open_agreement(Usage(), AGREEMENT, START)


def limit(name: str, operator: str, value: str, kind: str = "duration") -> Constraint:
    return Constraint(ODRL + name, Operator(operator), (Literal(value, XSD + kind),))


def policy(*constraints: Constraint, **changes: object) -> Policy:
    rule = Permission(action=Action(READ), constraints=constraints)
    return replace(
        Policy(kind=PolicyKind.SET, id=AGREEMENT, permissions=(rule,)),
        **changes,  # type: ignore[arg-type]
    )


def used(*starts: datetime, minutes: float | None = None) -> Usage:
    """A state with committed uses, each of some minutes (None: still lasting)."""
    usage = OPEN
    for index, at in enumerate(starts):
        usage = commit(reserve(usage, [KEY], f"t{index}", at), f"t{index}")
        if minutes is not None:
            usage = finish(usage, f"t{index}", at + timedelta(minutes=minutes))
    return usage


def granted(
    policy: Policy, usage: Usage | None, now: datetime = START + DAY, **facts: object
) -> bool:
    known = Facts(now=now, usage=usage, **facts)  # type: ignore[arg-type]
    return evaluate(policy, ASK, known).granted


# -- count ----------------------------------------------------------------------------------


def test_five_times_means_five_and_not_six() -> None:
    five = policy(limit("count", "lteq", "5", "integer"))
    for times in range(7):
        usage = used(*(START + timedelta(hours=hour) for hour in range(times)))
        assert granted(five, usage) is (times < 5), times


def test_two_reservations_cannot_both_take_the_last_use() -> None:
    once = policy(limit("count", "lteq", "1", "integer"))
    facts = Facts(now=START + DAY, usage=OPEN)
    first, after_first = reserve_use(once, ASK, facts, "first")
    second, after_second = reserve_use(once, ASK, replace(facts, usage=after_first), "second")
    assert (first.granted, second.granted) == (True, False)
    assert after_second is after_first
    # two that decided on the same state: both made version 2, so that a store refuses one of them
    _, other = reserve_use(once, ASK, facts, "other")
    assert other.version == after_first.version == OPEN.version + 1


def test_a_released_use_may_be_taken_again_and_a_committed_one_not() -> None:
    once = policy(limit("count", "lteq", "1", "integer"))
    _, taken = reserve_use(once, ASK, Facts(now=START + DAY, usage=OPEN), "t")
    assert not granted(once, taken)
    assert granted(once, release(taken, "t"))
    assert not granted(once, commit(taken, "t"))


def test_uses_count_for_each_agreement_rule_assignee_and_target() -> None:
    once = policy(limit("count", "lteq", "1", "integer"))
    usage = used(START)
    assert not granted(once, usage)
    for other in (
        replace(ASK, assignee="urn:example:bob"),
        replace(ASK, target="urn:example:b"),
    ):
        assert evaluate(once, other, Facts(now=START + DAY, usage=usage)).granted
    named = replace(once, permissions=(replace(once.permissions[0], id="urn:example:rule"),))
    assert granted(named, usage)
    assert key_of(named, named.permissions[0], "/permission/0", ASK).rule == "urn:example:rule"


def test_a_use_counts_under_every_rule_that_may_be_about_it() -> None:
    ban = Prohibition(action=Action(READ), constraints=(limit("count", "gt", "2", "integer"),))
    both = policy(prohibitions=(ban,))
    usage = OPEN
    for times in range(3):
        decision, usage = reserve_use(both, ASK, Facts(now=START + DAY, usage=usage), f"t{times}")
        assert decision.granted is (times < 2)
    assert {key.rule for key in usage.uses} == {"/permission/0", "/prohibition/0"}


def test_without_state_a_count_is_missing() -> None:
    five = policy(limit("count", "lteq", "5", "integer"))
    for usage in (None, Usage(), open_agreement(Usage(), "urn:example:other", START)):
        decision = evaluate(five, ASK, Facts(now=START, usage=usage))
        assert not decision.granted
        assert decision.missing == (ODRL + "count",)


def test_a_request_cannot_state_its_own_count_where_account_is_kept() -> None:
    five = policy(limit("count", "lteq", "5", "integer"))
    boast = replace(ASK, facts={ODRL + "count": (0,)})
    assert not evaluate(five, boast, Facts(now=START, usage=Usage())).granted
    assert evaluate(five, boast, Facts(now=START)).granted  # the caller keeps account
    assert not evaluate(five, boast, Facts(values={ODRL + "count": (5,)}, usage=OPEN)).granted


@pytest.mark.parametrize(
    ("status", "times", "truth"), [("3", 1, True), ("3", 2, False), ("5", 0, False)]
)
def test_status_is_where_the_count_started(status: str, times: int, truth: bool) -> None:  # noqa: FBT001
    seeded = replace(
        limit("count", "lteq", "5", "integer"), status=Literal(status, XSD + "integer")
    )
    usage = used(*(START + timedelta(hours=hour) for hour in range(times)))
    assert granted(policy(seeded), usage) is truth


def test_status_alone_is_no_state_but_in_the_mode_of_the_suite() -> None:
    seeded = policy(
        replace(limit("count", "lteq", "5", "integer"), status=Literal("3", XSD + "integer"))
    )
    assert not evaluate(seeded, ASK).granted
    assert evaluate(seeded, ASK, mode=Mode.SUITE).granted
    broken = policy(replace(limit("count", "lteq", "5", "integer"), status=Iri("urn:many")))
    assert not evaluate(broken, ASK, Facts(now=START, usage=OPEN), mode=Mode.SUITE).granted


# -- the state itself -----------------------------------------------------------------------


def test_what_the_history_does_not_allow_is_refused() -> None:
    taken = reserve(OPEN, [KEY], "t", START)
    done = commit(taken, "t")
    ended = finish(done, "t", START + DAY)
    for attempt in (
        lambda: open_agreement(OPEN, AGREEMENT, START),
        lambda: open_agreement(OPEN, "", START),
        lambda: reserve(taken, [KEY], "t", START),
        lambda: reserve(OPEN, [KEY], "", START),
        lambda: reserve(Usage(), [KEY], "t", START),
        lambda: commit(OPEN, "t"),
        lambda: release(done, "t"),
        lambda: release(OPEN, "t"),
        lambda: finish(taken, "t", START),
        lambda: finish(done, "t", START - DAY),
        lambda: finish(ended, "t", START + DAY),
        lambda: finish(OPEN, "t", START),
        lambda: reserve_use(policy(), ASK, Facts(usage=OPEN), "t"),
        lambda: reserve_use(policy(), ASK, Facts(now=START), "t"),
    ):
        with pytest.raises(UsageRefused):
            attempt()
    assert commit(done, "t") is done
    assert UsageRefused.code == "ODRL_USAGE_REFUSED"


def test_changes_leave_the_old_state_as_it_was() -> None:
    taken = reserve(OPEN, [KEY, KEY], "t", START)
    assert OPEN.of(KEY) == ()
    assert taken.of(KEY) == (Use("t", START),)
    assert Usage().of(KEY) is None
    other = replace(KEY, assignee="urn:example:bob")
    both = commit(reserve(taken, [other], "u", START), "u")
    assert both.of(KEY) == (Use("t", START),)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=8))
def test_metered_time_never_exceeds_elapsed_time(spans: list[tuple[int, int]]) -> None:
    uses = [
        Use(str(index), START + DAY * begin, START + DAY * (begin + length), committed=True)
        for index, (begin, length) in enumerate(spans)
    ]
    now = START + DAY * 120
    total = metered_time(uses, now)
    assert total <= now - min((use.start for use in uses), default=now)
    assert total >= timedelta()
    assert metered_time([Use("t", START + DAY)], START) == timedelta()


# -- clocks ---------------------------------------------------------------------------------


def test_elapsed_time_runs_from_the_first_use_else_from_the_agreement() -> None:
    hour = policy(limit("elapsedTime", "lteq", "PT1H"))
    assert granted(hour, OPEN, START + timedelta(minutes=60))
    assert not granted(hour, OPEN, START + timedelta(minutes=61))
    late = used(START + DAY)
    assert granted(hour, late, START + DAY + timedelta(minutes=60))
    assert not granted(hour, late, START + DAY + timedelta(minutes=61))
    assert not granted(hour, None)


def test_metered_time_is_what_uses_took_in_sum() -> None:
    hour = policy(limit("meteredTime", "lteq", "PT60M"))
    twice = used(START, START + timedelta(hours=5), minutes=30)
    assert granted(hour, twice)
    thrice = used(START, START + timedelta(hours=5), START + timedelta(hours=6), minutes=30)
    assert not granted(hour, thrice)
    running = used(START)  # no end: it lasts until now
    assert granted(hour, running, START + timedelta(minutes=60))
    assert not granted(hour, running, START + timedelta(minutes=61))
    assert not granted(hour, None)


@pytest.mark.parametrize(
    ("status", "truth"), [("PT30M", True), ("PT31M", False), ("P1M", False), ("often", False)]
)
def test_a_meter_starts_from_its_status(status: str, truth: bool) -> None:  # noqa: FBT001
    seeded = replace(
        limit("meteredTime", "lteq", "PT60M"), status=Literal(status, XSD + "duration")
    )
    assert granted(policy(seeded), used(START, minutes=30)) is truth


def test_a_status_beyond_all_time_is_missing() -> None:
    seeded = replace(
        limit("meteredTime", "lteq", "P1D"), status=Literal("P999999999D", XSD + "duration")
    )
    assert not granted(policy(seeded), OPEN)
    far = replace(seeded, status=Literal("P999999999DT48H", XSD + "duration"))
    assert not granted(policy(far), OPEN)
    assert not granted(policy(seeded), used(START), START + DAY * 3)


def test_a_delay_runs_from_the_start_of_the_agreement() -> None:
    days = policy(limit("delayPeriod", "gteq", "P3D"))
    assert not granted(days, OPEN, START + DAY * 2)
    assert granted(days, OPEN, START + DAY * 3)
    dated = replace(days, timestamp="2026-01-01T00:00:00Z")
    assert granted(dated, None, START + DAY * 3)
    assert not granted(dated, None, START + DAY * 2)
    assert not granted(replace(days, timestamp="soon"), None, START + DAY * 3)
    assert not granted(days, None, START + DAY * 3)


def test_a_month_is_counted_by_the_calendar() -> None:
    month = policy(limit("delayPeriod", "gteq", "P1M"), timestamp="2026-01-31T00:00:00Z")
    assert not granted(month, None, datetime(2026, 2, 27, 23, tzinfo=UTC))
    assert granted(month, None, datetime(2026, 2, 28, tzinfo=UTC))


def test_an_interval_lets_one_use_through_in_each_period() -> None:
    weekly = policy(limit("timeInterval", "eq", "P7D"))
    assert granted(weekly, OPEN)
    assert not granted(weekly, used(START), START + DAY * 6)
    assert granted(weekly, used(START), START + DAY * 7)
    assert not granted(weekly, None)
    other = policy(limit("timeInterval", "lteq", "P7D"))
    assert not granted(other, OPEN)  # it knows `eq` alone


@pytest.mark.parametrize("named", [True, False])
def test_an_interval_with_an_anchor_has_fixed_periods(named: bool) -> None:  # noqa: FBT001
    item = replace(limit("timeInterval", "eq", "P1M"), id="urn:example:c" if named else "")
    anchors = {"urn:example:c" if named else ODRL + "timeInterval": START}
    monthly = policy(item)
    late = used(START + DAY * 30)  # 31 January
    assert not granted(monthly, late, datetime(2026, 1, 31, 23, tzinfo=UTC), anchors=anchors)
    assert granted(monthly, late, datetime(2026, 2, 1, tzinfo=UTC), anchors=anchors)
    assert not granted(monthly, OPEN, START - DAY, anchors=anchors)


def test_clocks_need_the_time() -> None:
    for name in ("elapsedTime", "meteredTime", "delayPeriod", "timeInterval"):
        item = limit(name, "eq", "P1D")
        decision = evaluate(policy(item), ASK, Facts(usage=OPEN))
        assert not decision.granted
        assert decision.missing == (ODRL + name,)


def test_numbers_of_a_unit_of_time_are_durations() -> None:
    unit = "http://qudt.org/vocab/unit/HR"
    hours = Constraint(
        ODRL + "elapsedTime", Operator.LTEQ, (Literal("2", XSD + "decimal"),), unit=unit
    )
    assert granted(policy(hours), OPEN, START + timedelta(hours=2))
    assert not granted(policy(hours), OPEN, START + timedelta(hours=3))
    assert not granted(policy(replace(hours, unit="urn:example:moons")), OPEN, START)
    assert not granted(policy(replace(hours, right=(Iri("urn:two"),))), OPEN, START)


# -- events ---------------------------------------------------------------------------------

GAMES = (START + DAY * 10, START + DAY * 20)
KNOWN = Knowledge(events={"urn:example:games": GAMES})


@pytest.mark.parametrize(
    ("operator", "day", "truth"),
    [
        ("lt", 9, True),
        ("lt", 10, False),
        ("lteq", 10, True),
        ("lteq", 20, False),
        ("eq", 10, True),
        ("eq", 19, True),
        ("eq", 20, False),
        ("neq", 15, False),
        ("neq", 25, True),
        ("gt", 19, False),
        ("gt", 20, True),
        ("gteq", 9, False),
        ("gteq", 10, True),
    ],
)
def test_before_during_and_after_an_event(operator: str, day: int, truth: bool) -> None:  # noqa: FBT001
    item = Constraint(ODRL + "event", Operator(operator), (Iri("urn:example:games"),))
    now = START + DAY * day
    assert granted(policy(item), None, now, knowledge=KNOWN) is truth
    ban = Prohibition(action=Action(READ), constraints=(item,))
    assert granted(policy(prohibitions=(ban,)), None, now, knowledge=KNOWN) is not truth
    assert not granted(policy(item), None, now)  # nobody knows when the games are


def test_events_that_are_stated() -> None:
    after = Constraint(ODRL + "event", Operator.GT, (Iri("urn:example:games"),))
    finals = {"urn:example:finals": (START + DAY * 21, START + DAY * 22)}
    known = Knowledge(events={**KNOWN.events, **finals})
    facts = Facts(values={ODRL + "event": ("urn:example:finals",)}, knowledge=known)
    assert evaluate(policy(after), ASK, facts).granted
    odd = replace(facts, values={ODRL + "event": ("urn:example:heard-of",)})
    assert not evaluate(policy(after), ASK, odd).granted
    upside = Knowledge(events={"urn:example:games": (GAMES[1], GAMES[0])})
    assert not evaluate(policy(after), ASK, Facts(now=START + DAY * 30, knowledge=upside)).granted


def test_an_event_before_the_use() -> None:
    item = Constraint(ODRL + "event", Operator.LT, (Iri(ODRL + "policyUsage"),))
    over = Facts(
        now=START + DAY * 30,
        values={ODRL + "event": ("urn:example:games",)},
        knowledge=KNOWN,
    )
    assert evaluate(policy(item), ASK, over).granted
    assert not evaluate(policy(item), ASK, replace(over, now=START + DAY * 15)).granted
    assert not evaluate(policy(item), ASK, replace(over, values={})).granted
    assert not evaluate(policy(item), ASK, replace(over, now=None)).granted


def test_a_time_without_a_zone_is_utc() -> None:
    assert Facts(now=datetime(2026, 1, 1)).now == START  # noqa: DTZ001 - the point of the test
    until = Constraint(
        ODRL + "dateTime", Operator.LTEQ, (Literal("2026-01-01T00:00:00", XSD + "dateTime"),)
    )
    decision = evaluate(policy(until), ASK, Facts(now=START))
    assert decision.granted
    assert "without a zone" in decision.rules[0].constraints[0].note
    zoned = replace(until, right=(Literal("2026-01-01T00:00:00Z", XSD + "dateTime"),))
    assert evaluate(policy(zoned), ASK, Facts(now=START)).rules[0].constraints[0].note == ""
    assert granted(policy(), None, START, values={ODRL + "count": (Decimal(1),)})
