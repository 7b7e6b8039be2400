"""Data files: header and digest, and each way in which a file is not what it should be."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from connector.errors import DataFileMissing, DataFileUnreadable
from connector.sources.files import FileSources

ROOT = Path(__file__).parents[2]
SOURCES = FileSources()
SECRET = "Jeanne Dupont"  # a row's content, which no message may show


def written(folder: Path, content: bytes) -> Path:
    path = folder / "data"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"id,grade\n1,k\n", ["id", "grade"]),
        (b"id,grade", ["id", "grade"]),
        (b"\xef\xbb\xbfid,grade\r\n1,k\r\n", ["id", "grade"]),
        ('prénom,"a, b"\n1,2\n'.encode(), ["prénom", "a, b"]),
        (b'"two\nlines",b\n1,2\n', ["two\nlines", "b"]),
        (b'"say ""hi""",b\n', ['say "hi"', "b"]),
        ("a\u2028b,c\n1,2\n".encode(), ["a\u2028b", "c"]),
        (b"id,grade\r1,k\r", ["id", "grade"]),
        (b"id,grade\n\xff\xfe,1\n", ["id", "grade"]),
    ],
)
def test_a_csv_header_is_read(tmp_path: Path, content: bytes, names: list[str]) -> None:
    assert SOURCES.header(written(tmp_path, content), "csv") == names


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "no header"),
        (b"\n1,2\n", "no header"),
        (b"id,,x\n", "without a name"),
        (b"id, ,x\n", "without a name"),
        (b"id,id\n", "two columns"),
        (b"\xff\xfei\x00d\x00", "not UTF-8"),
        (b'"id,grade\n' + SECRET.encode(), "not CSV"),
        (b'"id"x,grade\n', "not CSV"),
        (b"a" * (1 << 20) + b",b\n", "too long"),
        (b'"' + b"a\n" * (1 << 20), "too long"),
        (b",".join(b"c%d" % n for n in range(4097)), "more than 4096"),
    ],
)
def test_a_csv_header_that_is_none_is_refused(tmp_path: Path, content: bytes, fault: str) -> None:
    with pytest.raises(DataFileUnreadable, match=fault) as caught:
        SOURCES.header(written(tmp_path, content), "csv")
    assert SECRET not in caught.value.reason
    assert "\n" not in caught.value.reason


def test_a_parquet_header_is_read(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"id": [1], "name": [SECRET]}), path)
    assert SOURCES.header(path, "parquet") == ["id", "name"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PAR1",
        b"id,grade\n1,2\n",
        b"PAR1" + b"\x00" * 20 + b"\x10\x00\x00\x00PAR1",
        b"PAR1" + b"\xff\xff\xff\x7fPAR1",
    ],
    ids=["empty", "magic", "csv", "noise", "length"],
)
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataFileUnreadable, match="not a Parquet file"):
        SOURCES.header(written(tmp_path, content), "parquet")


def test_a_huge_parquet_footer_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    with path.open("wb") as file:
        file.truncate(64 << 20)
        file.seek(0, 2)
        file.write((32 << 20).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(DataFileUnreadable, match="too long"):
        SOURCES.header(path, "parquet")


def test_a_parquet_file_is_no_csv(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"id": [1]}), path)
    with pytest.raises(DataFileUnreadable):
        SOURCES.header(path, "csv")


@pytest.mark.parametrize("kind", ["", "xlsx", "CSV"])
def test_another_format_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(DataFileUnreadable, match="`csv`, `parquet`"):
        SOURCES.header(written(tmp_path, b"id\n"), kind)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) + 1])
def test_a_digest_is_the_sha_256_of_the_file(tmp_path: Path, size: int) -> None:
    content = b"x" * size
    assert SOURCES.digest(written(tmp_path, content)) == hashlib.sha256(content).hexdigest()


def test_a_changed_byte_changes_the_digest(tmp_path: Path) -> None:
    before = SOURCES.digest(written(tmp_path, b"id\n1\n"))
    assert SOURCES.digest(written(tmp_path, b"id\n2\n")) != before


@pytest.mark.parametrize("name", ["none.csv", "none/data.csv", "nul\x00.csv"])
def test_a_missing_file_is_named_as_missing(tmp_path: Path, name: str) -> None:
    for ask in (SOURCES.digest, lambda path: SOURCES.header(path, "csv")):
        with pytest.raises(DataFileMissing):
            ask(tmp_path / name)


def test_a_folder_or_pipe_is_no_data_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(DataFileUnreadable, match="not a file"):
            SOURCES.digest(path)


def test_a_file_below_a_file_is_not_there(tmp_path: Path) -> None:
    with pytest.raises((DataFileMissing, DataFileUnreadable)):
        SOURCES.digest(written(tmp_path, b"x") / "below")


def test_parquets_library_is_loaded_for_parquet_only(tmp_path: Path) -> None:
    path = written(tmp_path, b"id\n1\n")
    program = (
        "import sys; from pathlib import Path; from connector.sources.files import FileSources; "
        "FileSources().header(Path(sys.argv[1]), 'csv'); print('pyarrow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "False\n"
