"""Containment beyond one rule against one: proofs, witnesses, and facts that are missing."""

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
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Policy,
    Prohibition,
    contains,
)
from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.comparison.compare import GIVEN_UP, judge
from policies_odrl.comparison.rules import MAX_PAIRS, TOO_MANY
from policies_odrl.model import ODRL, XSD, Condition
from tests.support.policies import amount, name_is, one_rule, purpose

PERCENT = ODRL + "percentage"


def percent(value: str, operator: str = "lteq") -> Constraint:
    return amount(PERCENT, value, operator)


def either(*parts: Condition) -> LogicalConstraint:
    return LogicalConstraint(Connective.OR, parts)


def just_one(*parts: Condition) -> LogicalConstraint:
    return LogicalConstraint(Connective.XONE, parts)


def length(name: str, value: str, operator: str = "lteq") -> Constraint:
    return Constraint(ODRL + name, Operator(operator), (Literal(value, XSD + "duration"),))


def rules(*policies: Policy) -> Policy:
    """One policy with the permissions of several."""
    return replace(
        policies[0], permissions=tuple(rule for policy in policies for rule in policy.permissions)
    )


def banned(
    policy: Policy, action: str, *constraints: Condition, conflict: str = "prohibit"
) -> Policy:
    ban = Prohibition(action=Action(ODRL + action), constraints=constraints)
    return replace(policy, prohibitions=(*policy.prohibitions, ban), conflict=Conflict(conflict))


# -- the proof ------------------------------------------------------------------------------


def test_the_proof_names_rule_and_constraint_of_each_attribute() -> None:
    offer = one_rule("use", purpose("AcademicResearch"), percent("50"))
    asked = one_rule("read", percent("20"), purpose("AcademicResearch"), name_is("dpia", "urn:d"))
    found = contains(offer, asked)
    assert found.proof == (
        "/permission/0: action read within use (offer /permission/0)",
        (
            "/permission/0: purpose isAnyOf AcademicResearch; asked: purpose isAnyOf "
            "AcademicResearch (offer /permission/0)"
        ),
        "/permission/0: percentage lteq 50; asked: percentage lteq 20 (offer /permission/0)",
        "/permission/0: dpia eq urn:d; no limit (offer /permission/0)",
    )
    assert found.reasons == ()
    assert found.covered[0].said("fr") == (
        "L'offre, permission 1 : utiliser. Demandé : lire. Cela en fait partie."
    )
    assert "sets no limit on that" in found.covered[3].said("en")
    with pytest.raises(ValueError, match="not in"):
        found.covered[0].said("de")


def test_gaps_are_said_in_both_languages() -> None:
    whole = replace(
        banned(one_rule("read", percent("5")), "read", conflict="prohibit"),
        obligations=(Duty(action=Action(ODRL + "delete")),),
        target=AssetRef("urn:a"),
        assignee=PartyRef("urn:p"),
    )
    found = contains(whole, one_rule("read"))
    assert not found
    for lang, parts in {
        "en": ("prohibits: read", "obliges: delete", "urn:a", "nothing is said about it"),
        "fr": ("interdit : lire", "oblige : supprimer", "urn:p", "il n'en est rien dit"),
    }.items():
        told = " ".join(item.said(lang) for item in found.gaps)
        assert all(part in told for part in parts), told
    nothing = contains(replace(whole, permissions=()), one_rule("read"))
    assert nothing.gaps[0].said("en") == "Nothing is offered for permission 1."
    assert nothing.gaps[0].line == "/permission/0: nothing is offered"


def test_output_and_duties_are_attributes_too() -> None:
    pay = Duty(action=Action(ODRL + "compensate"), constraints=(amount(ODRL + "payAmount", "5"),))
    rule = replace(one_rule("read").permissions[0], output=AssetRef("urn:out"), duties=(pay,))
    offer = replace(one_rule("read"), permissions=(rule,))
    found = contains(offer, one_rule("read"))
    assert {item.attribute for item in found.gaps} == {"duty", "output"}
    assert contains(offer, offer)
    assert "pay (the amount" in found.gaps[0].said("en")


# -- several rules, and choices -------------------------------------------------------------


