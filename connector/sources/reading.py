"""Reads a file as its layout states: Arrow batches, streamed, and what could not be read, counted.

Rules: memory holds a block, whatever the size of the file; what cannot be read as declared is null
in the batch and counted for its column; what is no row at all stops with the number of its line. A
plain file only: a pipe would hold the reader, a link could lead elsewhere. Runs in the confined
child (`worker.py`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc

from connector.domain.catalog.layout import Layout
from connector.errors import ColumnMissing, DataFileMissing, DataFileUnreadable
from connector.sources.formats import json_lines, parquet, separated, sheets
from connector.sources.values import TYPES, typed

Columns = Callable[[BinaryIO, Layout, Sequence[str]], Iterator[list[pa.Array]]]

_FORMATS: Final[Mapping[str, Columns]] = {
    "csv": separated.columns,
    "parquet": parquet.columns,
    "jsonl": json_lines.columns,
    "xlsx": sheets.columns,
}
_MOST_PARTS: Final = 10_000
_DEEPEST: Final = 4


@dataclass(slots=True)
class Tally:
    """What was read so far.

    Attributes:
        rows: of all files.
        malformed: rows of which a value is not what the layout states.
        missing: values that are not there, by column.
        unreadable: values that are not what the layout states, by column.
    """

    rows: int = 0
    malformed: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, int] = field(default_factory=dict)

    def counts(self, layout: Layout) -> dict[str, dict[str, int]]:
        """Return missing and unreadable values of each column, also where no row was read."""
        names = [each.name for each in layout.fields]
        both = {"missing": self.missing, "unreadable": self.unreadable}
        return {what: {name: of.get(name, 0) for name in names} for what, of in both.items()}


@dataclass(frozen=True, slots=True)
class Part:
    """A file, and what the names of its folders say of its rows.

    Attributes:
        path: of the file.
        stated: column and value of each `name=value` folder above it.
    """

    path: Path
    stated: Mapping[str, str]


def batches(path: Path, layout: Layout, tally: Tally) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file or folder.

    Args:
        path: of it.
        layout: how it is read.
        tally: is kept up to date.

    Raises:
        DataFileMissing: it is not there.
        DataFileUnreadable: it is no plain file, or not of that layout.
        ColumnMissing: it lacks a column.
    """
    for part in parts(path, folder=layout.folder):
        with opened(part.path) as file:
            yield from declared(_rows(file, part, layout), layout, tally)


def declared(
    read: Iterable[list[pa.Array]], layout: Layout, tally: Tally
) -> Iterator[pa.RecordBatch]:
    """Yield rows as the layout declares their columns.

    Args:
        read: columns in the layout's order, as they were found.
        layout: how they are read.
        tally: is kept up to date.
    """
    schema = pa.schema([(each.name, TYPES[each.datatype]) for each in layout.fields])
    for rows in read:
        found = [typed(array, of, layout) for array, of in zip(rows, layout.fields, strict=True)]
        batch = pa.record_batch([made for made, _ in found], schema=schema)
        _count(tally, layout, found)
        tally.rows += batch.num_rows
        if batch.num_rows:
            yield batch


def parts(path: Path, *, folder: bool) -> list[Part]:
    """Return the files that are read, in the order of their paths.

    Raises:
        DataFileMissing: there is none.
        DataFileUnreadable: a folder was stated and is none, or the reverse; it nests too deep, or
            holds too many files or a link.
    """
    if folder != path.is_dir():
        what = "is not a folder" if folder else "is a folder, and the layout states a file"
        raise DataFileUnreadable(f"`{path.name}` {what}")
    if not folder:
        return [Part(path, {})]
    found = list(_within(path, {}, _DEEPEST))
    if not found:
        raise DataFileMissing(f"no file in folder `{path.name}`")
    if len(found) > _MOST_PARTS:
        raise DataFileUnreadable(f"the folder `{path.name}` holds more than {_MOST_PARTS} files")
    return found


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a plain file.

    Raises:
        DataFileMissing: it is not there.
        DataFileUnreadable: it is no plain file, or cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise DataFileMissing(f"no file `{path.name}`") from None
    except OSError as exc:
        raise DataFileUnreadable(f"`{path.name}` cannot be read: {exc.strerror}") from exc
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise DataFileUnreadable(f"`{path.name}` is not a regular file")
        yield file


def _within(folder: Path, stated: Mapping[str, str], deeper: int) -> Iterator[Part]:
    for each in sorted(folder.iterdir()):
        if each.name.startswith((".", "_")):  # what tools leave beside the rows
            continue
        if each.is_symlink():
            raise DataFileUnreadable(f"the folder `{folder.name}` holds a symbolic link")
        if not each.is_dir():
            yield Part(each, stated)
            continue
        if not deeper:
            raise DataFileUnreadable(f"folders are nested deeper than {_DEEPEST}")
        name, equals, value = each.name.partition("=")
        yield from _within(each, {**stated, name: value} if equals else stated, deeper - 1)


def _rows(file: BinaryIO, part: Part, layout: Layout) -> Iterator[list[pa.Array]]:
    """Yield the columns of a part in the layout's order, those that its folders state included."""
    names = [each.name for each in layout.fields]
    inside = [name for name in names if name not in part.stated]
    if not inside:
        raise ColumnMissing("the layout names no column that is in the files themselves")
    for arrays in _FORMATS[layout.format](file, layout, inside):
        found = dict(zip(inside, arrays, strict=True))
        rows = len(arrays[0])
        yield [
            found[name] if name in found else pa.array([part.stated[name]] * rows, pa.string())
            for name in names
        ]


def _count(tally: Tally, layout: Layout, found: list[tuple[pa.Array, pa.Array | None]]) -> None:
    spoilt = None
    for column, (made, odd) in zip(layout.fields, found, strict=True):
        unreadable = 0 if odd is None else odd.true_count
        if odd is not None:
            spoilt = odd if spoilt is None else pc.or_(spoilt, odd)
        name, missing = column.name, made.null_count - unreadable
        tally.unreadable[name] = tally.unreadable.get(name, 0) + unreadable
        tally.missing[name] = tally.missing.get(name, 0) + missing
    tally.malformed += 0 if spoilt is None else spoilt.true_count
