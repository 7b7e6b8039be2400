"""Verdicts that once claimed more than was proved, each with a good twin."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

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


# -- limits that delays leave out ----------------------------------------------------------------


def sequence(*delays: str) -> dict[str, list[str]]:
    return {"andSequence": [f"delayPeriod {delay}" for delay in delays]}


@pytest.mark.parametrize(
    ("delays", "limit", "expected"),
    [
        (("gt P2D", "gt P3D"), "elapsedTime lteq P5D", "Conflict"),
        (("gteq P2D", "gt P3D"), "elapsedTime lteq P5D", "Conflict"),
        (("gt P2D", "gteq P3D"), "elapsedTime lteq P5D", "Unknown"),
        (("gt P2D", "gt P3D"), "elapsedTime lteq P6D", "Compatible"),
        (("gteq P2D", "gteq P3D"), "elapsedTime lteq P5D", "Compatible"),
        (("lt P2D", "lt P3D"), "elapsedTime eq P5D", "Unknown"),
        (("lteq P2D", "lteq P3D"), "elapsedTime eq P5D", "Compatible"),
        (("lteq P2D", "lteq P3D"), "delayPeriod eq P10D", "Unknown"),
        (("lteq P2D", "lteq P3D"), "delayPeriod eq P5D", "Compatible"),
        (("gteq P2D", "gteq P3D"), "delayPeriod eq P10D", "Compatible"),
    ],
)
def test_delays_add_up_with_their_limits(
    delays: tuple[str, ...], limit: str, expected: str
) -> None:
    assert answer(permitting(sequence(*delays)), permitting(limit)) == expected
    assert answer(permitting(limit), permitting(sequence(*delays))) == expected


def test_an_example_passes_the_limits_that_delays_leave_out() -> None:
    verdict = conflict_between(permitting(sequence("gt P2D", "gt P3D")), permitting())
    assert verdict.witness is not None
    assert "to 2026-01-06T00:00:00.000001Z" in verdict.witness.line


def test_a_sequence_that_is_over_before_a_date() -> None:
    soon = permitting(sequence("lteq P2D", "lteq P3D"), start="2026-01-10T00:00:00Z")
    verdict = conflict_between(soon, permitting("dateTime gteq 2026-01-20T00:00:00Z"))
    assert verdict.answer is Compatibility.UNKNOWN
    assert "when the parts of the sequence came true" in verdict.reasons[0]
    assert answer(soon, permitting("dateTime gteq 2026-01-15T00:00:00Z")) == "Compatible"


# -- periods that begin on different days --------------------------------------------------------


def weekly(name: str) -> Constraint:
    item = condition("timeInterval eq P7D")
    assert isinstance(item, Constraint)
    return replace(item, id=f"urn:example:{name}")


MONDAY, TUESDAY = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 6, tzinfo=UTC)


def test_the_same_period_from_another_day_is_not_the_same() -> None:
    mine = policy(permit(weekly("mine")), ban(weekly("other")))

    def found(start: datetime, other: Policy) -> str:
        anchors = {"urn:example:mine": MONDAY, "urn:example:other": start}
        return conflict_between(mine, other, anchors=anchors).answer.value

    assert found(TUESDAY, policy(permit())) == "Unknown"
    assert found(TUESDAY, policy(ban())) == "Unknown"
    assert found(MONDAY, policy(permit())) == "Conflict"
    assert found(MONDAY, policy(ban())) == "Compatible"


def test_periods_of_different_lengths_may_be_due_at_once() -> None:
    """So they are at the first use, and whenever the longer one has passed."""
    short, long = condition("timeInterval eq P7D"), condition("timeInterval eq P14D")
    verdict = conflict_between(policy(permit(short)), policy(ban(long)))
    assert verdict.answer is Compatibility.UNKNOWN
    assert "from when the periods of timeInterval are counted" in verdict.reasons[0]
    assert answer(policy(permit(short)), policy(ban(short))) == "Conflict"
    never = policy(ban(long, FEW))
    assert answer(policy(permit(short, MANY)), never) == "Compatible"
    limited = condition("timeInterval neq P7D")
    assert answer(policy(permit(short)), policy(ban(limited))) == "Compatible"


def test_a_period_after_a_first_use_that_nobody_dates() -> None:
    anchors = {"urn:example:mine": MONDAY}
    limits = (weekly("mine"), condition("elapsedTime lteq P3D"))

    def found(start: str, *more: str) -> str:
        mine = replace(policy(permit(*limits, *map(condition, more))), timestamp=start)
        return conflict_between(mine, policy(permit()), anchors=anchors).answer.value

    assert found("2026-01-06T00:00:00Z") == "Unknown"
    assert found("2026-01-11T00:00:00Z") == "Compatible"
    assert found("2026-01-06T00:00:00Z", "dateTime lt 2026-01-12T00:00:00Z") == "Conflict"


# -- what a wider name holds ---------------------------------------------------------------------


@pytest.mark.parametrize("left", ["spatial", "purpose"])
@pytest.mark.parametrize("apart", [True, False], ids=["disjoint", "not"])
def test_what_holds_something_disjoint_does_not_lie_there(left: str, apart: bool) -> None:  # noqa: FBT001
    north, port, south, all_ = (f"urn:example:{name}" for name in ("north", "port", "south", "all"))
    above = {port: (north,), south: (all_,), north: (all_,)}
    known = Knowledge(
        broader=above if left == "purpose" else {},
        wholes=above if left == "spatial" else {},
        disjoint=(frozenset({port, south}),) if apart else (),
    )
    under = "isA" if left == "purpose" else "isPartOf"
    whole = permitting(f"{left} eq {north}")
    expected = "Conflict" if apart else "Unknown"
    assert answer(whole, permitting(f"{left} {under} {south}"), known) == expected
    assert answer(whole, permitting(f"{left} isNoneOf {south}"), known) == "Unknown"
    assert answer(whole, permitting(f"{left} {under} {all_}"), known) == "Compatible"


def test_a_period_that_began_before_is_not_over_for_a_prohibition() -> None:
    """A first use late in both periods is permitted and prohibited."""
    anchors = {"urn:example:mine": MONDAY, "urn:example:other": TUESDAY}
    mine, theirs = policy(permit(weekly("mine"))), policy(ban(weekly("other")))
    verdict = conflict_between(mine, theirs, anchors=anchors)
    assert verdict.answer is Compatibility.UNKNOWN
    assert "its first use" in verdict.reasons[0]
    same = {**anchors, "urn:example:other": MONDAY}
    assert conflict_between(mine, theirs, anchors=same).answer is Compatibility.CONFLICT
    other = policy(permit(weekly("other")))  # in common, the beginnings alone count
    assert conflict_between(mine, other, anchors=anchors).answer is Compatibility.CONFLICT
