"""What the worker counts in a file before it is published, and how it compares persons."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federated.errors import ColumnMissing, DataFileChanged, FederatedError, WorkerFailed
from federated.training.census import Allowed, Question, compared, count
from federated.training.launch import ProcessWorkers
from federated.training.roles.census import answer
from federated.training.rows.lines import Lost
from federated.training.rows.persons import DIGEST, digests

KEY = bytes(range(32))
ROWS = """pupil,class,score
1,a,1.5
01,b,NA
1,c,
2,a,seven
2,,1
,a,2
3,"open,3
4,a
5,\ta,inf
"""


def _question(folder: Path, text: str = ROWS, **changes: Any) -> Question:
    path = folder / "rows.csv"
    path.write_bytes(text.encode())
    asked = Question(
        path=path,
        kind="csv",
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
        columns={"pupil": "category", "class": "category", "score": "number"},
        person="pupil",
        form="number",
        rows=2,
        key=KEY,
    )
    return replace(asked, **changes)


def _frame(asked: Question, *registers: np.ndarray, **changes: Any) -> tuple[dict[str, Any], bytes]:
    header = {
        "op": "start",
        "data": {
            "path": str(asked.path),
            "format": asked.kind,
            "digest": asked.digest,
            "person_format": asked.form,
        },
        "columns": dict(asked.columns),
        "person": asked.person,
        "rows": asked.rows,
        "key": asked.key.hex(),
        "allowed": {},
        "registers": [len(held) for held in registers],
    }
    payload = b"".join(held.astype(DIGEST).tobytes() for held in registers)
    return {**header, **changes}, payload


def test_what_is_counted(tmp_path: Path) -> None:
    found = count(_question(tmp_path))
    assert found.rows == 9
    assert found.lost == Lost(fields=1, quotes=1)
    assert found.nameless == 1
    assert found.unreadable == {"score": 2}  # `seven` and `inf`; `NA` and nothing are missing
    assert found.malformed == 5
    assert found.persons == 3  # 1, 2 and 5
    assert found.over == 1  # `1` has three rows, two are stated
    assert np.array_equal(found.digests, digests(["1", "2", "5"], KEY))


def test_values_outside_the_dictionary_are_counted(tmp_path: Path) -> None:
    allowed = {"score": Allowed(range=(1.5, 2)), "class": Allowed(values=("a", "b"))}
    found = count(_question(tmp_path, allowed=allowed))
    assert found.outside == {"score": 1, "class": 2}  # 1; `c`, and `a` behind a tab
    assert found.there == {"score": 3, "class": 6}
    named = {"score": Allowed(values=("1", "2")), "class": Allowed(form="(?:a|c)")}
    assert count(_question(tmp_path, allowed=named)).outside == {"score": 1, "class": 2}


def test_the_form_decides_who_is_one_person(tmp_path: Path) -> None:
    assert count(_question(tmp_path, form="text")).persons == 4


def test_data_of_no_person_have_none(tmp_path: Path) -> None:
    found = count(_question(tmp_path, person=""))
    assert (found.persons, found.over, found.nameless, len(found.digests)) == (0, 0, 0, 0)
    assert found.malformed == 4


def test_a_file_without_rows(tmp_path: Path) -> None:
    found = count(_question(tmp_path, "pupil,class,score\n"))
    assert (found.rows, found.persons, found.malformed, len(found.digests)) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"columns": {"pupil": "category", "grade": "category"}}, ColumnMissing),
        ({"digest": "0" * 64}, DataFileChanged),
    ],
)
def test_what_stops_training_stops_the_count(
    tmp_path: Path, changes: dict[str, Any], fault: type[FederatedError]
) -> None:
    with pytest.raises(fault):
        count(_question(tmp_path, **changes))


def test_persons_shared_with_other_registers() -> None:
    found, own, near, far = (digests(names, KEY) for names in ("abc", "cd", "bcx", "yz"))
    union, shared = compared(found, own, [near, far])
    assert np.array_equal(union, digests("abcd", KEY))
    assert shared == (2, 0)


def test_a_frame_and_its_answer(tmp_path: Path) -> None:
    own, other = digests(["9"], KEY), digests(["1", "7"], KEY)
    header, payload = answer(*_frame(_question(tmp_path), own, other))
    assert header["op"] == "counted"
    assert header["shared"] == [1]
    assert header["lost"] == {"encoding": 0, "fields": 1, "quotes": 1}
    union = digests(["1", "2", "5", "9"], KEY)
    assert np.array_equal(np.frombuffer(payload, DIGEST), union)


@pytest.mark.parametrize(
    "changes", [{"registers": []}, {"registers": [2]}, {"rows": True}, {"key": 5}]
)
def test_a_frame_that_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(WorkerFailed):
        answer(*_frame(_question(tmp_path), digests(["9"], KEY), **changes))


@pytest.mark.usefixtures("whole_children")
def test_the_process_answers_once_without_a_value_of_a_row(tmp_path: Path) -> None:
    worker = ProcessWorkers().start("census", tmp_path / "check")
    try:
        worker.send(*_frame(_question(tmp_path), np.array([], np.uint64)))
        header, payload = worker.receive(60)
        assert header["isolation"].startswith("process")
        assert header["persons"] * DIGEST.itemsize == len(payload)
        assert "seven" not in str(header)
        with pytest.raises(WorkerFailed):
            worker.receive(60)
    finally:
        worker.stop()


def test_the_process_says_why_it_refuses(tmp_path: Path) -> None:
    worker = ProcessWorkers().start("census", tmp_path / "check")
    try:
        asked = _question(tmp_path, digest="0" * 64)
        worker.send(*_frame(asked, np.array([], np.uint64)))
        assert worker.receive(60)[0]["code"] == "DATA_FILE_CHANGED"
    finally:
        worker.stop()
