"""Numbers, times, durations and names, as constraints compare them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from policies_odrl import Constraint, Iri, Knowledge, Literal, Operator, Quantity, Truth
from policies_odrl.evaluation.operands import check
from policies_odrl.logic import all_of, any_of, negate, one_of, unanimous
from policies_odrl.model import ODRL, XSD
from policies_odrl.text import value as shown
from policies_odrl.values import (
    Duration,
    Span,
    at_most,
    duration,
    naive,
    name,
    number,
    orders,
    scalar,
    span,
)
from policies_odrl.vocabulary import Kind
from tests.support.each import over
from tests.support.tables import rows

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNDETERMINED
DAY = datetime(2026, 1, 1, tzinfo=UTC)


def literal(kind: str, value: str) -> Literal:
    return Literal(value, XSD + kind)


@rows("values", "number")
def test_number(value: object, wanted: str) -> None:
    assert number(value) == Decimal(wanted)  # type: ignore[arg-type]


@rows("values", "not a number")
def test_not_a_number(value: object) -> None:
    assert number(value) is None  # type: ignore[arg-type]


@rows("values", "span")
def test_span(value: object, start: datetime, seconds: int) -> None:
    assert span(value) == Span(start, start + timedelta(seconds=seconds))  # type: ignore[arg-type]


@over(
    "value",
    [
        "",
        "soon",
        "2026-02-30",
        "2026-1-1",
        "2026-01-01T24:00:01Z",
        "2026-01-01T24:00:00.5Z",
        "9999-12-31T24:00:00Z",
        "2026-01-01T00:00Z",
        "2026-01-01T00:00:00+15:00",
        "2026-01-01T00:00:00Z; drop",
        "12026-01-01",
        "2026-W01",
        "20260101",
        5,
        Decimal(5),
        Iri("2026-01-01"),
        literal("date", "2026-01-01T00:00:00Z"),
        literal("dateTime", "2026-01-01"),
        literal("dateTimeStamp", "2026-01-01T00:00:00"),
        literal("gYear", "2026"),
        Literal("2026-01-01", XSD + "string", "fr"),
        "2026-01-01" + " " * 600,
    ],
)
def test_not_a_span(value: object) -> None:
    assert span(value) is None  # type: ignore[arg-type]


@rows("values", "a moment beyond the calendar of utc is none")
def test_a_moment_beyond_the_calendar_of_utc_is_none(lexical: str, beyond: str) -> None:
    found = span(literal("dateTime", lexical))
    assert found is not None
    assert found.start.astimezone(UTC) == found.start
    assert span(literal("dateTime", beyond)) is None
    assert span("0001-01-01+14:00") is None
    assert span("0001-01-01-14:00") is not None


@over("zone", ["", "Z", "+14:00", "-14:00"])
def test_the_last_day_there_is_can_be_read(zone: str) -> None:
    found = span("9999-12-31" + zone)
    assert found is not None
    assert found.start < found.end <= datetime.max.replace(tzinfo=UTC)
    assert found.end.astimezone(UTC) > DAY


@rows("values", "a number is what its datatype says")
def test_a_number_is_what_its_datatype_says(datatype: str, good: str, bad: str) -> None:
    assert number(literal(datatype, good)) == Decimal(good)
    assert number(literal(datatype, bad)) is None


@over(
    ("value", "months", "seconds"),
    [
        ("P1M", 1, 0),
        ("P1Y2M", 14, 0),
        ("P3DT4H", 0, 273_600),
        ("-P1D", 0, -86_400),
        ("PT0.5S", 0, "0.5"),
        (literal("dayTimeDuration", "PT1M"), 0, 60),
        (literal("dayTimeDuration", "P30D"), 0, 2_592_000),
        (timedelta(days=1, microseconds=1), 0, "86400.000001"),
    ],
)
def test_duration(value: object, months: int, seconds: float | str) -> None:
    assert duration(value) == Duration(months, Decimal(seconds))  # type: ignore[arg-type]


@rows("values", "not a duration")
def test_not_a_duration(value: object) -> None:
    assert duration(value) is None  # type: ignore[arg-type]


def days(count: int) -> Duration:
    return Duration(0, Decimal(count) * 86_400)


@rows("values", "months against days")
def test_months_against_days(months: int, count: int, order: int | None) -> None:
    left, right = Duration(months, Decimal(0)), days(count)
    found = orders(left, right)
    assert found == {order} if order is not None else len(found) == 2
    assert orders(right, left) == {-item for item in found}


@over(
    ("value", "operator", "limit", "wanted"),
    [
        ("P28D", Operator.LTEQ, "P1M", T),
        ("P28D", Operator.LT, "P1M", U),
        ("P30D", Operator.LTEQ, "P1M", U),
        ("P31D", Operator.LT, "P1M", F),
        ("P30D", Operator.EQ, "P1M", U),
        ("P27D", Operator.EQ, "P1M", F),
        ("P1M", Operator.EQ, "P1M", T),
    ],
)
def test_comparison_of_durations_where_a_month_decides(
    value: str, operator: Operator, limit: str, wanted: Truth
) -> None:
    item = Constraint(ODRL + "elapsedTime", operator, (literal("duration", limit),))
    assert check(item, (literal("duration", value),), Knowledge())[0] is wanted
    sure = at_most(duration(value), duration(limit))  # type: ignore[arg-type]
    assert operator is not Operator.LTEQ or sure is (wanted is T)


def test_values_of_two_kinds_do_not_compare() -> None:
    assert not at_most(Decimal(1), days(1))
    assert not at_most(Span(DAY, DAY), Decimal(1))
    assert scalar(Kind.CONCEPT, "3") is None


INSTANT = literal("dateTime", "2026-01-01T00:00:00Z")
NOON = literal("dateTime", "2026-01-01T12:00:00Z")
WHOLE = literal("date", "2026-01-01Z")
NEXT = literal("date", "2026-01-02Z")
MIDNIGHT = literal("dateTime", "2026-01-02T00:00:00Z")


@over(
    ("left", "right", "less", "until", "equal"),
    [
        (INSTANT, INSTANT, F, T, T),
        (INSTANT, NOON, T, T, F),
        (NOON, INSTANT, F, F, F),
        (NOON, WHOLE, F, T, T),
        (INSTANT, WHOLE, F, T, T),
        (MIDNIGHT, WHOLE, F, F, F),
        (WHOLE, NOON, U, U, U),
        (WHOLE, INSTANT, F, U, U),
        (WHOLE, MIDNIGHT, T, T, F),
        (WHOLE, WHOLE, F, T, T),
        (WHOLE, NEXT, T, T, F),
        (NEXT, WHOLE, F, F, F),
        (NEXT, NOON, F, F, F),
    ],
)
def test_instants_and_days(
    left: Literal, right: Literal, less: Truth, until: Truth, equal: Truth
) -> None:
    for operator, wanted in ((Operator.LT, less), (Operator.LTEQ, until), (Operator.EQ, equal)):
        item = Constraint(ODRL + "dateTime", operator, (right,))
        assert check(item, (left,), Knowledge())[0] is wanted
    assert at_most(span(left), span(right)) is (until is T)  # type: ignore[arg-type]


@over(
    ("value", "wanted"),
    [
        (Iri("urn:a"), "urn:a"),
        (Literal("a"), "a"),
        ("a", "a"),
        (5, "5"),
        (Decimal("2.5"), "2.5"),
        ("", None),
        (Iri(""), None),
        (Literal(""), None),
        (DAY, None),
        (timedelta(1), None),
    ],
)
def test_name(value: object, wanted: str | None) -> None:
    assert name(value) == wanted  # type: ignore[arg-type]


def test_values_as_people_read_them() -> None:
    assert shown(Quantity(Decimal(5), "urn:eur")) == "5 urn:eur"
    assert shown(DAY.replace(tzinfo=None)) == "2026-01-01T00:00:00Z"
    assert shown(date(2026, 1, 1)) == "2026-01-01"
    assert shown(timedelta(days=1)) == "1 day, 0:00:00"
    assert len(shown("x" * 1000)) == 200


@rows("values", "times without a zone are noticed")
def test_times_without_a_zone_are_noticed(value: object, wanted: bool) -> None:  # noqa: FBT001
    assert naive(value) is wanted


truths = st.sampled_from(Truth)


@given(st.lists(truths, max_size=5))
def test_kleene_laws(values: list[Truth]) -> None:
    assert negate(all_of(values)) is any_of(negate(value) for value in values)
    assert all_of([*values, F]) is F
    assert any_of([*values, T]) is T
    assert all_of(reversed(values)) is all_of(values)
    assert unanimous(values) in Truth
    if values.count(T) > 1:
        assert one_of(values) is F
    certain = [value for value in values if value is not U]
    for known in (T, F):  # knowing more never turns a certain answer round
        more = [known if value is U else value for value in values]
        for join in (all_of, any_of, one_of):
            assert join(values) in {join(more), U}
    assert len(certain) <= len(values)


def test_choice() -> None:
    assert one_of([T, F]) is T
    assert one_of([F, F]) is F
    assert one_of([T, U]) is U
    assert one_of([]) is F
    assert unanimous([]) is U
    assert unanimous([T, U]) is U