def test_each_case_of_a_choice_may_fall_under_another_rule() -> None:
    offer = rules(one_rule("read", percent("10")), one_rule("read", name_is("dpia", "urn:d")))
    wish = one_rule("read", either(percent("5"), name_is("dpia", "urn:d")))
    found = contains(offer, wish)
    assert found.answer is Answer.YES
    assert {item.rule for item in found.covered} == {"/permission/0", "/permission/1"}
    wider = one_rule("read", either(percent("50"), name_is("dpia", "urn:d")))
    assert contains(offer, wider).answer is Answer.NO
    assert contains(offer, one_rule("read", just_one(percent("5"), percent("7")))).answer is (
        Answer.YES
    )


# -- what is not known ----------------------------------------------------------------------


def test_values_of_one_kind_that_cannot_be_ordered_are_a_definite_refusal() -> None:
    months, days = length("elapsedTime", "P1M"), length("elapsedTime", "P30D")
    assert contains(one_rule("read", days), one_rule("read", months)).answer is Answer.NO
    local = Constraint("urn:shoe", Operator.LTEQ, (Literal("40", XSD + "integer"),))
    found = contains(one_rule("read", local), one_rule("read", local, percent("3")))
    assert found.answer is Answer.YES


def test_an_unproved_containment_has_no_proof() -> None:
    assert contains(one_rule("read", percent("5")), one_rule("read")).proof == ()
    assert contains(one_rule("read"), one_rule("read")).missing == ()


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"inherits": ("urn:parent",)}, "what `urn:parent` says"),
        ({"replaced_by": "urn:next"}, "what `urn:next` says, which replaces"),
        ({"profiles": ("urn:profile",)}, "what profile `urn:profile` means"),
    ],
)
def test_a_policy_that_decides_nothing_is_not_compared(
    change: dict[str, object], fact: str
) -> None:
    for offer, wish in (
        (one_rule("use"), replace(one_rule("read"), **change)),
        (replace(one_rule("use"), **change), one_rule("read")),
    ):
        found = contains(offer, wish)
        assert found.answer is Answer.UNKNOWN
        assert fact in found.missing[0]
        assert found.reasons == found.missing


# -- bounds ---------------------------------------------------------------------------------


def test_the_limit_of_the_work_is_named() -> None:
    many = replace(one_rule("read"), permissions=one_rule("read").permissions * (MAX_PAIRS + 1))
    assert contains(many, one_rule("read")).missing == (TOO_MANY,)
    choices = [
        either(*(percent(f"{column}{row}") for column in range(1, 9))) for row in range(10, 26)
    ]
    unsure = LogicalConstraint(Connective.XONE, (percent("7"), percent("9"), percent("11")))
    found = contains(one_rule("read", unsure), one_rule("read", *choices))
    assert not found
    if found.answer is Answer.UNKNOWN:
        assert found.missing == (GIVEN_UP,)


def test_a_comparison_without_steps_left_proves_nothing() -> None:
    spent = Proof(-1)
    assert spent.exhausted
    box = Box([percent(str(value)) for value in range(10)])
    assert not Proof(2).within(percent("99"), box)
    assert Proof(12).within(percent("99"), box)
    covered, gaps = judge(spent, one_rule("read"), one_rule("read"))
    assert covered == ()
    assert [item.line for item in gaps] == ["/permission/0: nothing is offered"]
    assert judge(Proof(), one_rule("read"), one_rule("read"))[1] == ()


def test_choices_are_ruled_out_part_by_part() -> None:
    prover, box = Proof(), Box([percent("5")])
    assert prover.refuted(either(percent("9", "gt"), percent("7", "gteq")), box)
    assert not prover.refuted(either(percent("9", "gt"), percent("3", "gteq")), box)
    assert prover.refuted(
        LogicalConstraint(Connective.AND, (percent("9", "gt"), percent("3"))), box
    )
    sequence = LogicalConstraint(
        Connective.AND_SEQUENCE, (length("delayPeriod", "P1D", "lt"), percent("9", "gt"))
    )
    assert prover.refuted(sequence, box)
    late = Box([length("delayPeriod", "P2D", "gteq")])
    assert not prover.refuted(replace(sequence, operands=sequence.operands[:1]), late)
    assert not Proof(0).refuted(percent("9", "gt"), box)
    assert not Proof(0).within(percent("9"), box)
