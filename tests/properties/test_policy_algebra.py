"""Laws of the algebra, for every domain, against worlds small enough to look at whole.

The oracle knows nothing of sets: it asks an evaluation of each claim of a small world, or compares
numbers, moments and lengths itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies_odrl import Constraint, Iri, Knowledge, Literal, Operator, Quantity, Truth
from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.algebra.claims import Atom, Claims, Goal
from policies_odrl.algebra.domain import Fact
from policies_odrl.algebra.extent import Reading
from policies_odrl.algebra.relations import Order
from policies_odrl.evaluation.operands import check
from policies_odrl.knowledge import NOTHING_MORE
from policies_odrl.model import ODRL, RDF_JSON, XSD, Value
from policies_odrl.vocabulary import ALLOWED, DPV, LEVELS, OPERANDS, PREAU
from tests.conformance.times.asserted import Asserted
from tests.support.algebra import entails, never_blocked, proved, unsatisfiable
from tests.support.choices import Choices, Make
from tests.support.distilled import distilled
from tests.support.each import over

LAW = settings(max_examples=25, deadline=None)
LISTS = {Operator.IS_ANY_OF, Operator.IS_NONE_OF, Operator.IS_ALL_OF, Operator.HAS_PART}
UNIT = "http://qudt.org/vocab/unit/"
PLACE = "https://w3id.org/dpv/loc#"


def literals(kind: str, *values: str) -> tuple[Value, ...]:
    return tuple(Literal(value, XSD + kind) for value in values)


def iris(prefix: str, *names: str) -> tuple[Value, ...]:
    return tuple(Iri(prefix + name) for name in names)


@dataclass(frozen=True)
class World:
    """A left operand, the values that constraints name, and those that requests state."""

    left: str
    named: tuple[Value, ...]
    stated: tuple[Fact, ...]
    units: tuple[str, ...] = ("",)

    def __repr__(self) -> str:
        return f"World({self.left!r})"


DAY = datetime(2026, 1, 1, tzinfo=UTC)
LENGTHS = ("P1D", "P28D", "P30D", "P31D", "P1M", "P2M", "P60D", "P1Y", "P365D", "P366D")
CONCEPTS = iris(
    DPV,
    *("Purpose", "ResearchAndDevelopment", "AcademicResearch", "CommercialResearch", "Marketing"),
) + iris("urn:x:", "1", "2")
PLACES = iris(PLACE, "FR", "EU", "Europe", "TR", "GP", "FR-75") + iris("urn:x:", "1")
MEASURES = iris(DPV, "Deidentification", "Anonymisation", "Pseudonymisation") + iris("urn:", "x")
TEXTS = (
    Iri("urn:a"),
    *literals("string", "fr", "FR", "fr-FR", "fr-CA", "5", "b"),
    *literals("int", "5"),
)
STEPS = tuple(Iri(step) for step in LEVELS[PREAU + "protectionLevel"][:4])
NUMBERS = tuple(Decimal(value) / 2 for value in range(9))
WORLDS = {
    "numbers": World(ODRL + "resolution", literals("decimal", "0", "1", "2", "3"), NUMBERS),
    "percentages": World(
        ODRL + "percentage",
        literals("decimal", "0", "50", "100", "101"),
        tuple(map(Decimal, (0, 1, 50, 99, 100))),
    ),
    "sizes": World(
        ODRL + "absoluteSize",
        literals("decimal", "1", "1000", "2000"),
        tuple(
            Quantity(Decimal(n), UNIT + unit)
            for n, unit in product((0, 1, 2, 999, 1000, 2000), ("KiloBYTE", "MegaBYTE"))
        ),
        (UNIT + "KiloBYTE", UNIT + "MegaBYTE"),
    ),
    "counts": World(ODRL + "count", literals("integer", "1", "2", "3"), (0, 1, 2, 3, 4)),
    "moments": World(
        ODRL + "dateTime",
        literals("dateTime", "2026-01-01T00:00:00Z", "2026-01-01T12:00:00+02:00")
        + literals("date", "2025-12-31", "2026-01-01", "2026-01-01+02:00"),
        tuple(DAY + timedelta(hours=6 * step) for step in range(-8, 8))
        + literals("date", "2026-01-01", "2026-01-02"),
    ),
    "lengths": World(
        ODRL + "elapsedTime", literals("duration", *LENGTHS), literals("duration", *LENGTHS, "P29D")
    ),
    "concepts": World(ODRL + "purpose", CONCEPTS, (*CONCEPTS, Iri(DPV + "Advertising"))),
    "places": World(ODRL + "spatial", PLACES, PLACES),
    "measures": World(DPV + "hasTechnicalMeasure", MEASURES, MEASURES),
    "texts": World(ODRL + "language", TEXTS, TEXTS),
    "steps": World(PREAU + "protectionLevel", STEPS, STEPS),
}


def constraint(pick: Choices, world: World) -> Constraint:
    kind = OPERANDS[world.left].kind
    operator = pick.one([item for item in Operator if item in ALLOWED[kind]])
    right = dict.fromkeys(pick.several(world.named, (1, 2, 3) if operator in LISTS else (1,)))
    return Constraint(world.left, operator, tuple(right), pick.one(world.units))


Drawn = tuple[World, list[Constraint]]


def constraints(*counts: int) -> Make[Drawn]:
    """Return what makes constraints of one world, as many as one of some counts says."""

    def make(pick: Choices) -> Drawn:
        world = pick.one(list(WORLDS.values()))
        return world, [constraint(pick, world) for _ in range(pick.one(counts))]

    return make


def claims(world: World) -> Iterable[tuple[Fact, ...]]:
    """Every value alone, and some of them together."""
    yield from ((value,) for value in world.stated)
    yield from product(world.stated[:3], world.stated[1:4])


@cache
def truths(item: Constraint, world: World) -> list[Truth]:
    return [check(item, values, NOTHING_MORE)[0] for values in claims(world)]


@distilled(constraints(1), 8, fresh=60)
def test_membership_agrees_with_evaluation(drawn: Drawn) -> None:
    world, (item,) = drawn
    asked = Claims(OPERANDS[world.left], [Atom(item)], Reading(NOTHING_MORE))
    extent = asked.extent(item)
    for values, truth in zip(claims(world), truths(item, world), strict=True):
        points = asked.points(values, extent.axis)
        assert extent.truth(points) is truth, (values, truth)
        turned = extent.negated().truth(points)
        assert {truth, turned} in ({Truth.TRUE, Truth.FALSE}, {Truth.UNDETERMINED})


@distilled(constraints(2, 3), 20, fresh=60)
def test_entailment_is_sound(drawn: Drawn) -> None:
    world, (wanted, *having) = drawn
    given_ = list(zip(*(truths(item, world) for item in having), strict=True))
    found = entails(having, wanted, Reading(NOTHING_MORE))
    blocked = never_blocked(having, wanted, Reading(NOTHING_MORE))
    for each, truth in zip(given_, truths(wanted, world), strict=True):
        if set(each) == {Truth.TRUE}:
            assert truth is Truth.TRUE or not found.yes
            assert truth is Truth.FALSE or not blocked.yes
    if found.no:
        assert all(check(item, found.witness, NOTHING_MORE)[0] is Truth.TRUE for item in having)
        assert check(wanted, found.witness, NOTHING_MORE)[0] is Truth.FALSE
    assert entails([wanted], wanted, Reading(NOTHING_MORE)).yes


@distilled(constraints(2), 14, fresh=60)
def test_a_ban_is_the_wider_one_where_it_is_false_of_less(drawn: Drawn) -> None:
    """Prohibitions are ordered by what may be: False of the wider one is False of the narrower."""
    world, (narrow, wide) = drawn
    prover = Proof(knowledge=NOTHING_MORE)
    a_narrower_ban_is_false_where_the_wider_one_is(narrow, wide, world, prover)


def a_narrower_ban_is_false_where_the_wider_one_is(
    narrow: Constraint, wide: Constraint, world: World, prover: Proof
) -> bool:
    if not prover.refuted(narrow, Box([Goal(wide, holds=False)])):
        return False
    pairs = zip(truths(narrow, world), truths(wide, world), strict=True)
    assert all(mine is Truth.FALSE for mine, other in pairs if other is Truth.FALSE)
    return True


@pytest.mark.parametrize("name", ["places", "measures"])
def test_each_ban_on_one_name_is_ordered_by_what_may_be(name: str) -> None:
    """Every pair of bans on one name: few of them tell what may be from what is."""
    world, prover = WORLDS[name], Proof(10**9, NOTHING_MORE)
    known = ALLOWED[OPERANDS[world.left].kind]
    items = [Constraint(world.left, it, (value,)) for it, value in product(known, world.named)]
    found = [
        a_narrower_ban_is_false_where_the_wider_one_is(narrow, wide, world, prover)
        for narrow, wide in product(items, items)
    ]
    assert len(items) < sum(found) < len(found)


@distilled(constraints(1, 2, 3), 20, fresh=60)
def test_what_is_unsatisfiable_is_true_of_nothing(drawn: Drawn) -> None:
    world, items = drawn
    found = unsatisfiable(items, Reading(NOTHING_MORE))
    each = list(zip(*(truths(item, world) for item in items), strict=True))
    assert not (found.yes and any(set(truth) == {Truth.TRUE} for truth in each))
    shown = found.witness
    assert found.no is bool(shown)
    for item in items if shown else ():
        assert check(item, shown, NOTHING_MORE)[0] is Truth.TRUE


@distilled(constraints(2), 14, fresh=60)
def test_complement_and_meet(drawn: Drawn) -> None:
    world, (one, two) = drawn
    asked = Claims(OPERANDS[world.left], [Atom(one), Atom(two)], Reading(NOTHING_MORE))
    mine, other = asked.extent(one), asked.extent(two)
    if len(mine.sets) != 1 or len(other.sets) != 1 or mine.axis != other.axis:
        return
    left, right = mine.sets[0], other.sets[0]
    assert left.within(left)
    assert left.meet(left.complement()).empty
    both = left.meet(right)
    assert both.within(left)
    assert both.within(right)
    assert not (left.within(right) and right.meet(left).empty) or left.empty
    for (value,) in (values for values in claims(world) if len(values) == 1):
        points = asked.points((value,), mine.axis)
        if points and Truth.TRUE is left.truth(points[0]) is right.truth(points[0]):
            assert both.truth(points[0]) is Truth.TRUE


# -- oracles that evaluate nothing ---------------------------------------------------------------

_HOLDS = {
    Operator.LT: lambda x, y: x < y,
    Operator.LTEQ: lambda x, y: x <= y,
    Operator.GT: lambda x, y: x > y,
    Operator.GTEQ: lambda x, y: x >= y,
    Operator.EQ: lambda x, y: x == y,
    Operator.NEQ: lambda x, y: x != y,
}
ORDERED = st.sampled_from(sorted(_HOLDS))
SCALE = {"BYTE": 1, "KiloBYTE": 1000, "KibiBYTE": 1024}


# The names that lie under each name of the small world, by hand.
BELOW = {
    DPV + "Purpose": {str(item.value) for item in (*CONCEPTS[:5], Iri(DPV + "Advertising"))},
    DPV + "ResearchAndDevelopment": {
        DPV + name for name in ("ResearchAndDevelopment", "AcademicResearch", "CommercialResearch")
    },
    DPV + "Marketing": {DPV + "Marketing", DPV + "Advertising"},
}


def under(value: str, concept: str) -> Truth:
    """What a request that states one known or unknown purpose says of another."""
    mine, theirs = (BELOW.get(item, {item}) for item in (value, concept))
    if value in theirs:
        return Truth.TRUE
    known = value.startswith(DPV) and concept.startswith(DPV)
    return Truth.FALSE if known and not mine & theirs else Truth.UNDETERMINED


def expected(item: Constraint, value: Fact) -> Truth:
    """The truth of one value, worked out without the engine."""
    listed = [right.value if isinstance(right, Iri) else right.lexical for right in item.right]
    if isinstance(value, Iri):
        each = [under(value.value, name) for name in listed]
        if Truth.TRUE in each:
            return Truth.TRUE
        return Truth.UNDETERMINED if Truth.UNDETERMINED in each else Truth.FALSE
    if isinstance(value, datetime):
        point, end = value, datetime.fromisoformat(listed[0])
        return Truth.of(_HOLDS[item.operator](point, end))
    return Truth.of(_HOLDS[item.operator](value, Decimal(listed[0])))


@LAW
@given(st.data())
def test_membership_is_what_a_person_works_out(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["numbers", "moments", "concepts"]))
    if kind == "concepts":
        operator = data.draw(st.sampled_from([Operator.IS_A, Operator.IS_ANY_OF]))
        named, stated = CONCEPTS, WORLDS[kind].stated
    else:
        operator = data.draw(ORDERED)
        named = WORLDS[kind].named[:2]
        stated = tuple(it for it in WORLDS[kind].stated if not isinstance(it, Literal))
    item = Constraint(WORLDS[kind].left, operator, (data.draw(st.sampled_from(named)),))
    value = data.draw(st.sampled_from(stated))
    assert check(item, (value,), NOTHING_MORE)[0] is expected(item, value)


@LAW
@given(st.lists(st.tuples(ORDERED, st.integers(0, 4), st.sampled_from(sorted(SCALE))), min_size=2))
def test_sizes_are_exact_whatever_their_units(items: list[tuple[Operator, int, str]]) -> None:
    *having, wanted = [
        Constraint(ODRL + "absoluteSize", op, literals("decimal", str(n)), UNIT + unit)
        for op, n, unit in items
    ]
    ends = {Fraction(n * SCALE[unit]) for _, n, unit in items}
    points = {Fraction(0), *ends, *(end + Fraction(1, 2) for end in ends)}
    points |= {end - Fraction(1, 2) for end in ends if end}

    def holds(rows: Sequence[tuple[Operator, int, str]], point: Fraction) -> bool:
        return all(_HOLDS[op](point, n * SCALE[unit]) for op, n, unit in rows)

    left = [point for point in points if holds(items[:-1], point)]
    assert unsatisfiable(having, Reading(NOTHING_MORE)).yes is not bool(left)
    if left:
        expected = all(holds(items[-1:], point) for point in left)
        assert entails(having, wanted, Reading(NOTHING_MORE)).yes is expected


@LAW
@given(ORDERED, st.integers(0, 40), ORDERED, st.integers(0, 2), st.integers(0, 40))
def test_lengths_hold_from_whatever_moment_they_are_counted(
    one: Operator, days: int, two: Operator, months: int, more: int
) -> None:
    """One duration entails another only where it does in each month of four years."""
    having = Constraint(ODRL + "elapsedTime", one, literals("duration", f"P{days}D"))
    wanted = Constraint(ODRL + "elapsedTime", two, literals("duration", f"P{months}M{more}D"))
    found = entails([having], wanted, Reading(NOTHING_MORE))
    for step in range(48):
        start = datetime(2024 + step // 12, step % 12 + 1, 1, tzinfo=UTC)
        later = 12 * start.year + start.month - 1 + months
        moved = start.replace(year=later // 12, month=later % 12 + 1) + timedelta(days=more)
        limit = (moved - start).days
        for length in range(110) if found.yes else ():
            assert not _HOLDS[one](length, days) or _HOLDS[two](length, limit)


@pytest.mark.parametrize("zone", ["Z", "+02:00", "-11:00", "+14:00"])
def test_a_moment_is_the_same_in_every_zone(zone: str) -> None:
    offset = timedelta(hours=int(zone[:3])) if zone != "Z" else timedelta(0)
    there = (DAY + timedelta(hours=9) + offset).strftime("%Y-%m-%dT%H:%M:%S") + zone
    until = Constraint(ODRL + "dateTime", Operator.LTEQ, literals("dateTime", there))
    same = Constraint(
        ODRL + "dateTime", Operator.LTEQ, literals("dateTime", "2026-01-01T09:00:00Z")
    )
    assert entails([until], same, Reading(NOTHING_MORE)).yes
    assert entails([same], until, Reading(NOTHING_MORE)).yes


# -- what is unknown -------------------------------------------------------------------------------

UNKNOWN = [
    Constraint("urn:operand", Operator.EQ, (Iri("urn:a"),)),
    Constraint(ODRL + "purpose", Operator.IS_ANY_OF, (), reference=("urn:list",)),
    Constraint(ODRL + "purpose", Operator.LT, (Iri("urn:a"),)),
    Constraint(ODRL + "resolution", Operator.EQ, literals("decimal", "five")),
    Constraint(ODRL + "timeInterval", Operator.EQ, literals("duration", "P1D")),
    Constraint(ODRL + "event", Operator.LT, (Iri("urn:exam"),)),
    Constraint(ODRL + "language", Operator.EQ, (Literal('{"urn:a": []}', RDF_JSON),)),
]


@over("item", UNKNOWN)
def test_what_is_opaque_entails_only_itself(item: Constraint) -> None:
    plain = [
        Constraint(item.left, operator, right)
        for operator, right in (
            (Operator.NEQ, (Iri("urn:b"),)),
            (Operator.EQ, literals("decimal", "7")),
        )
    ]
    claims = Claims(OPERANDS.get(item.left), [Atom(item)], Reading(NOTHING_MORE))
    assert claims.extent(item).opaque
    assert entails([item], item, Reading(NOTHING_MORE)).yes
    for other in plain:
        for found in (
            entails([item], other, Reading(NOTHING_MORE)),
            entails([other], item, Reading(NOTHING_MORE)),
        ):
            assert found.truth is Truth.UNDETERMINED
            assert found.missing
        assert not never_blocked([item], other, Reading(NOTHING_MORE)).yes
        assert not unsatisfiable([item, other], Reading(NOTHING_MORE)).yes


@pytest.mark.parametrize("order", [None, Asserted])
def test_what_hierarchies_say_later_never_turns_an_answer_round(order: type[Order] | None) -> None:
    """Completions: an answer that is given stays, however the unknown names are placed."""
    names = [*CONCEPTS[2:], Iri(DPV + "Advertising")]
    operators = (Operator.EQ, Operator.IS_A, Operator.IS_ANY_OF, Operator.IS_NONE_OF)
    items = [Constraint(ODRL + "purpose", op, (name,)) for op in operators for name in names]
    placed = [
        Knowledge(broader={"urn:x:1": (DPV + above,)})
        for above in ("Marketing", "AcademicResearch")
    ]
    answers = 0
    for mine, other in product(items, items):
        if proved([mine], other, Reading(NOTHING_MORE, order=order)):
            answers += 1
            for more in placed:
                assert not entails([mine], other, Reading(more, order=order)).no, (mine, other)
    assert answers > len(items)
