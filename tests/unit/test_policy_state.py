"""Usage state: reservations, counts, clocks and recurrence, and what missing state means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

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
    Operator,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Request,
    evaluate,
)
from policies_odrl.errors import UsageRefused
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
from tests.support.uses import reserve_use

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


def granted(
    policy: Policy, usage: Usage | None, now: datetime = START + DAY, **facts: object
) -> bool:
    known = Facts(now=now, usage=usage, **facts)  # type: ignore[arg-type]
    return evaluate(policy, ASK, known).granted


# -- count ----------------------------------------------------------------------------------


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


def test_a_use_counts_under_every_rule_that_may_be_about_it() -> None:
    ban = Prohibition(action=Action(READ), constraints=(limit("count", "gt", "2", "integer"),))
    both = policy(prohibitions=(ban,))
    usage = OPEN
    for times in range(3):
        decision, usage = reserve_use(both, ASK, Facts(now=START + DAY, usage=usage), f"t{times}")
        assert decision.granted is (times < 2)
    assert {key.rule for key in usage.uses} == {"/permission/0", "/prohibition/0"}


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


# -- events ---------------------------------------------------------------------------------

GAMES = (START + DAY * 10, START + DAY * 20)
KNOWN = Knowledge(events={"urn:example:games": GAMES})


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
