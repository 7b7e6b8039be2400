"""Every operator × missing, ill-typed, unknown value × permission, prohibition, duty: no grant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

import pytest

from policies_odrl import (
    Action,
    Conflict,
    Constraint,
    Duty,
    Facts,
    Iri,
    Literal,
    Operator,
    Performed,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Quantity,
    Request,
    Value,
    evaluate,
)
from policies_odrl.model import ODRL, XSD
from policies_odrl.operands import Fact
from policies_odrl.vocabulary import ALLOWED, DPV, OPERANDS, PREAU, PROFILE, Kind

READ = ODRL + "read"
PAY = ODRL + "compensate"
NOW = datetime(2026, 6, 1, tzinfo=UTC)

BOUND: dict[Kind, Value] = {
    Kind.CONCEPT: Iri(DPV + "Marketing"),
    Kind.IDENTITY: Iri("urn:example:a"),
    Kind.PLACE: Iri("urn:example:a"),
    Kind.NUMBER: Literal("3", XSD + "decimal"),
    Kind.COUNT: Literal("3", XSD + "integer"),
    Kind.INSTANT: Literal("2026-06-01T00:00:00Z", XSD + "dateTime"),
    Kind.DURATION: Literal("P1M", XSD + "duration"),
    Kind.EVENT: Iri("urn:example:a"),
}
ILL_TYPED: dict[Kind, list[Fact]] = {
    Kind.CONCEPT: ["", Literal("", XSD + "string"), NOW],
    Kind.IDENTITY: ["", Iri(""), NOW],
    Kind.PLACE: ["", NOW],
    Kind.NUMBER: [
        "many",
        "NaN",
        "Infinity",
        Decimal("NaN"),
        float("inf"),
        True,
        NOW,
        "",
        "1e99999",
    ],
    Kind.COUNT: ["many", "NaN", Decimal("Infinity"), False, ""],
    Kind.INSTANT: ["yesterday", "2026-13-01", "2026-06-01T25:00:00Z", 5, "", Decimal(1)],
    Kind.DURATION: ["P", "PT", "1 month", 5, "", "P1H"],
    Kind.EVENT: ["", NOW],
}
UNKNOWN: dict[Kind, list[Fact]] = {
    Kind.CONCEPT: ["urn:example:unknown"],
    Kind.PLACE: ["urn:example:unknown"],
    Kind.NUMBER: [Quantity(Decimal(3), "urn:example:unit")],
    Kind.DURATION: ["P30D"],
}
BAD = [
    (left, operator, values)
    for left, operator in product(OPERANDS, Operator)
    for values in (
        (),
        *((value,) for value in ILL_TYPED[OPERANDS[left].kind]),
        *((value,) for value in UNKNOWN.get(OPERANDS[left].kind, ())),
    )
    if not (values == ("P30D",) and operator in {Operator.GT, Operator.LT, Operator.EQ})
]


def constraint(left: str, operator: Operator) -> Constraint:
    return Constraint(left, operator, (BOUND[OPERANDS[left].kind],))


def policy(rule: Permission, *bans: Prohibition) -> Policy:
    return Policy(
        kind=PolicyKind.SET,
        permissions=(rule,),
        prohibitions=bans,
        profiles=(PROFILE,),
        conflict=Conflict.PROHIBIT,
    )


def ask(left: str, values: tuple[Fact, ...]) -> Request:
    return Request(READ, facts={left: values})


@pytest.mark.parametrize("operator", Operator)
def test_a_permission_is_not_granted(operator: Operator) -> None:
    for left, _, values in (item for item in BAD if item[1] is operator):
        rule = Permission(action=Action(READ), constraints=(constraint(left, operator),))
        decision = evaluate(policy(rule), ask(left, values))
        assert not decision.granted, (left, operator, values)
        assert values or left in decision.missing


@pytest.mark.parametrize("operator", Operator)
def test_a_prohibition_is_not_lifted(operator: Operator) -> None:
    for left, _, values in (item for item in BAD if item[1] is operator):
        ban = Prohibition(action=Action(READ), constraints=(constraint(left, operator),))
        decision = evaluate(policy(Permission(action=Action(READ)), ban), ask(left, values))
        assert not decision.granted, (left, operator, values)


@pytest.mark.parametrize("operator", Operator)
def test_a_duty_is_not_fulfilled(operator: Operator) -> None:
    for left, _, values in (item for item in BAD if item[1] is operator):
        if left in {ODRL + "elapsedTime", ODRL + "event"}:
            continue  # these state a time after the use, when the duty is due and not yet missing
        if left == ODRL + "dateTime":
            continue  # the act itself says when it was done
        duty = Duty(action=Action(PAY), constraints=(constraint(left, operator),))
        rule = Permission(action=Action(READ), duties=(duty,))
        act = Performed(PAY, NOW, facts={left: values})
        known = Facts(now=NOW, performed=(act,))
        assert not evaluate(policy(rule), Request(READ), known).granted, (left, operator, values)


GOOD: dict[Kind, tuple[Fact, Fact]] = {
    Kind.CONCEPT: (DPV + "Marketing", DPV + "AcademicResearch"),
    Kind.IDENTITY: ("urn:example:a", "urn:example:b"),
    Kind.NUMBER: (Decimal(3), Decimal(4)),
    Kind.COUNT: (2, 3),
    Kind.INSTANT: ("2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z"),
    Kind.DURATION: ("P1M", "P2M"),
    Kind.EVENT: ("urn:example:a", "urn:example:a"),
}


@pytest.mark.parametrize("left", [item for item in OPERANDS if OPERANDS[item].kind in GOOD])
def test_the_positive_twin_is_granted_and_its_ban_holds(left: str) -> None:
    """So that refusing everything does not pass."""
    kind = OPERANDS[left].kind
    for operator in (Operator.EQ, Operator.LTEQ):
        if operator not in ALLOWED[kind] or (kind is Kind.EVENT and operator is Operator.LTEQ):
            continue
        rule = Permission(action=Action(READ), constraints=(constraint(left, operator),))
        ban = Prohibition(action=Action(READ), constraints=rule.constraints)
        free = replace(rule, constraints=())
        fits, fails = ask(left, (GOOD[kind][0],)), ask(left, (GOOD[kind][1],))
        assert evaluate(policy(rule), fits).granted
        assert not evaluate(policy(free, ban), fits).granted
        if kind is not Kind.EVENT:
            assert not evaluate(policy(rule), fails).granted
            if kind is not Kind.IDENTITY or left != PREAU + "membership":
                assert evaluate(policy(free, ban), fails).granted


def test_a_bound_that_cannot_be_read_never_grants_nor_lifts() -> None:
    for left in OPERANDS:
        kind = OPERANDS[left].kind
        if kind not in {Kind.NUMBER, Kind.COUNT, Kind.INSTANT, Kind.DURATION}:
            continue
        for operator in Operator:
            broken = Constraint(left, operator, (Literal("x", XSD + "decimal"),))
            rule = Permission(action=Action(READ), constraints=(broken,))
            ban = Prohibition(action=Action(READ), constraints=(broken,))
            asked = ask(left, (GOOD[kind][0],))
            assert not evaluate(policy(rule), asked).granted
            assert not evaluate(policy(Permission(action=Action(READ)), ban), asked).granted


def test_a_bound_in_another_unit_never_grants_nor_lifts() -> None:
    euro = Constraint(
        ODRL + "payAmount", Operator.LTEQ, (Literal("5", XSD + "decimal"),), unit="urn:eur"
    )
    rule = Permission(action=Action(READ), constraints=(euro,))
    ban = Prohibition(action=Action(READ), constraints=(euro,))
    for value in (Decimal(1), Quantity(Decimal(1), "urn:usd")):
        asked = ask(ODRL + "payAmount", (value,))
        assert not evaluate(policy(rule), asked).granted
        assert not evaluate(policy(Permission(action=Action(READ)), ban), asked).granted
    assert evaluate(
        policy(rule), ask(ODRL + "payAmount", (Quantity(Decimal(1), "urn:eur"),))
    ).granted


def test_several_values_of_a_single_valued_operator_never_grant() -> None:
    for operator in (Operator.EQ, Operator.IS_A, Operator.NEQ):
        both = Constraint(
            ODRL + "purpose", operator, (Iri(DPV + "Marketing"), Iri(DPV + "AcademicResearch"))
        )
        rule = Permission(action=Action(READ), constraints=(both,))
        assert not evaluate(policy(rule), ask(ODRL + "purpose", (DPV + "Marketing",))).granted
