"""Do two policies conflict: hand-made pairs for each kind of operand; bounds of the search."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import policies_odrl
from policies_odrl import (
    Action,
    Connective,
    Duty,
    Iri,
    Knowledge,
    LogicalConstraint,
    Policy,
    PolicyKind,
    Prohibition,
)
from policies_odrl.algebra.extent import MAX_STEPS, Budget, Exhausted, Reading
from policies_odrl.algebra.names import Names
from policies_odrl.algebra.relations import Link, Relation, Requests
from policies_odrl.conflicts.compatibility import MAX_PAIRS, Compatibility, judged
from policies_odrl.conflicts.overlap import World
from policies_odrl.model import ODRL, Condition, Constraint
from policies_odrl.vocabulary import OPERANDS
from tests.conformance.times.asserted import Asserted
from tests.support.conflicts import KNOWN, condition, conflict_between, permitting, problems
from tests.support.each import each, over
from tests.support.small_policies import may, terms, where


def the_verdict_is_that_of_the_vector(problem: dict[str, Any]) -> None:
    left = permitting(*problem["left"], start=problem.get("start", ""))
    right = permitting(*problem["right"])
    for one, other in ((left, right), (right, left)):
        wide, alone = problem.get("parts_as_kinds", False), problem.get("alone", False)
        verdict = conflict_between(one, other, KNOWN, parts_as_kinds=wide)
        if alone:
            verdict = policies_odrl.conflict_between(one, other, KNOWN)
        assert verdict.answer.value == problem["verdict"], verdict.reasons
        assert (verdict.witness is not None) is (verdict.answer is Compatibility.COMPATIBLE)
        assert bool(verdict.reasons) is (verdict.answer is not Compatibility.COMPATIBLE)
        if "lacking" in problem:
            assert problem["lacking"] in " ".join(verdict.reasons)


def test_vectors() -> None:
    each(
        problems(),
        the_verdict_is_that_of_the_vector,
        lambda item: f"{item['family']}: {item['name']}",
    )


def answer(left: Policy, right: Policy, knowledge: Knowledge = KNOWN) -> str:
    found = {conflict_between(*pair, knowledge).answer for pair in ((left, right), (right, left))}
    [one] = found
    return one.value


def permit(*limits: Condition) -> Policy:
    return terms(may(*limits, act="use"))


# -- what no document can state --------------------------------------------------------------------


def test_a_limit_without_a_value_excludes_nothing() -> None:
    for stated in ("width eq 5", "purpose eq Basic"):
        known = condition(stated)
        assert isinstance(known, Constraint)
        empty = permit(replace(known, right=()))
        assert answer(empty, permit()) == "Unknown"
        assert answer(permit(known), permit()) == "Compatible"
        assert "no value is given" in policies_odrl.conflict_within(empty, KNOWN).reasons[0]


def test_conditions_without_operands_are_their_own_group() -> None:
    assert answer(permit(LogicalConstraint(Connective.AND, ())), permit()) == "Unknown"


# -- limits --------------------------------------------------------------------------------------


def many(connective: str, count: int, operator: str, shift: int = 0) -> LogicalConstraint:
    parts = tuple(condition(f"width {operator} {index + shift}") for index in range(count))
    return LogicalConstraint(Connective(connective), parts)


def test_many_conditions_in_a_row_are_no_burden() -> None:
    left = permit(*(condition(f"width neq {index}") for index in range(2_000)))
    right = permit(condition("width gteq 0"), condition("width lteq 10"))
    assert conflict_between(left, right, KNOWN).answer is Compatibility.COMPATIBLE


def test_many_prohibitions_beside_one_permission_are_no_burden() -> None:
    bans = tuple(
        Prohibition(action=Action(ODRL + "use"), constraints=(condition(f"width eq {index}"),))
        for index in range(100)
    )
    policy = replace(permit(condition("width gteq 100")), prohibitions=bans)
    assert policies_odrl.conflict_within(policy, KNOWN).answer is Compatibility.COMPATIBLE
    met = replace(policy, permissions=permit(condition("width gteq 99")).permissions)
    assert policies_odrl.conflict_within(met, KNOWN).answer is Compatibility.CONFLICT


@over("connective", ["or", "xone"])
def test_too_many_ways_are_unknown(connective: str) -> None:
    one = permit(*(many(connective, 40, "lteq") for _ in range(6)))
    other = permit(*(many(connective, 40, "gteq", 100) for _ in range(6)))
    budget = Budget(MAX_STEPS // 10)  # the whole of it takes seconds
    verdict = judged((one, other), World(Reading(KNOWN, order=Asserted, budget=budget)))
    assert verdict.answer is Compatibility.UNKNOWN
    assert budget.spent


def test_too_many_ways_of_one_condition_are_unknown() -> None:
    wide = permit(many("xone", 200, "lteq"))
    assert conflict_between(wide, permit(), KNOWN).answer is not Compatibility.CONFLICT


def test_no_step_is_taken_beyond_the_limit() -> None:
    budget = Budget(1)
    budget.pay()
    before = budget.spent
    with pytest.raises(Exhausted):
        budget.pay()
    assert (before, budget.spent) == (False, True)
    policy = permitting("width eq 5")
    for steps, wanted in ((budget, Compatibility.UNKNOWN), (Budget(), Compatibility.COMPATIBLE)):
        world = World(Reading(KNOWN, order=Asserted, budget=steps))
        assert judged((policy,), world).answer is wanted


def test_names_that_must_not_be_are_not_compared_with_one_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Link] = []
    monkeypatch.setattr(Requests, "excludes", lambda _self, one, _other: bool(asked.append(one)))
    order = Requests(OPERANDS[ODRL + "purpose"], Reading(KNOWN), wholes=False)
    denied = [(Link(Relation.KIND, Iri(f"urn:x:{i}"), holds=False),) for i in range(100)]
    assert not Names(order, tuple(denied)).empty
    assert not asked
    assert not Names(order, (*denied, (Link(Relation.KIND, Iri("urn:y")),))).empty
    assert len(asked) == 200  # each with what must be


def test_more_pairs_of_a_duty_and_prohibitions_than_are_compared() -> None:
    owing = Policy(kind=PolicyKind.OFFER, obligations=(Duty(action=Action(ODRL + "use")),))
    ban = Prohibition(action=Action(ODRL + "transfer"))
    crowd = Policy(kind=PolicyKind.OFFER, prohibitions=(ban,) * (MAX_PAIRS + 1))
    assert answer(owing, crowd) == "Unknown"
    assert answer(owing, replace(crowd, prohibitions=(ban,))) == "Compatible"


def test_names_are_tried_up_to_a_limit() -> None:
    known = Knowledge(wholes={f"urn:place:{index}": ("urn:place:all",) for index in range(400)})
    excluded = [where("spatial", "neq", Iri(f"urn:place:{index}")) for index in range(400)]
    inside, whole = (where("spatial", op, Iri("urn:place:all")) for op in ("isPartOf", "neq"))
    assert answer(permit(*excluded, whole), permit(inside), known) == "Unknown"
    assert answer(permit(*excluded[:9], whole), permit(inside), known) == "Compatible"
