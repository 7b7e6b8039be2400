"""Rows that leave are those of the steps: columns, rows, pseudonyms, coarser values."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from connector.domain.catalog import territory
from connector.domain.catalog.layout import Field
from connector.enforcement.steps.generalise import Band, Coding, Generalise, Level
from connector.enforcement.steps.minimise import RowTest
from connector.enforcement.steps.pseudonymise import Scope
from connector.errors import ColumnMissing, DataFileUnreadable, StepUnknown
from connector.protection import release
from connector.protection.engine import Engine
from connector.protection.ground import Ground
from connector.protection.means import Means, Outcome
from connector.protection.persons import Seen
from connector.protection.rows import rows
from federated.persons import Suppressed, digest
from tests.support.each import over
from tests.support.protecting import (
    GROUND,
    GROUPS,
    MEANS,
    NAMES,
    ROOT,
    SCOPE,
    delivered,
    expected,
    pseudonym,
    table,
    uses,
)

DATA: list[tuple[Any, ...]] = [
    ("0001A", "x", "35238", date(2010, 5, 1), 11, 2.5, True),
    ("0002B", "y", "97411", date(2009, 12, 31), 14, 7.25, False),
    ("0003C", None, "2A004", None, 19, None, None),
    ("0001A", "z", "00000", date(1999, 1, 1), None, -0.5, True),
    (None, "w", "35", date(2011, 2, 3), -4, 3.0, False),
]


def leaving(*rows: tuple[Any, ...], **steps: Any) -> list[tuple[Any, ...]]:
    return delivered(uses(**steps), table(rows or DATA))


TESTS = [
    RowTest("age", "atLeast", (11,)),
    RowTest("age", "atMost", (11.5,)),
    RowTest("age", "anyOf", (14, 19)),
    RowTest("age", "noneOf", (14,)),
    RowTest("score", "atLeast", (2.5,)),
    RowTest("score", "anyOf", (7.25, 3)),
    RowTest("commune", "anyOf", ("35238", 'o\'dd "name"; --')),
    RowTest("commune", "noneOf", ("35238",)),
    RowTest("born", "atLeast", ("2009-12-31",)),
    RowTest("born", "atMost", ("2009-12-31",)),
    RowTest("born", "noneOf", ("2010-05-01",)),
    RowTest("boarder", "anyOf", ("true",)),
]


@over("test", TESTS)
def test_only_rows_that_pass_leave(test: RowTest) -> None:
    found = leaving(tests=(test,))
    assert found == expected(uses(tests=(test,)), DATA)
    assert 0 < len(found) < len(DATA)


COARSER = [
    Generalise("born", "year"),
    Generalise("born", "month"),
    Generalise("born", "decade"),
    Generalise("age", Band(5)),
    Generalise("age", Band(3, -1)),
    Generalise("score", Band(0.5, 0.25)),
    Generalise("score", Coding(0, 3.5)),
    Generalise("age", Coding(None, 14)),
    Generalise("commune", Level("communes", "departement")),
    Generalise("commune", Level("communes", "academie")),
    Generalise("commune", Level("communes", "region")),
    Generalise("commune", GROUPS),
    Generalise("boarder", "suppress"),
]


@over("step", COARSER)
def test_values_get_coarser_as_the_step_says(step: Generalise) -> None:
    found = leaving(coarser=(step,))
    assert found == expected(uses(coarser=(step,)), DATA)
    assert found != DATA


def test_a_step_altered_alters_what_leaves() -> None:
    columns = leaving(columns=("age", "score"))
    assert leaving(columns=("score",)) == [row[1:] for row in columns]
    assert leaving(columns=("score", "age")) == [row[::-1] for row in columns]
    assert leaving(coarser=(Generalise("age", Band(5)),)) != leaving(
        coarser=(Generalise("age", Band(6)),)
    )


UNFIT: list[dict[str, Any]] = [
    {"tests": (RowTest("commune", "atLeast", ("3",)),)},
    {"tests": (RowTest("commune", "anyOf", (35,)),)},
    {"tests": (RowTest("age", "anyOf", ("11",)),)},
    {"tests": (RowTest("born", "atLeast", ("2009-13-01",)),)},
    {"tests": (RowTest("born", "atLeast", ("20090101",)),)},
    {"tests": (RowTest("boarder", "anyOf", ("yes",)),)},
    {"coarser": (Generalise("age", "year"),)},
    {"coarser": (Generalise("age", Band(0.5)),)},
    {"coarser": (Generalise("commune", Band(5)),)},
    {"coarser": (Generalise("commune", Level("communes", "street")),)},
    {"coarser": (Generalise("commune", Level("planets", "region")),)},
    {"coarser": (Generalise("age", Level("communes", "region")),)},
]


@over("steps", UNFIT)
def test_steps_that_do_not_fit_the_data_are_refused(steps: dict[str, Any]) -> None:
    with pytest.raises(StepUnknown) as refusal:
        leaving(**steps)
    assert "\n" not in refusal.value.reason


def test_a_column_that_is_not_there_is_missing() -> None:
    for steps in ({"columns": ("ine", "wage")}, {"tests": (RowTest("wage", "anyOf", (1,)),)}):
        with pytest.raises(ColumnMissing, match="wage"):
            leaving(**steps)
    short = table(DATA).select(NAMES[:-1])
    with pytest.raises(ColumnMissing, match="boarder"):
        delivered(uses(), short)
    with pytest.raises(ColumnMissing, match="age"):
        delivered(uses(), table(DATA).set_column(4, "age", pa.array(["1"] * len(DATA))))


def test_an_identifier_has_one_pseudonym_in_a_scope_and_another_in_each_other_one() -> None:
    twice = [("0001A", "0001A ", *DATA[0][2:]), *DATA]
    found = leaving(*twice, columns=("ine", "INE"), pseudonyms=("ine", "INE"))
    assert found[0][0] == found[0][1] == found[1][0] == pseudonym("0001A", SCOPE)
    assert found[-1][0] is None
    scopes = [
        *(Scope(kind, ("urn:uuid:1",)) for kind in ("project", "cohort", "period")),
        Scope("contract", ("urn:uuid:2",)),
        Scope("contract", ("urn:uuid:1", "")),
    ]
    values = {row[0] for row in found if row[0]}
    for scope in scopes:
        other = {row[0] for row in leaving(pseudonyms=("ine",), scope=scope) if row[0]}
        assert len(other) == 3
        assert not other & values
        values |= other
    assert not values & {row[0] for row in DATA}


def test_each_delivery_can_be_a_scope_of_its_own() -> None:
    steps = uses(pseudonyms=("ine",), scope=Scope("delivery", ("urn:uuid:1",)))
    made = [
        delivered(steps, table(DATA), means=Means(root=ROOT, nonce=bytes([n]) * 16))[0][0]
        for n in (1, 1, 2)
    ]
    assert made[0] == made[1] != made[2]
    for means in (MEANS, Means(root=ROOT[:31], nonce=bytes(16)), Means(nonce=bytes(16))):
        with pytest.raises(StepUnknown, match="root key"):
            delivered(steps, table(DATA), means=means)


def test_pseudonyms_are_of_the_persons_one_spelling() -> None:
    ground = replace(GROUND, person_format="number")
    data = [("007", "Ada", *DATA[0][2:]), ("7.0", " Ada", *DATA[0][2:])]
    steps = uses(columns=("ine", "INE"), pseudonyms=("ine", "INE"))
    one, other = delivered(steps, table(data), ground=ground)
    assert one == other == (pseudonym("7", SCOPE), pseudonym("Ada", SCOPE))


def test_a_column_with_few_values_and_one_with_many_have_the_same_pseudonyms() -> None:
    rest = DATA[0][1:]
    many = [(f"{n:04d}A", *rest) for n in range(50)] + [(None, *rest)]
    names: list[str | None] = [pseudonym(row[0], SCOPE) for row in many[:-1]]
    steps = uses(columns=("ine",), pseudonyms=("ine",))
    for data, expected_names in ((many, [*names, None]), (many * 2, [*names, None] * 2)):
        outcome = Outcome()
        found = delivered(steps, table(data), table(many), outcome=outcome)
        assert [name for (name,) in found] == [*expected_names, *names, None]
        assert outcome.persons == 50


def test_keys_are_not_shown() -> None:
    assert "00" not in repr(Means(root=bytes(32), nonce=bytes(16)))
    assert str(ROOT) not in repr(MEANS)


def test_persons_who_objected_are_left_out_before_anything_else() -> None:
    key = b"k" * 32
    gone = Suppressed(key, frozenset({digest("0001a", key)}))  # of the coarsest spelling
    outcome = Outcome()
    means = replace(MEANS, suppressed=gone)
    found = delivered(uses(), table(DATA), table(DATA), means=means, outcome=outcome)
    rest = [row for row in DATA if row[0] != "0001A"]
    assert found == [*rest, *rest]
    assert outcome == Outcome(rows_in=10, rows_out=6, persons=2)


def test_rows_are_counted_over_all_batches() -> None:
    outcome = Outcome()
    tests = (RowTest("age", "atLeast", (0,)),)
    delivered(uses(tests=tests), *[table(DATA)] * 3, table([]), outcome=outcome)
    assert outcome == Outcome(rows_in=15, rows_out=9, persons=3)
    empty = Outcome()
    assert delivered(uses(), outcome=empty) == []
    assert empty == Outcome()


def test_many_persons_are_counted_each_once() -> None:
    seen, every = Seen(), list(range(-90_000, 90_000))
    for part in (every, every[:70_000], every[::-1], [None, *every[:3]]):
        seen.add(pa.chunked_array([pa.array(part, pa.int64())]))
    assert seen.count() == seen.count() == 180_000


def test_data_of_no_person_have_none() -> None:
    ground = Ground((Field("town", "text"),))
    outcome = Outcome()
    batch = pa.record_batch({"town": ["a", None]})
    steps = uses(columns=("town",))
    assert delivered(steps, batch, ground=ground, outcome=outcome) == [("a",), (None,)]
    assert outcome == Outcome(rows_in=2, rows_out=2, persons=0)


def test_what_is_not_as_the_plan_says_does_not_leave() -> None:
    steps = uses(
        columns=("ine", "age"), pseudonyms=("ine",), coarser=(Generalise("age", "suppress"),)
    )
    good = {"ine": ["0" * 32, None], "age": pa.nulls(2, pa.int64())}
    assert release.released(steps, pa.table(good)).num_rows == 2
    for change in ({"ine": ["0001A", None]}, {"ine": [1, 2]}, {"age": [None, 3]}, {"more": [1, 2]}):
        with pytest.raises(StepUnknown):
            release.released(steps, pa.table({**good, **change}))


def test_the_engine_reaches_neither_files_nor_settings() -> None:
    engine = Engine(GROUND)
    run = engine._connection.execute
    for statement in (
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "ATTACH '/tmp/planted.db'",
        "COPY (SELECT 1) TO '/tmp/planted.csv'",
        "INSTALL json",
        "SET threads = 8",
        "SET enable_external_access = true",
        "SELECT * FROM DATA",
    ):
        with pytest.raises(Exception, match=r"(?i)error"):
            run(statement)
    engine.close()


def test_what_the_engine_says_is_not_shown() -> None:
    big = [("0001A", "x", "35238", None, 2**63 - 1, None, None)]
    with pytest.raises(DataFileUnreadable) as refusal:
        leaving(*big, coarser=(Generalise("age", Band(2, -5)),))
    assert refusal.value.reason == "a step of the plan cannot be computed for these rows"
    assert refusal.value.__cause__ is None


def test_rows_that_take_too_much_memory_are_refused_as_such() -> None:
    engine = Engine(GROUND, memory="2MiB")
    many = pa.array(range(1 << 20))
    with pytest.raises(DataFileUnreadable, match="memory"):
        engine.keep("used", pa.table({"c0": many, "c1": many}))
    engine.close()


def test_the_uai_of_a_school_tells_its_academie() -> None:
    known = {"0350029N": "Rennes", "6200001G": "Corse", "9710001A": "Guadeloupe"}
    unknown = ("0990001A", "035002", "", None)
    ground = Ground((Field("uai", "text"),))
    step = Generalise("uai", Level("etablissements", "academie"))
    batch = pa.record_batch({"uai": pa.array([*known, *unknown], pa.string())})
    asked = uses(columns=("uai",), coarser=(step,))
    made = list(rows(asked, [batch], ground, Means(), Outcome()))
    found = [each for batch in made for each in batch.column("uai").to_pylist()]
    assert found == [*known.values(), *(None for _ in unknown)]


def test_every_departement_is_in_one_academie_and_one_region() -> None:
    departements = territory.units("departement")
    assert len(departements) == 101
    academies, regions = territory.units("academie"), territory.units("region")
    assert (len(set(academies.values())), len(set(regions.values()))) == (30, 18)
    within = {(academies[code], regions[code]) for code in departements}
    assert len(within) == 30
