"""Data files as the node sees them: their digest, never rows.

Rules: a file is read in a stream; a message names the file and the fault but nothing that the file
holds. What is in it is read by a worker only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from connector.errors import DataFileMissing, DataFileUnreadable

_CHUNK: Final = 1 << 20  # bytes
_RELATIVE: Final = "a relative `file.path` begins at the node's home; `--data FILE` where you are"


class FileSources:
    """Data files on this machine: the port `Sources`."""

    def digest(self, path: Path) -> str:
        """Return the SHA-256 of the file, lower-case hex, reading 1 MiB at a time.

        Raises:
            DataFileMissing: no such file.
            DataFileUnreadable: it cannot be read.
        """
        state = hashlib.sha256()
        with _opened(path) as file:
            while chunk := file.read(_CHUNK):
                state.update(chunk)
        return state.hexdigest()

    def content(self, path: Path, most: int) -> bytes:
        """Return the first bytes of a file, at most so many.

        Raises:
            DataFileMissing: no such file.
            DataFileUnreadable: it cannot be read.
        """
        with _opened(path) as file:
            return file.read(most)

    def mark(self, path: Path) -> str:
        """Return what a file or folder of files holds, as a SHA-256 in hex.

        Raises:
            DataFileMissing: it is not there.
            DataFileUnreadable: it cannot be read.
        """
        if not path.is_dir():
            return self.digest(path)
        held = hashlib.sha256()
        for each in sorted(path.rglob("*")):
            if not each.is_dir():
                held.update(f"{self.digest(each)} {each.relative_to(path)}\n".encode())
        return held.hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        if path.exists() and not path.is_file():  # a pipe would block, a folder has no bytes
            raise DataFileUnreadable(f"`{path}` is not a file")
        with _open(path) as file:
            yield file
    except FileNotFoundError as exc:
        raise DataFileMissing(f"no file `{path}`", hint=_RELATIVE) from exc
    except OSError as exc:
        raise DataFileUnreadable(f"`{path}` cannot be read: {exc.strerror}") from exc


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except ValueError as exc:  # a NUL character in the path
        raise DataFileMissing("the path of the data file is not usable") from exc
