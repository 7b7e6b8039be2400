"""Containment, equality of meaning and narrowing, on the contract of the main job and around it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies_odrl import (
    Action,
    Answer,
    AssetRef,
    Conflict,
    Connective,
    Constraint,
    Duty,
    Iri,
    LogicalConstraint,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    contains,
    evaluate,
    same_meaning,
)
from policies_odrl.algebra.boxes import Proof
from policies_odrl.comparison.compare import MAX_PAIRS
from policies_odrl.comparison.narrow import MAX_RULES, meet, narrow
from policies_odrl.comparison.witness import at_its_time
from policies_odrl.evaluation.request import Facts
from policies_odrl.model import ODRL, Condition, Rule, duties_below
from policies_odrl.vocabulary import PREAU
from tests.support.policies import (
    EDUCATION,
    agreed,
    amount,
    name_is,
    one_rule,
    purpose,
    training_offer,
    training_terms,
    until,
)

OFFER = training_offer()


def with_terms(*constraints: Condition, policy: Policy = OFFER) -> Policy:
    return replace(policy, permissions=(replace(policy.permissions[0], constraints=constraints),))


def without(name: str) -> Policy:
    return with_terms(*(item for item in training_terms() if not item.left.endswith(name)))


INSIDE: dict[str, Policy] = {
    "as offered": OFFER,
    "less budget": training_offer(epsilon="2.5"),
    "smaller delta": training_offer(delta="0.000001"),
    "fewer rows": training_offer(rows="2"),
    "more sites": training_offer(sites="5"),
    "sooner end": training_offer(end="2026-12-31T00:00:00Z"),
    "narrower purpose": training_offer(purposes=(EDUCATION + "ResearchManagement",)),
    "another order": with_terms(*reversed(training_terms())),
    "joined by and": with_terms(LogicalConstraint(Connective.AND, training_terms())),
    "one more condition": with_terms(*training_terms(), name_is(ODRL + "recipient", "urn:a")),
    "two narrower rules": replace(
        OFFER,
        permissions=(
            *training_offer(epsilon="1").permissions,
            *training_offer(rows="1").permissions,
        ),
    ),
    "either of two narrower budgets": with_terms(
        *without("epsilon").permissions[0].constraints,
        LogicalConstraint(Connective.OR, (amount("epsilon", "1"), amount("epsilon", "2"))),
    ),
    "for one party": replace(OFFER, assignee=PartyRef("urn:a")),
    "with a prohibition of its own": replace(
        OFFER, prohibitions=(Prohibition(action=Action(ODRL + "sell")),)
    ),
    "class request": replace(OFFER, kind=PolicyKind.REQUEST),
}
OUTSIDE: dict[str, tuple[Policy, str]] = {
    "more budget": (training_offer(epsilon="3.0001"), "epsilon lteq 3; asked: epsilon lteq 3.0001"),
    "larger delta": (training_offer(delta="0.001"), "delta"),
    "more rows": (training_offer(rows="5"), "rowsPerPerson"),
    "fewer sites": (training_offer(sites="2"), "minimumSites"),
    "later end": (training_offer(end="2027-06-30T22:00:01Z"), "dateTime"),
    "wider purpose": (training_offer(purposes=("ResearchAndDevelopment",)), "purpose"),
    "other purpose": (training_offer(purposes=("Marketing",)), "purpose"),
    "one purpose more": (training_offer(purposes=("AcademicResearch", "Marketing")), "purpose"),
    "no budget stated": (without("epsilon"), "epsilon lteq 3; asked: not stated"),
    "no membership stated": (without("membership"), "membership"),
    "another space": (
        with_terms(
            *without("membership").permissions[0].constraints,
            name_is("membership", "did:web:other.example"),
        ),
        "membership",
    ),
    "wider action": (
        replace(OFFER, permissions=(replace(OFFER.permissions[0], action=Action(ODRL + "use")),)),
        "action use",
    ),
    "another action": (
        replace(OFFER, permissions=(replace(OFFER.permissions[0], action=Action(ODRL + "sell")),)),
        "action sell",
    ),
    "one rule more": (
        replace(OFFER, permissions=(*OFFER.permissions, *one_rule("read").permissions)),
        "/permission/1",
    ),
    "one budget of two too large": (
        with_terms(
            *without("epsilon").permissions[0].constraints,
            LogicalConstraint(Connective.OR, (amount("epsilon", "1"), amount("epsilon", "9"))),
        ),
        "epsilon",
    ),
}


@pytest.mark.parametrize("name", INSIDE)
def test_inside(name: str) -> None:
    found = contains(OFFER, INSIDE[name])
    assert found.answer is Answer.YES, found.reasons
    assert found
    assert found.proof
    assert not found.reasons
    assert found.witness is None


@pytest.mark.parametrize("name", OUTSIDE)
def test_outside_with_a_witness(name: str) -> None:
    wish, part = OUTSIDE[name]
    found = contains(OFFER, wish)
    assert found.answer is Answer.NO
    assert not found
    assert any(part in reason for reason in found.reasons), found.reasons
    assert found.witness is not None
    then = at_its_time(found.witness, Facts())
    assert evaluate(wish, found.witness, then, tentative=True).granted
    assert not evaluate(OFFER, found.witness, then, tentative=True).granted


def test_nothing_asked_is_inside_and_nothing_offered_contains_nothing() -> None:
    nothing = replace(OFFER, permissions=())
    assert contains(OFFER, nothing)
    assert contains(nothing, OFFER).answer is Answer.NO


READ = one_rule("read")
SELL_BANNED = replace(one_rule("use"), prohibitions=(Prohibition(action=Action(ODRL + "read")),))


def test_a_prohibition_of_the_offer_must_be_kept_or_avoided() -> None:
    assert contains(SELL_BANNED, READ).answer is Answer.NO
    assert contains(SELL_BANNED, one_rule("use")).answer is Answer.NO
    assert contains(SELL_BANNED, one_rule("print"))
    kept = replace(READ, prohibitions=SELL_BANNED.prohibitions)
    assert contains(SELL_BANNED, kept)
    wider = replace(READ, prohibitions=(Prohibition(action=Action(ODRL + "use")),))
    assert contains(SELL_BANNED, wider)
    assert not contains(SELL_BANNED, replace(kept, conflict=Conflict.PERM))
    assert contains(replace(SELL_BANNED, conflict=Conflict.PERM), READ)


def test_a_prohibition_of_another_target_or_by_excluded_values_is_avoided() -> None:
    def banned(*constraints: Constraint, target: str = "") -> Policy:
        ban = Prohibition(
            action=Action(ODRL + "read"),
            constraints=constraints,
            target=AssetRef(target) if target else None,
        )
        return replace(READ, prohibitions=(ban,))

    at = replace(READ, target=AssetRef("urn:a"))
    assert contains(banned(target="urn:b"), at)
    assert not contains(banned(target="urn:a"), at)
    assert contains(banned(until("2026-01-01", "gt")), one_rule("read", until("2025-12-31")))
    assert not contains(banned(until("2026-01-01", "gt")), READ)
    collection = replace(at, target=AssetRef("urn:c", collection=True))
    assert not contains(banned(target="urn:b"), collection)


def test_a_prohibition_is_kept_by_a_wider_one_of_the_same_terms_only() -> None:
    ban = Prohibition(action=Action(ODRL + "read"), constraints=(until("2026-01-01", "gt"),))
    offer = replace(READ, prohibitions=(ban,))
    wider = replace(ban, constraints=(until("2025-01-01", "gt"),))
    narrower = replace(ban, constraints=(until("2027-01-01", "gt"),))
    elsewhere = replace(ban, target=AssetRef("urn:a"))
    remedied = replace(wider, remedies=(Duty(action=Action(ODRL + "delete")),))
    assert contains(offer, replace(READ, prohibitions=(wider,)))
    assert not contains(offer, replace(READ, prohibitions=(narrower,)))
    assert not contains(offer, replace(READ, prohibitions=(elsewhere,)))
    assert not contains(offer, replace(READ, prohibitions=(remedied,)))


def test_duties_and_obligations_of_the_offer_must_be_accepted() -> None:
    pay = Duty(action=Action(ODRL + "compensate"))
    offer = replace(
        READ, permissions=(replace(READ.permissions[0], duties=(pay,)),), obligations=(pay,)
    )
    assert contains(offer, offer)
    assert not contains(offer, READ)
    assert contains(READ, replace(offer, obligations=()))
    assert not contains(replace(READ, obligations=(pay,)), READ)


def test_party_functions_and_outputs_of_the_offer_must_be_the_same() -> None:
    told = ((ODRL + "informedParty", PartyRef("urn:a")),)
    offer = replace(READ, permissions=(replace(READ.permissions[0], functions=told),))
    assert contains(offer, offer)
    assert not contains(offer, READ)


def test_a_rule_for_one_party_does_not_contain_a_rule_for_all() -> None:
    mine = replace(READ, assignee=PartyRef("urn:a"))
    assert contains(mine, mine)
    assert contains(mine, READ).answer is Answer.NO
    assert contains(mine, replace(READ, assignee=PartyRef("urn:b"))).answer is Answer.NO


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
        assert narrow(offer, wish) is None
    steps = Proof(10)
    many = [amount(ODRL + "percentage", str(value)) for value in range(20)]
    assert not steps.follows(many[0], many)
    assert Proof().follows(many[0], many)


@pytest.mark.parametrize(
    ("offered", "asked"),
    [
        (
            replace(amount(ODRL + "payAmount", "5"), unit="urn:eur"),
            replace(amount(ODRL + "payAmount", "6"), unit="urn:eur"),
        ),
        (until("0001-01-02T00:00:00Z"), until("0001-01-01T00:00:00Z", "gteq")),
        (until("9999-12-31T23:59:59Z", "lt"), until("9999-12-31T23:59:59Z")),
        (amount(ODRL + "percentage", "0", "gt"), amount(ODRL + "percentage", "0", "gteq")),
        (name_is(ODRL + "recipient", "urn:a"), name_is(ODRL + "recipient", "urn:b", "neq")),
        (
            purpose("AcademicResearch", operator="isNoneOf"),
            purpose("Marketing", operator="isNoneOf"),
        ),
    ],
)
def test_witness_at_the_edges(offered: Constraint, asked: Constraint) -> None:
    found = contains(one_rule("read", offered), one_rule("read", asked))
    assert found.answer is Answer.NO
    assert found.witness is not None


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


def test_an_alternative_of_the_offer_is_met_by_one_of_its_parts() -> None:
    parts = (purpose("AcademicResearch"), amount(ODRL + "percentage", "5"))
    either = one_rule("read", LogicalConstraint(Connective.OR, parts))
    both = LogicalConstraint(Connective.AND_SEQUENCE, parts)
    nested = LogicalConstraint(Connective.OR, (LogicalConstraint(Connective.AND, parts), both))
    for part in parts:
        assert contains(either, one_rule("read", part))
    assert contains(either, one_rule("read", both))
    assert contains(one_rule("read", *parts), one_rule("read", nested))
    assert contains(one_rule("read", nested), one_rule("read", *parts))
    assert not contains(one_rule("read", nested), one_rule("read", parts[0]))
    assert not contains(one_rule("read", *parts), either)
    assert not contains(either, READ)


def test_a_rule_of_no_kind_has_no_duties() -> None:
    assert duties_below(Rule(action=Action(ODRL + "read"))) == ()


# -- same meaning ---------------------------------------------------------------------------


SAME: dict[str, Policy] = {
    "itself": OFFER,
    "another order": with_terms(*reversed(training_terms())),
    "another spelling of numbers": training_offer(epsilon="3.00", delta="+.0000100", rows="4.0"),
    "another zone": training_offer(end="2027-07-01T00:00:00+02:00"),
    "other identifiers": replace(OFFER, id="urn:other"),
    "agreed": agreed(OFFER),
    "isA for one value": with_terms(
        *without("purpose").permissions[0].constraints,
        purpose("AcademicResearch", operator="isA"),
    ),
    "a condition twice": with_terms(*training_terms(), training_terms()[0]),
    "a looser condition beside": with_terms(*training_terms(), amount("epsilon", "7")),
    "joined by and": with_terms(LogicalConstraint(Connective.AND, training_terms())),
}


@pytest.mark.parametrize("name", SAME)
def test_same_meaning(name: str) -> None:
    assert same_meaning(OFFER, SAME[name])
    assert same_meaning(SAME[name], OFFER)


@pytest.mark.parametrize("name", OUTSIDE)
def test_not_same_meaning(name: str) -> None:
    assert not same_meaning(OFFER, OUTSIDE[name][0])
    assert not same_meaning(OUTSIDE[name][0], OFFER)


def test_parties_and_target_that_both_name_must_be_the_same() -> None:
    contract = agreed(OFFER)
    assert not same_meaning(contract, replace(contract, target=AssetRef("urn:other")))
    assert not same_meaning(contract, replace(contract, assigner=PartyRef("did:web:eve.example")))
    assert not same_meaning(contract, replace(contract, assignee=PartyRef("did:web:eve.example")))


def test_prohibitions_obligations_and_strategy_are_part_of_the_meaning() -> None:
    duty = Duty(action=Action(ODRL + "delete"))
    ban = Prohibition(action=Action(ODRL + "sell"))
    banned = replace(OFFER, prohibitions=(ban,))
    assert not same_meaning(OFFER, banned)
    assert not same_meaning(banned, replace(banned, conflict=Conflict.PERM))
    assert not same_meaning(banned, replace(banned, conflict=None))
    assert not same_meaning(banned, replace(banned, prohibitions=(replace(ban, remedies=(duty,)),)))
    assert not same_meaning(OFFER, replace(OFFER, obligations=(duty,)))
    assert same_meaning(OFFER, replace(OFFER, conflict=None))  # nothing to be in conflict


# -- narrowing ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", INSIDE)
def test_narrowed_terms_lie_within_both(name: str) -> None:
    found = narrow(OFFER, INSIDE[name])
    assert found is not None
    assert found.kind is PolicyKind.OFFER
    assert found.id == ""
    assert contains(OFFER, found)
    assert contains(INSIDE[name], replace(found, assignee=INSIDE[name].assignee))


@pytest.mark.parametrize("name", OUTSIDE)
def test_terms_outside_are_not_narrowed(name: str) -> None:
    assert narrow(OFFER, OUTSIDE[name][0]) is None


def test_narrowed_terms_are_in_the_providers_words() -> None:
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
    found = narrow(OFFER, wish)
    assert found == replace(
        training_offer(epsilon="2.5", end="2027-06-30T21:00:00Z"), id="", metadata=()
    )
    assert "consumer" not in repr(found)


def test_reserve_lets_terms_past_the_offer_through() -> None:
    reserve = training_offer(epsilon="5")
    wish = training_offer(epsilon="4")
    assert narrow(OFFER, wish) is None
    assert narrow(OFFER, wish, reserve) == replace(wish, id="")
    assert narrow(OFFER, training_offer(epsilon="6"), reserve) is None


def test_meet_is_the_greatest_common_offer() -> None:
    found = meet(training_offer(epsilon="3", sites="5"), training_offer(epsilon="8", rows="1"))
    assert found == replace(training_offer(epsilon="3", sites="5", rows="1"), id="")


def test_purposes_meet_at_what_is_under_both() -> None:
    left = one_rule("read", purpose("ResearchAndDevelopment", "Marketing"))
    right = one_rule("read", purpose("CommercialPurpose"))
    found = meet(left, right)
    assert found is not None
    assert found.permissions[0].constraints == (purpose("CommercialResearch"),)


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
        (replace(READ, permissions=READ.permissions * (MAX_RULES + 1)), READ),
    ],
)
def test_nothing_in_common(left: Policy, right: Policy) -> None:
    assert meet(left, right) is None
    assert meet(right, left) is None


def test_the_narrower_action_is_kept() -> None:
    found = meet(one_rule("read"), one_rule("use"))
    assert found == replace(one_rule("read", kind="Offer"), id="")
    assert meet(one_rule("use"), one_rule("read")) == found
    assert meet(one_rule("write"), one_rule("use")) == replace(
        one_rule("modify", kind="Offer"), id=""
    )


def test_refined_actions_meet_in_their_refinements() -> None:
    def refined(value: str) -> Policy:
        rule = READ.permissions[0]
        action = replace(rule.action, refinements=(amount(ODRL + "percentage", value),))
        return replace(READ, permissions=(replace(rule, action=action),))

    found = meet(refined("50"), refined("20"))
    assert found is not None
    assert found.permissions[0].action.refinements == (amount(ODRL + "percentage", "20"),)
    apart = replace(
        refined("50"),
        permissions=(
            Permission(
                action=refined("50").permissions[0].action,
                constraints=(amount(ODRL + "percentage", "60", "gteq"),),
            ),
        ),
    )
    assert meet(apart, READ) is None


def test_prohibitions_and_duties_of_both_are_kept() -> None:
    ban, pay = Prohibition(action=Action(ODRL + "sell")), Duty(action=Action(ODRL + "compensate"))
    mine = replace(OFFER, prohibitions=(ban,))
    other = replace(
        OFFER,
        prohibitions=(ban, Prohibition(action=Action(ODRL + "print"))),
        obligations=(pay,),
        conflict=Conflict.PERM,
    )
    found = meet(mine, other)
    assert found is not None
    assert len(found.prohibitions) == 2
    assert found.obligations == (pay,)
    assert found.conflict is Conflict.PROHIBIT
    assert meet(replace(mine, conflict=Conflict.PERM), other).conflict is Conflict.PERM
    strict = meet(replace(mine, conflict=Conflict.PERM), replace(other, conflict=None))
    assert strict is not None
    assert strict.conflict is None


def test_unknown_names_stay_as_they_are() -> None:
    left = one_rule("read", purpose("urn:x:study"), name_is(PREAU + "membership", "urn:a"))
    found = meet(left, left)
    assert found is not None
    assert found.permissions[0].constraints == left.permissions[0].constraints
