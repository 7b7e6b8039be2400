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
    Facts,
    Iri,
    Knowledge,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Policy,
    PolicyKind,
    Prohibition,
    contains,
    evaluate,
)
from policies_odrl.algebra.boxes import Box, Proof, disjoint
from policies_odrl.comparison.compare import GIVEN_UP, MAX_PAIRS, TOO_MANY, judge
from policies_odrl.model import ODRL, XSD, Condition
from policies_odrl.vocabulary import DPV, PREAU
from tests.support.policies import amount, name_is, one_rule, purpose, until

STUDY = "urn:example:study"
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


def test_two_rules_do_not_cover_a_request_that_claims_two_purposes_at_once() -> None:
    offer = rules(
        one_rule("read", purpose("AcademicResearch")), one_rule("read", purpose("Marketing"))
    )
    wish = one_rule("read", purpose("AcademicResearch", "Marketing"))
    found = contains(offer, wish)
    assert found.answer is Answer.NO
    assert found.witness is not None
    assert len(found.witness.facts[ODRL + "purpose"]) == 2
    assert contains(one_rule("read", purpose("AcademicResearch", "Marketing")), wish)


def test_exactly_one_is_shown_by_one_that_holds_and_others_that_cannot() -> None:
    offer = one_rule("read", just_one(percent("10"), percent("20", "gteq")))
    assert contains(offer, one_rule("read", percent("5")))
    assert contains(offer, one_rule("read", percent("30", "gteq")))
    assert not contains(offer, one_rule("read", percent("15")))
    assert not contains(offer, one_rule("read", name_is("dpia", "urn:d")))
    both = one_rule("read", just_one(percent("10"), percent("20")))
    assert not contains(both, one_rule("read", percent("5")))


def test_a_sequence_gives_its_parts_except_a_delay_within_it() -> None:
    steps = (length("delayPeriod", "P1D", "gteq"), percent("5"))
    ordered = one_rule("read", LogicalConstraint(Connective.AND_SEQUENCE, steps))
    assert contains(one_rule("read", percent("5")), ordered)
    assert not contains(one_rule("read", steps[0]), ordered)
    assert contains(ordered, ordered)
    assert not contains(ordered, one_rule("read", *steps))


def test_a_count_that_starts_elsewhere_is_another_count() -> None:
    def uses(value: str, start: str | None) -> Constraint:
        status = Literal(start, XSD + "integer") if start else None
        return Constraint(
            ODRL + "count", Operator.LTEQ, (Literal(value, XSD + "integer"),), status=status
        )

    assert contains(one_rule("read", uses("5", "2")), one_rule("read", uses("4", "2")))
    assert not contains(one_rule("read", uses("5", "2")), one_rule("read", uses("4", None)))
    assert not disjoint([uses("4", None), amount(ODRL + "count", "6", "gteq"), uses("9", "2")][::2])


# -- prohibitions ---------------------------------------------------------------------------


def test_a_prohibition_is_avoided_only_by_what_makes_it_false() -> None:
    offer = banned(one_rule("read"), "read", purpose("Marketing"))
    assert contains(offer, one_rule("read", purpose("AcademicResearch")))
    assert not contains(offer, one_rule("read"))
    assert contains(offer, one_rule("read", purpose("Purpose"))).answer is Answer.NO
    # both conditions of the prohibition cannot hold together, but nobody stated the value
    never = banned(one_rule("read"), "read", percent("5", "lt"), percent("9", "gt"))
    assert not contains(never, one_rule("read"))
    assert evaluate(never, contains(never, one_rule("read")).witness, Facts()).granted is False


def test_each_case_of_a_choice_may_avoid_a_prohibition_by_another_condition() -> None:
    offer = banned(one_rule("read"), "read", percent("50", "gt"), until("2026-01-01", "gt"))
    wish = one_rule("read", either(percent("20"), until("2025-01-01", "lteq")))
    assert contains(offer, wish)
    assert not contains(offer, one_rule("read", either(percent("20"), until("2027-01-01"))))


