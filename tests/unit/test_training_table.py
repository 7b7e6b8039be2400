from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import parquet

from federated.errors import (
    ColumnMissing,
    DataFileChanged,
    DataFileMissing,
    DataFileUnreadable,
    FederatedError,
)
from federated.training.rows import parts as module
from federated.training.rows.parts import read_table
from federated.training.rows.table import Table, from_columns
from tests.support.each import over

NAMES = ("pupil", "score", "class")
ROWS = 'pupil,extra,score,class\n7,x,1.5,small\n8,y,NA,"re,g"\n,z,x1,\n'


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _csv(folder: Path, text: str | bytes = ROWS) -> Path:
    path = folder / "rows.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _parquet(folder: Path, **columns: Any) -> Path:
    path = folder / "rows.parquet"
    parquet.write_table(pa.table(columns), path)
    return path


def _same(found: np.ndarray, expected: list[float]) -> bool:
    return np.array_equal(found, np.array(expected), equal_nan=True)


def test_needed_columns_of_a_csv(tmp_path: Path) -> None:
    path = _csv(tmp_path)
    table = read_table(path, "csv", _digest(path), NAMES).whole()
    assert table.rows == 3
    assert set(table.data.column_names) == set(NAMES)
    assert table.text("pupil").to_pylist() == ["7", "8", None]
    assert table.text("class").to_pylist() == ["small", "re,g", None]
    assert _same(table.numbers("score"), [1.5, np.nan, np.nan])


def test_needed_columns_of_a_parquet_file(tmp_path: Path) -> None:
    path = _parquet(
        tmp_path,
        pupil=pa.array([7, 8, None], pa.int64()),
        score=pa.array([1.5, np.inf, np.nan]),
        extra=[[1], [2], [3]],
        **{"class": pa.array(["a", "b", None]).dictionary_encode()},
    )
    table = read_table(path, "parquet", _digest(path), NAMES).whole()
    assert table.text("pupil").to_pylist() == ["7", "8", None]
    assert table.text("class").to_pylist() == ["a", "b", None]
    assert _same(table.numbers("score"), [1.5, np.nan, np.nan])
    assert _same(table.numbers("pupil"), [7, 8, np.nan])


@over(
    ("text", "value"),
    [
        ("3", 3),
        ("-3.5", -3.5),
        ("+.5", 0.5),
        ("2.", 2),
        (" 4 ", 4),
        ("1e3", 1000),
        ("1e999", np.nan),
        ("inf", np.nan),
        ("NaN", np.nan),
        ("0x10", np.nan),
        ("1,5", np.nan),
        ("1_000", np.nan),
        ("٣", np.nan),
        ("", np.nan),
        ("3 4", np.nan),
    ],
)
def test_what_is_a_number(text: str, value: float) -> None:
    assert _same(from_columns({"a": [text]}).numbers("a"), [value])


def test_the_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _csv(tmp_path)
    opened: list[object] = []
    real = os.open

    def count(file: Any, flags: int, *rest: Any, **more: Any) -> int:
        if str(file) == str(path):
            opened.append(file)
        return real(file, flags, *rest, **more)

    digest = _digest(path)
    monkeypatch.setattr(os, "open", count)
    read_table(path, "csv", digest, NAMES).whole()
    assert len(opened) == 1


def test_a_file_that_changed_is_refused(tmp_path: Path) -> None:
    path = _csv(tmp_path)
    digest = _digest(path)
    assert read_table(path, "csv", digest, NAMES).rows == 3
    with path.open("ab") as file:
        file.write(b"9,x,1,small\n")
    with pytest.raises(DataFileChanged):
        read_table(path, "csv", digest, NAMES).whole()


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


UNREADABLE = {
    "folder": lambda folder: folder,
    "pipe": _pipe,
    "empty": lambda folder: _csv(folder, b""),
    "header in another encoding": lambda folder: _csv(folder, b"pupil\xff,score\nSECRET,1\n"),
    "header with an open quote": lambda folder: _csv(folder, 'pupil,"score\nSECRET,1"\n'),
}


@pytest.mark.parametrize("make", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_refused_without_a_value(tmp_path: Path, make: Any) -> None:
    path = make(tmp_path)
    digest = _digest(path) if path.is_file() else "0" * 64
    with pytest.raises(DataFileUnreadable) as caught:
        read_table(path, "csv", digest, NAMES).whole()
    assert "SECRET" not in caught.value.reason
    assert caught.value.__suppress_context__ or "SECRET" not in repr(caught.value.__cause__)


def test_a_csv_is_no_parquet_file(tmp_path: Path) -> None:
    path = _csv(tmp_path)
    with pytest.raises(DataFileUnreadable, match="cannot be read as parquet"):
        read_table(path, "parquet", _digest(path), NAMES).whole()


def test_a_kind_that_is_not_known(tmp_path: Path) -> None:
    path = _csv(tmp_path)
    with pytest.raises(DataFileUnreadable, match="`xls` is not a known kind"):
        read_table(path, "xls", _digest(path), NAMES).whole()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataFileMissing):
        read_table(tmp_path / "none.csv", "csv", "0" * 64, NAMES).whole()


