"""Usage state: reservations of uses, of each member of a collection; what may follow what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from policies_odrl import Action, Constraint, Duty, Facts, Iri, Performed, Policy, Request, evaluate
from policies_odrl.evaluation.clocks import metered_time
from policies_odrl.evaluation.deontic import Effect
from policies_odrl.evaluation.request import Usage, UsageKey, Use
from policies_odrl.model import ODRL
from tests.support.each import over
from tests.support.small_policies import may, never, terms, typed, where
from tests.support.uses import committed, released, reserve_use, reserved

AGREEMENT = "urn:example:agreement"
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
X, Y, Z, WHOLE = (f"urn:example:{name}" for name in ("x", "y", "z", "whole"))
ASK = Request(ODRL + "read", "urn:example:alice", X)
KEY = UsageKey(AGREEMENT, "/permission/0", "urn:example:alice", X)
OPEN = Usage({AGREEMENT: START})
HOLDS = {WHOLE: frozenset({X, Y})}


def count(operator: str, value: str) -> Constraint:
    return where("count", operator, typed(value, "integer"))


ONCE = terms(may(count("lteq", "1")), id=AGREEMENT)


def used(target: str) -> Usage:
    return committed(reserved(OPEN, [replace(KEY, target=target)], "t0", START + DAY * 9), "t0")


def granted(usage: Usage, policy: Policy = ONCE, target: str = X, **facts: object) -> bool:
    known = Facts(now=START + DAY * 100, usage=usage, **facts)  # type: ignore[arg-type]
    return evaluate(policy, replace(ASK, target=target), known, tentative=True).granted


# -- counts ---------------------------------------------------------------------------------


def test_two_reservations_cannot_both_take_the_last_use() -> None:
    facts = Facts(now=START + DAY, usage=OPEN)
    first, after_first = reserve_use(ONCE, ASK, facts, "first")
    second, after_second = reserve_use(ONCE, ASK, replace(facts, usage=after_first), "second")
    assert (first.granted, second.granted) == (True, False)
    assert after_second is after_first
    assert not granted(after_first)
    assert granted(released(after_first, "first"))
    assert not granted(committed(after_first, "first"))


def test_a_use_counts_under_every_rule_that_may_be_about_it() -> None:
    both = terms(may(), never(count("gt", "2")), id=AGREEMENT, conflict=None)
    usage = OPEN
    for times in range(3):
        decision, usage = reserve_use(both, ASK, Facts(now=START + DAY, usage=usage), f"t{times}")
        assert decision.granted is (times < 2)
    assert {key.rule for key in usage.uses} == {"/permission/0", "/prohibition/0"}


def test_a_use_counts_for_its_own_rule_where_rules_share_a_constraint() -> None:
    once = may(count("lteq", "1"))
    known = Facts(now=START + DAY * 9, usage=used(X))
    found = evaluate(terms(once, once, id=AGREEMENT), ASK, known, tentative=True)
    assert [item.effect for item in found.rules] == [Effect.NOTHING, Effect.GRANTS]


@over(
    ("before", "then", "answer"),
    [
        (WHOLE, X, False), (X, WHOLE, False), (WHOLE, WHOLE, False), (X, X, False), (X, Y, True),
        (Z, WHOLE, True), (WHOLE, Z, True),
    ],
)  # fmt: skip
def test_a_use_of_a_collection_is_one_of_each_member(
    before: str, then: str, *, answer: bool
) -> None:
    assert granted(used(before), target=then, members=HOLDS) is answer
    facts = Facts(now=START + DAY * 100, usage=OPEN, members=HOLDS)
    decision, usage = reserve_use(ONCE, replace(ASK, target=before), facts, "t")
    assert decision.granted
    assert granted(usage, target=then, members=HOLDS) is answer
    assert granted(released(usage, "t"), target=then, members=HOLDS)
    # what was used as a collection stays used when the collection changes
    assert granted(usage, target=X) is (before == Z)
    assert granted(usage, target=Z) is (before != Z)


def test_many_collections_in_one_another_are_looked_through_once() -> None:
    names = [f"urn:example:c{index}" for index in range(600)]
    members = {outer: frozenset({inner}) for outer, inner in pairwise(names)}
    for usage, answer in ((OPEN, True), (used(names[300]), False)):
        assert granted(usage, target=names[0], members=members) is answer


def test_an_act_is_told_twice_in_whatever_order_its_values_are() -> None:
    pay = Action(ODRL + "compensate")
    twice = terms(may(duties=(Duty(action=pay, constraints=(count("gteq", "2"),)),)), id=AGREEMENT)
    one, two = Iri("urn:example:1"), Iri("urn:example:2")
    for values, answer in (((two, one), False), ((two,), True)):
        acts = tuple(
            Performed(pay.id, START + DAY * 5, ASK.assignee, facts={pay.id: held})
            for held in ((one, two), values)
        )
        assert granted(OPEN, twice, performed=acts) is answer


# -- the state itself -----------------------------------------------------------------------


def test_a_use_under_several_keys_is_one_and_uses_come_in_order() -> None:
    late, other = reserved(OPEN, [KEY], "t", START + DAY), replace(KEY, assignee="urn:example:bob")
    both = reserved(late, [other, KEY], "u", START)
    assert both.of(KEY) == both.of(KEY, other) == (Use("u", START), Use("t", START + DAY))
    told = [Use("", START + DAY * day, committed=True) for day in (1, 2)]
    assert Usage(OPEN.started, {KEY: tuple(told)}).of(KEY) == (*told,)  # two, by whatever ticket
    assert OPEN.of(KEY) == Usage().of(KEY) == ()
    assert not granted(Usage())  # an agreement that was never opened has an unknown past


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
