"""What constraints on one operand are proved to entail, and to exclude."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from policies_odrl import Constraint, Iri, Knowledge, Literal, Operator
from policies_odrl.model import ODRL, XSD, Value
from tests.support.algebra import contradictory, implied, same_constraint
from tests.support.policies import amount, name_is, purpose, until

NOTHING = Knowledge()
DAY = datetime(2026, 1, 1, tzinfo=UTC)


def literals(kind: str, *values: str) -> list[Value]:
    return [Literal(value, XSD + kind) for value in values]


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
    # a request for one of two known purposes with nothing below both is none for the other
    (purpose("Marketing", operator="isNoneOf"), [purpose("AcademicResearch", operator="isA")]),
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
    [purpose("AcademicResearch", operator="isA"), purpose("Marketing", operator="isA")],
    [name_is("unitOfPrivacy", "urn:a"), name_is("unitOfPrivacy", "urn:b")],
]
COMPATIBLE = [
    [amount("epsilon", "3", "gteq"), amount("epsilon", "3")],
    [until("2026-01-01"), until("2026-01-01T12:00:00Z", "gteq")],
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
