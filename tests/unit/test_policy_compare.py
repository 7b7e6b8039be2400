"""Bounds of comparison, and what no document can state; the rest are rows of `tests/cases`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from policies_odrl import (
    Action,
    Answer,
    Connective,
    LimitExceeded,
    LogicalConstraint,
    Policy,
    compare,
    contains,
    same_meaning,
)
from policies_odrl.algebra.boxes import MAX_PROOF, Box, Proof
from policies_odrl.comparison.compare import GIVEN_UP, judge
from policies_odrl.comparison.meet import meet
from policies_odrl.comparison.rules import MAX_PAIRS, MAX_WORK, TOO_MANY, too_large
from policies_odrl.model import ODRL, Condition, Constraint, Rule, duties_below
from tests.support.policies import amount, name_is, one_rule, training_offer
from tests.support.small_policies import typed, where

OFFER, READ = training_offer(), one_rule("read")


def percent(value: object, operator: str = "lteq") -> Constraint:
    return amount(ODRL + "percentage", str(value), operator)


def joined(connective: Connective, *parts: Condition) -> LogicalConstraint:
    return LogicalConstraint(connective, parts)


def times(policy: Policy, count: int) -> Policy:
    return replace(policy, permissions=policy.permissions * count)


def test_nothing_asked_is_inside_and_nothing_offered_contains_nothing() -> None:
    nothing = replace(OFFER, permissions=())
    assert contains(OFFER, nothing)
    assert contains(nothing, OFFER).answer is Answer.NO
    (gap,) = contains(replace(READ, permissions=()), READ).gaps
    assert (gap.line, gap.said("en")) == (
        *("/permission/0: nothing is offered", "Nothing is offered for permission 1."),
    )
    with pytest.raises(ValueError, match="no sentences in"):
        gap.said("de")


def test_a_rule_of_no_kind_has_no_duties() -> None:
    assert duties_below(Rule(action=Action(ODRL + "read"))) == ()


# -- bounds ---------------------------------------------------------------------------------


def test_too_many_rules_are_not_compared() -> None:
    many = times(READ, MAX_PAIRS + 1)
    assert contains(many, READ).answer is contains(READ, many).answer is Answer.UNKNOWN
    assert contains(many, READ).missing == (TOO_MANY,)
    more = replace(many, permissions=(*many.permissions, *OFFER.permissions))
    assert not same_meaning(READ, more)
    wide = one_rule("read", *map(percent, range(300)))
    assert contains(wide, wide).answer is Answer.UNKNOWN
    two = one_rule("read", *map(percent, range(20))), one_rule("read", name_is("dpia", "urn:d"))
    assert "pairs" in compare(*(times(policy, 60) for policy in two)).missing[-1]


def test_too_many_pairs_are_not_met() -> None:
    long = one_rule("read", *map(percent, range(MAX_WORK // 2)))
    for many in (times(READ, 160), long):
        assert too_large(many, many)
        with pytest.raises(LimitExceeded):
            meet(many, many)


def test_many_alternatives_end_in_bounded_work() -> None:
    alternatives = [
        joined(Connective.OR, *(percent(f"{column}.{row}") for column in range(4)))
        for row in range(40)
    ]
    assert contains(one_rule("read", percent(2)), one_rule("read", *alternatives)) is not None
    unsure = joined(Connective.XONE, *map(percent, (7, 9, 11)))
    choices = [
        joined(Connective.OR, *(percent(f"{column}{row}") for column in range(1, 9)))
        for row in range(10, 26)
    ]
    found = contains(one_rule("read", unsure), one_rule("read", *choices))
    assert not found
    assert found.answer is not Answer.UNKNOWN or found.missing == (GIVEN_UP,)


def test_hostile_nesting_ends_in_bounded_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def nested(depth: int, connective: Connective) -> Condition:
        inner: Condition = percent(depth)
        for level in range(depth):
            inner = joined(connective, inner, inner, percent(level))
        return joined(Connective.AND_SEQUENCE, inner, inner)

    either, one = (one_rule("read", nested(5, it)) for it in (Connective.OR, Connective.XONE))
    assert not contains(one, either)
    few = partial(Proof, MAX_PROOF // 20)  # all steps take seconds
    monkeypatch.setattr("policies_odrl.comparison.compare.Proof", few)
    found = contains(either, one)
    assert (found.answer, found.missing) == (Answer.UNKNOWN, (GIVEN_UP,))
    many = [percent(value) for value in range(20)]
    assert not Proof(10).follows(many[0], many)
    assert Proof().follows(many[0], many)


def test_a_comparison_without_steps_left_proves_nothing() -> None:
    spent, box = Proof(-1), Box([percent(value) for value in range(10)])
    assert spent.exhausted
    assert not Proof(2).within(percent(99), box)
    assert Proof(12).within(percent(99), box)
    covered, gaps = judge(spent, READ, READ)
    assert covered == ()
    assert [item.line for item in gaps] == ["/permission/0: nothing is offered"]
    assert judge(Proof(), READ, READ)[1] == ()


def test_a_case_costs_what_is_copied_for_it() -> None:
    rest = [name_is(ODRL + "recipient", f"urn:r{index}", "neq") for index in range(40)]
    box = Box([joined(Connective.OR, percent(1, "eq"), percent(2, "eq")), *rest])
    poor, rich = Proof(60), Proof(200)
    assert not poor.within(percent(3, "lt"), box)
    assert poor.exhausted
    assert rich.within(percent(3, "lt"), box)


def test_choices_are_ruled_out_part_by_part() -> None:
    prover, box = Proof(), Box([percent(5)])
    day = typed("P1D", "duration"), typed("P2D", "duration")
    for parts, refuted in (
        (joined(Connective.OR, percent(9, "gt"), percent(7, "gteq")), True),
        (joined(Connective.OR, percent(9, "gt"), percent(3, "gteq")), False),
        (joined(Connective.AND, percent(9, "gt"), percent(3)), True),
        (joined(Connective.AND_SEQUENCE, where("delayPeriod", "lt", day[0]), percent(9, "gt")), 1),
    ):
        assert prover.refuted(parts, box) is bool(refuted)
    first = joined(Connective.AND_SEQUENCE, where("delayPeriod", "lt", day[0]))
    assert not prover.refuted(first, Box([where("delayPeriod", "gteq", day[1])]))
    assert not Proof(0).refuted(percent(9, "gt"), box)
    assert not Proof(0).within(percent(9), box)
