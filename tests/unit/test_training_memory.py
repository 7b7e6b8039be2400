"""Whether a job fits into a worker's memory follows from public numbers, never from rows."""

from __future__ import annotations

import csv
import hashlib
import json
import resource
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federated import memory
from federated.errors import WorkerFailed
from federated.manifest import JobManifest
from federated.training.engine import Engine
from federated.training.launch import ProcessWorkers
from federated.training.noise import SystemNoise
from federated.training.rows.encode import Stated, encode, entries
from federated.training.rows.parts import read_table
from federated.training.rows.table import from_columns
from tests.support.federation import wait_for
from tests.support.training_rig import SITES, begun, contract, document, manifest

POPULATION = 3000
VALUES = [f"v{number}" for number in range(200)]
HEADER = ("pupil", "grade", "score", "a", "b")
MIB = 1024**2
WORK = 8 * MIB  # what is looked at at once, whatever the rows


def _changes() -> dict[str, Any]:
    """Return a job of 400 inputs, one row a person."""
    features = [{"column": name, "kind": "category", "values": VALUES} for name in ("a", "b")]
    return {
        "features": features,
        "unit": {"column": "pupil", "rows": 2},
        "contracts": [contract(site, POPULATION) for site in SITES],
    }


def _row(person: int) -> tuple[str, ...]:
    return (f"p{person}", "K", "440", VALUES[person % 200], VALUES[person % 7])


def _answer(folder: Path, persons: int, limit: int) -> str:
    """Return how a worker answers that may use `limit` bytes and finds so many persons."""
    path = folder / f"{persons}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *map(_row, range(persons))])
    data = {"path": str(path), "format": "csv", "person_format": "text"}
    data["digest"] = hashlib.sha256(path.read_bytes()).hexdigest()
    order = {"manifest": json.dumps(document(**_changes())), "site": SITES[0]}
    worker = ProcessWorkers(memory=limit).start("site", folder / "job")
    try:
        start = {"op": "start", "population": POPULATION, "key": "", "row_key": "", **order}
        worker.send({**start, "data": {**data, "rows": []}})
        header = begun(worker)
        return str(header.get("code", header["op"]))
    finally:
        worker.stop()


def _least() -> int:
    """Return the least limit that the job passes."""
    job = manifest(**_changes())
    return 2 * (memory.most_bytes(job, POPULATION) + 256 * MIB)


def test_a_job_fits_by_what_is_declared() -> None:
    job, least = manifest(**_changes()), _least()
    memory.check(job, POPULATION, least)
    memory.check(job, POPULATION, resource.RLIM_INFINITY)
    with pytest.raises(WorkerFailed, match="more memory than"):
        memory.check(job, POPULATION, least - 2)
    with pytest.raises(WorkerFailed, match="more memory than"):
        memory.check(job, POPULATION + 1, least)


@pytest.mark.parametrize("persons", [1, POPULATION])
def test_no_count_of_persons_decides_whether_a_worker_starts(tmp_path: Path, persons: int) -> None:
    assert _answer(tmp_path, persons, _least() - 2 * MIB) == "WORKER_FAILED"
    assert _answer(tmp_path, persons, _least()) == "ready"


def _peak(file: Path, job: JobManifest) -> tuple[int, int]:
    """Return how many persons a worker finds, and what it holds at most meanwhile, in bytes."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    tracemalloc.start()
    try:
        rows = read_table(file, "csv", digest, job.columns)
        filed = memory.filed(job, POPULATION)
        persons, _ = entries(rows, job, Stated(), filed=filed)
        Engine(job, POPULATION, persons, SystemNoise()).warm()
        return len(persons), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_declared_persons_take_no_more_than_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"n{number}" for number in range(50)]
    kind = {"kind": "number", "low": 0, "high": 9}
    job = manifest(**_changes() | {"features": [{**kind, "column": name} for name in names]})
    line = f"K,440,{','.join('7' for _ in names)}"
    lines = [f"p{person},{line}" for person in range(POPULATION) for _ in range(3)]
    file = tmp_path / "rows.csv"
    file.write_text("\n".join([",".join(["pupil", "grade", "score", *names]), *lines]))
    _peak(file, job)  # what libraries load with the first value is no part of it
    for held in (1 << 30, 0):
        monkeypatch.setattr(memory, "_HELD", held)
        persons, peak = _peak(file, job)
        assert persons == POPULATION
        assert peak < memory.most_bytes(job, POPULATION) + WORK


def test_features_are_read_of_kept_rows_alone() -> None:
    """A person's third row, and a row without a label, are left out before they are encoded."""
    lines = [_row(1), _row(1), _row(1), _row(2)]
    table = from_columns({name: [line[i] for line in lines] for i, name in enumerate(HEADER)})
    persons = encode(table, manifest(**_changes()))
    assert persons.mask.tolist() == [[1, 1], [1, 0]]
    assert np.flatnonzero(persons.inputs[1, 0]).tolist() == [2, 202]


@pytest.mark.parametrize(
    ("role", "gib", "own"), [("census", 8, 4), ("site", 8, 8), ("census", 0, 0)]
)
@pytest.mark.usefixtures("whole_children")
def test_a_census_may_use_the_half_that_is_for_the_file(
    tmp_path: Path, role: str, gib: int, own: int
) -> None:
    worker = ProcessWorkers(memory=gib * 1024 * MIB).start(role, tmp_path / "job")
    line = Path(f"/proc/{worker.pid}/cmdline")
    wanted = f"--memory\0{own * 1024 * MIB}\0".encode()
    try:  # the line is there once the process has become its own program
        assert wait_for(lambda: wanted in line.read_bytes())
    finally:
        worker.stop()
