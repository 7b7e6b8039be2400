"""Tables of cells: what is counted, withheld, kept and refused."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from connector.domain.catalog.layout import Field
from connector.enforcement.steps.aggregate import Aggregate, Dominance
from connector.enforcement.steps.generalise import Band, Generalise
from connector.enforcement.steps.minimise import Minimise, RowTest
from connector.enforcement.steps.release import AGGREGATED, Release
from connector.enforcement.steps.request import Measure, TableRequest
from connector.enforcement.steps.table import TableSteps
from connector.enforcement.steps.where import DELIVERED, QUERY, Where
from connector.errors import StepUnknown, TableRefused
from connector.jsonld.canonical import canonical
from connector.protection.cells.cell import TOTAL, Cell, Key, level
from connector.protection.cells.released import Released
from connector.protection.cells.secondary import withheld
from connector.protection.ground import Ground
from connector.protection.means import Means, Outcome
from connector.protection.rows import rows as leaving
from connector.protection.tables import Asked, table
from federated.persons import Suppressed, digest
from federated.reading import Member
from tests.support.each import over
from tests.support.protecting import table as batch

GROUND = Ground(
    (
        Field("ine", "text"),
        Field("school", "text"),
        Field("sex", "text"),
        Field("age", "integer"),
        Field("score", "number"),
    ),
    person="ine",
)
NAMES = ("school", "sex", "age", "score")
COUNT = Measure("count")
KEY = bytes(16)
Row = tuple[Any, ...]


def using(
    minimum: int = 3,
    coarser: tuple[Generalise, ...] = (),
    tests: tuple[RowTest, ...] = (),
    **limits: Any,
) -> TableSteps:
    functions = ("count", "persons", "sum", "mean")
    return TableSteps(
        where=Where(QUERY),
        minimise=Minimise(NAMES, tests),
        pseudonymise=None,
        generalise=coarser,
        aggregate=Aggregate(
            ("school", "sex", "age"), ("score", "age"), functions, minimum, **limits
        ),
        noise=None,
        release=Release(AGGREGATED, ("csv",)),
    )


def asking(*dimensions: str, measures: tuple[Measure, ...] = (COUNT,), **more: Any) -> TableRequest:
    return TableRequest(dimensions, measures, **more)


def asked(
    request: TableRequest,
    data: list[Row],
    *before: Released,
    steps: TableSteps | None = None,
    snapshot: str = "s1",
    ground: Ground = GROUND,
    gone: tuple[str, ...] = (),
) -> tuple[list[Row], tuple[Released, ...]]:
    """Return the cells that leave, and what is kept of the table."""
    outcome = Outcome()
    rows = [batch(data[:3], ground), batch(data[3:], ground)]
    means = Means(suppressed=Suppressed(KEY, frozenset(digest(name, KEY) for name in gone)))
    found = table(steps or using(), rows, ground, means, outcome, Asked(request, snapshot, before))
    cells = list(zip(*(each.to_pylist() for each in found.columns), strict=True))
    assert outcome.withheld == sum(each[-1] for each in cells)
    assert outcome.rows_out == len(cells)
    read = [again(each) for each in outcome.released]
    assert tuple(read) == outcome.released
    return cells, outcome.released


def refuse(pointer: str, fault: str) -> ValueError:
    return ValueError(pointer + fault)


def again(released: Released) -> Released:
    """Read what is kept as it would be from a store."""
    return Released.read(Member(json.loads(canonical(released.body())), refuse))


def pupils(school: str, sex: str, number: int, first: int = 0, age: int = 12) -> list[Row]:
    made = range(first, first + number)
    return [(f"{school}{sex}{n}", school, sex, age, float(n)) for n in made]


TOWN = [*pupils("A", "f", 5), *pupils("A", "m", 4), *pupils("B", "f", 6), *pupils("B", "m", 7)]


def test_cells_are_counted() -> None:
    measures = (COUNT, Measure("persons"), Measure("sum", "score"), Measure("mean", "score"))
    twice = [*TOWN, *pupils("A", "f", 1)]
    cells, _ = asked(asking("school", "sex", measures=measures), twice)
    assert cells == [
        ("A", "f", 6, 5, 10.0, 10 / 6, False),
        ("A", "m", 4, 4, 6.0, 1.5, False),
        ("B", "f", 6, 6, 15.0, 2.5, False),
        ("B", "m", 7, 7, 21.0, 3.0, False),
    ]
    assert asked(asking(), twice)[0] == [(23, False)]
    only = (RowTest("school", "anyOf", ("B",)),)
    assert asked(asking("sex", filters=only), TOWN)[0] == [("f", 6, False), ("m", 7, False)]


def test_whole_numbers_stay_whole() -> None:
    measures = tuple(Measure(it, "age") for it in ("sum", "mean", "count"))
    limits = {"dominance": Dominance(1, 90), "p_ratio": 10}
    cells, _ = asked(asking("school", measures=measures), TOWN, steps=using(**limits))
    assert cells == [("A", 108, 12.0, 9, False), ("B", 156, 12.0, 13, False)]
    assert isinstance(cells[0][1], int)


def test_a_cell_of_too_few_persons_is_withheld() -> None:
    data = [*TOWN, *pupils("C", "f", 2), *pupils("C", "f", 2), *pupils("D", "m", 1)]
    cells, _ = asked(asking("school"), data)  # four rows of two persons, one of one
    assert cells == [("A", 9, False), ("B", 13, False), ("C", None, True), ("D", None, True)]
    assert asked(asking("school"), data, steps=using(minimum=1))[0][-1] == ("D", 1, False)


def test_persons_have_one_spelling_and_who_has_none_is_nobody() -> None:
    spellings = ("1", "01", "1.0", "x", None)
    data = [(f"{n}", *row[1:]) for n, row in enumerate(TOWN, 10)]
    data += [(each, "C", "f", 12, 1.0) for each in spellings]
    cells, _ = asked(asking("school"), data, ground=replace(GROUND, person_format="number"))
    assert cells[-1] == ("C", None, True)
    assert asked(asking("school"), data)[0][-1] == ("C", 5, False)  # as text, four persons
    nobody = [(None, *row[1:]) for row in TOWN]
    with pytest.raises(TableRefused, match="too few persons"):
        asked(asking("school"), nobody)
    unnamed = replace(GROUND, person="")
    cells = asked(asking("school"), nobody, ground=unnamed)[0]
    assert cells == [("A", 9, False), ("B", 13, False)]


def test_a_sum_of_too_few_values_is_withheld() -> None:
    data = [*TOWN, *[(f"c{n}", "C", "f", 12, 7.0 if n < 2 else None) for n in range(9)]]
    cells, _ = asked(asking("school", measures=(Measure("sum", "score"),)), data)
    assert cells[-1] == ("C", None, True)
    assert asked(asking("school"), data)[0][-1] == ("C", 9, False)


@pytest.mark.parametrize("limit", [{"dominance": Dominance(1, 90)}, {"p_ratio": 10}])
def test_few_large_contributors_are_not_told(limit: dict[str, Any]) -> None:
    mayor = [*TOWN, ("big", "A", "f", 12, 1000.0)]
    sums = asking("school", measures=(Measure("sum", "score"),))
    steps = using(**limit)
    assert [row[2] for row in asked(sums, mayor)[0]] == [False, False]
    assert [row[2] for row in asked(sums, mayor, steps=steps)[0]] == [True, False]
    assert [row[2] for row in asked(sums, TOWN, steps=steps)[0]] == [False, False]
    assert [row[2] for row in asked(asking("school"), mayor, steps=steps)[0]] == [False, False]


def test_figures_are_rounded_and_means_are_of_what_was_rounded() -> None:
    measures = (COUNT, Measure("sum", "score"), Measure("mean", "score"))
    cells, _ = asked(asking("school", measures=measures), TOWN, steps=using(rounding=5))
    assert cells == [("A", 10, 15, 1.5, False), ("B", 15, 35, 35 / 15, False)]


def test_coarser_values_are_the_dimensions() -> None:
    data = [*pupils("A", "f", 4, age=11), *pupils("A", "m", 4, age=14)]
    steps = using(coarser=(Generalise("age", Band(5)),))
    assert asked(asking("age"), data, steps=steps)[0] == [(10, 8, False)]
    whole = (RowTest("age", "anyOf", (10,)),)
    assert asked(asking(filters=whole), data, steps=steps)[0] == [(8, False)]


BEYOND: dict[str, TableRequest] = {
    "an unknown dimension": asking("ine"),
    "a measure as dimension": asking("score"),
    "a filter on a measure": asking(filters=(RowTest("score", "atLeast", (1,)),)),
    "an unknown measure": asking(measures=(Measure("sum", "sex"),)),
    "a sum of nothing": asking(measures=(Measure("sum"),)),
    "persons of a measure": asking(measures=(Measure("persons", "score"),)),
    "an epsilon without noise": asking(epsilon=0.1),
}


@over("name", BEYOND)
def test_a_table_beyond_the_plan_is_refused(name: str) -> None:
    with pytest.raises(TableRefused):
        asked(BEYOND[name], TOWN)


def test_only_functions_of_the_plan_are_computed() -> None:
    step = using().aggregate
    assert step is not None
    only = replace(using(), aggregate=replace(step, functions=("persons",)))
    assert asked(asking(measures=(Measure("persons"),)), TOWN, steps=only)[0] == [(22, False)]
    with pytest.raises(TableRefused, match="count"):
        asked(asking(), TOWN, steps=only)


def test_a_request_is_read_as_it_was_written() -> None:
    request = asking("school", filters=(RowTest("sex", "anyOf", ("f",)),), totals=True)
    assert TableRequest.read(Member(json.loads(canonical(request.body())), refuse)) == request
    for change in (
        {"dimensions": list("abcde")},
        {"measures": []},
        {"measures": [COUNT.body()] * 2},
        {"measures": [{"function": "max", "column": "score"}]},
        {"totals": 1},
        {"more": 1},
    ):
        with pytest.raises(ValueError, match="/"):
            TableRequest.read(Member({**request.body(), **change}, refuse))


def test_totals_do_not_give_away_what_is_withheld() -> None:
    data = [*TOWN, *pupils("C", "f", 5), *pupils("C", "m", 1)]
    cells, _ = asked(asking("school", "sex", totals=True), data)
    gone = {row[:2] for row in cells if row[4]}
    assert ("C", "m") in gone
    assert len(gone) == 4  # a box: nothing follows from rows, columns and the whole
    assert len({school for school, _ in gone}) == len({sex for _, sex in gone}) == 2
    assert (None, None, 28, "school, sex", False) in cells


def test_where_nothing_can_protect_a_cell_the_table_is_refused() -> None:
    data = [*pupils("A", "f", 9), *pupils("A", "m", 1)]
    with pytest.raises(TableRefused, match="too few persons"):
        asked(asking("school", "sex", totals=True), data)
    with pytest.raises(TableRefused, match="too few persons"):
        asked(asking("school"), pupils("A", "f", 2))
    assert asked(asking("school"), pupils("A", "f", 3))[0] == [("A", 3, False)]


def cube(counts: dict[tuple[int, ...], int], dimensions: int, minimum: int) -> dict[Key, Cell]:
    made: dict[Key, int] = defaultdict(int)
    for key, number in counts.items():
        for kept in product((True, False), repeat=dimensions):
            made[tuple(a if b else TOTAL for a, b in zip(key, kept, strict=True))] += number
    return {key: Cell(it, (it,), it < minimum) for key, it in made.items() if it}


@settings(max_examples=25)
@given(st.data(), st.sampled_from([(3, 3), (4, 2), (3, 2, 2)]), st.integers(2, 5))
def test_each_withheld_cell_could_have_many_values(
    data: st.DataObject, shape: tuple[int, ...], minimum: int
) -> None:
    """By linear programming, over all tables with the figures that left."""
    every = list(product(*map(range, shape)))
    numbers = data.draw(st.lists(st.integers(0, 12), min_size=len(every), max_size=len(every)))
    cells = cube(dict(zip(every, numbers, strict=True)), len(shape), minimum)
    gone = withheld(cells, minimum, totals=True)
    if gone is None:
        return
    finest = [key for key in cells if TOTAL not in key]

    def sums(key: Key) -> list[int]:
        alike = ([b in (TOTAL, a) for a, b in zip(each, key, strict=True)] for each in finest)
        return [int(all(each)) for each in alike]

    left = [key for key in cells if key not in gone]
    if not left:
        return
    stated = {"A_eq": [sums(key) for key in left], "b_eq": [cells[key].persons for key in left]}
    for key in (each for each in gone if cells[each].unsafe):
        least = linprog(sums(key), **stated)
        most = linprog([-each for each in sums(key)], **stated)
        assert least.status == 0
        assert most.status in (0, 3)  # 3: without bound
        assert most.status == 3 or -most.fun - least.fun >= minimum - 1e-6


def test_the_smallest_cells_protect() -> None:
    counts = {(0, 0): 1, (0, 1): 9, (1, 0): 5, (1, 1): 6, (2, 0): 40, (2, 1): 50}
    cells = cube(counts, 2, 3)
    gone = withheld(cells, 3, totals=True)
    assert gone == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert withheld(cube({**counts, (0, 0): 4}, 2, 3), 3, totals=True) == frozenset()
    assert {level(key) for key in cells} == {(), (0,), (1,), (0, 1)}


CLASS = [*TOWN, *pupils("C", "f", 2, age=13), *pupils("C", "m", 5)]
YOUNGER = (RowTest("age", "atMost", (12,)),)
NOT_C = (RowTest("school", "noneOf", ("C",)),)
BOYS = (RowTest("sex", "anyOf", ("m",)),)
# A table, one that tells of the two girls of school C with it, and one that tells of more.
PAIRS = [
    (asking(), asking(filters=YOUNGER), asking(filters=NOT_C)),
    (asking("sex"), asking("sex", filters=YOUNGER), asking("sex", filters=BOYS)),
    (asking("school"), asking("school", filters=BOYS), asking("sex")),
]


@pytest.mark.parametrize(("first", "refused", "allowed"), PAIRS)
def test_a_table_whose_difference_with_an_earlier_one_is_about_few_is_refused(
    first: TableRequest, refused: TableRequest, allowed: TableRequest
) -> None:
    for one, other in ((first, refused), (refused, first)):  # whichever comes first
        _, kept = asked(one, CLASS)
        assert asked(other, CLASS)[0]
        with pytest.raises(TableRefused, match="earlier") as refusal:
            asked(other, CLASS, *kept)
        assert not any(sign.isdigit() for sign in refusal.value.reason)
    _, kept = asked(first, CLASS)
    assert asked(first, CLASS, *kept)[0] == asked(first, CLASS)[0]
    assert asked(allowed, CLASS, *kept)[0]


def test_what_an_earlier_table_withheld_is_not_told_by_a_later_total() -> None:
    two = [*TOWN, *pupils("C", "f", 2), *pupils("D", "f", 1)]
    cells, kept = asked(asking("school"), two)
    assert [row[-1] for row in cells] == [False, False, True, True]
    assert asked(asking(), two, *kept)[0] == [(25, False)]  # of three persons together
    few = [*TOWN, *pupils("C", "f", 2)]
    cells, kept = asked(asking("school"), few)  # one more is withheld, so that a total may come
    assert [row[-1] for row in cells] == [True, False, True]
    assert asked(asking(), few, *kept)[0]
    with pytest.raises(TableRefused, match="earlier"):
        asked(asking(filters=NOT_C), few, *asked(asking(), few)[1])


def test_what_was_withheld_in_one_place_is_not_told_by_totals_of_places() -> None:
    cells, kept = asked(asking("school", "sex"), CLASS)
    assert [row[:2] for row in cells if row[-1]] == [("A", "m"), ("C", "f")]
    with pytest.raises(TableRefused, match="earlier"):  # seven in school C, less five boys
        asked(asking("school"), CLASS, *kept)
    both = [*CLASS, *pupils("C", "f", 1, first=9)]
    assert asked(asking("school"), both, *asked(asking("school", "sex"), both)[1])[0]


# The same persons, however they are asked for: the schools are added up, or a filter holds of all.
SAME = [asking("school"), asking(), asking("sex"), asking("school", filters=YOUNGER)]


@pytest.mark.parametrize("again", SAME)
def test_a_table_of_rows_that_changed_by_few_persons_is_refused(again: TableRequest) -> None:
    _, kept = asked(asking("school"), TOWN)
    for more, leaves in ((0, True), (1, False), (2, False), (3, True)):
        later = [*TOWN, *pupils("A", "f", more, first=50)]
        if leaves:
            assert asked(again, later, *kept, snapshot="s2")[0]
        else:
            with pytest.raises(TableRefused, match="earlier"):
                asked(again, later, *kept, snapshot="s2")
    moved = [*TOWN, *pupils("E", "f", 5)]
    assert asked(again, moved, *kept, snapshot="s2")[0]


@pytest.mark.parametrize("again", SAME)
def test_who_objects_is_not_told_by_tables_of_before_and_after(again: TableRequest) -> None:
    _, kept = asked(asking("school"), TOWN)
    for gone, leaves in (((), True), (("Af0",), False), (("Bf0", "Bf1", "Bf2"), True)):
        if leaves:
            assert asked(again, TOWN, *kept, gone=gone)[0]
        else:
            with pytest.raises(TableRefused, match="earlier"):
                asked(again, TOWN, *kept, gone=gone)


def test_filters_are_compared_on_the_rows_of_today_too() -> None:
    _, kept = asked(asking("sex"), CLASS)
    with pytest.raises(TableRefused, match="earlier"):
        asked(asking("sex", filters=YOUNGER), CLASS, *kept, snapshot="s2")
    assert asked(asking("sex", filters=BOYS), CLASS, *kept, snapshot="s2")[0]


def test_tables_of_other_plans_count_too() -> None:
    """The rows of another plan, and its coarser values, are those of its own steps."""
    other = using(tests=YOUNGER, coarser=(Generalise("age", Band(100)),))
    _, kept = asked(asking("age"), CLASS, steps=other)
    assert (kept[0].rows, kept[0].generalise) == (YOUNGER, other.generalise)
    with pytest.raises(TableRefused, match="earlier"):
        asked(asking(), CLASS, *kept)
    assert asked(asking(filters=YOUNGER), CLASS, *kept)[0]


# Another dataset of the same pupils: it has fewer columns, and one of them with another type.
FEWER = Ground((Field("ine", "text"), Field("school", "text"), Field("age", "text")), person="ine")
OF_FEWER = replace(
    using(),
    minimise=Minimise(("school",)),
    aggregate=Aggregate(("school",), (), ("count", "persons"), 3),
)


def fewer(rows: list[Row]) -> list[Row]:
    return [(ine, school, str(age)) for ine, school, _, age, _ in rows]


@over(
    "first",
    [
        asking("school"),
        asking("school", "sex"),
        asking("sex"),
        asking("sex", totals=True),
        asking("school", filters=(RowTest("age", "atMost", (12,)),)),
        asking(filters=(RowTest("sex", "anyOf", ("f", "m")),)),
    ],
)
@over("later", [asking("school"), asking()])
def test_tables_of_two_datasets_are_compared_by_the_columns_of_both(
    first: TableRequest, later: TableRequest
) -> None:
    _, kept = asked(first, TOWN)
    for missing, leaves in ((0, True), (1, False), (2, False), (3, True)):
        rows = fewer(TOWN[missing:])
        if leaves:
            found = asked(later, rows, *kept, steps=OF_FEWER, snapshot="s2", ground=FEWER)
            assert found[0]
        else:
            with pytest.raises(TableRefused, match="earlier"):
                asked(later, rows, *kept, steps=OF_FEWER, snapshot="s2", ground=FEWER)


def test_a_dataset_that_has_a_pupil_in_several_cells_is_compared_by_its_totals() -> None:
    twice = [*TOWN, *((ine, "C", *rest) for ine, _, *rest in TOWN)]
    totals = asking("school", measures=(Measure("persons"),), totals=True)
    _, kept = asked(totals, twice)
    assert {each.dimensions for each in kept} == {("school",), ()}
    others = Ground((Field("ine", "text"), Field("town", "text")), person="ine")
    limits = Aggregate(("town",), (), ("persons",), 3)
    steps = replace(OF_FEWER, minimise=Minimise(("town",)), aggregate=limits)
    rows = [(ine, "T") for ine, *_ in TOWN]
    for by in ((), ("town",)):
        asks = asking(*by, measures=(Measure("persons"),))
        assert asked(asks, rows, *kept, steps=steps, snapshot="s2", ground=others)[0]
        with pytest.raises(TableRefused, match="earlier"):
            asked(asks, rows[1:], *kept, steps=steps, snapshot="s2", ground=others)


def test_of_two_plans_the_stricter_minimum_counts() -> None:
    three = [*TOWN, *pupils("C", "f", 3, age=13), *pupils("C", "m", 5)]
    younger = asking(filters=YOUNGER)
    for first, then, leaves in ((3, 3, True), (4, 3, False), (3, 4, False)):
        _, kept = asked(asking(), three, steps=using(first))
        if leaves:
            assert asked(younger, three, *kept, steps=using(then))[0] == [(27, False)]
        else:
            with pytest.raises(TableRefused, match="earlier"):
                asked(younger, three, *kept, steps=using(then))


def test_rows_are_no_table_and_a_table_no_rows() -> None:
    release = Release("Minimised", ("csv",))
    rows = replace(using(), where=Where(DELIVERED), aggregate=None, release=release)
    with pytest.raises(TableRefused, match="no cells"):
        asked(asking(), TOWN, steps=rows)
    with pytest.raises(StepUnknown, match="no rows"):
        list(leaving(using(), [], GROUND, Means(), Outcome()))


def test_what_is_not_kept_as_a_table_is_not_read() -> None:
    body = asked(asking("school"), TOWN)[1][0].body()
    for change in ({"version": 2}, {"cells": [[["A"], -1]]}, {"more": 1}, {"withheld": [[{}]]}):
        with pytest.raises(ValueError, match="/"):
            Released.read(Member({**body, **change}, refuse))


def test_rows_stand_in_the_order_of_their_values() -> None:
    ages = [10] * 3 + [9] * 3 + [None] * 3
    cells, _ = asked(asking("age"), [(f"p{at}", "A", "f", age, 1.0) for at, age in enumerate(ages)])
    assert [cell[0] for cell in cells] == [9, 10, None]


# --- bins of a public range


def binning(minimum: int = 3, high: float = 16.0) -> TableSteps:
    plan = using(minimum)
    assert plan.aggregate is not None
    limits = replace(
        plan.aggregate, dimensions=NAMES, ranges={"score": (0.0, high), "age": (0.0, 20.0)}
    )
    return replace(plan, aggregate=limits)


def scored(*scores: float) -> list[Row]:
    return [(f"p{at}", "A", "f", 12, score) for at, score in enumerate(scores)]


LOW = scored(0.0, 1.0, 1.5, 2.0, 3.0, 3.5, 4.0, 5.0, 5.5, 6.0, 7.0, 99.0, 15.0, 15.5)


def test_cells_of_bins_are_kept_like_any_other() -> None:
    cells, left = asked(asking("score", bins={"score": 8}), LOW, steps=binning())
    assert cells == [
        (0, None, True),  # beside 6 to 8, which has two persons
        (1, 3, False),
        (2, 3, False),
        (3, None, True),
        (7, 3, False),
    ]
    again, _ = asked(asking("score", bins={"score": 8}), LOW, *left, steps=binning())
    assert again == cells


def test_coarser_bins_may_not_tell_what_finer_ones_withheld() -> None:
    """Of 12 to 16, one person is under 14: seen within the coarser bin, not among all rows."""
    fine, coarse = (asking("score", bins={"score": count}) for count in (8, 4))
    data = scored(0.0, 0.1, 2.0, 2.1, 2.2, 8.0, 8.1, 8.2, 8.3, 10.0, 10.1, 10.2)
    data += [(f"q{at}", "A", "f", 12, score) for at, score in enumerate((12.0, 14.0, 14.1, 15.0))]
    cells, left = asked(fine, data, steps=binning())
    assert {row for row in cells if row[-1]} == {(0, None, True), (6, None, True)}
    with pytest.raises(TableRefused, match="too few"):
        asked(coarse, data, *left, steps=binning())
    _, first = asked(coarse, data, steps=binning())
    with pytest.raises(TableRefused, match="too few"):
        asked(fine, data, *first, steps=binning())
    with pytest.raises(TableRefused, match="another range"):
        asked(fine, data, *left, steps=binning(high=32.0))


@pytest.mark.parametrize(
    "wrong",
    [
        asking("score", bins={"score": 4}, measures=(Measure("mean", "score"),)),
        asking("score", bins={"score": 4}, filters=(RowTest("score", "atLeast", (1.0,)),)),
        asking("school", bins={"school": 4}),
        asking("school", moments=("score",)),
    ],
)
def test_bins_and_products_beyond_the_plan_are_refused(wrong: TableRequest) -> None:
    with pytest.raises(TableRefused):
        asked(wrong, LOW, steps=binning())
    coarser = replace(binning(), generalise=(Generalise("age", Band(5)),))
    with pytest.raises(TableRefused, match="generalises"):
        asked(asking("age", bins={"age": 4}), LOW, steps=coarser)
