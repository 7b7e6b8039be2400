"""Do two policies conflict: hand-made pairs for each kind of operand, and pairs of rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import policies_odrl
from policies_odrl import (
    Action,
    AssetRef,
    Connective,
    Constraint,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
)
from policies_odrl.conflicts.verdict import Compatibility, Question
from policies_odrl.model import ODRL, XSD, Condition
from policies_odrl.vocabulary import ALLOWED, Kind, Operand
from tests.support.conflicts import KNOWN, NAMES, condition, conflict_between, permitting, problems


@pytest.mark.parametrize(
    "problem", problems(), ids=lambda item: f"{item['family']}: {item['name']}"
)
def test_vectors(problem: dict[str, Any]) -> None:
    left = permitting(*problem["left"], start=problem.get("start", ""))
    right = permitting(*problem["right"])
    for one, other in ((left, right), (right, left)):
        wide, alone = problem.get("parts_as_kinds", False), problem.get("alone", False)
        ask = policies_odrl.conflict_between if alone else conflict_between
        verdict = ask(one, other, KNOWN, parts_as_kinds=wide)
        assert verdict.answer.value == problem["verdict"], verdict.reasons
        assert (verdict.witness is not None) is (verdict.answer is Compatibility.COMPATIBLE)
        assert bool(verdict.reasons) is (verdict.answer is not Compatibility.COMPATIBLE)
        if "lacking" in problem:
            assert problem["lacking"] in " ".join(verdict.reasons)


# -- pairs of rules ------------------------------------------------------------------------------

READ, USE, PLAY, TRANSFER = (ODRL + name for name in ("read", "use", "play", "transfer"))
ASSET, OTHER = AssetRef("urn:example:a"), AssetRef("urn:example:b")
BOB = PartyRef("did:example:bob")
EARLY, LATE = condition("width lteq 5"), condition("width gteq 6")


def permit(action: str = USE, *limits: Condition, **more: Any) -> Policy:
    rule = Permission(action=Action(action), constraints=limits, **more)
    return Policy(kind=PolicyKind.SET, permissions=(rule,))


def prohibit(action: str = USE, *limits: Condition, **more: Any) -> Policy:
    rule = Prohibition(action=Action(action), constraints=limits, **more)
    return Policy(kind=PolicyKind.SET, prohibitions=(rule,))


def test_a_clash_is_shown() -> None:
    verdict = conflict_between(permit(USE, EARLY), prohibit(USE, condition("width gteq 5")), KNOWN)
    assert verdict.question is Question.CLASH
    assert verdict.conflict
    assert verdict.witness is not None
    assert verdict.witness.request.facts == {NAMES + "width": (5,)}


def test_a_witness_names_what_the_rules_name() -> None:
    verdict = conflict_between(permit(READ, target=ASSET), permit(USE, EARLY, assignee=BOB), KNOWN)
    assert verdict.witness is not None
    line = f"read; assignee {BOB.id}; target {ASSET.id}; {NAMES}width 5"
    assert verdict.witness.line == line


# -- the limit -----------------------------------------------------------------------------------


def many(connective: str, count: int, operator: str, shift: int = 0) -> LogicalConstraint:
    parts = tuple(condition(f"width {operator} {index + shift}") for index in range(count))
    return LogicalConstraint(Connective(connective), parts)


def test_many_conditions_in_a_row_are_no_burden() -> None:
    left = permit(USE, *(condition(f"width neq {index}") for index in range(5_000)))
    right = permit(USE, condition("width gteq 0"), condition("width lteq 10"))
    assert conflict_between(left, right, KNOWN).answer is Compatibility.COMPATIBLE


@pytest.mark.parametrize("connective", ["or", "xone"])
def test_too_many_ways_are_unknown(connective: str) -> None:
    one = permit(USE, *(many(connective, 40, "lteq") for _ in range(6)))
    other = permit(USE, *(many(connective, 40, "gteq", 100) for _ in range(6)))
    verdict = conflict_between(one, other, KNOWN)
    assert verdict.answer in {Compatibility.UNKNOWN, Compatibility.CONFLICT}
    wide = permit(USE, many("xone", 200, "lteq"))
    assert conflict_between(wide, permit(USE), KNOWN).answer is not Compatibility.CONFLICT


def test_choices_on_different_operands_do_not_multiply() -> None:
    axes = {
        f"{NAMES}axis{index}": Operand(f"{NAMES}axis{index}", Kind.NUMBER, ALLOWED[Kind.NUMBER])
        for index in range(40)
    }

    def choice(left: str, value: str) -> LogicalConstraint:
        right = (Literal(value, XSD + "decimal"),)
        parts = tuple(Constraint(left, Operator(name), right) for name in ("lt", "gt"))
        return LogicalConstraint(Connective.OR, parts)

    policy = permit(USE, *(choice(left, "5") for left in axes))
    five = (Literal("5", XSD + "decimal"),)
    point = permit(USE, *(Constraint(left, Operator.EQ, five) for left in axes))
    known = replace(KNOWN, operands={**KNOWN.operands, **axes})
    assert conflict_between(policy, policy, known).answer is Compatibility.COMPATIBLE
    assert conflict_between(policy, point, known).answer is Compatibility.CONFLICT


def test_too_many_pairs_are_unknown() -> None:
    rules = tuple(Permission(action=Action(USE), constraints=(EARLY,)) for _ in range(100))
    crowd = Policy(kind=PolicyKind.SET, permissions=rules)
    verdict = conflict_between(crowd, replace(crowd, permissions=rules[:99]), KNOWN)
    assert verdict.reasons == ("more than 4096 pairs of rules to compare",)
    fewer = replace(crowd, permissions=rules[:2])
    assert conflict_between(crowd, fewer, KNOWN).answer is Compatibility.COMPATIBLE
