"""Verdicts that once claimed more than was proved, each with a good twin."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies_odrl import (
    Action,
    AssetRef,
    Compatibility,
    Condition,
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
    conflict_between,
    conflict_within,
)
from policies_odrl.model import ODRL, XSD
from policies_odrl.vocabulary import ALLOWED, Kind, Operand
from tests.support.conflicts import condition, permitting

CLASS = AssetRef(id="urn:example:class", collection=True)
PUPILS = PartyRef(id="urn:example:pupils", collection=True)
REPORT = AssetRef(id="urn:example:report")
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


@pytest.mark.parametrize("older", ["device", "system"])
def test_a_deprecated_operand_is_the_one_that_replaces_it(older: str) -> None:
    left = permitting(f"{older} eq urn:device:one")
    assert answer(left, permitting("systemDevice eq urn:device:two")) == "Conflict"
    assert answer(left, permitting({"or": ["systemDevice eq urn:device:two"]})) == "Conflict"
    assert answer(left, permitting("systemDevice eq urn:device:one")) == "Compatible"


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


# -- prohibitions about the members of a collection ----------------------------------------------


def test_a_ban_on_members_does_not_prove_that_others_are_refused() -> None:
    mine = policy(permit(FEW), ban(FEW, asset=CLASS))
    assert answer(mine, policy(ban(asset=REPORT))) == "Unknown"
    assert answer(mine, policy(permit())) == "Unknown"
    everywhere = policy(permit(FEW), ban(FEW))
    assert answer(everywhere, policy(ban(asset=REPORT))) == "Compatible"
    assert answer(everywhere, policy(permit())) == "Conflict"


def test_a_ban_on_members_proves_something_of_members() -> None:
    mine = policy(permit(FEW, party=PUPILS), ban(FEW, party=PUPILS))
    assert answer(mine, policy(permit())) == "Conflict"
    assert answer(replace(mine, prohibitions=(ban(MANY, party=PUPILS),)), policy(permit())) == (
        "Compatible"
    )
    assert answer(replace(mine, prohibitions=(ban(party=PUPILS),)), policy(permit())) == "Conflict"


def test_what_is_impossible_without_a_doubtful_ban_stays_impossible() -> None:
    mine = policy(permit(FEW), ban(FEW, asset=CLASS))
    assert answer(mine, policy(permit(MANY))) == "Conflict"
    assert answer(mine, policy(ban(MANY, asset=REPORT))) == "Compatible"


def test_a_ban_on_members_that_can_be_kept_clear_of_is_no_doubt() -> None:
    mine = policy(permit(), ban(FEW, asset=CLASS))
    assert answer(mine, policy(permit())) == "Compatible"


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


def test_a_known_profile_is_no_hindrance() -> None:
    known = Knowledge(profiles=frozenset({"urn:example:profile"}))
    banning = replace(policy(ban(MANY)), profiles=("urn:example:profile",))
    assert answer(policy(permit(FEW)), banning, known) == "Compatible"


def test_a_ban_that_evaluation_cannot_decide_is_no_proof() -> None:
    """An agreement that names nobody may bind anybody, so that its ban cannot be shown to apply."""
    banning = policy(ban())
    assert answer(policy(permit()), banning) == "Conflict"
    agreed = replace(banning, kind=PolicyKind.AGREEMENT)
    verdict = conflict_between(policy(permit()), agreed)
    assert verdict.answer is Compatibility.UNKNOWN
    assert "no example could be checked" in verdict.reasons[0]
