"""Findings: each with its path, a sentence and a fix, in both languages."""

from __future__ import annotations

from dataclasses import replace
from math import isqrt

import pytest

from policies_odrl import (
    Action,
    AssetRef,
    Connective,
    Constraint,
    Duty,
    Iri,
    LogicalConstraint,
    Operator,
    PartyRef,
    Policy,
    PolicyKind,
    Prohibition,
    validate,
)
from policies_odrl.checking.findings import MAX_FINDINGS
from policies_odrl.checking.proofs import MAX_JOINED, MAX_STEPS
from policies_odrl.model import ODRL
from tests.support.policies import (
    amount,
    one_rule,
    purpose,
    training_terms,
    until,
)

READ = one_rule("read")
RULE = READ.permissions[0]

PAIRS = 400  # instead of the limit of pairs that are compared, which takes seconds
MANY = tuple(Iri(f"urn:x:{place}") for place in range(MAX_FINDINGS + 1))
C0 = "/permission/0/constraint/0"
HALF, REST = (amount(ODRL + "percentage", "50", operator) for operator in ("gt", "lteq"))
WIDE = one_rule("read", *(until(f"{year}-01-01") for year in range(1000, 1001 + MAX_JOINED)))


def codes(policy: Policy) -> set[tuple[str, str]]:
    return {(item.code, item.path) for item in validate(policy)}


# What no vector of `test_policy_lint.py` can hold.
FOUND: dict[str, tuple[Policy, str]] = {
    "repeated-value": (one_rule("read", purpose("Marketing", "Marketing")), C0),
    "too-many-conditions": (WIDE, "/permission/0"),
    "too-large": (
        replace(
            READ,
            permissions=tuple(
                replace(RULE, constraints=(purpose(f"urn:x:{place}"),))
                for place in range(isqrt(PAIRS) + 2)
            ),
        ),
        "",
    ),
    "more-findings": (
        one_rule("read", Constraint(ODRL + "purpose", Operator.IS_ANY_OF, MANY)),
        "",
    ),
}


@pytest.mark.parametrize("code", FOUND)
def test_found_with_path_sentence_and_fix(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies_odrl.checking.proofs.MAX_PAIRS", PAIRS)
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
    "too-large": replace(READ, permissions=(RULE,) * 1000),
    "repeated-value": one_rule("read", purpose("Marketing", "AcademicResearch")),
    "too-many-conditions": one_rule("read", *WIDE.permissions[0].constraints[1:]),
    "more-findings": one_rule("read", purpose("Marketing")),
}


@pytest.mark.parametrize("code", NOT_FOUND)
def test_not_found_in_the_twin(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies_odrl.checking.proofs.MAX_PAIRS", PAIRS)
    assert code not in {item.code for item in validate(NOT_FOUND[code])}


def test_many_conditions_of_one_rule_are_not_compared_in_pairs() -> None:
    wide = one_rule(
        "read", *training_terms(), *(until(f"{year}-01-01") for year in range(2000, 2080))
    )
    assert "redundant" not in {item.code for item in validate(wide)}


def test_an_error_is_not_lost_among_many_notes() -> None:
    many = Constraint(ODRL + "purpose", Operator.IS_ANY_OF, MANY)
    bad = amount(ODRL + "percentage", "much")
    found = validate(one_rule("read", many, bad))
    assert len(found) == MAX_FINDINGS
    assert ("wrong-datatype", "/permission/0/constraint/1") in {(i.code, i.path) for i in found}
    assert found[-1].code == "more-findings"


def test_classes_and_their_parties() -> None:
    party, other = PartyRef("urn:p"), PartyRef("urn:q")

    def of(kind: PolicyKind, **more: object) -> set[str]:
        policy = replace(READ, kind=kind, target=AssetRef("urn:a"), **more)
        return {code for code, _ in codes(policy)}

    assert of(PolicyKind.ASSERTION) == {"class-without-party"}
    assert of(PolicyKind.ASSERTION, assignee=party) == set()
    assert of(PolicyKind.PRIVACY, assigner=party) == {"class-without-party"}
    assert of(PolicyKind.PRIVACY, assigner=party, assignee=other) == set()
    assert of(PolicyKind.TICKET, assignee=party) == {"ticket-with-assignee"}
    assert of(PolicyKind.TICKET) == set()
    assert of(PolicyKind.REQUEST) == {"request-without-assignee"}
    named = replace(RULE, assignee=party)
    assert of(PolicyKind.REQUEST, permissions=(named,)) == set()
    assert of(PolicyKind.OFFER, permissions=()) == {"no-rule", "offer-without-assigner"}


def test_a_refined_collection_is_named_by_source() -> None:
    refined = AssetRef("urn:all", collection=True, refinements=(HALF,))
    sourced = replace(refined, id="", source="urn:all")
    assert ("uid-with-refinement", "/target") in codes(replace(READ, target=refined))
    assert "uid-with-refinement" not in {c for c, _ in codes(replace(READ, target=sourced))}


def test_consequences_end_after_one() -> None:
    last = Duty(action=Action(ODRL + "attribute"))
    middle = Duty(action=Action(ODRL + "inform"), consequences=(last,))
    first = Duty(action=Action(ODRL + "compensate"), consequences=(middle,))
    good = replace(READ, obligations=(middle,))
    bad = replace(READ, obligations=(first,))
    assert "consequence-of-consequence" not in {code for code, _ in codes(good)}
    assert ("consequence-of-consequence", "/obligation/0/odrl:consequence/0") in codes(bad)
    ban = Prohibition(action=Action(ODRL + "sell"), remedies=(middle,))
    found = codes(replace(READ, prohibitions=(ban,)))
    assert ("remedy-with-consequence", "/prohibition/0/odrl:remedy/0") in found


# -- bounds ---------------------------------------------------------------------------------


def test_what_a_check_leaves_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = replace(RULE, constraints=(LogicalConstraint(Connective.OR, (HALF, REST) * 100),))
    enough = MAX_STEPS // 200**2
    assert ("too-large", "") not in codes(replace(READ, permissions=(rule,)))
    assert ("too-large", "") in codes(replace(READ, permissions=(rule,) * (enough + 2)))
    policy = one_rule("read", HALF, amount(ODRL + "percentage", "20"))
    assert ("unsatisfiable", "/permission/0") in codes(policy)
    monkeypatch.setattr("policies_odrl.checking.proofs.MAX_STEPS", 3)
    assert ("unsatisfiable", "/permission/0") not in codes(policy)
    assert ("too-large", "") in codes(policy)


def test_rules_with_very_many_conditions_are_not_compared() -> None:
    research = one_rule("read", purpose("AcademicResearch"))

    def both(*policies: Policy) -> set[tuple[str, str]]:
        rules = tuple(rule for policy in policies for rule in policy.permissions)
        return codes(replace(READ, target=AssetRef("urn:a"), permissions=rules))

    assert "shadowed" not in {code for code, _ in both(WIDE, research)}
    assert ("too-many-conditions", "/permission/1") in both(READ, WIDE)
