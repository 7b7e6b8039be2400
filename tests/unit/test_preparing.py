"""What is written when a use is carried out: formats, columns, and who reads the file."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from connector.domain.catalog import hierarchy
from connector.domain.catalog.layout import Field, Layout
from connector.domain.transfer.task import Made, Task
from connector.enforcement.steps import registry
from connector.enforcement.steps.aggregate import Aggregate
from connector.enforcement.steps.generalise import Generalise, Level
from connector.enforcement.steps.minimise import Minimise
from connector.enforcement.steps.pseudonymise import Pseudonymise, Scope
from connector.enforcement.steps.release import Release
from connector.enforcement.steps.request import Measure, TableRequest
from connector.enforcement.steps.where import Where
from connector.errors import ColumnMissing, DataFileMissing, StepUnknown, TableRefused, UseRefused
from connector.preparing.carrying import carry
from connector.preparing.child import ConfinedPreparing, body
from connector.preparing.writing import write
from federated.persons import Suppressed, digest
from tests.support.judging import judged

ROWS = "ine,grade,reading\np1,4,410\np2,4,\np1,5,433.5\n"
STEPS = (
    Where("delivered"),
    Minimise(("ine", "grade")),
    Pseudonymise(("ine",), Scope("contract", ("did:web:lab.example",))),
    Release("Pseudonymised", ("csv", "jsonl", "arrow", "parquet")),
)
FIELDS = (Field("ine", "text"), Field("grade", "number"), Field("reading", "number"))
LAYOUT = Layout("csv", FIELDS, encoding="utf-8", separator=",", quote='"')


def task(folder: Path, **changes: Any) -> Task:
    path = folder / "rows.csv"
    path.write_text(ROWS, encoding="utf-8")
    values: dict[str, Any] = {
        "path": str(path),
        "layout": LAYOUT,
        "steps": tuple(registry.signed(each).as_json() for each in STEPS),
        "person_column": "ine",
        "person_format": "text",
        "columns": (),
        "cells": None,
        "format": "csv",
        "scope_key": b"k" * 32,
        "snapshot": "5" * 64,
        **changes,
    }
    return Task(**values)


READERS = {
    "csv": csv.read_csv,
    "parquet": parquet.read_table,
    "arrow": lambda file: pa.ipc.open_stream(file).read_all(),
    "jsonl": lambda file: pa.Table.from_pylist([json.loads(line) for line in file]),
}


@pytest.mark.parametrize("form", READERS)
def test_each_format_says_the_same(tmp_path: Path, form: str) -> None:
    out = io.BytesIO()
    assert carry(body(task(tmp_path, format=form)), out) == {
        "rows": 3,
        "suppressed": 0,
        "released": [],
    }
    found = READERS[form](io.BytesIO(out.getvalue())).to_pydict()
    assert list(found) == ["ine", "grade"]
    assert found["grade"] == [4, 4, 5]
    one, other, again = found["ine"]
    assert one == again != other
    assert b"p1" not in out.getvalue()


def test_an_arrow_file_is_smaller_than_its_rows() -> None:
    batch, out = pa.record_batch({"grade": list(range(8)) * 4096}), io.BytesIO()
    assert write([batch], "arrow", out) == batch.num_rows
    assert len(out.getvalue()) < batch.nbytes / 2
    assert pa.ipc.open_stream(out.getvalue()).read_all().to_batches() == [batch]


def test_only_what_was_asked_for_of_what_may_leave(tmp_path: Path) -> None:
    out = io.BytesIO()
    carry(body(task(tmp_path, columns=("grade",))), out)
    assert out.getvalue() == b'"grade"\n4\n4\n5\n'
    with pytest.raises(UseRefused):
        carry(body(task(tmp_path, columns=("reading",))), io.BytesIO())


def test_rows_of_persons_who_objected_are_left_out(tmp_path: Path) -> None:
    out, key = io.BytesIO(), b"s" * 32
    left_out = Suppressed(key, frozenset({digest("p1", key)}))
    assert carry(body(task(tmp_path, suppressed=left_out, columns=("grade",))), out)["rows"] == 1
    assert out.getvalue() == b'"grade"\n4\n'


def test_an_altered_step_alters_what_leaves_or_is_refused(tmp_path: Path) -> None:
    steps = [dict(step) for step in task(tmp_path).steps]
    steps[1]["columns"] = ["grade", "ine"]
    out = io.BytesIO()
    carry(body(task(tmp_path, steps=tuple(steps))), out)
    assert out.getvalue().startswith(b'"grade","ine"\n')
    steps[1]["version"] = 9
    with pytest.raises(StepUnknown):
        carry(body(task(tmp_path, steps=tuple(steps))), io.BytesIO())


@pytest.mark.usefixtures("whole_children")
def test_a_confined_process_makes_the_same(tmp_path: Path) -> None:
    out, inside = io.BytesIO(), io.BytesIO()
    groups = tmp_path / "groups.csv"
    groups.write_text("code,half\np1,first\np2,second\n", encoding="utf-8")
    name = hierarchy.digest(groups.read_bytes())
    coarser = Generalise("ine", Level("halves", "half", name))
    steps = (STEPS[0], STEPS[1], coarser, Release("Minimised", ("csv",)))
    asked = task(
        tmp_path,
        steps=tuple(registry.signed(each).as_json() for each in steps),
        hierarchies={name: str(groups)},
    )
    assert ConfinedPreparing()(asked, out) == Made(rows=3, suppressed=0)
    carry(body(asked), inside)
    assert out.getvalue() == inside.getvalue()
    assert out.getvalue().splitlines()[1:] == [b'"first",4', b'"second",4', b'"first",5']
    for left in ({}, {name: asked.path}):  # without the file, or with another one
        with pytest.raises(StepUnknown):
            carry(body(replace(asked, hierarchies=left)), io.BytesIO())
    other = Layout("csv", (Field("name", "text"),), encoding="utf-8", separator=",", quote='"')
    with pytest.raises(ColumnMissing):
        ConfinedPreparing()(task(tmp_path, layout=other), io.BytesIO())
    with pytest.raises(DataFileMissing):
        ConfinedPreparing()(task(tmp_path, path=str(tmp_path / "gone.csv")), io.BytesIO())


def test_a_confined_process_judges_the_same(tmp_path: Path) -> None:
    classes = {"ine": "direct identifier", "grade": "quasi-identifier", "reading": "sensitive"}
    asked = task(tmp_path, classes=classes)
    found, inside = ConfinedPreparing().judge(asked), judged(asked)
    assert found.risk is not None
    assert inside.risk is not None
    # Who is kept out, by whom linking is compared, is drawn anew.
    assert replace(found.risk, linkable=0.0) == replace(inside.risk, linkable=0.0)
    assert found.marginal == inside.marginal == {"grade": 0.0, "reading": None}


def test_the_same_steps_on_the_same_snapshot_are_judged_once(tmp_path: Path) -> None:
    judging = ConfinedPreparing()
    asked = task(tmp_path, classes={"ine": "direct identifier"})
    found = judging.judge(asked)
    Path(asked.path).write_text("others\n", encoding="utf-8")
    assert judging.judge(asked) is found
    with pytest.raises(ColumnMissing):
        judging.judge(replace(asked, snapshot="6" * 64))


def test_a_table_is_compared_with_those_that_left(tmp_path: Path) -> None:
    limits = Aggregate(("grade",), ("reading",), ("count", "persons", "mean"), minimum=2)
    steps = (
        Where("query"),
        Minimise(("grade", "reading")),
        limits,
        Release("Aggregated", ("jsonl",)),
    )
    cells = TableRequest(("grade",), (Measure("persons"), Measure("count")))
    changes: dict[str, Any] = {
        "steps": tuple(registry.signed(each).as_json() for each in steps),
        "cells": cells.body(),
        "format": "jsonl",
    }
    path = tmp_path / "rows.csv"
    rows = "".join(f"p{at},{4 + at % 2},400\n" for at in range(8))
    out = io.BytesIO()
    first = task(tmp_path, **changes)
    path.write_text("ine,grade,reading\n" + rows, encoding="utf-8")
    made = carry(body(first), out)
    assert [json.loads(line)["persons"] for line in out.getvalue().splitlines()] == [4, 4]
    assert made["rows"] == 2
    path.write_text("ine,grade,reading\n" + rows + "p9,4,400\n", encoding="utf-8")
    later = replace(first, snapshot="6" * 64, before=tuple(made["released"]))
    with pytest.raises(TableRefused):
        carry(body(later), io.BytesIO())
    carry(body(replace(later, before=())), io.BytesIO())
