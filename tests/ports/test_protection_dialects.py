"""The steps that an engine executes give the same in DuckDB and in PostgreSQL."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa
import pytest
import sqlglot.expressions as exp

from connector.enforcement.steps.aggregate import Aggregate
from connector.enforcement.steps.generalise import Band, Bins, Coding, Generalise, Level
from connector.enforcement.steps.minimise import RowTest
from connector.enforcement.steps.request import Measure, TableRequest
from connector.enforcement.steps.table import TableSteps
from connector.protection.cells.count import USED, Count, groups, levels
from connector.protection.engine import Engine
from connector.protection.expressions import (
    POSTGRES,
    Value,
    coarser,
    lookups,
    passes,
    spelled,
    view,
)
from connector.protection.shape import numbered
from tests.support.database import PostgresServer
from tests.support.protecting import GROUND, GROUPS, delivered, table, uses

DATA: list[tuple[Any, ...]] = [
    (f"{n:03}", "x\"y'z", commune, date(1999 + n % 13, 1 + n % 12, 1 + n), age, n / 10, n % 3 == 0)
    for n, (commune, age) in enumerate(
        (commune, age)
        for commune in ("35238", "97411", "2A004", "", "75101")
        for age in (-7, 0, 4, 5, 99)
    )
] + [(None,) * 7]
TYPES = ["TEXT", "TEXT", "TEXT", "DATE", "BIGINT", "DOUBLE PRECISION", "BOOLEAN"]
PLANS = [
    uses(),
    uses(tests=(RowTest("age", "atLeast", (4,)), RowTest("born", "atMost", ("2008-03-01",)))),
    uses(tests=(RowTest("score", "noneOf", (0.1, 2)), RowTest("INE", "anyOf", ("x\"y'z",)))),
    uses(tests=(RowTest("boarder", "anyOf", ("true",)), RowTest("age", "noneOf", (99.5, 5)))),
    uses(coarser=(Generalise("born", "month"), Generalise("age", Band(5, -2)))),
    uses(coarser=(Generalise("born", "decade"), Generalise("score", Band(0.3, 0.1)))),
    uses(coarser=(Generalise("born", "year"), Generalise("score", Coding(0.5, 1.75)))),
    uses(coarser=(Generalise("age", Bins(0, 16, 8)), Generalise("score", Bins(-1, 2.5, 4)))),
    uses(coarser=(Generalise("commune", Level("communes", "academie")),)),
    uses(coarser=(Generalise("commune", GROUPS), Generalise("age", "suppress"))),
]


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> Iterator[psycopg.Connection[Any]]:
    url = postgres_server.create(migrated=False)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        columns = zip((each.name for each in GROUND.fields), TYPES, strict=True)
        stated = ", ".join(f'"{name}" {kind}' for name, kind in columns)
        connection.execute(f"CREATE TABLE rows ({stated})")
        cursor = connection.cursor()
        cursor.executemany(f"INSERT INTO rows VALUES ({', '.join(['%s'] * 7)})", DATA)  # noqa: S608  a constant
        for name, codes in lookups(GROUND).items():
            connection.execute(f'CREATE TABLE "{name}" (code TEXT, unit TEXT)')
            cursor.executemany(f'INSERT INTO "{name}" VALUES (%s, %s)', list(codes.items()))  # noqa: S608  our own names
        yield connection
    postgres_server.drop(url)


@pytest.mark.parametrize("steps", PLANS)
def test_both_engines_give_equal_rows(database: psycopg.Connection[Any], steps: TableSteps) -> None:
    query = view(steps, GROUND).select("rows", numbered=False)
    found = database.execute(spelled(query, POSTGRES).encode()).fetchall()
    ours = delivered(steps, table(DATA))
    assert sorted(found, key=repr) == sorted(ours, key=repr)
    assert len(ours) > 1
    assert pa.array([row[0] for row in ours]).null_count == (not steps.minimise.rows)


@pytest.mark.parametrize("part", ["year", "decade", "month"])
def test_both_engines_read_days_that_are_written_as_texts(
    database: psycopg.Connection[Any], part: str
) -> None:
    """As files have them that jobs read; other texts are no days."""
    day = Value(exp.column("day"), "text")
    coarse = coarser(Generalise("day", part), day, GROUND)
    test = passes(RowTest("day", "atLeast", ("2010-01-01",)), day)
    texts = ["2009-12-31", "2010-01-01", "2019-06-30", "2019-06", "?", None]
    query = exp.select(coarse.made, exp.func("coalesce", test, exp.false())).from_("days")
    database.execute("DROP TABLE IF EXISTS days; CREATE TABLE days (day TEXT)")
    database.cursor().executemany("INSERT INTO days VALUES (%s)", [(each,) for each in texts])
    theirs = database.execute(spelled(query, POSTGRES).encode()).fetchall()
    engine = Engine(GROUND)
    found = engine.ask(query, days=pa.table({"day": pa.array(texts, pa.string())}))
    ours = list(zip(*(each.to_pylist() for each in found.columns), strict=True))
    engine.close()
    assert sorted(ours, key=repr) == sorted(theirs, key=repr)
    assert [each for _, each in ours] == [False, True, True, False, False, False]
    assert len({each for each, _ in ours}) == {"year": 4, "decade": 3, "month": 4}[part]


MEASURES = (
    *(Measure(it) for it in ("count", "persons")),
    *(Measure(it, column) for it in ("count", "sum", "mean") for column in ("age", "score")),
)


@pytest.mark.parametrize("named", [True, False])
def test_both_engines_count_equal_cells(database: psycopg.Connection[Any], named: bool) -> None:  # noqa: FBT001  a parameter
    steps = uses(
        tests=(RowTest("age", "atMost", (50,)),),
        coarser=(Generalise("born", "decade"), Generalise("commune", Level("communes", "region"))),
    )
    filters = (RowTest("born", "noneOf", (2010,)),)
    request = TableRequest(("commune", "born", "boarder"), MEASURES, filters, totals=True)
    step = Aggregate(request.dimensions, ("age", "score"), ("count",), 3)
    count = Count(request, step, view(steps, GROUND, numbered(GROUND)), named)
    held = [*(f"c{at}" for at in range(7)), "person"]
    kinds = zip(held, [*TYPES, "BIGINT"], strict=True)
    stated = ", ".join(f"{name} {kind}" for name, kind in kinds)
    database.execute(f"DROP TABLE IF EXISTS {USED}; CREATE TABLE {USED} ({stated})")
    data = [(*row, None if row[0] is None else at // 2) for at, row in enumerate(DATA)]
    insert = f"INSERT INTO {USED} VALUES ({', '.join(['%s'] * 8)})"  # noqa: S608  a constant
    database.cursor().executemany(insert, data)
    rows = table(DATA).append_column("person", pa.array([row[-1] for row in data], pa.int64()))
    engine = Engine(GROUND)
    engine.keep(USED, pa.Table.from_batches([rows]).rename_columns(held))
    for places in levels(3, totals=True):
        query = groups(count, places)
        theirs = database.execute(spelled(query, POSTGRES).encode()).fetchall()
        found = engine.ask(query)
        ours = list(zip(*(each.to_pylist() for each in found.columns), strict=True))
        assert len(ours) >= 1
        for one, other in zip(sorted(ours, key=repr), sorted(theirs, key=repr), strict=True):
            pairs = zip(one, other, strict=True)
            assert all(a == b or math.isclose(a, b, rel_tol=1e-12) for a, b in pairs)
    engine.close()
