"""Every operator × missing, ill-typed, unknown value × permission, prohibition, duty: no grant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Connective,
    Constraint,
    Duty,
    Facts,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Performed,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Quantity,
    Request,
    evaluate,
)
from policies_odrl.algebra.domain import Fact
from policies_odrl.evaluation.deontic import Effect
from policies_odrl.model import ODRL, XSD, Condition, Value
from policies_odrl.vocabulary import ALLOWED, DPV, LEVELS, OPERANDS, PREAU, PROFILE, Kind
from tests.support.each import over

READ = ODRL + "read"
PAY = ODRL + "compensate"
NOW = datetime(2026, 6, 1, tzinfo=UTC)

BOUND: dict[Kind, Value] = {
    Kind.CONCEPT: Iri(DPV + "Marketing"),
    Kind.IDENTITY: Iri("urn:example:a"),
    Kind.PLACE: Iri("https://w3id.org/dpv/loc#EU"),
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
    Kind.LEVEL: ["", NOW, 2, "Raw", Literal(PREAU + "Synthetic", XSD + "string")],
}
UNKNOWN: dict[Kind, list[Fact]] = {
    Kind.CONCEPT: ["urn:example:unknown"],
    Kind.PLACE: ["urn:example:unknown", "https://w3id.org/dpv/loc#XX"],
    Kind.NUMBER: [Quantity(Decimal(3), "urn:example:unit")],
    Kind.COUNT: [Quantity(Decimal(3), "urn:example:unit")],
    Kind.DURATION: ["P30D", Quantity(Decimal(3), "urn:example:unit")],
    Kind.EVENT: ["urn:example:unknown"],
    Kind.LEVEL: ["urn:example:unknown"],
}
BAD: dict[str, list[tuple[Fact, ...]]] = {
    left: [
        (),
        *((value,) for value in ILL_TYPED[operand.kind]),
        *((value,) for value in UNKNOWN.get(operand.kind, ())),
        *((Iri(steps[0]),) for other, steps in LEVELS.items() if left in LEVELS and other != left),
    ]
    for left, operand in OPERANDS.items()
}

# Contexts: each puts a constraint where its truth alone decides, so that only True may grant and
# only False may lift. The rest of the policy holds.
HOLDS = Constraint(ODRL + "dateTime", Operator.GTEQ, (Literal("2000-01-01", XSD + "date"),))
FAILS = Constraint(ODRL + "dateTime", Operator.LT, (Literal("2000-01-01", XSD + "date"),))
LOGIC: dict[str, Callable[[Condition], Condition]] = {
    "and": lambda item: LogicalConstraint(Connective.AND, (HOLDS, item)),
    "or": lambda item: LogicalConstraint(Connective.OR, (FAILS, item)),
    "xone-with-false": lambda item: LogicalConstraint(Connective.XONE, (FAILS, item)),
    "xone-with-true": lambda item: LogicalConstraint(Connective.XONE, (HOLDS, item)),
    "sequence": lambda item: LogicalConstraint(Connective.AND_SEQUENCE, (HOLDS, item)),
    "deep": lambda item: LogicalConstraint(
        Connective.OR,
        (
            FAILS,
            LogicalConstraint(Connective.AND, (HOLDS, LogicalConstraint(Connective.OR, (item,)))),
        ),
    ),
}
PLACES = ("action", "target", "assignee")
TARGET, ASSIGNEE = "urn:example:t", "urn:example:p"


def bound(left: str) -> Value:
    if OPERANDS[left].most == 1:
        return Literal("0.3", XSD + "decimal")
    return Iri(LEVELS[left][2]) if left in LEVELS else BOUND[OPERANDS[left].kind]


def constraint(left: str, operator: Operator) -> Constraint:
    return Constraint(left, operator, (bound(left),))


def good(left: str) -> tuple[Fact, Fact]:
    """A value that equals the bound, and one that lies beyond it."""
    if left in LEVELS:
        return LEVELS[left][2], LEVELS[left][3]
    if OPERANDS[left].most == 1:
        return Decimal("0.3"), Decimal("0.4")
    return GOOD[OPERANDS[left].kind]


def parts(place: str, item: Condition, action: str = READ) -> dict[str, object]:
    """The attributes of a rule that holds a condition in one of its places."""
    found: dict[str, object] = {"action": Action(action)}
    if place == "constraint":
        found["constraints"] = (item,)
    elif place == "action":
        found["action"] = Action(action, (item,))
    elif place == "target":
        found["target"] = AssetRef(TARGET, refinements=(item,))
    else:
        found["assignee"] = PartyRef(ASSIGNEE, refinements=(item,))
    return found


def policy(*rules: Permission | Prohibition) -> Policy:
    return Policy(
        kind=PolicyKind.SET,
        id="urn:example:policy",
        target=AssetRef(TARGET),
        permissions=tuple(rule for rule in rules if isinstance(rule, Permission)),
        prohibitions=tuple(rule for rule in rules if isinstance(rule, Prohibition)),
        profiles=(PROFILE,),
        conflict=Conflict.PROHIBIT,
    )


def ask(left: str, values: tuple[Fact, ...]) -> Request:
    return Request(READ, ASSIGNEE, TARGET, {left: values})


def clock(left: str) -> Facts:
    """The time, unless it is what is asked for."""
    return Facts() if left == ODRL + "dateTime" else Facts(now=NOW)


def logics(left: str) -> list[str]:
    if left == ODRL + "dateTime":
        return []
    # in a sequence a delay counts from the member before it, and is known
    return [name for name in LOGIC if (left, name) != (ODRL + "delayPeriod", "sequence")]


@cache
def turns(left: str, operator: Operator) -> tuple[list[str], str]:
    """(one logic, if there is any; one place) by turns: each left operand and value meets all."""
    turn = list(OPERANDS).index(left) + list(Operator).index(operator)
    among = logics(left)
    return among[turn % len(among) :][:1] if among else [], PLACES[turn % len(PLACES)]


@cache
def contexts(left: str, operator: Operator) -> list[tuple[str, Condition]]:
    """(place, condition) of a left operand: alone, in a logic, and in another place."""
    item, (names, place) = constraint(left, operator), turns(left, operator)
    joined: list[tuple[str, Condition]] = [("constraint", LOGIC[name](item)) for name in names]
    return [("constraint", item), *joined, (place, item)]


def bad(operator: Operator) -> Iterator[tuple[str, tuple[Fact, ...], list[tuple[str, Condition]]]]:
    """Every bad value of every left operand: (left, values, contexts)."""
    for left, each in BAD.items():
        for values in each:
            yield left, values, contexts(left, operator)


def test_the_matrix_is_whole() -> None:
    assert {OPERANDS[left].kind for left in OPERANDS} == set(Kind) == {*BOUND, Kind.LEVEL}
    assert set(ILL_TYPED) == set(Kind) == {*GOOD, Kind.LEVEL}
    assert BAD.keys() == OPERANDS.keys()
    assert sum(map(len, BAD.values())) * len(Operator) > 5_000
    met = {(left, it): turns(left, it) for left in OPERANDS for it in Operator}
    for left in OPERANDS:  # and so each of its values
        found = [turn for (other, _), turn in met.items() if other == left]
        assert {name for names, _ in found for name in names} == set(logics(left))
        assert {place for _, place in found} == set(PLACES)
    for operator in Operator:
        found = [turn for (_, other), turn in met.items() if other == operator]
        assert {name for names, _ in found for name in names} == set(LOGIC)
        assert {place for _, place in found} == set(PLACES)


# Each context is a rule of its own, and all are asked at once: none may grant, each ban must hold.
# What a logic or a place makes of a truth does not depend on which operator and operand it is of.


@cache
def owed(left: str, operator: Operator) -> Policy:
    """Permissions under a condition, and under a duty that is owed under it."""
    places = contexts(left, operator)
    rules = [Permission(**parts(*each)) for each in places]  # type: ignore[arg-type]
    waived = [item for place, item in places if place == "constraint"]
    if left in {ODRL + "dateTime", ODRL + "elapsedTime"}:
        waived = []  # these are times by which to do it, not conditions for having to
    pay = [Duty(action=Action(PAY), constraints=(item,)) for item in waived]
    owing = [Permission(action=Action(READ), duties=(duty,)) for duty in pay]
    return policy(*rules, *owing)


@over("operator", Operator)
def test_a_permission_is_not_granted_nor_a_duty_waived(operator: Operator) -> None:
    for left, values, places in bad(operator):
        decision = evaluate(owed(left, operator), ask(left, values), clock(left))
        assert not decision.granted, (left, values, decision.because)
        for (place, item), result in zip(() if values else places, decision.rules, strict=False):
            assert left in replace(decision, rules=(result,)).missing, (left, item, place)


@cache
def banned(left: str, operator: Operator) -> Policy:
    bans = [Prohibition(**parts(*each)) for each in contexts(left, operator)]  # type: ignore[arg-type]
    return policy(Permission(action=Action(READ)), *bans)


@over("operator", Operator)
def test_a_prohibition_is_not_lifted(operator: Operator) -> None:
    for left, values, places in bad(operator):
        decision = evaluate(banned(left, operator), ask(left, values), clock(left))
        assert not decision.granted, (left, values)
        for (place, item), result in zip(places, decision.rules[1:], strict=True):
            assert result.effect is Effect.BLOCKS, (left, item, values, place)


AFTER_USE = {Operator.LT, Operator.LTEQ, Operator.EQ}


@cache
def dutiful(left: str, operator: Operator) -> Policy:
    """Permissions under one duty each, to be done as a condition says."""
    places = contexts(left, operator)
    if left == ODRL + "elapsedTime" and operator in AFTER_USE:
        # a time after the use, when the duty is due and not yet missing
        places = [each for each in places if each[0] != "constraint"]
    duties = [Duty(**parts(*each, PAY)) for each in places]  # type: ignore[arg-type]
    return policy(*[Permission(action=Action(READ), duties=(duty,)) for duty in duties])


@over("operator", Operator)
def test_a_duty_is_not_fulfilled(operator: Operator) -> None:
    """All bad acts were done: one that is what a duty asks for would fulfil it among others."""
    request = Request(READ, ASSIGNEE, TARGET)
    for left, each in BAD.items():
        if left == ODRL + "dateTime":
            continue  # the act itself says when it was done
        acts = tuple(Performed(PAY, NOW, ASSIGNEE, TARGET, {left: values}) for values in each)
        decision = evaluate(dutiful(left, operator), request, Facts(now=NOW, performed=acts))
        done = [duty.acts for result in decision.rules for duty in result.duties]
        assert not decision.granted, (left, decision.because)
        assert not any(done), (left, done)


GOOD: dict[Kind, tuple[Fact, Fact]] = {
    Kind.CONCEPT: (DPV + "Marketing", DPV + "AcademicResearch"),
    Kind.IDENTITY: ("urn:example:a", "urn:example:b"),
    Kind.PLACE: ("https://w3id.org/dpv/loc#EU", "https://w3id.org/dpv/loc#US"),
    Kind.NUMBER: (Decimal(3), Decimal(4)),
    Kind.COUNT: (2, 3),
    Kind.INSTANT: ("2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z"),
    Kind.DURATION: ("P1M", "P2M"),
    Kind.EVENT: ("urn:example:a", "urn:example:a"),
}


@over("left", OPERANDS)
def test_the_positive_twin_is_granted_and_its_ban_holds(left: str) -> None:
    """So that refusing everything does not pass."""
    kind = OPERANDS[left].kind
    for operator in (Operator.EQ, Operator.LTEQ):
        if operator not in ALLOWED[kind] or (kind is Kind.EVENT and operator is Operator.LTEQ):
            continue
        rule = Permission(action=Action(READ), constraints=(constraint(left, operator),))
        ban = Prohibition(action=Action(READ), constraints=rule.constraints)
        free = replace(rule, constraints=())
        asked = Request(READ, ASSIGNEE, TARGET)
        fits, fails = (Facts(values={left: (value,)}) for value in good(left))
        assert evaluate(policy(rule), asked, fits).granted
        assert not evaluate(policy(free, ban), asked, fits).granted
        if kind is not Kind.EVENT:
            assert not evaluate(policy(rule), asked, fails).granted
            if kind is not Kind.IDENTITY or left != PREAU + "membership":
                assert evaluate(policy(free, ban), asked, fails).granted


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
