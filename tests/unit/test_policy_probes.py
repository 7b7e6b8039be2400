"""Wrong answers measured in other engines, each with the right one and its good twin.

Source of the table: what public engines answered when they were asked (odrl-evaluator, pyodre,
Prometheus-X json-odrl-manager). Each test is one line of it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Connective,
    Constraint,
    Decision,
    Duty,
    Facts,
    Iri,
    Knowledge,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Performed,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Request,
    Truth,
    evaluate,
)
from policies_odrl.evaluation.deontic import Effect
from policies_odrl.model import ODRL, XSD
from tests.support.policies import amount, name_is, one_rule, purpose, until

READ, USE = ODRL + "read", ODRL + "use"
ALICE, BOB, DATA = "urn:example:alice", "urn:example:bob", "urn:example:data"
ASK = Request(READ, ALICE, DATA)
DAY = Facts(now=datetime(2024, 2, 12, 11, 20, tzinfo=UTC))
MARKETING = purpose("Marketing", operator="eq")
BAN = Prohibition(action=Action(READ))


def aiming(name: str) -> Request:
    return replace(ASK, facts={ODRL + "purpose": purpose(name).right})


def banned(ban: Prohibition, conflict: Conflict | None = Conflict.PROHIBIT) -> Policy:
    return replace(one_rule("read"), prohibitions=(ban,), conflict=conflict)


def decide(policy: Policy, request: Request = ASK, facts: Facts = DAY) -> Decision:
    return evaluate(policy, request, facts)


# -- odrl-evaluator -------------------------------------------------------------------------


def test_none_of_marketing_without_a_purpose_is_not_granted() -> None:
    policy = one_rule("read", purpose("Marketing", operator="isNoneOf"))
    assert not decide(policy).granted
    assert decide(policy).missing == (ODRL + "purpose",)
    assert decide(policy, aiming("AcademicResearch")).granted


def test_not_knowing_the_purpose_does_not_lift_a_ban_on_marketing() -> None:
    policy = banned(replace(BAN, constraints=(MARKETING,)))
    assert not decide(policy).granted
    assert "cannot be ruled out" in decide(policy).reasons[0]
    assert decide(policy, aiming("AcademicResearch")).granted


def test_permission_and_prohibition_of_one_action_are_decided() -> None:
    outcomes = {strategy: decide(banned(BAN, strategy)) for strategy in (None, *Conflict)}
    assert {key: item.granted for key, item in outcomes.items()} == {
        None: False,
        Conflict.PERM: True,
        Conflict.PROHIBIT: False,
        Conflict.INVALID: False,
    }
    assert {key for key, item in outcomes.items() if item.void} == {None, Conflict.INVALID}


def test_a_permission_with_an_unfulfilled_duty_is_not_granted() -> None:
    duty = Duty(action=Action(ODRL + "compensate"))
    policy = replace(
        one_rule("read"), permissions=(Permission(action=Action(READ), duties=(duty,)),)
    )
    paid = replace(
        DAY, performed=(Performed(ODRL + "compensate", datetime(2024, 1, 1, tzinfo=UTC)),)
    )
    assert not decide(policy).granted
    assert decide(policy, ASK, paid).granted


def test_a_satisfied_refinement_of_the_action_grants() -> None:
    refined = Action(READ, (amount(ODRL + "percentage", "50"),))
    policy = replace(one_rule("read"), permissions=(Permission(action=refined),))
    stated = replace(ASK, facts={ODRL + "percentage": (50,)})
    assert decide(policy, stated).granted
    result = decide(policy, replace(ASK, facts={ODRL + "percentage": (51,)})).rules[0]
    assert (result.active, result.applies, result.effect) == (
        Truth.TRUE,
        Truth.FALSE,
        Effect.NOTHING,
    )
    assert (len(result.constraints), len(result.refinements)) == (0, 1)


def test_a_subclass_and_a_type_are_both_under_a_purpose() -> None:
    policy = one_rule("read", name_is(ODRL + "purpose", "urn:example:Study", "isA"))
    own = replace(ASK, facts={ODRL + "purpose": (Iri("urn:example:trial"),)})
    known = {"urn:example:trial": ("urn:example:Study",), "urn:example:Study": ()}
    assert decide(policy, own, replace(DAY, knowledge=Knowledge(broader=known))).granted
    deeper = {
        "urn:example:trial": ("urn:example:Trial",),
        "urn:example:Trial": ("urn:example:Study",),
    }
    assert decide(policy, own, replace(DAY, knowledge=Knowledge(broader=deeper))).granted
    assert not decide(policy, own).granted


def test_until_a_day_includes_that_day() -> None:
    assert decide(one_rule("read", until("2024-02-12"))).granted
    assert not decide(one_rule("read", until("2024-02-11"))).granted
    assert not decide(one_rule("read", until("2024-02-12", "lt"))).granted


def test_time_zones_choice_and_wider_actions_are_right() -> None:
    assert decide(one_rule("read", until("2024-02-12T13:20:00+02:00"))).granted
    assert not decide(one_rule("read", until("2024-02-12T13:19:59+02:00"))).granted
    either = LogicalConstraint(Connective.XONE, (purpose("Marketing"), purpose("AcademicResearch")))
    assert decide(one_rule("read", either), aiming("AcademicResearch")).granted
    assert not decide(one_rule("read", either)).granted
    assert decide(one_rule("use")).granted


def test_a_request_for_more_than_what_is_prohibited_is_refused_with_that_reason() -> None:
    policy = replace(one_rule("use"), prohibitions=(BAN,), conflict=Conflict.PROHIBIT)
    decision = decide(policy, replace(ASK, action=USE))
    assert not decision.granted
    assert "ask for less" in " ".join(decision.reasons)
    assert decide(policy, replace(ASK, action=ODRL + "print")).granted


# -- pyodre ---------------------------------------------------------------------------------


def test_a_lone_prohibition_grants_nothing() -> None:
    policy = Policy(kind=PolicyKind.SET, prohibitions=(BAN,))
    assert not decide(policy).granted
    assert not decide(policy, replace(ASK, action=ODRL + "print")).granted


def test_a_rule_with_an_iri_is_checked_like_any_other() -> None:
    named = Permission(action=Action(READ), id="urn:example:rule", constraints=(MARKETING,))
    policy = replace(one_rule("read"), permissions=(named,))
    assert not decide(policy, aiming("AcademicResearch")).granted
    assert decide(policy, aiming("Marketing")).granted


def test_of_two_rules_without_an_iri_one_that_holds_is_enough() -> None:
    met = Permission(action=Action(READ), constraints=(until("2025-01-01"),))
    unmet = Permission(action=Action(READ), constraints=(until("2020-01-01"),))
    for rules in ((met, unmet), (unmet, met)):
        assert decide(replace(one_rule("read"), permissions=rules)).granted
    assert not decide(replace(one_rule("read"), permissions=(unmet, unmet))).granted


def test_text_is_never_run() -> None:
    code = "__import__('os').abort()"
    for left, kind in (("count", "integer"), ("dateTime", "dateTime"), ("elapsedTime", "duration")):
        item = Constraint(ODRL + left, Operator.EQ, (Literal(code, XSD + kind),))
        stated = replace(ASK, facts={ODRL + left: (code,)})
        assert not decide(one_rule("read", item), stated).granted
    name = Constraint(ODRL + "recipient", Operator.EQ, (Literal(code),))
    assert decide(one_rule("read", name), replace(ASK, facts={ODRL + "recipient": (code,)})).granted


def test_what_made_another_engine_fail_is_evaluated() -> None:
    far = one_rule("read", until("2030-01-01T00:00:00Z"))
    once = one_rule("read", amount(ODRL + "count", "1"))
    one_of = one_rule("read", purpose("Marketing", "AcademicResearch"))
    assert decide(far).granted
    assert decide(once, replace(ASK, facts={ODRL + "count": (0,)})).granted
    assert decide(one_of, aiming("AcademicResearch")).granted
    assert not decide(one_of, aiming("ServiceProvision")).granted


# -- json-odrl-manager ----------------------------------------------------------------------


def test_a_permission_for_bob_is_not_one_for_anybody() -> None:
    policy = replace(one_rule("read"), assignee=PartyRef(BOB))
    assert not decide(policy, replace(ASK, assignee="")).granted
    assert not decide(policy).granted
    assert decide(policy, replace(ASK, assignee=BOB)).granted


def test_what_prohibits_use_prohibits_reading() -> None:
    assert not decide(banned(replace(BAN, action=Action(USE)))).granted
    assert decide(banned(replace(BAN, action=Action(ODRL + "print")))).granted


def test_lists_choice_typed_dates_and_strategies_are_known() -> None:
    dated = Constraint(ODRL + "dateTime", Operator.LTEQ, (Literal("2024-02-12", XSD + "date"),))
    both = LogicalConstraint(Connective.XONE, (dated, purpose("Marketing")))
    assert decide(
        one_rule("read", purpose("Marketing", "AcademicResearch")), aiming("Marketing")
    ).granted
    assert decide(one_rule("read", both), aiming("AcademicResearch")).granted
    assert not decide(one_rule("read", both), aiming("Marketing")).granted
    assert decide(banned(BAN, Conflict.PERM)).granted


def test_a_ban_with_two_conditions_of_which_one_is_false_is_lifted() -> None:
    ban = replace(BAN, constraints=(MARKETING, until("2025-01-01")))
    assert decide(banned(ban), aiming("AcademicResearch")).granted
    assert not decide(banned(ban), aiming("Marketing")).granted
    past = replace(ban, constraints=(MARKETING, until("2020-01-01")))
    assert decide(banned(past)).granted  # false and unknown is false


def test_a_target_of_somebody_else_is_not_meant() -> None:
    policy = replace(one_rule("read"), target=AssetRef(DATA))
    assert decide(policy).granted
    assert not decide(policy, replace(ASK, target=None)).granted
