"""Findings: each with its path, a sentence and a fix, in both languages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies_odrl import (
    Action,
    AssetRef,
    Condition,
    Conflict,
    Connective,
    Constraint,
    Duty,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Policy,
    PolicyKind,
    Prohibition,
    Severity,
    validate,
)
from policies_odrl.findings import TABLE
from policies_odrl.model import ODRL, XSD
from policies_odrl.validate import MAX_COMPARED
from policies_odrl.vocabulary import DPV, PREAU
from tests.support.policies import (
    agreed,
    amount,
    name_is,
    one_rule,
    purpose,
    training_offer,
    training_terms,
    until,
)

READ = one_rule("read")
RULE = READ.permissions[0]
AGREED = agreed(training_offer())


def duty(action: str, *constraints: Condition) -> Policy:
    rule = Duty(action=Action(ODRL + action), constraints=constraints)
    return replace(READ, permissions=(replace(RULE, duties=(rule,)),))


def literal(kind: str, value: str) -> Literal:
    return Literal(value, XSD + kind)


C0 = "/permission/0/constraint/0"
FOUND: dict[str, tuple[Policy, str]] = {
    "no-rule": (replace(READ, permissions=()), ""),
    "only-obligation": (
        replace(READ, permissions=(), obligations=(Duty(action=Action(ODRL + "inform")),)),
        "",
    ),
    "no-identifier": (replace(READ, id=""), ""),
    "missing-target": (replace(AGREED, target=None), "/permission/0"),
    "missing-assigner": (replace(AGREED, assigner=None), "/permission/0"),
    "missing-assignee": (replace(AGREED, assignee=None), "/permission/0"),
    "offer-without-assigner": (training_offer(), ""),
    "mixed-without-conflict": (
        replace(READ, prohibitions=(Prohibition(action=Action(ODRL + "sell")),)),
        "",
    ),
    "undeclared-profile": (replace(training_offer(), profiles=()), "/permission/0/action"),
    "unknown-profile": (replace(READ, profiles=("https://example.org/p",)), "/profile"),
    "unknown-operand": (
        one_rule("read", Constraint("urn:x:purposes", Operator.EQ, (Iri("urn:a"),))),
        C0,
    ),
    "unknown-action": (one_rule("urn:x:reading"), "/permission/0/action"),
    "unknown-purpose": (one_rule("read", purpose("AcademicReserach")), C0),
    "deprecated-term": (one_rule("write"), "/permission/0/action"),
    "operator-without-meaning": (
        one_rule("read", amount(ODRL + "percentage", "5", "isA")),
        C0,
    ),
    "unusual-operator": (
        one_rule("read", amount("epsilon", "5", "gteq"), amount("delta", "1")),
        C0,
    ),
    "several-values": (
        one_rule(
            "read",
            Constraint(
                ODRL + "purpose", Operator.EQ, (Iri(DPV + "Marketing"), Iri(DPV + "Advertising"))
            ),
        ),
        C0,
    ),
    "wrong-datatype": (one_rule("read", amount(ODRL + "percentage", "much")), C0),
    "time-without-zone": (one_rule("read", until("2026-01-01T00:00:00")), C0),
    "date-is-a-day": (one_rule("read", until("2026-01-01")), C0),
    "unit-missing": (one_rule("read", amount(ODRL + "payAmount", "5")), C0),
    "eq-on-class": (one_rule("read", purpose("Marketing", operator="eq")), C0),
    "none-of-alone": (one_rule("read", purpose("Marketing", operator="isNoneOf")), "/permission/0"),
    "epsilon-without-delta": (one_rule("read", amount("epsilon", "3")), "/permission/0"),
    "unsatisfiable": (
        one_rule("read", until("2026-01-01"), until("2027-01-01", "gt")),
        "/permission/0",
    ),
    "redundant": (one_rule("read", purpose("Marketing"), purpose("Advertising")), C0),
    "shadowed": (
        replace(READ, permissions=(RULE, *one_rule("read", purpose("Marketing")).permissions)),
        "/permission/1",
    ),
    "never-usable": (
        replace(
            one_rule("read", purpose("Advertising")),
            prohibitions=(
                Prohibition(
                    action=Action(ODRL + "use"), constraints=(purpose("Marketing", operator="isA"),)
                ),
            ),
        ),
        "/permission/0",
    ),
    "duty-without-deadline": (duty("delete"), "/permission/0/duty/0"),
    "sequence-undecidable": (
        one_rule("read", LogicalConstraint(Connective.AND_SEQUENCE, (purpose("Marketing"),))),
        C0,
    ),
    "unresolved-inheritance": (replace(READ, inherits=("urn:parent",)), "/odrl:inheritFrom"),
    "too-large": (replace(READ, permissions=(RULE,) * (MAX_COMPARED + 1)), ""),
}


def test_every_finding_of_the_table_is_tried() -> None:
    assert set(FOUND) == set(TABLE)


@pytest.mark.parametrize("code", FOUND)
def test_found_with_path_sentence_and_fix(code: str) -> None:
    policy, path = FOUND[code]
    found = [item for item in validate(policy) if item.code == code]
    assert found
    assert found[0].path == path
    assert found[0].sentence
    assert found[0].fix
    french = next(item for item in validate(policy, "fr") if item.code == code)
    assert french.path == path
    assert french.severity is found[0].severity
    assert french.sentence != found[0].sentence


NOT_FOUND: dict[str, Policy] = {
    "only-obligation": replace(READ, obligations=(Duty(action=Action(ODRL + "inform")),)),
    "missing-target": AGREED,
    "missing-assigner": AGREED,
    "missing-assignee": AGREED,
    "offer-without-assigner": replace(training_offer(), assigner=PartyRef("urn:a")),
    "mixed-without-conflict": replace(
        READ,
        prohibitions=(Prohibition(action=Action(ODRL + "sell")),),
        conflict=Conflict.PROHIBIT,
    ),
    "undeclared-profile": training_offer(),
    "unknown-purpose": training_offer(),
    "unusual-operator": training_offer(),
    "several-values": one_rule("read", purpose("Marketing", "AcademicResearch")),
    "time-without-zone": one_rule("read", until("2026-01-01T00:00:00-05:00")),
    "date-is-a-day": one_rule("read", until("2026-01-01T00:00:00Z")),
    "unit-missing": one_rule("read", replace(amount(ODRL + "payAmount", "5"), unit="urn:eur")),
    "eq-on-class": one_rule(
        "read", purpose("Advertising", operator="isA"), purpose("AgeVerification", operator="eq")
    ),
    "none-of-alone": one_rule(
        "read", purpose("Marketing", operator="isNoneOf"), purpose("Purpose", operator="isA")
    ),
    "redundant": training_offer(),
    "shadowed": replace(READ, permissions=(RULE, *one_rule("print").permissions)),
    "never-usable": replace(
        one_rule("read", purpose("Marketing")),
        prohibitions=(
            Prohibition(action=Action(ODRL + "use"), constraints=(purpose("Advertising"),)),
        ),
    ),
    "duty-without-deadline": duty("delete", until("2027-01-01T00:00:00Z")),
    "too-large": READ,
    "sequence-undecidable": one_rule(
        "read", LogicalConstraint(Connective.OR, (purpose("SellProducts", operator="eq"),))
    ),
}


@pytest.mark.parametrize("code", NOT_FOUND)
def test_not_found_in_the_twin(code: str) -> None:
    assert code not in {item.code for item in validate(NOT_FOUND[code])}


def test_the_contract_has_no_error_and_no_warning() -> None:
    for policy in (training_offer(), AGREED):
        assert {item.severity for item in validate(policy)} <= {Severity.NOTE}


def test_a_near_term_is_named() -> None:
    policy, _ = FOUND["unknown-purpose"]
    fix = next(item.fix for item in validate(policy) if item.code == "unknown-purpose")
    assert DPV + "AcademicResearch" in fix


def test_permission_wins_needs_no_look_at_bans() -> None:
    policy, _ = FOUND["never-usable"]
    assert "never-usable" not in {
        item.code for item in validate(replace(policy, conflict=Conflict.PERM))
    }


def test_equal_rules_are_named_once() -> None:
    twice = replace(READ, permissions=(RULE, RULE))
    assert [item.path for item in validate(twice) if item.code == "shadowed"] == ["/permission/1"]


def test_conditions_of_duties_and_refinements_are_looked_at() -> None:
    bad = amount(ODRL + "percentage", "much")
    refined = replace(RULE, action=replace(RULE.action, refinements=(bad,)))
    paths = {item.path for item in validate(replace(READ, permissions=(refined,)))}
    assert "/permission/0/action/odrl:refinement/0" in paths
    paths = {item.path for item in validate(duty("compensate", bad))}
    assert "/permission/0/duty/0/constraint/0" in paths


def test_a_set_needs_no_parties() -> None:
    named = replace(READ, target=AssetRef("urn:a"))
    assert not validate(named)
    assert {item.code for item in validate(replace(named, kind=PolicyKind.AGREEMENT))} == {
        "missing-assigner",
        "missing-assignee",
    }


def test_many_conditions_of_one_rule_are_not_compared_in_pairs() -> None:
    wide = one_rule(
        "read", *training_terms(), *(until(f"{year}-01-01") for year in range(2000, 2080))
    )
    assert "redundant" not in {item.code for item in validate(wide)}


def test_operand_replaced_by_another_is_named() -> None:
    found = validate(one_rule("read", name_is(ODRL + "device", "urn:a")))
    assert ("deprecated-term", C0) in {(item.code, item.path) for item in found}


def test_profile_of_an_operand_is_asked_for() -> None:
    bare = replace(one_rule("read", name_is(PREAU + "membership", "urn:a")), profiles=())
    assert ("undeclared-profile", C0) in {(item.code, item.path) for item in validate(bare)}
