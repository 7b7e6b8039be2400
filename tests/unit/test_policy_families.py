"""Strategies of families, parts of concepts, several values at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policies_odrl import (
    Action,
    Conflict,
    Constraint,
    Facts,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    evaluate,
    resolve,
)
from policies_odrl.conflicts.verdict import ConflictVerdict
from policies_odrl.model import ODRL, Common, Duty
from tests.support.conflicts import KNOWN, condition, conflict_between, conflict_within, permitting

READ = Action(ODRL + "read")
PARENT = Policy(kind=PolicyKind.SET, id="urn:parent", prohibitions=(Prohibition(action=READ),))
CHILD = Policy(
    kind=PolicyKind.SET,
    id="urn:child",
    permissions=(Permission(action=READ),),
    conflict=Conflict.PERM,
    inherits=("urn:parent",),
)


def whole(parent: Policy, child: Policy = CHILD) -> Policy:
    return resolve(child, {parent.id: parent})


# -- inheritance never weakens -------------------------------------------------------------------


def test_a_child_without_a_strategy_does_not_take_over_that_of_its_parent() -> None:
    parent = replace(PARENT, conflict=Conflict.PERM)
    assert whole(parent, replace(CHILD, conflict=None)).conflict is Conflict.INVALID
    bare = replace(CHILD, conflict=None, permissions=())
    assert whole(parent, bare).conflict is Conflict.PERM


@pytest.mark.parametrize(
    "rules",
    [
        {"permissions": (Permission(action=READ),)},
        {"prohibitions": (Prohibition(action=READ),)},
        {"obligations": (Duty(action=READ),)},
    ],
    ids=lambda rules: next(iter(rules)),
)
def test_rules_of_any_kind_have_the_default(rules: dict[str, Any]) -> None:
    bare = Policy(kind=PolicyKind.SET, id="urn:parent")
    assert whole(replace(bare, **rules)).conflict is Conflict.INVALID


def test_a_parent_without_rules_states_nothing() -> None:
    parent = replace(PARENT, prohibitions=(), common=Common(actions=(READ,)))
    assert whole(parent).conflict is Conflict.PERM
    stated = replace(parent, conflict=Conflict.PROHIBIT)
    assert whole(stated).conflict is Conflict.INVALID


# -- operators that mean nothing -----------------------------------------------------------------

PARTS = [
    ("purpose isPartOf Research", "purpose eq Basic"),
    ("purpose isPartOf Research", "purpose eq Research"),
    ("purpose hasPart Basic", "purpose eq Research"),
]


def granted(policy: Policy, verdict: ConflictVerdict) -> bool:
    example = verdict.witness
    assert example is not None
    return evaluate(policy, example.request, example.facts, tentative=True).granted


@pytest.mark.parametrize(("part", "named"), PARTS)
def test_parts_of_a_concept_are_its_kinds_where_asked_for(part: str, named: str) -> None:
    left, right = permitting(part), permitting(named)
    verdict = conflict_between(left, right, KNOWN, parts_as_kinds=True)
    assert verdict.answer.value == "Compatible"
    assert not granted(left, verdict)  # evaluation reads no parts of concepts
    alone = conflict_within(permitting(part, named), KNOWN, parts_as_kinds=True)
    assert alone.answer.value == "Compatible"


def test_what_is_not_to_hold_may_be_parts_too() -> None:
    either = permitting({"xone": ["purpose isPartOf Trade", "width eq 1"]})
    right = permitting("purpose eq Nursing", "width eq 1")
    assert conflict_between(either, right, KNOWN).answer.value == "Unknown"
    wide = conflict_between(either, right, KNOWN, parts_as_kinds=True)
    kinds = permitting({"xone": ["purpose isA Trade", "width eq 1"]})
    assert wide.answer is conflict_between(kinds, right, KNOWN).answer


def test_a_prohibition_of_parts_is_not_confirmed_even_where_asked_for() -> None:
    ban = Prohibition(
        action=Action(ODRL + "use"), constraints=(condition("purpose isPartOf Research"),)
    )
    other = Policy(kind=PolicyKind.SET, prohibitions=(ban,))
    verdict = conflict_between(permitting("purpose eq Basic"), other, KNOWN, parts_as_kinds=True)
    assert verdict.answer.value == "Unknown"
    assert "prohibition of use" in verdict.reasons[0]


def test_a_value_that_names_nothing_is_unknown() -> None:
    asked = condition("purpose eq Basic")
    assert isinstance(asked, Constraint)
    rule = Permission(action=READ, constraints=(replace(asked, right=()),))
    verdict = conflict_within(Policy(kind=PolicyKind.SET, permissions=(rule,)), KNOWN)
    assert "no value is given" in verdict.reasons[0]


# -- several values at once ----------------------------------------------------------------------


def test_the_witness_of_the_attack() -> None:
    left = permitting("width isAllOf 1"), permitting("width isAllOf 2")
    verdict = conflict_between(*left, KNOWN)
    assert verdict.answer.value == "Compatible"
    assert verdict.witness is not None
    [values] = verdict.witness.request.facts.values()
    assert sorted(map(str, values)) == ["1", "2"]
    one = replace(verdict.witness.request, facts={"urn:vector:width": values[:1]})
    assert not all(
        evaluate(item, one, Facts(knowledge=KNOWN), tentative=True).granted for item in left
    )
