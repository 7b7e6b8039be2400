"""Do two policies conflict: hand-made pairs for each kind of operand, and pairs of rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from policies_odrl import (
    Action,
    AssetRef,
    Compatibility,
    Condition,
    Conflict,
    Connective,
    Constraint,
    Duty,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Question,
    conflict_between,
    conflict_within,
)
from policies_odrl.model import ODRL, XSD
from policies_odrl.vocabulary import ALLOWED, Kind, Operand
from tests.support.conflicts import KNOWN, NAMES, condition, permitting, problems


@pytest.mark.parametrize(
    "problem", problems(), ids=lambda item: f"{item['family']}: {item['name']}"
)
def test_vectors(problem: dict[str, Any]) -> None:
    left = permitting(*problem["left"], start=problem.get("start", ""))
    right = permitting(*problem["right"])
    for one, other in ((left, right), (right, left)):
        wide = problem.get("parts_as_kinds", False)
        verdict = conflict_between(one, other, KNOWN, parts_as_kinds=wide)
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


def oblige(action: str = USE, *limits: Condition, **more: Any) -> Policy:
    rule = Duty(action=Action(action), constraints=limits, **more)
    return Policy(kind=PolicyKind.SET, obligations=(rule,))


def both(one: Policy, other: Policy, **more: Any) -> Policy:
    return replace(
        one,
        permissions=one.permissions + other.permissions,
        prohibitions=one.prohibitions + other.prohibitions,
        obligations=one.obligations + other.obligations,
        **more,
    )


COLLECTION = PartyRef("urn:example:group", collection=True)
REFINED = PartyRef("", collection=True, source="urn:example:group", refinements=(EARLY,))
AGREED = replace(permit(), kind=PolicyKind.AGREEMENT)
PAIRS: dict[str, tuple[Policy, Policy, str]] = {
    "a wider and a narrower action": (permit(USE), permit(READ), "Compatible"),
    "actions that nothing is included in": (permit(READ), permit(PLAY), "Conflict"),
    "an action that is included in both": (
        permit(USE),
        permit("urn:example:both"),
        "Compatible",
    ),
    "one asset": (permit(target=ASSET), permit(target=ASSET), "Compatible"),
    "an asset and any": (permit(target=ASSET), permit(), "Compatible"),
    "two assets": (permit(target=ASSET), permit(target=OTHER), "Conflict"),
    "two parties": (permit(assignee=BOB), permit(assignee=PartyRef("urn:x")), "Conflict"),
    "one collection": (permit(assignee=COLLECTION), permit(assignee=COLLECTION), "Compatible"),
    "a collection and somebody": (permit(assignee=COLLECTION), permit(assignee=BOB), "Unknown"),
    "a refined collection": (permit(assignee=REFINED), permit(USE, EARLY), "Compatible"),
    "a refined collection, apart": (permit(assignee=REFINED), permit(USE, LATE), "Conflict"),
    "refinements of the action count": (
        Policy(
            kind=PolicyKind.SET,
            permissions=(Permission(action=Action(USE, refinements=(EARLY,))),),
        ),
        permit(USE, LATE),
        "Conflict",
    ),
    "a later permission fits": (
        both(permit(USE, LATE), permit(USE, EARLY)),
        permit(USE, EARLY),
        "Compatible",
    ),
    "none of several fits": (
        both(permit(USE, LATE), permit(USE, LATE, target=ASSET)),
        permit(USE, EARLY),
        "Conflict",
    ),
    "an agreement binds somebody": (AGREED, permit(), "Unknown"),
    "parents that are not resolved": (
        replace(permit(), inherits=("urn:example:parent",)),
        permit(),
        "Unknown",
    ),
    # permission against prohibition
    "permitted and prohibited": (permit(USE, EARLY), prohibit(), "Conflict"),
    "permitted within what is prohibited": (permit(READ), prohibit(USE), "Conflict"),
    "prohibited within what is permitted": (permit(USE), prohibit(READ), "Conflict"),
    "permitted apart from what is prohibited": (
        permit(USE, EARLY),
        prohibit(USE, LATE),
        "Compatible",
    ),
    "another action is prohibited": (permit(READ), prohibit(PLAY), "Compatible"),
    "another asset is prohibited": (permit(target=ASSET), prohibit(target=OTHER), "Compatible"),
    "a prohibition that may apply": (
        permit(USE, condition("purpose isA Sales")),
        prohibit(USE, condition("purpose isA Research")),
        "Unknown",
    ),
    "a permission that another rule of its policy voids": (
        both(permit(USE, EARLY), prohibit(USE, EARLY)),
        prohibit(USE, EARLY),
        "Compatible",
    ),
    # both permit, and somebody prohibits
    "a prohibition that leaves room": (
        permit(USE, EARLY),
        both(permit(), prohibit(USE, condition("width lt 5"))),
        "Compatible",
    ),
    "a prohibition that leaves none": (
        permit(USE, EARLY),
        both(permit(), prohibit(USE, condition("width lteq 5"))),
        "Conflict",
    ),
    "a prohibition without conditions": (permit(), both(permit(), prohibit()), "Conflict"),
    "a prohibition that permissions win over": (
        permit(),
        both(permit(), prohibit(), conflict=Conflict.PERM),
        "Compatible",
    ),
    "a prohibition of a narrower action": (permit(), both(permit(), prohibit(READ)), "Compatible"),
    "a prohibition for members": (
        permit(),
        both(permit(), prohibit(assignee=COLLECTION)),
        "Unknown",
    ),
    "a prohibition for members, and one for all": (
        permit(),
        both(both(permit(), prohibit(assignee=COLLECTION)), prohibit()),
        "Conflict",
    ),
    "a prohibition of another asset": (
        permit(target=ASSET),
        both(permit(), prohibit(target=OTHER)),
        "Compatible",
    ),
    # duties
    "nothing but prohibitions": (prohibit(), prohibit(READ), "Compatible"),
    "a duty that is prohibited": (oblige(READ), prohibit(USE), "Conflict"),
    "a duty that may be done otherwise": (
        oblige(USE, EARLY),
        prohibit(USE, condition("width lt 5")),
        "Compatible",
    ),
    "a duty that is prohibited throughout": (
        oblige(USE, EARLY),
        prohibit(USE, condition("width lteq 7")),
        "Conflict",
    ),
    "a duty that may be prohibited": (
        oblige(USE, condition("purpose eq Sales")),
        prohibit(USE, condition("purpose isA Research")),
        "Unknown",
    ),
    "a duty that can never be": (
        oblige(USE, EARLY, LATE),
        prohibit(USE),
        "Compatible",
    ),
    "permissions that agree, a duty that is prohibited": (
        both(permit(READ), oblige(PLAY)),
        both(permit(READ), prohibit(PLAY)),
        "Conflict",
    ),
}
MORE = replace(KNOWN, actions={"urn:example:both": (USE,)})


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_of_rules(name: str) -> None:
    left, right, wanted = PAIRS[name]
    for one, other in ((left, right), (right, left)):
        assert conflict_between(one, other, MORE).answer.value == wanted


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


def test_duties_of_a_permission_are_taken_as_promised() -> None:
    paid = permit(USE, duties=(Duty(action=Action(ODRL + "compensate")),))
    assert conflict_between(paid, permit(), KNOWN).answer is Compatibility.COMPATIBLE


def test_an_offer_is_asked_what_it_would_grant() -> None:
    offer = replace(permit(), kind=PolicyKind.OFFER)
    assert conflict_between(offer, permit(), KNOWN).answer is Compatibility.COMPATIBLE


WITHIN: dict[str, tuple[Policy, str, Question]] = {
    "it grants something": (permit(USE, EARLY), "Compatible", Question.GRANTS),
    "it grants nothing": (permit(USE, EARLY, LATE), "Conflict", Question.GRANTS),
    "it permits what it prohibits": (both(permit(READ), prohibit()), "Conflict", Question.CLASH),
    "it permits one thing and prohibits another": (
        both(permit(USE, EARLY), prohibit(USE, LATE)),
        "Compatible",
        Question.CLASH,
    ),
    "it permits nothing": (prohibit(), "Compatible", Question.CLASH),
    "it demands what it prohibits": (
        both(oblige(READ), prohibit()),
        "Conflict",
        Question.FORBIDDEN_DUTY,
    ),
}


@pytest.mark.parametrize("name", WITHIN)
def test_one_policy_by_itself(name: str) -> None:
    policy, answer, question = WITHIN[name]
    verdict = conflict_within(policy, KNOWN)
    assert (verdict.answer.value, verdict.question) == (answer, question)


# -- periods -------------------------------------------------------------------------------------


def every(period: str, *more: str) -> Policy:
    rule = Constraint(
        ODRL + "timeInterval",
        Operator.EQ,
        (Literal(period, XSD + "duration"),),
        id=f"urn:example:{period}",
    )
    limits = (rule, *(condition(item) for item in more))
    return permit(USE, *limits)


def start(**moments: str) -> dict[str, datetime]:
    return {
        f"urn:example:{period}": datetime.fromisoformat(moment).replace(tzinfo=UTC)
        for period, moment in moments.items()
    }


PERIODS: dict[str, tuple[Policy, Policy, dict[str, datetime], str]] = {
    "periods that meet": (
        every("P30D"),
        every("P45D", "dateTime gt 2026-01-01"),
        start(P30D="2026-01-01", P45D="2026-01-01"),
        "Compatible",
    ),
    "periods that never meet": (
        every("P2D"),
        every("P4D"),
        start(P2D="2026-01-01", P4D="2026-01-02"),
        "Conflict",
    ),
    "periods that meet outside the window": (
        every("P30D", "dateTime lt 2026-03-31"),
        every("P45D", "dateTime gt 2026-01-01"),
        start(P30D="2026-01-01", P45D="2026-01-01"),
        "Conflict",
    ),
    "a window between two beginnings": (
        every("P30D"),
        permit(USE, condition("dateTime gteq 2026-01-04"), condition("dateTime lteq 2026-01-06")),
        start(P30D="2026-01-01"),
        "Conflict",
    ),
    "a window that holds a beginning": (
        every("P30D"),
        permit(USE, condition("dateTime gteq 2026-01-04"), condition("dateTime lteq 2026-01-31")),
        start(P30D="2026-01-01"),
        "Compatible",
    ),
    "months and days that meet": (
        every("P1M"),
        every("P7D", "dateTime gt 2026-01-01"),
        start(P1M="2026-01-01", P7D="2026-01-01"),
        "Compatible",
    ),
    "months and days within a window": (
        every("P1M"),
        every("P7D", "dateTime gt 2026-01-01", "dateTime lt 2026-09-01"),
        start(P1M="2026-01-03", P7D="2026-01-01"),
        "Conflict",
    ),
    "months that never meet": (
        every("P1M"),
        every("P2M"),
        start(P1M="2026-01-02", P2M="2026-01-01"),
        "Unknown",
    ),
    "one without a beginning, of the same length": (
        every("P30D"),
        permit(USE, replace(condition("timeInterval eq P30D"))),
        start(P30D="2026-01-01"),
        "Compatible",
    ),
    "one without a beginning, of another length": (
        every("P30D"),
        permit(USE, condition("timeInterval eq P31D")),
        start(P30D="2026-01-01"),
        "Unknown",
    ),
    "a period of nothing": (
        every("P0D"),
        permit(),
        start(P0D="2026-01-01"),
        "Unknown",
    ),
    "a period too short to count": (
        every("PT0.0000001S"),
        permit(),
        {"urn:example:PT0.0000001S": datetime(2026, 1, 1, tzinfo=UTC)},
        "Unknown",
    ),
    "a period longer than the calendar": (
        every("P999999999DT999999999H"),
        permit(),
        {"urn:example:P999999999DT999999999H": datetime(2026, 1, 1, tzinfo=UTC)},
        "Unknown",
    ),
    "the agreement begins after the last beginning": (
        replace(every("P30D", "dateTime lt 2026-02-01"), timestamp="2026-01-31T12:00:00Z"),
        permit(),
        start(P30D="2026-01-01"),
        "Conflict",
    ),
    "the agreement begins before a beginning": (
        replace(every("P30D"), timestamp="2026-01-31T12:00:00Z"),
        permit(),
        start(P30D="2026-01-01"),
        "Compatible",
    ),
    "beyond the calendar": (
        every("P30D", "dateTime gt 9999-12-30T00:00:00Z"),
        permit(),
        start(P30D="2026-01-01"),
        "Conflict",
    ),
}


@pytest.mark.parametrize("name", PERIODS)
def test_periods_with_a_beginning(name: str) -> None:
    left, right, anchors, wanted = PERIODS[name]
    for one, other in ((left, right), (right, left)):
        assert conflict_between(one, other, KNOWN, anchors=anchors).answer.value == wanted


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
    lacking = conflict_between(wide, permit(), KNOWN).reasons
    assert "too many ways" in lacking[0]


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
