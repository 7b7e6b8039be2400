"""Implication and contradiction of constraints on one operand, tried out on a whole small world."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product

import pytest

from policies_odrl import Constraint, Iri, Knowledge, Literal, Operator, Truth
from policies_odrl.comparison.regions import contradictory, implied, same_constraint
from policies_odrl.evaluation.operands import Fact, check
from policies_odrl.model import ODRL, XSD, Value
from policies_odrl.vocabulary import ALLOWED, DPV, OPERANDS, PREAU
from tests.support.policies import amount, name_is, purpose, until

NOTHING = Knowledge()
DAY = datetime(2026, 1, 1, tzinfo=UTC)


def literals(kind: str, *values: str) -> list[Value]:
    return [Literal(value, XSD + kind) for value in values]


NUMBERS = literals("decimal", "1", "2", "3")
HALVES = [Decimal(value) / 2 for value in range(9)]
CONCEPTS = [
    DPV + name
    for name in (
        "Purpose",
        "ResearchAndDevelopment",
        "AcademicResearch",
        "CommercialResearch",
        "CommercialPurpose",
        "Marketing",
    )
] + ["urn:x:1", "urn:x:2"]
NAMES = ["urn:a:1", "urn:a:2", "urn:a:3"]

WORLDS: dict[str, tuple[list[Value], list[Fact]]] = {
    ODRL + "percentage": (NUMBERS, [*HALVES]),
    ODRL + "count": (NUMBERS, [*HALVES]),
    ODRL + "dateTime": (
        literals("dateTime", "2026-01-01T00:00:00Z", "2026-01-01T12:00:00Z")
        + literals("date", "2025-12-31", "2026-01-01", "2026-01-02"),
        [DAY + timedelta(hours=12 * step) for step in range(-3, 5)]
        + [DAY + timedelta(seconds=shift) for shift in (-1, 1, 86_399, 86_401)]
        + [date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 2)],
    ),
    ODRL + "elapsedTime": (
        literals("duration", "P1D", "P28D", "P30D", "P31D", "P1M", "P2M", "P1Y"),
        ["P1D", "P28D", "P29D", "P30D", "P31D", "P32D", "P1M", "P2M", "P60D", "P365D", "P1Y"],
    ),
    ODRL + "purpose": ([Iri(item) for item in CONCEPTS], [*CONCEPTS, DPV + "Advertising"]),
    PREAU + "membership": ([Iri(item) for item in NAMES[:2]], [*NAMES]),
    ODRL + "recipient": ([Iri(item) for item in NAMES[:2]], [*NAMES]),
    ODRL + "spatial": ([Iri(item) for item in NAMES[:2]], [*NAMES]),
}
SEVERAL = {ODRL + "purpose", PREAU + "membership", ODRL + "recipient"}
LISTS = {Operator.IS_ANY_OF, Operator.IS_NONE_OF, Operator.IS_ALL_OF}


def constraints(left: str, rights: list[Value]) -> list[Constraint]:
    found = []
    for operator in Operator:
        if operator not in ALLOWED[OPERANDS[left].kind]:
            continue
        found.extend(Constraint(left, operator, (right,)) for right in rights)
        if operator in LISTS:
            pairs = product(rights[:4], rights[:4])
            found.extend(Constraint(left, operator, pair) for pair in pairs if pair[0] != pair[1])
    return found


@pytest.mark.parametrize("left", WORLDS)
def test_what_is_proved_holds_for_every_value(left: str) -> None:
    rights, values = WORLDS[left]
    all_ = constraints(left, rights)
    given: list[tuple[Fact, ...]] = [(value,) for value in values]
    if left in SEVERAL:
        given += [pair for pair in product(values[:5], values[:5]) if pair[0] != pair[1]]
    table = {item: [check(item, value, NOTHING)[0] for value in given] for item in all_}
    proved = 0
    for wanted, having in product(all_, all_):
        pairs = list(zip(table[wanted], table[having], strict=True))
        if implied(wanted, [having]):
            proved += 1
            assert all(w is Truth.TRUE for w, h in pairs if h is Truth.TRUE), (wanted, having)
            # for prohibitions: where the wanted one is certainly lifted, so is the other
            assert all(h is Truth.FALSE for w, h in pairs if w is Truth.FALSE), (wanted, having)
        if contradictory([wanted, having]):
            assert (Truth.TRUE, Truth.TRUE) not in pairs, (wanted, having)
    assert proved > len(all_)


def test_every_constraint_implies_itself() -> None:
    for left, (rights, _) in WORLDS.items():
        for item in constraints(left, rights):
            assert implied(item, [item])


PROVED = [
    (amount("epsilon", "3"), [amount("epsilon", "2.5")]),
    (amount("epsilon", "3"), [amount("epsilon", "3.0")]),
    (amount("epsilon", "3"), [amount("epsilon", "3", "lt")]),
    (amount("epsilon", "3", "neq"), [amount("epsilon", "3", "lt")]),
    (amount("epsilon", "3", "neq"), [amount("epsilon", "2", "eq")]),
    (amount("epsilon", "2", "eq"), [amount("epsilon", "2"), amount("epsilon", "2", "gteq")]),
    (amount("minimumSites", "3", "gteq"), [amount("minimumSites", "4", "eq")]),
    (until("2027-06-30", "lteq"), [until("2027-06-30T23:59:59Z")]),
    (until("2027-07-01", "lt"), [until("2027-06-30", "lteq")]),
    (until("2027-06-30T00:00:00Z", "gteq"), [until("2027-06-30", "gteq")]),
    (purpose("ResearchAndDevelopment"), [purpose("AcademicResearch", operator="isA")]),
    (purpose("Advertising", operator="isNoneOf"), [purpose("Marketing", operator="isNoneOf")]),
    (purpose("Marketing", operator="isNoneOf"), [purpose("AcademicResearch", operator="eq")]),
    (purpose("Marketing", operator="neq"), [purpose("Marketing", operator="isNoneOf")]),
    (
        purpose("ResearchAndDevelopment", operator="isAllOf"),
        [purpose("AcademicResearch", "Marketing", operator="isAllOf")],
    ),
]
NOT_PROVED = [
    (amount("epsilon", "3"), [amount("epsilon", "3.1")]),
    (amount("epsilon", "3", "lt"), [amount("epsilon", "3")]),
    (amount("epsilon", "3"), [amount("epsilon", "2", "gteq")]),
    (amount("epsilon", "3"), []),
    (amount("epsilon", "3"), [amount("delta", "1")]),
    (amount("epsilon", "3"), [amount("epsilon", "zero")]),
    (amount("epsilon", "three"), [amount("epsilon", "2")]),
    (until("2027-06-30", "lt"), [until("2027-06-30", "lteq")]),
    (until("2027-06-30T12:00:00Z"), [until("2027-06-30")]),
    (purpose("AcademicResearch"), [purpose("ResearchAndDevelopment")]),
    (purpose("AcademicResearch"), [purpose("AcademicResearch", "Marketing")]),
    (purpose("Marketing", operator="isNoneOf"), [purpose("Marketing", operator="neq")]),
    # two unrelated purposes are not known to be disjoint: something may be both
    (purpose("Marketing", operator="isNoneOf"), [purpose("AcademicResearch", operator="isA")]),
    (purpose("AcademicResearch", operator="eq"), [purpose("AcademicResearch", operator="isA")]),
    (name_is("membership", "urn:a", "neq"), [name_is("membership", "urn:b")]),
    (
        Constraint(ODRL + "payAmount", Operator.LTEQ, tuple(literals("decimal", "5")), "urn:eur"),
        [Constraint(ODRL + "payAmount", Operator.LTEQ, tuple(literals("decimal", "4")), "urn:usd")],
    ),
    (
        Constraint(ODRL + "recipient", Operator.IS_ANY_OF, (), reference=("urn:list",)),
        [name_is(ODRL + "recipient", "urn:a", "isAnyOf")],
    ),
    (Constraint("urn:operand", Operator.EQ, (Iri("urn:a"),)), []),
    (
        purpose("AcademicResearch", "Marketing", operator="isA"),
        [purpose("AcademicResearch", operator="isA")],
    ),
    (
        name_is(ODRL + "spatial", "urn:europe", "isPartOf"),
        [name_is(ODRL + "spatial", "urn:france", "isPartOf")],
    ),
]


@pytest.mark.parametrize(("wanted", "having"), PROVED)
def test_proved(wanted: Constraint, having: list[Constraint]) -> None:
    assert implied(wanted, having)


@pytest.mark.parametrize(("wanted", "having"), NOT_PROVED)
def test_not_proved(wanted: Constraint, having: list[Constraint]) -> None:
    assert not implied(wanted, having)


CONTRADICTORY = [
    [amount("epsilon", "3", "gt"), amount("epsilon", "3")],
    [amount("epsilon", "3", "eq"), amount("epsilon", "4", "eq")],
    [until("2026-01-01"), until("2026-01-02", "gteq")],
    [purpose("AcademicResearch", operator="eq"), purpose("Marketing", operator="isA")],
    [name_is("unitOfPrivacy", "urn:a"), name_is("unitOfPrivacy", "urn:b")],
]
COMPATIBLE = [
    [amount("epsilon", "3", "gteq"), amount("epsilon", "3")],
    [until("2026-01-01"), until("2026-01-01T12:00:00Z", "gteq")],
    [purpose("AcademicResearch", operator="isA"), purpose("Marketing", operator="isA")],
    [name_is("membership", "urn:a"), name_is("membership", "urn:b")],  # one may be in both
    [Constraint("urn:operand", Operator.EQ, (Iri("urn:a"),))] * 2,
    [],
]


@pytest.mark.parametrize("items", CONTRADICTORY)
def test_contradictory(items: list[Constraint]) -> None:
    assert contradictory(items)
    assert contradictory(items[::-1])


@pytest.mark.parametrize("items", COMPATIBLE)
def test_not_contradictory(items: list[Constraint]) -> None:
    assert not contradictory(items)


def test_spelling_of_values_plays_no_part() -> None:
    assert same_constraint(amount("epsilon", "3"), amount("epsilon", "3.00"))
    assert same_constraint(until("2026-01-01T00:00:00Z"), until("2026-01-01T02:00:00+02:00"))
    assert same_constraint(purpose("Marketing"), purpose("Marketing", operator="isA"))
    assert not same_constraint(amount("epsilon", "3"), amount("epsilon", "3", "lt"))
    long = "0.12345678901234567890123456789012345"
    assert not same_constraint(amount("epsilon", long), amount("epsilon", long + "1"))
