"""Sealed files: what was written comes back from any offset, and from nothing that was altered."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from connector.errors import ExtractUnavailable, QuotaReached, StoreUnavailable
from connector.store.files import keys
from connector.store.files.extract_files import KEY_FILE, HomeFiles
from connector.store.files.sealed import CHUNK, sealed_size
from tests.support.each import over

STEP = CHUNK + 16


@dataclass(frozen=True)
class Held:
    """A file as a row names it."""

    id: str
    path: str
    bytes: int
    sealed_key: str


def made(home: Path, data: bytes, name: str = "a", parts: int = 1 << 12) -> Held:
    """Write data in parts, as a process hands it on."""
    with HomeFiles(home, "held").writing(name, name, len(data)) as out:
        for at in range(0, len(data), parts):
            out.write(data[at : at + parts])
    return Held(name, name, out.bytes, out.sealed_key)


@over("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5])
def test_what_was_written_comes_back_from_any_offset(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    held, files = made(tmp_path, data), HomeFiles(tmp_path, "held")
    stored = (tmp_path / "held" / "a").read_bytes()
    assert len(stored) == sealed_size(size)
    assert size < 20 or data[:20] not in stored
    places = sorted({0, 1, CHUNK - 1, CHUNK, CHUNK + 1, size} & set(range(size + 1)))
    for start in places:
        for end in (each for each in places if each >= start):
            assert files.read(held, start, end - start) == data[start:end]


def _swap(stored: bytes) -> bytes:
    return stored[STEP : 2 * STEP] + stored[:STEP] + stored[2 * STEP :]


ALTERED: dict[str, Callable[[bytes], bytes]] = {
    "a byte": lambda it: it[:5] + bytes([it[5] ^ 1]) + it[6:],
    "two chunks in the other order": _swap,
    "a chunk twice": lambda it: it[:STEP] * 2 + it[2 * STEP :],
    "the end cut off": lambda it: it[: 2 * STEP],
    "a byte more": lambda it: it + b"x",
    "nothing left": lambda _it: b"",
}


@pytest.mark.parametrize("change", ALTERED)
def test_a_file_that_was_altered_gives_nothing(tmp_path: Path, change: str) -> None:
    data = os.urandom(2 * CHUNK + 9)
    held, file = made(tmp_path, data), tmp_path / "held" / "a"
    file.write_bytes(ALTERED[change](file.read_bytes()))
    with pytest.raises(ExtractUnavailable):
        HomeFiles(tmp_path, "held").read(held, 0, len(data))


def test_a_file_cut_at_a_chunk_is_not_taken_for_a_shorter_one(tmp_path: Path) -> None:
    held, file = made(tmp_path, os.urandom(2 * CHUNK)), tmp_path / "held" / "a"
    file.write_bytes(file.read_bytes()[:STEP])
    with pytest.raises(ExtractUnavailable):
        HomeFiles(tmp_path, "held").read(replace(held, bytes=CHUNK), 0, CHUNK)


def test_without_its_key_a_file_is_nothing(tmp_path: Path) -> None:
    files = HomeFiles(tmp_path, "held")
    first, second = made(tmp_path, b"rows of one"), made(tmp_path, b"rows of two", "b")
    assert files.there(first)
    assert files.read(second, 8, 3) == b"two"
    lost = [
        replace(first, sealed_key=""),
        replace(first, sealed_key=second.sealed_key),
        replace(first, id="b", sealed_key=second.sealed_key),
        replace(first, path="../held/a"),
        replace(first, path=""),
    ]
    for each in lost[:2] + lost[3:]:
        assert not files.there(each)
    for each in lost:
        with pytest.raises(ExtractUnavailable):
            files.read(each, 0, 3)
    (tmp_path / KEY_FILE).unlink()
    keys.secret(tmp_path / KEY_FILE, make=True)  # the home of a restore makes a new one
    assert not files.there(first)


def test_nothing_is_there_until_it_is_whole(tmp_path: Path) -> None:
    files, folder = HomeFiles(tmp_path, "held"), tmp_path / "held"
    with pytest.raises(QuotaReached), files.writing("a", "a", 10) as out:
        out.write(b"eleven char")
    with pytest.raises(ZeroDivisionError), files.writing("a", "a", 10) as out:
        out.write(b"ten" + bytes([1 // 0]))
    assert list(folder.iterdir()) == []


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "held"
    folder.mkdir()
    (folder / "a.part").symlink_to("/dev/full")
    with pytest.raises(StoreUnavailable), HomeFiles(tmp_path, "held").writing("a", "a", 9) as out:
        out.write(b"rows")
    assert list(folder.iterdir()) == []
