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
    Constraint,
    Facts,
    Iri,
    Knowledge,
    Literal,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
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


def test_a_policy_that_decides_nothing_says_why() -> None:
    rule = replace(policy(permission()), profiles=("urn:example:profile",))
    assert not both(rule, ASKED)
    assert "profile" in evaluate(rule, ASKED).reasons[0]
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
    found = compile_policy(many)._applicable(replace(ASKED, target="urn:7"), Facts())
    assert found is not None
    assert [place.path for place, *_ in found[0]] == ["/permission/7"]
