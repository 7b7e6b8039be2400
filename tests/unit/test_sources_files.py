"""Data files as the node sees them: a digest, and each way in which there is none."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from connector.errors import DataFileMissing, DataFileUnreadable
from connector.sources.files import FileSources

SOURCES = FileSources()


def written(folder: Path, content: bytes) -> Path:
    path = folder / "data"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("size", [0, 1, (1 << 20) + 1])
def test_a_digest_is_the_sha_256_of_the_file(tmp_path: Path, size: int) -> None:
    content = b"x" * size
    assert SOURCES.digest(written(tmp_path, content)) == hashlib.sha256(content).hexdigest()


def test_a_changed_byte_changes_the_digest(tmp_path: Path) -> None:
    before = SOURCES.digest(written(tmp_path, b"id\n1\n"))
    assert SOURCES.digest(written(tmp_path, b"id\n2\n")) != before


@pytest.mark.parametrize("name", ["none.csv", "none/data.csv", "nul\x00.csv"])
def test_a_missing_file_is_named_as_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataFileMissing):
        SOURCES.digest(tmp_path / name)


def test_a_folder_or_pipe_is_no_data_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(DataFileUnreadable, match="not a file"):
            SOURCES.digest(path)


def test_a_file_below_a_file_is_not_there(tmp_path: Path) -> None:
    with pytest.raises((DataFileMissing, DataFileUnreadable)):
        SOURCES.digest(written(tmp_path, b"x") / "below")
