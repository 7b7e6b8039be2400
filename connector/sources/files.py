"""Data files as the node sees them: column names and digest, never rows.

Rules: a file is read in a stream; a header is bounded; a message names the file and the fault but
nothing that the file holds; Parquet's library is imported only for a Parquet file.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from connector.errors import DataFileMissing, DataFileUnreadable

_CHUNK: Final = 1 << 20  # bytes
_LONGEST_HEADER: Final = 1 << 20  # bytes
_MOST_COLUMNS: Final = 4096
_LARGEST_FOOTER: Final = 16 << 20  # bytes of Parquet metadata
_TRAILER: Final = 8  # bytes: length of the metadata, little-endian, and the magic `PAR1`


class FileSources:
    """Data files on this machine: the port `Sources`."""

    def header(self, path: Path, kind: str) -> list[str]:
        """Return the column names of a `csv` or `parquet` file, in file order.

        Raises:
            DataFileMissing: no such file.
            DataFileUnreadable: not a file of that kind, or its header is not usable.
        """
        reader = _READERS.get(kind)
        if reader is None:
            known = ", ".join(f"`{name}`" for name in _READERS)
            raise DataFileUnreadable(f"format `{kind}` is none of {known}")
        with _opened(path) as file:
            return _checked(path, reader(path, file))

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


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        if path.exists() and not path.is_file():  # a pipe would block, a folder has no bytes
            raise DataFileUnreadable(f"`{path}` is not a file")
        with _open(path) as file:
            yield file
    except FileNotFoundError as exc:
        raise DataFileMissing(f"no file `{path}`") from exc
    except OSError as exc:
        raise DataFileUnreadable(f"`{path}` cannot be read: {exc.strerror}") from exc


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except ValueError as exc:  # a NUL character in the path
        raise DataFileMissing("the path of the data file is not usable") from exc


def _csv_header(path: Path, file: BinaryIO) -> list[str]:
    """Read the first record: comma-separated, UTF-8 with or without a byte order mark."""
    try:
        text = _first_record(path, file)
        return next(csv.reader(io.StringIO(text, newline=""), strict=True), [])
    except UnicodeDecodeError as exc:
        raise DataFileUnreadable(f"`{path}` is not UTF-8 text") from exc
    except csv.Error as exc:
        raise DataFileUnreadable(f"the header of `{path}` is not CSV") from exc


def _first_record(path: Path, file: BinaryIO) -> str:
    """Return the header line; a quoted name may hold line breaks."""
    record = bytearray()
    quoted = False
    while line := file.readline(_LONGEST_HEADER + 1):
        record += line
        if len(record) > _LONGEST_HEADER:
            raise DataFileUnreadable(f"the header of `{path}` is too long")
        quoted ^= line.count(b'"') % 2 == 1
        if not quoted:
            break
    return record.decode("utf-8-sig")


def _parquet_header(path: Path, file: BinaryIO) -> list[str]:
    _check_footer(path, file)
    try:
        import pyarrow as pa  # noqa: PLC0415 - 36 MB, only for Parquet
        from pyarrow import parquet  # noqa: PLC0415 - as above
    except ImportError as exc:
        raise DataFileUnreadable(
            f"`{path}` cannot be read: Parquet needs the extra `federated`",
            hint='run `pip install "preau[federated]"`',
        ) from exc
    try:
        return list(parquet.read_schema(file).names)
    except (pa.ArrowException, ValueError, OSError) as exc:
        raise DataFileUnreadable(f"`{path}` is not a Parquet file") from exc


def _check_footer(path: Path, file: BinaryIO) -> None:
    """Look at magic and length of the metadata before a library allocates them."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _TRAILER))
    trailer = file.read(_TRAILER)
    file.seek(0)
    length = int.from_bytes(trailer[:4], "little")
    if len(trailer) < _TRAILER or trailer[4:] != b"PAR1" or length + _TRAILER > size:
        raise DataFileUnreadable(f"`{path}` is not a Parquet file")
    if length > _LARGEST_FOOTER:
        raise DataFileUnreadable(f"the header of `{path}` is too long")


def _checked(path: Path, names: list[str]) -> list[str]:
    if not names or not all(name.strip() for name in names):
        raise DataFileUnreadable(f"`{path}` has no header, or a column without a name")
    if len(names) > _MOST_COLUMNS:
        raise DataFileUnreadable(f"`{path}` has more than {_MOST_COLUMNS} columns")
    if len(set(names)) != len(names):
        raise DataFileUnreadable(f"`{path}` has two columns of one name")
    return names


_READERS: Final[Mapping[str, Callable[[Path, BinaryIO], list[str]]]] = {
    "csv": _csv_header,
    "parquet": _parquet_header,
}
