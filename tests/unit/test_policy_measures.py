"""Units, places and periods: what compares, what does not, and what nobody can say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from policies_odrl import Constraint, Iri, Knowledge, Literal, Operator, Quantity, Truth
from policies_odrl.algebra.domain import Durations
from policies_odrl.algebra.extent import Reading
from policies_odrl.algebra.periods import Recurrence, Stretch, later, recurs
from policies_odrl.concepts import atlas, place
from policies_odrl.evaluation.operands import check
from policies_odrl.knowledge import NOTHING_MORE
from policies_odrl.model import ODRL, XSD
from policies_odrl.units import QUDT, UCUM, UNITS, in_base, length
from policies_odrl.values import Duration
from policies_odrl.vocabulary import ALLOWED, OPERANDS, Kind
from tests.support.each import over
from tests.support.tables import rows

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNDETERMINED
START = datetime(2026, 1, 31, tzinfo=UTC)
DAY = timedelta(days=1)
LOC = "https://w3id.org/dpv/loc#"
COUNTRY = "http://publications.europa.eu/resource/authority/country/"
REGION = "http://id.insee.fr/geo/region/"
DEPARTMENT = "http://id.insee.fr/geo/departement/"


def truth(constraint: Constraint, *values: object, **known: object) -> Truth:
    return check(constraint, tuple(values), Knowledge(**known))[0]  # type: ignore[arg-type]


# -- units ----------------------------------------------------------------------------------


def size(value: str, unit: str, operator: str = "lteq") -> Constraint:
    return Constraint(
        ODRL + "absoluteSize", Operator(operator), (Literal(value, XSD + "decimal"),), unit=unit
    )


@rows("measures", "amounts of one dimension compare")
def test_amounts_of_one_dimension_compare(
    limit: str, unit: str, value: float | Decimal, own: str, wanted: Truth
) -> None:
    amount = Quantity(Decimal(value), own) if own else Decimal(value)
    assert truth(size(limit, unit), amount) is wanted


def test_every_unit_has_a_positive_size() -> None:
    assert all(factor > 0 for _, factor in UNITS.values())
    assert {dimension for dimension, _ in UNITS.values()} == {
        "information",
        "time",
        "ratio",
        "length",
    }
    assert in_base(Decimal(3), "urn:example:euro") is None


def test_only_units_of_time_make_a_duration() -> None:
    assert length(Decimal(2), UCUM + "h") == Duration(0, Decimal(7200))
    assert length(Decimal(2), QUDT + "BYTE") is None
    assert length(Decimal(2), "urn:example:month") is None


@given(
    st.decimals(0, 10**6, places=3), st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS))
)
def test_comparing_amounts_does_not_depend_on_the_side(
    value: Decimal, one: str, other: str
) -> None:
    here = truth(size(str(value), one, "eq"), Quantity(Decimal(1), other))
    there = truth(size("1", other, "eq"), Quantity(value, one))
    assert here is there


@over(
    ("value", "wanted"),
    [
        (Quantity(Decimal(60), QUDT + "MIN"), T),
        (Quantity(Decimal(61), QUDT + "MIN"), F),
        (Quantity(Decimal(61), QUDT + "BYTE"), U),
        ("PT1H", T),
        (Stretch(START, START + timedelta(hours=1)), T),
        (Stretch(START, START + timedelta(hours=2)), F),
        (Stretch(START, START - DAY), U),
        ("soon", U),
    ],
)
def test_lengths_of_time(value: object, wanted: Truth) -> None:
    hour = Constraint(ODRL + "elapsedTime", Operator.LTEQ, (Literal("PT1H", XSD + "duration"),))
    assert truth(hour, value) is wanted


def test_a_clock_is_no_number() -> None:
    assert truth(size("5", ""), Stretch(START, START)) is U
    clock = Constraint(ODRL + "elapsedTime", Operator.LTEQ, (), reference=("urn:example:r",))
    known = {"urn:example:r": (Stretch(START, START),)}
    assert truth(clock, "PT1H", references=known) is U


# -- periods --------------------------------------------------------------------------------


@rows("measures", "durations are added by the calendar")
def test_durations_are_added_by_the_calendar(months: int, seconds: int, wanted: str | None) -> None:
    moved = later(START, Duration(months, Decimal(seconds)))
    assert (moved.date().isoformat() if moved else None) == wanted


def compare(operator: Operator, clock: Stretch | Recurrence, length: Duration) -> Truth:
    if isinstance(clock, Recurrence):
        return recurs(operator, clock, length)
    if operator not in ALLOWED[Kind.DURATION]:
        return U
    domain = Durations(OPERANDS[ODRL + "elapsedTime"], Reading())
    return domain.between(operator, [length]).reached(clock)


@over("operator", Operator)
def test_a_clock_against_a_duration(operator: Operator) -> None:
    day = Duration(0, Decimal(86_400))
    outcomes = [compare(operator, Stretch(START, START + DAY * n / 2), day) for n in (1, 2, 3)]
    wanted = {
        Operator.LT: [T, F, F],
        Operator.LTEQ: [T, T, F],
        Operator.EQ: [F, T, F],
        Operator.NEQ: [T, F, T],
        Operator.GT: [F, F, T],
        Operator.GTEQ: [F, T, T],
    }
    assert outcomes == wanted.get(operator, [U, U, U])


def test_a_clock_that_leaves_the_calendar_compares_with_nothing() -> None:
    ages = Duration(12 * 9000, Decimal(0))
    assert compare(Operator.LT, Stretch(START, START), ages) is U
    assert compare(Operator.EQ, Recurrence(START), ages) is U
    end = datetime(9999, 12, 1, tzinfo=UTC)
    last = Recurrence(datetime(9998, 12, 1, tzinfo=UTC), end)
    assert compare(Operator.EQ, last, Duration(6, Decimal(0))) is U


@rows("measures", "one execution in each period")
def test_one_execution_in_each_period(
    last: int | None, anchor: int | None, day: int, wanted: Truth
) -> None:
    clock = Recurrence(
        START + DAY * day,
        None if last is None else START + DAY * last,
        None if anchor is None else START + DAY * anchor,
    )
    assert compare(Operator.EQ, clock, Duration(0, Decimal(7 * 86_400))) is wanted


def test_a_period_that_is_not_positive_is_none() -> None:
    for period in (
        Duration(0, Decimal(0)),
        Duration(0, Decimal(-1)),
        Duration(-1, Decimal(10**8)),
        Duration(1, Decimal(-1)),
    ):
        assert compare(Operator.EQ, Recurrence(START), period) is U


# -- places ---------------------------------------------------------------------------------


def spatial(operator: str, iri: str) -> Constraint:
    return Constraint(ODRL + "spatial", Operator(operator), (Iri(iri),))


@rows("measures", "places")
def test_places(value: str, operator: str, whole: str, wanted: Truth) -> None:
    assert truth(spatial(operator, whole), Iri(value)) is wanted


def test_a_place_may_lie_in_another_in_several_ways() -> None:
    known = Knowledge(wholes={"urn:example:school": (LOC + "EU", LOC + "FR")})
    around = known.above("urn:example:school", wholes=True)
    assert {"urn:example:school", LOC + "EU", LOC + "FR", LOC + "EEA"} <= around
    assert Knowledge().overlap(LOC + "EU", LOC + "FR", wholes=True)
    assert not Knowledge().overlap(LOC + "NO", LOC + "FR", wholes=True)


def test_the_atlas_is_whole() -> None:
    known = atlas()
    members = [part for part, wholes in known.wholes.items() if LOC + "EU" in wholes]
    departments = [iri for iri in known.names if iri.startswith(DEPARTMENT)]
    assert len(members) == 27
    assert len(departments) == 96 + 5
    assert len({iri for iri in known.names if iri.startswith(REGION)}) == 13 + 5
    assert all(NOTHING_MORE.lies_in(iri, COUNTRY + "FRA") is T for iri in departments)
    assert all(name in known.names.values() for name in known.wholes)
    assert place("urn:example:nowhere") == "urn:example:nowhere"


# -- purposes -------------------------------------------------------------------------------

DPV = "https://w3id.org/dpv#"


@rows("measures", "a known purpose is under another or not")
def test_a_known_purpose_is_under_another_or_not(value: str, operator: str, wanted: Truth) -> None:
    marketing = Constraint(ODRL + "purpose", Operator(operator), (Iri(DPV + "Marketing"),))
    assert truth(marketing, Iri(DPV + value)) is wanted


def test_purposes_that_share_a_narrower_one_overlap() -> None:
    assert Knowledge().overlap(DPV + "Purpose", DPV + "Marketing")
    assert not Knowledge().overlap(DPV + "AcademicResearch", DPV + "Marketing")
    assert DPV + "Advertising" in Knowledge().below(DPV + "Marketing")
