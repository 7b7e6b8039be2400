"""No plan lets a column, a row or a level leave beyond its steps."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.enforcement.steps import registry
from connector.enforcement.steps.generalise import Band, Coding, Generalise, Level
from connector.enforcement.steps.minimise import RowTest
from connector.enforcement.steps.pseudonymise import Scope
from connector.enforcement.steps.table import TableSteps
from tests.support.protecting import GROUPS, NAMES, delivered, expected, table, uses

COMMUNES = ("35238", "97411", "2A004", "75101", "x")
WHOLE = st.integers(-20, 20)
HALVES = WHOLE.map(lambda it: it / 2)
DAYS = st.dates(date(1990, 1, 1), date(2020, 12, 31))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "ine": st.sampled_from(("a", "b", "c", "d")),
    "INE": st.sampled_from(("a", "b", "z")),
    "commune": st.sampled_from(COMMUNES),
    "born": DAYS,
    "age": WHOLE,
    "score": HALVES,
    "boarder": st.booleans(),
}
ROWS = st.lists(st.tuples(*(st.none() | VALUES[name] for name in NAMES)), max_size=8)
STATED = {
    **VALUES,
    "born": DAYS.map(str),
    "boarder": st.sampled_from(("true", "false")),
}
COARSER: dict[str, st.SearchStrategy[Any]] = {
    "commune": st.sampled_from(
        [GROUPS, *(Level("communes", it) for it in ("departement", "region"))]
    ),
    "born": st.sampled_from(("year", "month", "decade")),
    "age": st.builds(Band, st.integers(1, 7), WHOLE) | st.builds(Coding, st.just(-3), st.just(5)),
    "score": st.builds(Band, st.sampled_from((0.5, 2, 4)), HALVES),
    "boarder": st.just("suppress"),
}


@st.composite
def steps(draw: st.DrawFn) -> TableSteps:
    columns = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    tests = []
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=2)):
        ordered = name in ("born", "age", "score")
        kinds = ("anyOf", "noneOf", "atLeast", "atMost") if ordered else ("anyOf", "noneOf")
        kind = draw(st.sampled_from(kinds))
        most = 1 if kind.startswith("at") else 3
        values = draw(st.lists(STATED[name], min_size=1, max_size=most))
        tests.append(RowTest(name, kind, tuple(values)))
    coarser = [
        Generalise(name, draw(COARSER[name]))
        for name in columns
        if name in COARSER and draw(st.booleans())
    ]
    pseudonyms = [name for name in columns if name in ("ine", "INE") and draw(st.booleans())]
    scope = Scope("contract", (draw(st.sampled_from("pq")),))
    return uses(columns, tests, coarser, pseudonyms, scope)


@settings(max_examples=40)
@given(steps(), ROWS, st.integers(0, 8))
def test_what_leaves_is_what_the_steps_say_and_no_more(
    made: TableSteps, data: list[tuple[Any, ...]], cut: int
) -> None:
    parts = [made.where, made.minimise, made.pseudonymise, *made.generalise, made.release]
    signed = tuple(registry.signed(each) for each in parts if each)
    again = registry.table(signed)  # as it is executed: from what is signed
    found = delivered(again, table(data[:cut]), table(data[cut:]))
    assert found == expected(made, data)


@settings(max_examples=8)
@given(ROWS, st.sampled_from("pq"), st.sampled_from("rs"))
def test_scopes_share_no_value_and_each_is_stable(
    data: list[tuple[Any, ...]], one: str, other: str
) -> None:
    def seen(scope: str, rows: list[tuple[Any, ...]]) -> list[Any]:
        kept = uses(("ine",), pseudonyms=("ine",), scope=Scope("contract", (scope,)))
        return [row[0] for row in delivered(kept, table(rows))]

    first, again, apart = seen(one, data), seen(one, data[::-1]), seen(other, data)
    assert first == again[::-1]
    assert not {*first} & {*apart} - {None}
    assert all(it is None or re.fullmatch("[0-9a-f]{32}", it) for it in first)
    named = [row[0] for row in data]
    assert len({*zip(named, first, strict=True)}) == len({*named}) == len({*first})
