"""Risk and fidelity of a plan are those of their definitions, told so that nobody stands out."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector.domain.catalog.dataset import ColumnClass
from connector.domain.catalog.layout import Field
from connector.domain.privacy.findings import FEW, Findings, Risk, in_steps, told
from connector.enforcement.steps.aggregate import Aggregate
from connector.enforcement.steps.generalise import Band, Generalise
from connector.enforcement.steps.minimise import Minimise, RowTest
from connector.enforcement.steps.noise import Noise
from connector.enforcement.steps.release import AGGREGATED, Release
from connector.enforcement.steps.table import TableSteps
from connector.enforcement.steps.where import QUERY, Where
from connector.errors import Malformed
from connector.protection.ground import Ground
from connector.protection.means import Means
from connector.protection.risk import standing_out
from connector.protection.risk.judged import judged
from connector.protection.risk.measure import measure
from federated.reading import Member
from tests.support.protecting import table, uses

FIELDS = (
    Field("id", "text"),
    Field("town", "text"),
    Field("age", "integer"),
    Field("grade", "text"),
)
GROUND = Ground(FIELDS, person="id")
CLASSES = {
    "id": ColumnClass.DIRECT_IDENTIFIER,
    "town": ColumnClass.QUASI_IDENTIFIER,
    "age": ColumnClass.QUASI_IDENTIFIER,
    "grade": ColumnClass.SENSITIVE,
}
COLUMNS = ("town", "age", "grade")
Row = tuple[str, str | None, int | None, str | None]
ROWS = st.lists(
    st.tuples(
        st.sampled_from([str(each) for each in range(12)]),
        st.sampled_from(["Lyon", "Brest", None]),
        st.sampled_from([11, 12, None]),
        st.sampled_from(["A", "B", None]),
    ),
    min_size=1,
    max_size=40,
)


def batch(rows: list[Row]) -> pa.RecordBatch:
    return table(rows, GROUND)


def found(rows: list[Row], steps: TableSteps) -> Findings:
    return measure(steps, [batch(rows)], GROUND, Means(), CLASSES)


def cells(minimum: int, noise: Noise | None = None) -> TableSteps:
    return TableSteps(
        where=Where(QUERY),
        minimise=Minimise(COLUMNS),
        pseudonymise=None,
        generalise=(),
        aggregate=Aggregate(("town", "age"), (), ("count",), minimum),
        noise=noise,
        release=Release(AGGREGATED, ("jsonl",)),
    )


@given(ROWS)
@settings(max_examples=25)  # each opens an engine
def test_classes_are_those_of_their_definitions(rows: list[Row]) -> None:
    persons: defaultdict[Any, set[str]] = defaultdict(set)
    grades: defaultdict[Any, list[str | None]] = defaultdict(list)
    for who, town, age, grade in rows:
        persons[town, age].add(who)
        grades[town, age].append(grade)
    overall = Counter(grade for *_, grade in rows)
    distance = max(
        sum(abs(Counter(each)[it] / len(each) - overall[it] / len(rows)) for it in overall) / 2
        for each in grades.values()
    )
    sizes = [len(each) for each in persons.values()]
    alone = {who for each in persons.values() if len(each) == 1 for who in each}
    rare = {who for each in persons.values() if len(each) < FEW for who in each}
    with judged(uses(COLUMNS), [batch(rows)], GROUND, Means(), CLASSES) as held:
        assert standing_out._sizes(held, ["town", "age"]) == (
            min(sizes),
            len({who for who, *_ in rows}),
            len(alone),
            len(rare),
        )
        fewest, far = standing_out._sensitive(held, ["town", "age"], "grade")
    assert fewest == min(len(set(each)) for each in grades.values())
    assert distance - 1e-9 <= far <= distance + 0.05


def test_numbers_have_an_order() -> None:
    """Of two classes, one has the lowest and one the highest values: half the range apart."""
    rows: list[Row] = [(str(at), "Lyon" if at < 50 else "Brest", at, None) for at in range(100)]
    classes = {**CLASSES, "age": ColumnClass.SENSITIVE}
    apart = measure(uses(COLUMNS), [batch(rows)], GROUND, Means(), classes).risk
    rows = [(str(at), "Lyon" if at % 2 else "Brest", at, None) for at in range(100)]
    mixed = measure(uses(COLUMNS), [batch(rows)], GROUND, Means(), classes).risk
    assert apart is not None
    assert mixed is not None
    assert (apart.t, apart.l, apart.k) == (0.3, 1, 50)
    assert mixed.t == 0.0


def test_who_is_alone_can_be_linked_and_who_is_not_cannot() -> None:
    rows: list[Row] = [(str(at), f"town {at}", 11, "A") for at in range(400)]
    alone, crowd = found(rows, uses(COLUMNS)).risk, found(rows, uses(["age", "grade"])).risk
    assert alone == Risk(k=0, l=1, t=alone.t if alone else 0, unique=1.0, rare=1.0, linkable=1.0)
    assert crowd == Risk(k=400, l=1, t=0.0, unique=0.0, rare=0.0, linkable=0.0)


def test_two_of_each_kind_are_linked_to_the_wrong_person() -> None:
    """A match tells of nobody where somebody who is not there matches as well."""
    rows: list[Row] = [(str(at), f"town {at // 2}", 11, "A") for at in range(4000)]
    risk = found(rows, uses(COLUMNS)).risk
    assert risk is not None
    assert risk.linkable <= 0.02
    assert risk.rare == 1.0


def test_what_is_left_out_or_made_coarser_is_an_error() -> None:
    rows: list[Row] = [(str(at), "Lyon", 10 + at % 4, "A" if at % 4 else "B") for at in range(400)]
    plain = found(rows, uses(COLUMNS))
    assert plain.marginal == {"town": 0.0, "age": 0.0, "grade": 0.0}
    assert plain.pairs == 0.0
    coarser = found(rows, uses(COLUMNS, coarser=[Generalise("age", Band(2))]))
    assert coarser.marginal["age"] == 0.0  # spread evenly, as the ages are
    assert coarser.pairs == round((0 + 0 + 0.25) / 3, 2)  # B is of age 10, and could be 11
    fewer = found(rows, uses(("age",), tests=[RowTest("age", "atLeast", (12,))]))
    assert fewer.marginal == {"town": None, "age": 0.5, "grade": None}


def test_cells_of_few_are_counted_as_gone() -> None:
    rows: list[Row] = [(str(at), "Lyon" if at < 90 else "Brest", 11, "A") for at in range(100)]
    assert found(rows, cells(20)).withheld == 0.4  # Brest, and Brest at 11, of five cells
    assert found(rows, cells(20)).marginal == {"town": 0.1, "age": 0.0}
    assert found(rows, cells(5)).withheld == 0.0
    noise = Noise(epsilon=0.1, delta=1e-6, unit="urn:person", rows_per_person=1)
    blurred = found(rows, cells(20, noise))
    assert blurred.marginal == {"town": 0.1, "age": 0.05}
    assert (blurred.epsilon, blurred.withheld) == (0.1, None)
    # Of public values noise is in all of them, whether the rows have them or not.
    public = found(rows, cells(20, replace(noise, categories={"town": ("Lyon", "Brest", "Metz")})))
    assert public.marginal == {"town": 0.15, "age": 0.05}


def test_persons_who_objected_are_not_judged() -> None:
    rows: list[Row] = [("1", "Lyon", 11, "A"), *((str(at), "Brest", 11, "A") for at in range(2, 9))]
    assert found(rows, uses(COLUMNS)).risk is not None
    with_all = found(rows, uses(COLUMNS)).risk
    assert with_all is not None
    assert (with_all.k, with_all.unique) == (0, 1.0)  # told in steps of ten persons


@given(st.integers(1, 10**7), st.floats(0, 1))
@example(700, 40 / 700)
def test_shares_are_told_in_steps_of_ten_persons_and_never_less(of: int, part: float) -> None:
    some = round(of * part)
    said = told(some / of, of)
    assert some / of <= said + 1e-9
    assert said in (0.0, 1.0) or said * of >= 9.99
    assert (said == 0) == (some == 0)


@given(st.integers(0, 10**7))
def test_classes_are_told_as_smaller(count: int) -> None:
    assert in_steps(count) <= count
    assert count < FEW or in_steps(count) >= count * 0.5
    assert (in_steps(count) == 0) == (count < FEW)


def _refused(pointer: str, fault: str) -> Malformed:
    return Malformed(f"{pointer}: {fault}")


def test_findings_are_read_as_written() -> None:
    rows: list[Row] = [(str(at), "Lyon", 11, "A") for at in range(30)]
    for each in (found(rows, uses(COLUMNS)), found(rows, cells(5)), Findings()):
        assert Findings.read(Member(each.body(), _refused)) == each
    body = found(rows, uses(COLUMNS)).body()
    for risk in ({"k": -1}, {"unique": 1.5}, {"rare": -0.1}, {"linkable": "0"}, {"more": 1}):
        with pytest.raises(Malformed):
            Findings.read(Member({**body, "risk": {**body["risk"], **risk}}, _refused))
