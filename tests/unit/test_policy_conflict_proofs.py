"""What a verdict on two policies needs before it claims a proof, each with a good twin."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Constraint,
    Iri,
    Knowledge,
    Literal,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
)
from policies_odrl.conflicts.verdict import Compatibility
from policies_odrl.model import ODRL, XSD, Condition
from policies_odrl.vocabulary import ALLOWED, Kind, Operand
from tests.support.conflicts import condition, conflict_between, conflict_within, permitting

USE = Action(ODRL + "use")
FEW, MANY = condition("count lteq 5"), condition("count gt 5")


def answer(left: Policy, right: Policy, knowledge: Knowledge | None = None) -> str:
    return conflict_between(left, right, knowledge or Knowledge()).answer.value


def permit(*stated: Condition, party: PartyRef | None = None) -> Permission:
    return Permission(action=USE, constraints=stated, assignee=party)


def ban(
    *stated: Condition, asset: AssetRef | None = None, party: PartyRef | None = None
) -> Prohibition:
    return Prohibition(action=USE, constraints=stated, target=asset, assignee=party)


def policy(*rules: Permission | Prohibition) -> Policy:
    return Policy(
        kind=PolicyKind.SET,
        permissions=tuple(rule for rule in rules if isinstance(rule, Permission)),
        prohibitions=tuple(rule for rule in rules if isinstance(rule, Prohibition)),
        conflict=Conflict.PROHIBIT,
    )


# -- one operand under two names -----------------------------------------------------------------


def test_two_deprecated_operands_are_one() -> None:
    left = permitting("device eq urn:device:one")
    assert answer(left, permitting("system eq urn:device:two")) == "Conflict"
    verdict = conflict_between(left, permitting("system eq urn:device:one"))
    assert verdict.witness is not None
    assert verdict.witness.request.facts == {ODRL + "systemDevice": (Iri("urn:device:one"),)}


def test_an_operand_of_another_vocabulary_may_be_replaced_too() -> None:
    old = Operand("urn:old:share", Kind.COUNT, ALLOWED[Kind.COUNT], ODRL + "count")
    known = Knowledge(operands={old.id: old})
    left = policy(permit(Constraint(old.id, Operator.LTEQ, (Literal("5", XSD + "decimal"),))))
    assert answer(left, policy(permit(MANY)), known) == "Conflict"
    assert answer(left, policy(permit(FEW)), known) == "Compatible"


# -- actions that are not known ------------------------------------------------------------------


TRAIN, SHOW = Action("urn:example:train"), Action("urn:example:show")
KNOWN = Knowledge(actions={TRAIN.id: (), SHOW.id: ()})


@pytest.mark.parametrize("other", [SHOW, Action(ODRL + "read")], ids=["strange", "usual"])
def test_an_action_that_is_not_known_may_be_included_in_another(other: Action) -> None:
    mine, theirs = policy(Permission(action=TRAIN)), policy(Prohibition(action=other))
    assert answer(mine, theirs) == "Unknown"
    assert answer(policy(Permission(action=other)), policy(Prohibition(action=TRAIN))) == "Unknown"
    assert answer(mine, theirs, KNOWN) == "Compatible"
    assert answer(mine, policy(Prohibition(action=TRAIN))) == "Conflict"


def test_a_ban_on_an_action_that_is_not_known_stands_in_the_way() -> None:
    mine = policy(permit(), Prohibition(action=TRAIN))
    assert answer(mine, policy(permit())) == "Unknown"
    assert answer(mine, policy(permit()), KNOWN) == "Compatible"
    limited = policy(permit(), Prohibition(action=TRAIN, constraints=(FEW,)))
    assert answer(limited, policy(permit())) == "Compatible"  # where its condition is not met
    assert answer(limited, policy(permit(FEW))) == "Unknown"


# -- policies that say more than stands in them --------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"inherits": ("urn:example:parent",)},
        {"replaced_by": "urn:example:newer"},
        {"profiles": ("urn:example:profile",)},
    ],
    ids=str,
)
def test_a_policy_that_decides_nothing_proves_nothing(change: dict[str, object]) -> None:
    banning, mine = policy(ban(MANY)), policy(permit(FEW))
    assert answer(mine, banning) == "Compatible"
    silent = replace(banning, **change)  # type: ignore[arg-type] # as parametrised
    verdict = conflict_between(mine, silent)
    assert verdict.answer is Compatibility.UNKNOWN
    assert len(verdict.reasons) == 1
    assert answer(silent, mine) == "Unknown"
    both = policy(permit(FEW), ban(MANY))
    assert conflict_within(both).answer is Compatibility.COMPATIBLE
    changed = replace(both, **change)  # type: ignore[arg-type] # as parametrised
    assert conflict_within(changed).answer is Compatibility.UNKNOWN


def test_a_ban_that_evaluation_cannot_decide_is_no_proof() -> None:
    """An agreement that names nobody may bind anybody, so that its ban cannot be shown to apply."""
    banning = policy(ban())
    assert answer(policy(permit()), banning) == "Conflict"
    agreed = replace(banning, kind=PolicyKind.AGREEMENT)
    verdict = conflict_between(policy(permit()), agreed)
    assert verdict.answer is Compatibility.UNKNOWN
    assert "must name its target" in verdict.reasons[0]


# -- limits that delays leave out ----------------------------------------------------------------


def sequence(*delays: str) -> dict[str, list[str]]:
    return {"andSequence": [f"delayPeriod {delay}" for delay in delays]}


def test_an_example_passes_the_limits_that_delays_leave_out() -> None:
    verdict = conflict_between(permitting(sequence("gt P2D", "gt P3D")), permitting())
    assert verdict.witness is not None
    assert "to 2026-01-06T00:00:00.000001Z" in verdict.witness.line