def test_too_large_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _csv(tmp_path)
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 10)
    with pytest.raises(DataFileUnreadable, match="over 10 bytes"):
        read_table(path, "csv", _digest(path), NAMES).whole()


@pytest.mark.parametrize(
    ("text", "column"),
    [("pupil,score\n1,2\n", "class"), ("pupil,score,class,class\n1,2,a,b\n", "class")],
)
def test_a_column_that_is_not_there_once(tmp_path: Path, text: str, column: str) -> None:
    path = _csv(tmp_path, text)
    with pytest.raises(ColumnMissing, match=f"`{column}`"):
        read_table(path, "csv", _digest(path), NAMES).whole()


def test_a_column_missing_in_parquet(tmp_path: Path) -> None:
    path = _parquet(tmp_path, pupil=[1], score=[2])
    with pytest.raises(ColumnMissing, match="`class`"):
        read_table(path, "parquet", _digest(path), NAMES).whole()


def test_a_column_of_lists_has_no_text_form() -> None:
    table = from_columns({"a": [[1], [2]]})
    with pytest.raises(ColumnMissing, match="neither text nor number"):
        table.text("a")


def test_in_parquet_only_the_value_that_cannot_be_read_is_missing(tmp_path: Path) -> None:
    torn = pa.StringArray.from_buffers(
        3, pa.py_buffer(np.array([0, 1, 2, 3], np.int32)), pa.py_buffer(b"7\xff9")
    )
    far = pa.array([0, 2**62, 86_400], pa.timestamp("ms"))
    path = _parquet(tmp_path, pupil=torn, score=torn, **{"class": far})
    table = read_table(path, "parquet", _digest(path), NAMES).whole()
    assert table.text("pupil").to_pylist() == ["7", None, "9"]
    assert _same(table.numbers("score"), [7, np.nan, 9])
    assert [text is None for text in table.text("class").to_pylist()][::2] == [False, False]


def test_a_value_that_cannot_be_read_is_found_by_halving(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = pc.cast

    def count(values: Any, kind: pa.DataType, **more: Any) -> Any:
        if kind == pa.string():
            sizes.append(len(values) if isinstance(values, pa.Array) else 1)
        return real(values, kind, **more)

    table = Table(pa.table({"a": pa.array([b"7"] * 700 + [b"\xff"] + [b"9"] * 323)}))
    monkeypatch.setattr(pc, "cast", count)
    assert table.text("a").to_pylist() == ["7"] * 700 + [None] + ["9"] * 323
    assert min(sizes) == 1
    assert sum(sizes) == 1024 + 2 * 1023  # not each of them, one by one


def test_asking_for_a_column_that_was_not_read() -> None:
    with pytest.raises(ColumnMissing):
        Table(pa.table({"a": [1]})).text("b")


@pytest.mark.parametrize("columns", [{"a": [1, "x"]}, {"a": [1], "b": [1, 2]}])
def test_columns_that_are_no_table(columns: dict[str, list[Any]]) -> None:
    with pytest.raises(FederatedError):
        from_columns(columns)


@pytest.mark.parametrize(
    "values",
    [
        pa.array([True, False]),
        pa.array([0, 1], pa.date32()),
        pa.array([0, 1], pa.timestamp("s")),
        pa.array([b"1", b"2"]),
    ],
    ids=["boolean", "date", "instant", "bytes"],
)
def test_a_column_whose_type_holds_no_number_is_refused(values: pa.Array) -> None:
    with pytest.raises(ColumnMissing, match="`score` holds no numbers"):
        Table(pa.table({"score": values})).numbers("score")


@over(
    "values",
    [
        pa.array(["1", "2"]),
        pa.array(["1", "2"], pa.large_string()),
        pa.array(["1", "2"]).dictionary_encode(),
        pa.array([1, 2], pa.uint8()),
        pa.array([1.0, 2.0], pa.float32()),
        pa.array([1, 2]).cast(pa.decimal128(38, 2)),
    ],
    ["text", "long text", "dictionary", "integer", "float", "decimal"],
)
def test_a_column_whose_type_may_hold_numbers_is_read(values: pa.Array) -> None:
    assert Table(pa.table({"score": values})).numbers("score").tolist() == [1.0, 2.0]
