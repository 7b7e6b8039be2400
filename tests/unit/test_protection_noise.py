"""Tables with noise: what a person moves is bounded, charged first, and hidden as claimed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.domain.catalog.layout import Field
from connector.enforcement.steps.aggregate import Aggregate, Dominance
from connector.enforcement.steps.generalise import Band, Generalise
from connector.enforcement.steps.minimise import Minimise, RowTest
from connector.enforcement.steps.noise import Noise, Range
from connector.enforcement.steps.release import AGGREGATED, Release
from connector.enforcement.steps.request import Measure, TableRequest
from connector.enforcement.steps.spending import Spent, spending
from connector.enforcement.steps.table import TableSteps
from connector.enforcement.steps.where import QUERY, Where
from connector.errors import StepUnknown, TableRefused
from connector.protection.cells import noisy
from connector.protection.ground import Ground
from connector.protection.means import Means, Outcome
from connector.protection.tables import Asked, table
from federated.privacy import accountant
from tests.support.each import over
from tests.support.protecting import table as batch

GROUND = Ground(
    (
        Field("ine", "text"),
        Field("school", "text"),
        Field("boarder", "boolean"),
        Field("age", "integer"),
        Field("score", "number"),
    ),
    person="ine",
)
COUNT, PERSONS, SUM, MEAN = (
    *(Measure(it) for it in ("count", "persons")),
    *(Measure(it, "score") for it in ("sum", "mean")),
)
PUBLIC: dict[str, Any] = {
    "ranges": {"score": Range(0, 20, 0.5)},
    "categories": {"school": ("A", "B", "C"), "boarder": ("true", "false")},
}
ALMOST_NO_NOISE = 1e5  # ε: a sum of 9 rows, the largest here, stays as it is but once in e⁹⁰
MEANS = Means(root=bytes(range(32)))
Row = tuple[Any, ...]


def using(
    rows: int = 1,
    minimum: int = 1,
    coarser: tuple[Generalise, ...] = (),
    public: Mapping[str, Any] = PUBLIC,
    **limits: Any,
) -> TableSteps:
    functions = ("count", "persons", "sum", "mean")
    dimensions = ("school", "boarder", "age")
    return TableSteps(
        where=Where(QUERY),
        minimise=Minimise(("school", "boarder", "age", "score")),
        pseudonymise=None,
        generalise=coarser,
        aggregate=Aggregate(dimensions, ("score",), functions, minimum, **limits),
        noise=Noise(ALMOST_NO_NOISE, 1e-5, "urn:person", rows, **public),
        release=Release(AGGREGATED, ("csv",)),
    )


def asking(*dimensions: str, measures: tuple[Measure, ...] = (COUNT,), **more: Any) -> TableRequest:
    return TableRequest(dimensions, measures, **{"epsilon": ALMOST_NO_NOISE, **more})


def paid(request: TableRequest, steps: TableSteps) -> Asked:
    return Asked(request, "s", charged=spending(request, steps).events)


def asked(
    request: TableRequest,
    data: list[Row],
    steps: TableSteps | None = None,
    ground: Ground = GROUND,
    means: Means = MEANS,
) -> list[Row]:
    outcome, plan = Outcome(), steps or using()
    found = table(plan, [batch(data, ground)], ground, means, outcome, paid(request, plan))
    assert (outcome.rows_in, outcome.persons, outcome.released) == (0, 0, ())
    return list(zip(*(each.to_pylist() for each in found.columns), strict=True))


DATA: list[Row] = [
    ("1", "A", True, 11, 8.0),
    ("2", "A", False, 12, 30.0),
    ("3", "B", True, 13, -4.0),
    ("4", "B", True, 14, None),
    ("5", "Z", True, 15, 9.0),
    (None, "A", True, 16, 9.0),
]


def test_cells_are_those_of_public_values() -> None:
    measures = (COUNT, PERSONS, SUM, MEAN)
    assert asked(asking("school", measures=measures), DATA) == [
        ("A", 2, 2, 28.0, 14.0, False),  # 30 is cut to 20; who names nobody does not count
        ("B", 2, 2, 0.0, 0.0, False),
        ("C", 0, 0, 0.0, None, False),
    ]
    named = (RowTest("school", "anyOf", ("Z", "A")),)
    assert asked(asking("school", filters=named), DATA) == [("Z", 1, False), ("A", 2, False)]
    assert asked(asking("boarder"), DATA) == [(True, 4, False), (False, 1, False)]
    assert asked(asking(), DATA) == [(5, False)]


def test_coarser_values_are_public_where_a_filter_states_them() -> None:
    ages = {"categories": {"age": ("11", "12")}}
    assert asked(asking("age"), DATA, using(public=ages)) == [(11, 1, False), (12, 1, False)]
    steps = using(coarser=(Generalise("age", Band(5)),), public=ages)
    with pytest.raises(TableRefused, match="public"):
        asked(asking("age"), DATA, steps)
    bands = (RowTest("age", "anyOf", (10, 15, 20)),)
    found = asked(asking("age", filters=bands), DATA, steps)
    assert found == [(10, 4, False), (15, 1, False), (20, 0, False)]
    twice = using(public={"categories": {"age": ("11", "011")}})
    with pytest.raises(StepUnknown, match="twice"):  # else a person would move two cells
        asked(asking("age"), DATA, twice)


def test_a_person_counts_with_as_many_rows_as_the_plan_says() -> None:
    for others in (1, 12):  # most rows, and few, are of a person who has too many
        data: list[Row] = [("1", "A", True, age, 10.0) for age in range(9)]
        data += [(str(number), "B", True, 9, 1.0) for number in range(2, 2 + others)]
        for rows in (1, 2, 5, 9):
            found = asked(asking(measures=(COUNT, PERSONS, SUM)), data, using(rows))
            assert found == [(rows + others, 1 + others, 10.0 * rows + others, False)]
    data = data[:10]
    ages = tuple(range(10))
    by_age = asking("age", filters=(RowTest("age", "anyOf", ages),))
    chosen = asked(by_age, data, using(3))
    assert sum(count for _, count, _ in chosen) == 4
    assert asked(by_age, data[::-1], using(3)) == chosen  # not by their order
    other = replace(MEANS, root=bytes(32))
    assert any(
        asked(by_age, data, using(3), means=replace(other, root=bytes([n]) * 32)) != chosen
        for n in range(6)
    )  # but by the key


VALUES = st.sampled_from
ROWS = st.lists(
    st.tuples(
        VALUES(("1", "2", "3")),
        VALUES(("A", "B", "Z")),
        st.booleans(),
        st.integers(0, 3),
        st.none() | VALUES((-5.0, 0.25, 7.5, 20.0, 99.0)),
    ),
    max_size=9,
)


@settings(max_examples=12)
@given(ROWS, st.integers(1, 3))
def test_no_person_moves_a_figure_by_more_than_is_charged(data: list[Row], rows: int) -> None:
    """Add or remove one person with all rows: figures move, over all cells, by s at most."""
    steps = using(rows)
    request = asking("school", "boarder", measures=(COUNT, PERSONS, SUM))
    without = [row for row in data if row[0] != "1"]
    both = [asked(request, each, steps) for each in (data, without)]
    units = (1, 1, 0.5)
    for at, (event, unit) in enumerate(zip(spending(request, steps).events, units, strict=True)):
        moved = sum(abs(one[2 + at] - other[2 + at]) for one, other in zip(*both, strict=True))
        assert moved <= event["sensitivity"] * unit


@pytest.mark.parametrize("delta", [0.0, 1e-6])
@pytest.mark.parametrize("rows", [1, 3])
def test_what_is_charged_is_what_was_asked_for(delta: float, rows: int) -> None:
    request = asking("school", measures=(COUNT, PERSONS, MEAN), epsilon=0.8, delta=delta)
    events = spending(request, using(rows)).events
    figures = {"count": rows, "persons": rows, "sum": 40 * rows, "number": rows}
    assert len(events) == len(figures)
    if not delta:
        assert [it["sensitivity"] for it in events] == list(figures.values())
        assert math.isclose(accountant.epsilon(events, 0.0), 0.8)
    assert 0.3 < accountant.epsilon(events, max(delta, 1e-12)) <= 0.8 + 1e-6


def test_nothing_is_drawn_but_what_was_charged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noisy, "with_noise", pytest.fail)
    for charged in ((), spending(asking(epsilon=1.0), using()).events):
        with pytest.raises(StepUnknown, match="charged"):
            table(using(), [], GROUND, MEANS, Outcome(), Asked(asking(), "s", charged=charged))


def leaks(spent: Spent, claim: float, draws: int = 8_000) -> bool:
    """Whether a threshold tells two neighbours apart better than a claimed ε lets it."""
    one, other = (noisy.with_noise([value] * draws, spent) for value in (0, spent.sensitivity))
    for cut in range(-2, 3 * spent.sensitivity + 2):
        low, high = (sum(it >= cut for it in values) for values in (one, other))
        # By Clopper and Pearson these would be narrower: five deviations either way.
        least = max(high - 5 * math.sqrt(high), 0.0)
        most = low + 5 * math.sqrt(low) + 25
        if least > math.exp(claim) * most:
            return True
    return False


@pytest.mark.parametrize("sensitivity", [1, 3])
def test_noise_hides_as_much_as_is_claimed_and_half_of_it_does_not(sensitivity: int) -> None:
    claim = 1.0
    full = Spent(sensitivity, sensitivity / claim, gaussian=False, count=1)
    assert not leaks(full, claim)
    assert leaks(replace(full, scale=full.scale / 2), claim)
    drawn = noisy.with_noise([1000] * 8_000, full)
    spread = math.sqrt(sum((it - 1000) ** 2 for it in drawn) / len(drawn))
    assert 1.1 < spread / full.scale < 1.6  # near √2
    gaussian = noisy.with_noise([0] * 8_000, Spent(1, 4.0, gaussian=True, count=1))
    assert 3.7 < math.sqrt(sum(it**2 for it in gaussian) / len(gaussian)) < 4.3


def test_cells_under_the_minimum_are_withheld_by_their_noisy_persons() -> None:
    request = asking("school", measures=(SUM,))
    found = asked(request, DATA, using(minimum=2))
    assert found == [("A", 28.0, False), ("B", 0.0, False), ("C", None, True)]
    outcome, steps = Outcome(), using(minimum=2)
    table(steps, [batch(DATA, GROUND)], GROUND, MEANS, outcome, paid(request, steps))
    assert (len(spending(request, steps).events), outcome.withheld) == (2, 1)  # persons cost, too


def test_figures_are_rounded_after_the_noise() -> None:
    found = asked(asking("school", measures=(COUNT, SUM, MEAN)), DATA, using(rounding=5))
    assert found == [
        ("A", 0, 30, None, False),
        ("B", 0, 0, None, False),
        ("C", 0, 0, None, False),
    ]


def test_a_column_of_numbers_goes_into_equal_bins_of_its_public_range() -> None:
    steps = binning()
    ages = [11.0, 8.0, 16.0, 16.1, 30.0, 1.0, 12.0, None]
    data = [(str(at), "A", True, 3, age) for at, age in enumerate(ages)]
    found = asked(asking("score", bins={"score": 4}), data, steps)
    assert found == [(0, 1, False), (1, 1, False), (2, 2, False), (3, 3, False)]  # 5 wide, cut
    two = asking("school", "score", bins={"score": 2}, measures=(COUNT, PERSONS))
    rows = [("A", 0, 2, 2, False), ("A", 1, 5, 5, False)]
    assert asked(two, data, steps)[:2] == rows


@pytest.fixture
def no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noisy, "with_noise", lambda values, _: values)


@pytest.mark.usefixtures("no_noise")
def test_sums_of_products_are_of_whole_rows_on_the_public_range() -> None:
    steps = binning()
    data: list[Row] = [
        ("1", "A", True, 0, 20.0),
        ("2", "A", False, 10, 5.0),
        ("3", "B", True, 99, -9.0),  # cut to 10 and 0
        ("4", "B", True, 10, None),  # not whole
    ]
    request = asking(moments=("age", "score"), measures=())
    u, v = np.array([-1.0, 1.0, 1.0]), np.array([1.0, -0.5, -1.0])
    one = np.ones(3)
    expected = [float(a @ b) for a, b in ((one, one), (one, u), (one, v), (u, u), (u, v), (v, v))]
    assert asked(request, data, steps) == [pytest.approx((*expected, 0.0), abs=1e-5)]
    names = ["moment", *(f"moment({it})" for it in ("age", "score", "age,age", "age,score"))]
    assert list(spending(request, steps).deviations) == [*names, "moment(score,score)"]
    by = asked(replace(request, dimensions=("school",)), data, steps)
    assert by[0][0] == "A"
    assert by[0][1:] == pytest.approx((2, 0, 0.5, 2, -1.5, 1.25, False), abs=1e-5)


@pytest.mark.usefixtures("no_noise")
@pytest.mark.parametrize("delta", [0.0, 1e-6])
def test_moments_are_charged_as_what_a_person_can_move_them_by(
    delta: float,
) -> None:
    steps = binning(rows=2)
    request = asking(moments=("age", "score"), measures=(), epsilon=0.8, delta=delta)
    (event,) = spending(request, steps).events
    assert (event["sensitivity"], event.count) == (2 * 2**20, 6)
    assert 0.3 < accountant.epsilon((event,), max(delta, 1e-12)) <= 0.8 + 1e-6
    data: list[Row] = [(n, "A", True, a, s) for n in "12" for a, s in ((99, -9.0), (0, 20.0))]
    whole = asking(moments=("age", "score"), measures=())
    both = [asked(whole, it, steps)[0] for it in (data, data[2:])]
    assert all(abs(one - other) <= 2 for one, other in zip(*both, strict=True))


def binning(rows: int = 1) -> TableSteps:
    ranges = {"score": Range(0, 20, 0.5), "age": Range(0, 10)}
    plan = using(rows, public={**PUBLIC, "ranges": ranges})
    assert plan.aggregate is not None
    columns = (*plan.aggregate.dimensions, "score")
    limits = replace(plan.aggregate, dimensions=columns, measures=("score", "age"))
    return replace(plan, aggregate=limits)


def ranged(low: float, high: float, unit: float) -> TableSteps:
    return using(public={"ranges": {"score": Range(low, high, unit)}})


MANY = (RowTest("age", "anyOf", tuple(range(10_001))),)
REFUSED: dict[str, tuple[TableRequest, TableSteps]] = {
    "no epsilon": (asking(epsilon=0.0), using()),
    "more than the plan allows": (asking(epsilon=2 * ALMOST_NO_NOISE), using()),
    "hardly anything": (asking(epsilon=1e-300), using()),
    "hardly anything, with a delta": (asking(epsilon=1e-300, delta=1e-6), using()),
    "a delta beyond the plan": (asking(delta=1e-4), using()),
    "a delta below nothing": (asking(delta=-1e-9), using()),
    "totals": (asking("school", totals=True), using()),
    "values that are not public": (asking("school"), using(public={})),
    "no public range": (asking(measures=(SUM,)), using(public={})),
    "too fine a unit": (asking(measures=(SUM,)), ranged(0, 1e9, 1e-9)),
    "too many cells": (asking("age", filters=MANY), using()),
    "bins of no range": (asking("age", bins={"age": 4}), using()),
    "bins of no dimension": (asking("school", bins={"score": 4}), using()),
    "moments of no measure": (asking(moments=("age",)), using()),
}


@over("name", REFUSED)
def test_a_table_that_cannot_be_accounted_for_is_refused_before_it_is_charged(name: str) -> None:
    request, steps = REFUSED[name]
    with pytest.raises(TableRefused):
        spending(request, steps)
    with pytest.raises(TableRefused):
        table(steps, [], GROUND, MEANS, Outcome(), Asked(request, "s"))


def test_noise_needs_a_key_and_a_person() -> None:
    for means, ground in ((Means(), GROUND), (MEANS, replace(GROUND, person=""))):
        with pytest.raises(StepUnknown, match="key"):
            table(using(), [], ground, means, Outcome(), paid(asking(), using()))
    with pytest.raises(StepUnknown, match="no cells with noise"):
        spending(asking(epsilon=0.0), replace(using(), noise=None))
    for limit in ({"dominance": Dominance(1, 80)}, {"p_ratio": 10}):
        with pytest.raises(StepUnknown, match="dominance"):
            using(**limit)


def test_the_deviation_of_the_noise_is_told_in_the_measures_own_numbers() -> None:
    request = asking(measures=(COUNT, MEAN), epsilon=0.3)
    told = spending(request, using()).deviations
    assert list(told) == ["count", "sum(score)", "count(score)"]
    assert told["count"] == pytest.approx(math.sqrt(2) * 3 / 0.3, rel=1e-3)
    assert told["sum(score)"] == pytest.approx(20 * told["count"], rel=1e-3)
    drawn = noisy.with_noise([0] * 8_000, spending(request, using()).spent[0])
    assert math.sqrt(sum(it**2 for it in drawn) / 8_000) == pytest.approx(told["count"], rel=0.1)
    narrow = Spent(1, 0.25, gaussian=False, count=1)
    drawn = noisy.with_noise([0] * 8_000, narrow)
    assert sum(it**2 for it in drawn) / 8_000 == pytest.approx(narrow.deviation**2, rel=0.5)
    assert Spent(1, 4.0, gaussian=True, count=2).deviation == 4.0