def test_what_a_request_prohibits_itself_is_taken_from_what_it_asks() -> None:
    offer = one_rule("read", percent("50"))
    assert contains(offer, banned(one_rule("read"), "use", percent("50", "gt")))
    assert not contains(offer, banned(one_rule("read"), "use", percent("60", "gt")))
    assert not contains(
        offer, banned(one_rule("read"), "use", percent("50", "gt"), conflict="perm")
    )
    two = banned(one_rule("read"), "use", percent("50", "gt"), name_is("dpia", "urn:d", "neq"))
    assert not contains(offer, two)
    assert contains(rules(offer, one_rule("read", name_is("dpia", "urn:d"))), two)
    assert contains(one_rule("print"), banned(one_rule("read"), "read"))
    for low, within in (("50", True), ("55", False)):
        more = banned(one_rule("read"), "use", either(percent(low, "gt"), percent("60", "gt")))
        assert bool(contains(offer, more)) is within


def test_a_prohibition_of_the_request_must_fall_only_with_the_offers() -> None:
    both = (percent("5", "gteq"), percent("5"))
    offer = banned(one_rule("use"), "read", *both)
    assert not contains(offer, banned(one_rule("use"), "read", percent("5", "eq")))
    assert contains(offer, banned(one_rule("use"), "read", both[0]))
    assert contains(offer, banned(one_rule("use"), "read", percent("3", "gteq")))
    assert not contains(offer, banned(one_rule("use"), "read", percent("7", "gteq")))
    assert contains(offer, banned(one_rule("use"), "read", either(*both)))  # each value is banned
    narrower = either(percent("6", "gteq"), percent("4"))
    assert not contains(offer, banned(one_rule("use"), "read", narrower))


def test_a_prohibition_of_an_action_that_two_actions_include_is_related() -> None:
    known = Knowledge(actions={"urn:both": (ODRL + "play", ODRL + "print")})
    offer = banned(one_rule("use"), "print")
    assert contains(offer, one_rule("play"))
    assert not contains(offer, one_rule("play"), known)
    assert contains(offer, one_rule("archive"), known)


# -- references -----------------------------------------------------------------------------


def aimed(target: AssetRef | None) -> Policy:
    return replace(one_rule("read"), target=target)


def test_a_choice_out_of_a_collection_is_within_it() -> None:
    whole = AssetRef("urn:c", collection=True)
    chosen = AssetRef("", collection=True, source="urn:c", refinements=(percent("5"),))
    wider = replace(chosen, refinements=(percent("9"),))
    assert contains(aimed(whole), aimed(chosen))
    assert contains(aimed(wider), aimed(chosen))
    assert not contains(aimed(chosen), aimed(wider))
    assert not contains(aimed(chosen), aimed(whole))
    assert not contains(aimed(whole), aimed(replace(chosen, id="urn:d")))
    assert not contains(aimed(whole), aimed(None))


def test_membership_that_nobody_knows_is_the_missing_fact() -> None:
    found = contains(aimed(AssetRef("urn:c", collection=True)), aimed(AssetRef("urn:x")))
    assert found.answer is Answer.UNKNOWN
    assert found.missing == ("whether `urn:x` belongs to target urn:c",)
    assert found.witness is None
    party = replace(one_rule("read"), assignee=PartyRef("urn:g", collection=True))
    one = replace(one_rule("read"), assignee=PartyRef("urn:p"))
    assert contains(party, one).missing == ("whether `urn:p` belongs to assignee urn:g",)


# -- what is not known ----------------------------------------------------------------------


def test_a_purpose_that_no_hierarchy_knows_is_the_missing_fact() -> None:
    offer, wish = one_rule("read", purpose("AcademicResearch")), one_rule("read", purpose(STUDY))
    found = contains(offer, wish)
    assert found.answer is Answer.UNKNOWN
    assert found.missing == (f"how `{STUDY}` relates to purpose isAnyOf AcademicResearch",)
    under = Knowledge(broader={STUDY: (DPV + "AcademicResearch",)})
    assert contains(offer, wish, under).answer is Answer.YES
    beside = Knowledge(broader={STUDY: (DPV + "Marketing",)})
    assert contains(offer, wish, beside).answer is Answer.NO


