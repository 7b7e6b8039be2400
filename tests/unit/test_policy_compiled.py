"""The prepared path: what is kept, what is judged anew, what is looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from policies_odrl import (
    Action,
    AssetRef,
    Connective,
    Constraint,
    Duty,
    Facts,
    Iri,
    Knowledge,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Quantity,
    Request,
    compile_policy,
    evaluate,
    knowledge,
)
from policies_odrl.evaluation import compiled as module
from policies_odrl.model import ODRL, XSD, Condition
from tests.support.tables import rows

READ, USE, PLAY = (ODRL + name for name in ("read", "use", "play"))
ALICE, BOB, BOOK = "urn:example:alice", "urn:example:bob", "urn:example:book"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def literal(kind: str, text: str) -> Literal:
    return Literal(text, XSD + kind)


def is_(left: str, operator: Operator, *right: Any, **more: Any) -> Constraint:
    return Constraint(ODRL + left, operator, right, **more)


def permission(*conditions: Condition, **changes: Any) -> Permission:
    named = {"target": AssetRef(BOOK), "assignee": PartyRef(ALICE)}
    return Permission(action=Action(READ), constraints=conditions, **{**named, **changes})


def policy(*permissions: Permission, **changes: Any) -> Policy:
    return Policy(kind=PolicyKind.SET, permissions=permissions, **changes)


def both(item: Policy, request: Request, facts: Facts | None = None) -> bool:
    """Return what the prepared policy says, twice, once it is what the whole evaluation says."""
    known = facts or Facts(now=NOON)
    whole = evaluate(item, request, known)
    prepared = compile_policy(item)
    assert prepared.permits(request, known) is whole.granted
    assert prepared.permits(request, known) is whole.granted
    assert prepared.decide(request, known).granted is whole.granted
    return whole.granted


ASKED = Request(READ, ALICE, BOOK)


@pytest.mark.parametrize("operator", [*Operator])
@rows("compiled", "bounds in time")
def test_bounds_in_time(operator: Operator, bound: Literal) -> None:
    rule = policy(permission(is_("dateTime", operator, bound)))
    compiled = compile_policy(rule)
    for now in (
        None,
        NOON,
        NOON.replace(hour=0),
        NOON.replace(hour=11, minute=59),
        NOON.replace(day=2, hour=0),
        NOON.replace(month=5),
    ):
        for stated in ({}, {ODRL + "dateTime": (date(2026, 6, 1),)}):
            request, facts = replace(ASKED, facts=stated), Facts(now=now)
            assert compiled.permits(request, facts) is evaluate(rule, request, facts).granted


def test_a_time_that_the_node_states_wins_over_the_clock() -> None:
    rule = policy(
        permission(is_("dateTime", Operator.LT, literal("dateTime", "2026-06-01T12:00:00Z")))
    )
    assert not both(rule, ASKED)
    early = {ODRL + "dateTime": (NOON.replace(hour=1),)}
    assert both(rule, ASKED, Facts(now=NOON, values=early))
    assert not both(rule, replace(ASKED, facts=early))


@pytest.mark.parametrize(
    ("given", "granted"),
    [
        ((3,), True),
        ((True,), False),
        ((Decimal("3.0"),), True),
        ((3.0,), True),
        ((float("nan"),), False),
        (("3",), True),
        ((literal("decimal", "3.00"),), True),
        ((Quantity(Decimal(3), "urn:unit"),), False),
        (([3],), False),
        ((3, 3), True),
        ((3, 4), False),
        ((), False),
    ],
    ids=str,
)
def test_values_that_are_equal_but_not_the_same_are_kept_apart(
    given: Any, *, granted: bool
) -> None:
    rule = policy(permission(is_("percentage", Operator.LTEQ, literal("decimal", "3"))))
    compiled = compile_policy(rule)
    for value in (3, True, 3.0, Decimal(3)):  # answers that are kept beforehand
        compiled.permits(replace(ASKED, facts={ODRL + "percentage": (value,)}), Facts(now=NOON))
    request = replace(ASKED, facts={ODRL + "percentage": given})
    assert compiled.permits(request, Facts(now=NOON)) is granted
    assert both(rule, request) is granted


def test_no_more_answers_are_kept_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knowledge, "MOST_KEPT", 2)
    monkeypatch.setattr(module, "MOST_KEPT", 2)
    rule = policy(permission(is_("percentage", Operator.LTEQ, literal("decimal", "3"))))
    known = knowledge.Knowledge()
    compiled, facts = compile_policy(rule, known), Facts(now=NOON, knowledge=known)
    for number in range(6):
        asked = replace(ASKED, facts={ODRL + "percentage": (number,)})
        assert compiled.permits(asked, facts) is (number <= 3)
        assert 0 < len(known.kept) <= 2
    long = "0" * 600 + "1"  # longer than what is read, and not kept
    assert not compiled.permits(replace(ASKED, facts={ODRL + "percentage": (long,)}), facts)
    assert not any(isinstance(key, tuple) and long in key for key in known.kept)
    for name in range(6):
        assert not compiled.permits(replace(ASKED, target=f"urn:{name}"), facts)
    assert len(compiled._kept) <= 2


@pytest.mark.parametrize("connective", [*Connective])
@pytest.mark.parametrize("given", [(1,), (5,), (9,), ()])
def test_logical_constraints(connective: Connective, given: tuple[int, ...]) -> None:
    parts = (
        is_("percentage", Operator.GTEQ, literal("decimal", "2")),
        is_("percentage", Operator.LTEQ, literal("decimal", "6")),
    )
    rule = policy(permission(LogicalConstraint(connective, parts)))
    both(rule, replace(ASKED, facts={ODRL + "percentage": given}))


@pytest.mark.parametrize(
    "item",
    [
        is_("count", Operator.LTEQ, literal("integer", "5")),
        is_("device", Operator.EQ, Iri("urn:example:tablet")),
        is_("elapsedTime", Operator.LTEQ, literal("duration", "P1D")),
        is_("dateTime", Operator.LT, reference=("urn:example:end",)),
        is_("dateTime", Operator.LT, literal("dateTime", "2027-01-01T00:00:00Z"), unit="urn:u"),
        Constraint("urn:example:unknown", Operator.EQ, (Iri("urn:x"),)),
        LogicalConstraint(Connective.OR, (is_("count", Operator.LTEQ, literal("integer", "5")),)),
    ],
)
def test_what_is_not_prepared_is_evaluated(item: Condition) -> None:
    stated = {
        ODRL + "count": (2,),
        ODRL + "device": (Iri("urn:example:tablet"),),
        ODRL + "systemDevice": (Iri("urn:example:tablet"),),
    }
    both(policy(permission(item)), replace(ASKED, facts=stated))
    ban = Prohibition(action=Action(READ), constraints=(item,))
    both(policy(permission(), prohibitions=(ban,)), replace(ASKED, facts=stated))


def test_a_duty_is_judged_anew() -> None:
    rule = policy(permission(duties=(Duty(action=Action(ODRL + "compensate")),)))
    assert not both(rule, ASKED)


@pytest.mark.parametrize(
    "named",
    [
        {"target": AssetRef("urn:example:shelf", collection=True)},
        {"target": AssetRef("", source="urn:example:shelf")},
        {"assignee": PartyRef("urn:example:class", collection=True)},
        {"target": AssetRef("urn:example:shelf")},
        {"assignee": PartyRef("urn:example:class")},
    ],
)
def test_collections_come_from_evidence(named: dict[str, Any]) -> None:
    rule = policy(permission(**named))
    members = {
        "urn:example:shelf": frozenset({BOOK}),
        "urn:example:class": frozenset({ALICE}),
    }
    assert not both(rule, ASKED)
    assert both(rule, ASKED, Facts(now=NOON, members=members))
    assert not both(rule, replace(ASKED, assignee=BOB, target="urn:x"), Facts(members=members))


def test_the_action_asked_for_may_be_narrower_but_not_broader() -> None:
    anything = policy(replace(permission(), action=Action(USE)))
    assert both(anything, ASKED)
    assert not both(policy(permission()), replace(ASKED, action=USE))
    no_reading = Prohibition(action=Action(READ))
    banned = replace(anything, prohibitions=(no_reading,))
    for action, granted in ((READ, False), (USE, False), (PLAY, True), ("urn:example:act", False)):
        assert both(banned, replace(ASKED, action=action)) is granted


@pytest.mark.parametrize("given", [(1,), (9,), ()])
def test_a_prohibition_that_cannot_be_ruled_out_blocks(given: tuple[int, ...]) -> None:
    ban = Prohibition(
        action=Action(READ),
        constraints=(
            is_("percentage", Operator.GT, literal("decimal", "5")),
            is_("language", Operator.EQ, Literal("fr")),
        ),
    )
    rule = policy(permission(), prohibitions=(ban, replace(ban, constraints=())))
    stated = {ODRL + "percentage": given, ODRL + "language": (Literal("fr"),)}
    both(rule, replace(ASKED, facts=stated))
    both(replace(rule, prohibitions=(ban,)), replace(ASKED, facts=stated))


def test_an_agreement_that_binds_nobody_grants_nothing() -> None:
    rule = replace(policy(permission(assignee=None)), kind=PolicyKind.AGREEMENT)
    assert not both(rule, ASKED)


def test_a_policy_that_decides_nothing_says_why() -> None:
    rule = replace(policy(permission()), profiles=("urn:example:profile",))
    assert not both(rule, ASKED)
    assert "profile" in compile_policy(rule).decide(ASKED).reasons[0]
    assert compile_policy(rule).policy is rule


def test_other_knowledge_is_evaluated_whole() -> None:
    purpose = is_("purpose", Operator.IS_A, Iri("urn:example:wide"))
    rule = policy(permission(purpose))
    knowledge = Knowledge(broader={"urn:example:narrow": ("urn:example:wide",)})
    asked = replace(ASKED, facts={ODRL + "purpose": (Iri("urn:example:narrow"),)})
    facts = Facts(now=NOON, knowledge=knowledge)
    assert compile_policy(rule).permits(asked, facts)
    assert compile_policy(rule, knowledge).permits(asked, facts)
    assert not compile_policy(rule, knowledge).permits(asked, Facts(now=NOON))


def test_only_rules_that_can_apply_are_looked_at() -> None:
    many = policy(*(permission(target=AssetRef(f"urn:{number}")) for number in range(200)))
    found = compile_policy(many).decide(replace(ASKED, target="urn:7"))
    assert [result.path for result in found.rules] == ["/permission/7"]
