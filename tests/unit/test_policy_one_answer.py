"""One question has one answer, whichever verb is asked (`conformance/policies/one_answer.json`)."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from policies_odrl import (
    Action,
    Answer,
    AssetRef,
    Constraint,
    Facts,
    Literal,
    Operator,
    Permission,
    Policy,
    PolicyKind,
    Quantity,
    Request,
    compare,
    conflict_between,
    conflict_within,
    contains,
    counter_offer,
    evaluate,
    validate,
)
from policies_odrl.algebra.domain import Fact
from policies_odrl.comparison.meet import meet
from policies_odrl.comparison.relation import Relation
from policies_odrl.conflicts.verdict import Compatibility
from policies_odrl.evaluation.operands import check
from policies_odrl.model import ODRL, XSD

FILE = Path(__file__).parents[1] / "conformance" / "policies" / "one_answer.json"
CASES = {case["name"]: case for case in json.loads(FILE.read_text("utf-8"))["cases"]}
UNIT = "http://qudt.org/vocab/unit/"
IN_EACH = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))


def unit(name: str) -> str:
    return name if ":" in name else UNIT + name


def limit(case: dict[str, Any], side: str) -> Constraint:
    operator, value, *units = case[side]
    right = (Literal(value, XSD + "decimal"),)
    return Constraint(ODRL + case["left"], Operator(operator), right, *map(unit, units))


def terms(*limits: Constraint) -> Policy:
    rule = Permission(action=Action(ODRL + "read"), target=AssetRef("urn:data"), constraints=limits)
    return Policy(kind=PolicyKind.SET, permissions=(rule,))


def pair(case: dict[str, Any]) -> tuple[Constraint, Constraint]:
    return limit(case, "offer"), limit(case, "request")


def value(text: str) -> Fact:
    amount, *units = text.split()
    return Quantity(Decimal(amount), unit(units[0])) if units else Decimal(amount)


@IN_EACH
def test_evaluate(case: dict[str, Any]) -> None:
    for text, *expected in case["values"]:
        for item, truth in zip(pair(case), expected, strict=True):
            facts = {item.left: (value(text),)}
            asked = Request(ODRL + "read", target="urn:data", facts=facts)
            assert check(item, facts[item.left], Facts().knowledge)[0].value == truth
            assert evaluate(terms(item), asked).granted is (truth == "true")


@IN_EACH
def test_lint(case: dict[str, Any]) -> None:
    found = {finding.code for finding in validate(terms(*dict.fromkeys(pair(case))))}
    assert bool(found & {"never-true", "unsatisfiable"}) is (case["both"] == "never")


@IN_EACH
def test_conflict(case: dict[str, Any]) -> None:
    offer, request = pair(case)
    wanted = {
        "never": Compatibility.CONFLICT,
        "some": Compatibility.COMPATIBLE,
        "unknown": Compatibility.UNKNOWN,
    }[case["both"]]
    assert conflict_within(terms(offer, request)).answer is wanted
    between = conflict_between(terms(offer), terms(request))
    assert between.answer is wanted
    assert (between.witness is not None) is (case["both"] == "some")


@IN_EACH
def test_contains_and_compare(case: dict[str, Any]) -> None:
    offer, request = map(terms, pair(case))
    found = contains(offer, request)
    assert found.answer.value == case["within"]
    assert (found.witness is not None) is (found.answer is Answer.NO)
    relation = compare(offer, request).relation
    within = relation in {Relation.CONTAINS, Relation.EQUIVALENT}
    assert within is (case["within"] == "yes")
    if not within:
        apart = {"never": Relation.DISJOINT, "unknown": Relation.UNKNOWN}
        assert relation is apart.get(case["both"], relation)


@IN_EACH
def test_counter_offer_proposes_what_somebody_can_use(case: dict[str, Any]) -> None:
    offer, request = map(terms, pair(case))
    proposed = counter_offer(offer, request).policy
    usable = case["both"] == "some"
    for found in (proposed, meet(offer, request)):
        if case["both"] == "never" and case["within"] != "yes":
            assert found is None
        elif usable:
            assert found is not None
            assert conflict_within(found).answer is Compatibility.COMPATIBLE