def test_a_prohibition_that_may_be_meant_is_a_missing_fact() -> None:
    offer = banned(one_rule("read"), "read", purpose("Marketing"))
    found = contains(offer, one_rule("read", purpose(STUDY)))
    assert found.answer is Answer.UNKNOWN
    assert STUDY in found.missing[0]
    harder = banned(offer, "read", percent("50", "lteq"))
    wish = one_rule("read", purpose(STUDY), percent("40"))
    assert contains(harder, wish).answer is Answer.NO  # whatever the purpose is


def test_a_reference_and_an_event_may_be_missing() -> None:
    linked = Constraint(PERCENT, Operator.LTEQ, (), reference=("urn:limit",))
    assert contains(one_rule("read", linked), one_rule("read", percent("5"))).missing == (
        "what `urn:limit` refers to",
    )
    after = Constraint(ODRL + "event", Operator.GT, (Iri("urn:exam"),))
    then = Constraint(ODRL + "event", Operator.EQ, (Iri("urn:party"),))
    found = contains(one_rule("read", after), one_rule("read", then))
    assert found.missing == ("when `urn:party` takes place",)


def test_values_of_one_kind_that_cannot_be_ordered_are_a_definite_refusal() -> None:
    months, days = length("elapsedTime", "P1M"), length("elapsedTime", "P30D")
    assert contains(one_rule("read", days), one_rule("read", months)).answer is Answer.NO
    local = Constraint("urn:shoe", Operator.LTEQ, (Literal("40", XSD + "integer"),))
    found = contains(one_rule("read", local), one_rule("read", local, percent("3")))
    assert found.answer is Answer.YES


def test_witnesses_with_several_values_and_with_very_long_times() -> None:
    both = purpose("AcademicResearch", "Marketing", operator="isAllOf")
    found = contains(one_rule("read", purpose("AcademicResearch")), one_rule("read", both))
    assert found.answer is Answer.NO
    assert found.witness is not None
    assert len(found.witness.facts[ODRL + "purpose"]) == 2
    ages = length("elapsedTime", "P999999Y999999999D", "gteq")
    found = contains(one_rule("read", percent("5")), one_rule("read", ages))
    assert found.answer is Answer.NO


def test_an_unproved_containment_has_no_proof() -> None:
    assert contains(one_rule("read", percent("5")), one_rule("read")).proof == ()
    assert contains(one_rule("read"), one_rule("read")).missing == ()


def test_left_operands_and_levels_from_knowledge_are_compared() -> None:
    from policies_odrl.vocabulary import ALLOWED, Kind, Operand  # noqa: PLC0415

    size = Operand("urn:size", Kind.NUMBER, ALLOWED[Kind.NUMBER])
    known = Knowledge(operands={"urn:size": size})
    assert contains(
        one_rule("read", amount("urn:size", "5")), one_rule("read", amount("urn:size", "4")), known
    )
    found = contains(
        one_rule("read", amount("urn:size", "4")), one_rule("read", amount("urn:size", "5")), known
    )
    assert found.answer is Answer.NO
    level = Constraint(PREAU + "protectionLevel", Operator.GTEQ, (Iri(PREAU + "Aggregated"),))
    low = replace(level, right=(Iri(PREAU + "Raw"),))
    assert contains(one_rule("read", low), one_rule("read", level))
    assert contains(one_rule("read", level), one_rule("read", low)).answer is Answer.NO


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


def test_an_agreement_that_names_nobody_offers_nothing() -> None:
    agreement = replace(one_rule("read"), kind=PolicyKind.AGREEMENT)
    assert contains(agreement, one_rule("read")).answer is Answer.NO
    bound = replace(agreement, assignee=PartyRef("urn:p"))
    assert contains(bound, replace(one_rule("read"), assignee=PartyRef("urn:p")))


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
