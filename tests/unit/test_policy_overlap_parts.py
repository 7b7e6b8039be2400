"""The parts of conflict analysis by themselves: evidence, statuses, limits, recurrence, words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from policies_odrl import (
    Action,
    Conflict,
    Constraint,
    Duty,
    Iri,
    Knowledge,
    Literal,
    LogicalConstraint,
    Operator,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Truth,
)
from policies_odrl.algebra.budget import Budget, Exhausted
from policies_odrl.conflicts.compatibility import MAX_PAIRS
from policies_odrl.conflicts.example import MAX_ACTIONS, Meeting, Side, tried
from policies_odrl.conflicts.overlap import World
from policies_odrl.model import ODRL, XSD, Connective
from policies_odrl.units import QUDT
from policies_odrl.vocabulary import INCLUDED_IN
from tests.support.conflicts import KNOWN, condition, conflict_between, permitting

DAY = datetime(2026, 1, 1, tzinfo=UTC)
USE = ODRL + "use"


def answer(left: Policy, right: Policy, knowledge: Knowledge = KNOWN) -> str:
    found = {conflict_between(*pair, knowledge).answer for pair in ((left, right), (right, left))}
    [one] = found
    return one.value


def permit(*limits: Constraint | LogicalConstraint, action: str = USE) -> Policy:
    rule = Permission(action=Action(action), constraints=limits)
    return Policy(kind=PolicyKind.SET, permissions=(rule,))


def prohibit(*limits: Constraint | LogicalConstraint, action: str = USE) -> Policy:
    rule = Prohibition(action=Action(action), constraints=limits)
    return Policy(kind=PolicyKind.SET, prohibitions=(rule,))


# -- counts and values that are elsewhere --------------------------------------------------------


def test_counts_that_start_elsewhere_do_not_compare() -> None:
    five, six = condition("count lteq 5"), condition("count gt 5")
    assert isinstance(five, Constraint)
    seeded = replace(five, status=Literal("3", XSD + "integer"))
    assert answer(permit(five), permit(six)) == "Conflict"
    assert answer(permit(seeded), permit(six)) == "Unknown"


@pytest.mark.parametrize("left", ["width", "dateTime"])
def test_a_value_that_is_elsewhere_is_lacking(left: str) -> None:
    known = condition(f"{left} eq {'5' if left == 'width' else '2026-01-01'}")
    assert isinstance(known, Constraint)
    away = replace(known, right=(), reference=("https://example.org/value",))
    verdict = conflict_between(permit(away), permit(known), KNOWN)
    assert verdict.answer.value == "Unknown"
    assert "https://example.org/value" in verdict.reasons[0]


def test_a_limit_without_a_value_excludes_nothing() -> None:
    known = condition("width eq 5")
    assert isinstance(known, Constraint)
    assert answer(permit(replace(known, right=())), permit()) == "Unknown"
    assert answer(permit(known), permit()) == "Compatible"


# -- lengths with units --------------------------------------------------------------------------


def test_a_number_of_hours_is_a_length() -> None:
    def hours(operator: str, count: str, unit: str = "HR") -> Constraint:
        right = (Literal(count, XSD + "decimal"),)
        return Constraint(ODRL + "elapsedTime", Operator(operator), right, unit=QUDT + unit)

    day = condition("elapsedTime lteq P1D")
    assert isinstance(day, Constraint)
    assert answer(permit(hours("gteq", "24")), permit(day)) == "Compatible"
    assert answer(permit(hours("gt", "24")), permit(day)) == "Conflict"
    assert answer(permit(hours("eq", "0")), permit(day)) == "Compatible"
    assert answer(permit(hours("gteq", "1", "M")), permit(day)) == "Unknown"


@pytest.mark.parametrize(
    ("months", "wanted"), [("P9M", "Compatible"), ("P2M", "Conflict"), ("P69D", "Compatible")]
)
def test_months_beside_days(months: str, wanted: str) -> None:
    crowd = tuple(condition(f"elapsedTime gteq P{index}D") for index in range(1, 70))
    assert answer(permit(*crowd), permit(condition(f"elapsedTime lteq {months}"))) == wanted


# -- limits --------------------------------------------------------------------------------------


def test_no_step_is_taken_beyond_the_limit() -> None:
    budget = Budget(1)
    budget.pay()
    before = budget.spent
    with pytest.raises(Exhausted):
        budget.pay()
    assert (before, budget.spent) == (False, True)
    side = Side(permitting("width eq 5"), 0)
    meeting = Meeting(permitted=((side, side.policy.permissions[0]),))
    assert tried(meeting, World(KNOWN, budget=budget)).truth is Truth.UNDETERMINED
    assert tried(meeting, World(KNOWN)).truth is Truth.TRUE


def test_more_kinds_of_action_than_are_tried() -> None:
    narrower = [action for action, wider in INCLUDED_IN.items() if wider == (USE,)]
    bans = tuple(Prohibition(action=Action(action)) for action in narrower[: MAX_ACTIONS + 1])
    policy = replace(permit(), prohibitions=bans, conflict=Conflict.PROHIBIT)
    verdict = conflict_between(policy, permit())
    assert verdict.answer.value == "Unknown"
    assert "kinds of action" in verdict.reasons[0]
    fewer = replace(policy, prohibitions=bans[:3])
    assert conflict_between(fewer, permit()).answer.value == "Compatible"


def test_more_pairs_of_a_duty_and_prohibitions_than_are_compared() -> None:
    duty = Duty(action=Action(USE))
    owing = Policy(kind=PolicyKind.SET, obligations=(duty,))
    ban = Prohibition(action=Action(ODRL + "transfer"))
    crowd = Policy(kind=PolicyKind.SET, prohibitions=(ban,) * (MAX_PAIRS + 1))
    assert answer(owing, crowd) == "Unknown"
    assert answer(owing, replace(crowd, prohibitions=(ban,))) == "Compatible"


def test_names_are_tried_up_to_a_limit() -> None:
    broader = {f"urn:place:{index}": ("urn:place:all",) for index in range(400)}
    known = Knowledge(wholes=broader)
    excluded = [
        Constraint(ODRL + "spatial", Operator.NEQ, (Iri(f"urn:place:{index}"),))
        for index in range(400)
    ]
    inside = Constraint(ODRL + "spatial", Operator.IS_PART_OF, (Iri("urn:place:all"),))
    whole = Constraint(ODRL + "spatial", Operator.NEQ, (Iri("urn:place:all"),))
    assert answer(permit(*excluded, whole), permit(inside), known) == "Unknown"
    assert answer(permit(*excluded[:9], whole), permit(inside), known) == "Compatible"


# -- prohibitions that evaluation cannot read ----------------------------------------------------


def test_a_clash_that_evaluation_does_not_confirm_is_unknown() -> None:
    parts = condition("purpose isPartOf Research")
    kinds = condition("purpose isA Research")
    asked = condition("purpose eq Basic")
    assert isinstance(parts, Constraint)
    assert isinstance(kinds, Constraint)
    assert isinstance(asked, Constraint)
    assert answer(permit(asked), prohibit(kinds)) == "Conflict"
    assert answer(permit(asked), prohibit(parts)) == "Unknown"


# -- words ---------------------------------------------------------------------------------------


def test_a_witness_shows_running_clocks() -> None:
    sequence = {"andSequence": ["delayPeriod gteq P3D", "delayPeriod gteq P3D"]}
    witness = conflict_between(permitting(sequence), permitting(), KNOWN).witness
    assert witness is not None
    shown = "delayPeriod from 2026-01-01T00:00:00Z to 2026-01-07T00:00:00Z"
    assert shown in witness.line
    every = Constraint(
        ODRL + "timeInterval",
        Operator.EQ,
        (Literal("P30D", XSD + "duration"),),
        id="urn:example:every",
    )
    verdict = conflict_between(permit(every), permit(), anchors={"urn:example:every": DAY})
    assert verdict.witness is not None
    assert "due from 2026-01-01T00:00:00Z at 2026-01-01T00:00:00Z" in verdict.witness.line


def test_conditions_without_operands_are_their_own_group() -> None:
    nothing = LogicalConstraint(Connective.AND, ())
    assert answer(permit(nothing), permit()) == "Unknown"
