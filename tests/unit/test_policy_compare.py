"""Containment, equality of meaning and narrowing, on the contract of the main job and around it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies_odrl import (
    Action,
    Answer,
    AssetRef,
    Connective,
    Constraint,
    Iri,
    LogicalConstraint,
    Operator,
    Policy,
    contains,
    counter_offer,
    same_meaning,
)
from policies_odrl.algebra.boxes import Proof
from policies_odrl.comparison.meet import meet
from policies_odrl.comparison.rules import MAX_PAIRS
from policies_odrl.model import ODRL, Condition, Rule, duties_below
from tests.support.policies import (
    amount,
    one_rule,
    purpose,
    training_offer,
    until,
)

OFFER = training_offer()


def test_nothing_asked_is_inside_and_nothing_offered_contains_nothing() -> None:
    nothing = replace(OFFER, permissions=())
    assert contains(OFFER, nothing)
    assert contains(nothing, OFFER).answer is Answer.NO


READ = one_rule("read")


def test_what_cannot_be_shown_either_way_is_unknown() -> None:
    def unknowable(value: str) -> Policy:
        xone = LogicalConstraint(
            Connective.XONE,
            (purpose(value, operator="isA"), amount(ODRL + "percentage", "50")),
        )
        return one_rule("read", LogicalConstraint(Connective.AND_SEQUENCE, (xone, xone)))

    found = contains(unknowable("AcademicResearch"), unknowable("Marketing"))
    assert found.answer is Answer.UNKNOWN
    assert found.reasons
    assert found.witness is None


def test_too_many_rules_are_not_compared() -> None:
    many = replace(READ, permissions=READ.permissions * (MAX_PAIRS + 1))
    assert contains(many, READ).answer is Answer.UNKNOWN
    assert contains(READ, many).answer is Answer.UNKNOWN
    assert not same_meaning(
        READ, replace(many, permissions=(*many.permissions, *OFFER.permissions))
    )
    wide = one_rule("read", *(amount(ODRL + "percentage", str(value)) for value in range(300)))
    assert contains(wide, wide).answer is Answer.UNKNOWN


def test_many_alternatives_end_in_bounded_work() -> None:
    alternatives = tuple(
        LogicalConstraint(
            Connective.OR,
            tuple(amount(ODRL + "percentage", f"{column}.{row}") for column in range(4)),
        )
        for row in range(40)
    )
    wish = one_rule("read", *alternatives)
    assert contains(one_rule("read", amount(ODRL + "percentage", "2")), wish) is not None


def test_hostile_nesting_ends_in_bounded_work() -> None:
    def nested(depth: int, connective: Connective) -> Condition:
        inner: Condition = amount(ODRL + "percentage", str(depth))
        for level in range(depth):
            parts = (inner, inner, amount(ODRL + "percentage", str(level)))
            inner = LogicalConstraint(connective, parts)
        return LogicalConstraint(Connective.AND_SEQUENCE, (inner, inner))

    for first, second in ((Connective.OR, Connective.XONE), (Connective.XONE, Connective.OR)):
        offer, wish = one_rule("read", nested(5, first)), one_rule("read", nested(5, second))
        assert not contains(offer, wish)
    steps = Proof(10)
    many = [amount(ODRL + "percentage", str(value)) for value in range(20)]
    assert not steps.follows(many[0], many)
    assert Proof().follows(many[0], many)


def test_no_witness_from_terms_that_nothing_satisfies() -> None:
    never = (until("2026-01-01"), until("2027-01-01", "gt"))
    found = contains(one_rule("read", purpose("Marketing")), one_rule("read", *never))
    assert found.answer is Answer.UNKNOWN
    strange = Constraint("urn:operand", Operator.EQ, (Iri("urn:a"),))
    assert contains(READ, one_rule("read", strange))
    assert contains(one_rule("read", strange), READ).answer is Answer.NO
    assert contains(one_rule("read", until("2026-01-01")), one_rule("read", strange)).answer is (
        Answer.UNKNOWN
    )


def test_a_rule_of_no_kind_has_no_duties() -> None:
    assert duties_below(Rule(action=Action(ODRL + "read"))) == ()


# -- the meet of two policies -----------------------------------------------------------------


def test_the_meet_is_in_the_providers_words() -> None:
    rule = replace(
        training_offer(epsilon="02.50", end="2027-06-30T23:00:00+02:00").permissions[0],
        id="urn:consumer:rule",
    )
    named = tuple(replace(item, id=f"urn:consumer:{i}") for i, item in enumerate(rule.constraints))
    wish = replace(
        OFFER,
        id="urn:consumer:offer",
        permissions=(replace(rule, constraints=named),),
        metadata=(("http://purl.org/dc/terms/title", Iri("urn:consumer:text")),),
    )
    found = meet(OFFER, wish)
    assert found == replace(
        training_offer(epsilon="2.5", end="2027-06-30T21:00:00Z"), id="", metadata=()
    )
    assert "consumer" not in repr(found)


def test_reserve_lets_terms_past_the_offer_through() -> None:
    reserve = training_offer(epsilon="5")
    wish = training_offer(epsilon="4")
    assert not counter_offer(OFFER, wish).agreed
    found = counter_offer(OFFER, wish, reserve)
    assert found.agreed
    assert found.policy == replace(wish, id="")
    assert not counter_offer(OFFER, training_offer(epsilon="6"), reserve).agreed


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (one_rule("read"), one_rule("print")),
        (
            one_rule("read", purpose("AcademicResearch")),
            one_rule("read", purpose("Marketing")),
        ),
        (one_rule("read", until("2026-01-01")), one_rule("read", until("2027-01-01", "gt"))),
        (replace(READ, target=AssetRef("urn:a")), replace(READ, target=AssetRef("urn:b"))),
        (
            replace(READ, permissions=(replace(READ.permissions[0], target=AssetRef("urn:a")),)),
            replace(READ, permissions=(replace(READ.permissions[0], target=AssetRef("urn:b")),)),
        ),
    ],
)
def test_nothing_in_common(left: Policy, right: Policy) -> None:
    assert meet(left, right) is None
    assert meet(right, left) is None
