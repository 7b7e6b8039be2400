"""Values that somebody chose to do harm: nothing crashes, nothing is granted, nothing is lifted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import cycle, product

import pytest

from policies_odrl import (
    Action,
    Conflict,
    Constraint,
    Duty,
    Facts,
    Iri,
    Knowledge,
    Literal,
    Operator,
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
from policies_odrl.algebra.periods import Recurrence, Stretch
from policies_odrl.evaluation.decision import Decision
from policies_odrl.evaluation.request import Usage
from policies_odrl.model import ODRL, XSD
from policies_odrl.text import value as shown
from policies_odrl.vocabulary import OPERANDS, Kind

READ = ODRL + "read"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVER = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
EAST = timezone(timedelta(hours=14))
HOUR = "http://qudt.org/vocab/unit/HR"
VALUES: list[Fact] = [
    "",
    "x" * 100_000,
    "9" * 100_000,
    "-" * 1_000,
    "P" + "9" * 1_000 + "D",
    "P999999Y999999M999999999DT999999999H999999999M999999999S",
    "-P999999Y",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31",
    "1e400",
    "-1e-400",
    "\x00",
    "\ud800",
    10**5_000,
    -(10**5_000),
    True,
    float("nan"),
    float("inf"),
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("Infinity"),
    Decimal("1e999999"),
    EVER[0].replace(tzinfo=None),
    EVER[1].replace(tzinfo=None),
    datetime.min.replace(tzinfo=EAST),
    datetime.max.replace(tzinfo=timezone(-timedelta(hours=14))),
    date.min,
    date.max,
    timedelta.min,
    timedelta.max,
    Iri(""),
    Iri("urn:" + "y" * 100_000),
    Literal("x" * 100_000, XSD + "dateTime"),
    Literal("1", XSD + "unheard-of"),
    Literal("1", XSD + "string", "fr"),
    Quantity(Decimal("NaN"), HOUR),
    Quantity(Decimal("sNaN"), HOUR),
    Quantity(Decimal("1e400"), HOUR),
    Quantity(Decimal("-1e400"), ""),
    Stretch(datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)),
    Recurrence(datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)),
    Recurrence(NOW),
]
BOUNDS: dict[Kind, list[Literal | Iri]] = {
    Kind.NUMBER: [Literal("1e400", XSD + "decimal"), Literal("9" * 1_000, XSD + "integer")],
    Kind.COUNT: [Literal("-1e400", XSD + "decimal"), Literal("5", XSD + "integer")],
    Kind.INSTANT: [
        Literal("9999-12-31", XSD + "date"),
        Literal("0001-01-01T00:00:00+14:00", XSD + "dateTime"),
        Literal("9999-12-31T23:59:59-14:00", XSD + "dateTime"),
    ],
    Kind.DURATION: [
        Literal("P999999Y999999M999999999DT999999999H", XSD + "duration"),
        Literal("-P999999Y", XSD + "duration"),
        Literal("PT0S", XSD + "duration"),
    ],
    Kind.EVENT: [Iri("urn:example:ever"), Iri(ODRL + "policyUsage")],
}


def read_all(decision: Decision) -> None:
    """Make every sentence of a decision."""
    assert decision.reasons
    for result in decision.rules:
        for item in (*result.premises, *result.conditions):
            assert len(item.line) < 5_000
            assert isinstance(item.note, str)
    assert isinstance(decision.missing, tuple)


COMPARED = (Operator.LTEQ, Operator.EQ, Operator.IS_ANY_OF)
CLOCKS = {Kind.COUNT, Kind.INSTANT, Kind.DURATION, Kind.EVENT}  # each operand has rules of its own


def compared(kind: Kind) -> list[tuple[str, list[Constraint]]]:
    """Operands of a kind, with constraints: those of one kind take turns, and are asked for all."""
    bounds = BOUNDS.get(kind, [Iri("urn:example:a")])
    combined = list(product(COMPARED, bounds, ("", HOUR)))
    lefts = [left for left, operand in OPERANDS.items() if operand.kind is kind]
    turns = 1 if kind in CLOCKS else min(len(lefts), len(COMPARED) * 2)
    return [
        (left, [Constraint(left, op, (bound,), unit) for op, bound, unit in combined[at::turns]])
        for left, at in zip(lefts, cycle(range(turns)), strict=False)
    ]


@pytest.mark.parametrize("kind", Kind)
def test_no_value_and_no_bound_crashes(kind: Kind) -> None:
    usage, knowledge = Usage({"urn:p": EVER[0]}), Knowledge(events={"urn:example:ever": EVER})
    known = Facts(now=EVER[1], usage=usage, knowledge=knowledge)
    for left, item in [(left, item) for left, items in compared(kind) for item in items]:
        rule = Permission(action=Action(READ), constraints=(item,))
        policy = Policy(kind=PolicyKind.OFFER, id="urn:p", permissions=(rule,))
        for value in VALUES:
            asked = Request(READ, facts={left: (value,)})
            read_all(evaluate(policy, asked, tentative=True))
        read_all(evaluate(policy, Request(READ), known, tentative=True))


def test_no_bound_lifts_a_ban() -> None:
    for left, operand in OPERANDS.items():
        for bound, operator in product(BOUNDS.get(operand.kind, [Iri("urn:example:a")]), COMPARED):
            ban = Prohibition(
                action=Action(READ), constraints=(Constraint(left, operator, (bound,)),)
            )
            banned = Policy(
                kind=PolicyKind.OFFER,
                permissions=(Permission(action=Action(READ)),),
                prohibitions=(ban,),
                conflict=Conflict.PROHIBIT,
            )
            assert not evaluate(banned, Request(READ), tentative=True).granted


def test_what_is_too_long_is_not_shown() -> None:
    assert shown(10**5_000) == "a number too long to show"
    assert shown(5) == "5"
    assert shown(Stretch(NOW, NOW)) == "2026-01-01T00:00:00Z to 2026-01-01T00:00:00Z"
    assert shown(Recurrence(NOW)) == "never yet"
    assert shown(Recurrence(NOW, NOW)) == "last on 2026-01-01T00:00:00Z"
    assert shown(datetime.min.replace(tzinfo=EAST)) == "0001-01-01T00:00:00+14:00"


def test_many_acts_are_judged_once_each() -> None:
    pay = Action(ODRL + "compensate")
    rule = Permission(action=Action(READ), duties=(Duty(action=pay), Duty(action=pay)))
    policy = Policy(kind=PolicyKind.OFFER, id="urn:p", permissions=(rule,))
    acts = tuple(Performed(ODRL + "print", NOW) for _ in range(5_000))
    facts = Facts(now=NOW, performed=(*acts, Performed(ODRL + "compensate", NOW)))
    assert evaluate(policy, Request(READ), facts, tentative=True).granted
