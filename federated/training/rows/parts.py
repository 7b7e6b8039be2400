"""A data file's columns, read once by bounded blocks, from the very bytes whose digest was stated.

Rules: what is hashed is what is parsed: each block of a CSV file is both, and a Parquet file, whose
end is read first, is copied while it is hashed, and parsed from the copy. The parsed columns lie in
a file without a name (`store.py`) until the digest of the whole was found right; no row is looked
at before. What stops depends on the file as a whole, which publication has read with this very
code; a file that changed is refused as such, whatever else is wrong with it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from federated.errors import DataFault, DataFileChanged, DataFileMissing, DataFileUnreadable
from federated.training.rows.lines import Lost, Reader, check_names
from federated.training.rows.store import own_file, write
from federated.training.rows.table import Table

MAX_FILE_BYTES: Final = 4 * 1024**3
MOST_ROWS: Final = 1 << 31
_BLOCK: Final = 1 << 18  # bytes that are read at once
_CELLS: Final = 1 << 17  # values of a part of a Parquet file
_BUFFER: Final = 1 << 16  # bytes of a Parquet column that are read at once


class Parts:
    """Columns of a file, as tables of some rows after others. At least one, if only of no rows.

    Attributes:
        lost: rows of the file that are in no part.
    """

    def __init__(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        """Keep all batches in a file.

        Args:
            schema: of each batch.
            batches: in order.

        Raises:
            DataFileUnreadable: there are too many rows.
            WorkerFailed: they cannot be kept.
        """
        self.lost = Lost()
        self._schema = schema
        self._file = own_file(self)
        self._ends, self._rows = [0], [0]  # behind each part, in bytes and in rows
        for batch in batches:
            self._keep(batch)
        if len(self._rows) == 1:
            self._keep(pa.RecordBatch.from_pylist([], schema))

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self._rows[-1]

    def parts(self) -> Iterator[Table]:
        """Yield all rows, some after others."""
        for number in range(len(self._rows) - 1):
            yield self._part(number)

    def some(self, rows: NDArray[np.int64]) -> Iterator[Table]:
        """Yield some rows, a part after another.

        Args:
            rows: their numbers, rising.
        """
        part = np.searchsorted(self._rows, rows, side="right") - 1
        for number in np.unique(part).tolist():
            yield self._part(number).take(rows[part == number] - self._rows[number])

    def whole(self) -> Table:
        """Return all rows in memory."""
        return Table(pa.concat_tables([part.data for part in self.parts()]), self.lost)

    def _keep(self, batch: pa.RecordBatch) -> None:
        data = batch.serialize()
        write(self._file, memoryview(data))
        self._ends.append(self._ends[-1] + data.size)
        self._rows.append(self._rows[-1] + batch.num_rows)
        if self.rows > MOST_ROWS:
            raise DataFileUnreadable(f"the data file has more than {MOST_ROWS} rows")

    def _part(self, number: int) -> Table:
        start, end = self._ends[number : number + 2]
        data = pa.py_buffer(os.pread(self._file.fileno(), end - start, start))
        return Table(pa.Table.from_batches([pa.ipc.read_record_batch(data, self._schema)]))


def read_table(path: Path, kind: str, digest: str, columns: Sequence[str]) -> Parts:
    """Read columns of a data file.

    Args:
        path: the file.
        kind: `csv` (UTF-8, comma, header) or `parquet`.
        digest: SHA-256 (hex) of the file when it was published.
        columns: names, each once.

    Raises:
        DataFileMissing: no such file.
        DataFileUnreadable: not a plain file, too large, or not of that kind.
        DataFileChanged: its bytes have another digest.
        ColumnMissing: it lacks a column, or has one twice.
        WorkerFailed: its columns cannot be kept.
    """
    hashed = hashlib.sha256()
    with _blocks(path) as blocks:
        seen = _seen(blocks, hashed)
        fault, found = None, None
        try:
            found = _parsed(seen, kind, columns)
        except DataFault as exc:
            fault = exc
        for _ in seen:  # what a fault left unread
            pass
    if hashed.hexdigest() != digest:
        raise DataFileChanged("the data file is not the one that was published")
    if found is None:
        raise fault or AssertionError
    return found


def own_table(path: Path, columns: Sequence[str]) -> Table:
    """Read columns of a file of one's own, which nobody published; its name says of which kind.

    Raises:
        DataFileMissing: no such file.
        DataFileUnreadable: not a plain file, too large, or neither csv nor parquet.
        ColumnMissing: it lacks a column, or has one twice.
    """
    with _blocks(path) as blocks:
        return _parsed(blocks, path.suffix.removeprefix("."), columns).whole()


def _parsed(blocks: Iterator[bytes], kind: str, columns: Sequence[str]) -> Parts:
    if kind == "csv":
        reader = Reader(blocks, columns)
        found = Parts(reader.schema, reader.batches())
        found.lost = reader.lost()
        return found
    if kind != "parquet":
        raise DataFileUnreadable(f"`{kind}` is not a known kind of data file")
    with own_file(blocks) as copy:
        for block in blocks:
            write(copy, block)
        try:
            return _parquet(copy, columns)
        except (pa.ArrowException, UnicodeError, OSError):
            # Not chained: the parser's message quotes the row that it stumbled over.
            raise DataFileUnreadable(f"the data file cannot be read as {kind}") from None


def _parquet(file: IO[bytes], columns: Sequence[str]) -> Parts:
    from pyarrow import parquet  # noqa: PLC0415 - most files are none

    read = parquet.ParquetFile(file, buffer_size=_BUFFER)
    check_names(read.schema_arrow.names, columns)
    fields = [read.schema_arrow.field(name) for name in columns]
    schema = pa.schema([(each.name, _plain(each.type)) for each in fields])
    batches = read.iter_batches(
        max(1, _CELLS // max(1, len(columns))), columns=list(columns), use_threads=False
    )
    return Parts(schema, (_decoded(batch, schema) for batch in batches))


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _decoded(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch without dictionaries, which may be others in each."""
    found = (batch.column(name) for name in schema.names)
    return pa.record_batch(
        [each.dictionary_decode() if pa.types.is_dictionary(each.type) else each for each in found],
        schema=schema,
    )


@contextmanager
def _blocks(path: Path) -> Iterator[Iterator[bytes]]:
    """Open a plain file that is not too large, and give its blocks."""
    try:
        # Not blocking: a named pipe in place of the file would hold the worker for ever.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise DataFileUnreadable("the data file is not a plain file")
            if state.st_size > MAX_FILE_BYTES:
                raise DataFileUnreadable(f"the data file is over {MAX_FILE_BYTES} bytes")
            yield _read(file)
    except FileNotFoundError as exc:
        raise DataFileMissing("the data file does not exist") from exc
    except OSError as exc:
        raise DataFileUnreadable(f"the data file cannot be read: {exc.strerror}") from exc


def _read(file: IO[bytes]) -> Iterator[bytes]:
    left = MAX_FILE_BYTES
    while block := file.read(_BLOCK):
        left -= len(block)
        if left < 0:  # it grows while it is read
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        yield block


def _seen(blocks: Iterator[bytes], hashed: hashlib._Hash) -> Iterator[bytes]:
    """Hash each block before it is parsed."""
    for block in blocks:
        hashed.update(block)
        yield block
