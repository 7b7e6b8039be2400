"""Records of one size, written in order and read by place: in memory, or in a file of nobody else.

Rules: which of both follows from public numbers (`federated/memory.py`). The file lies in the
worker's own folder, has no name and rights for its owner only, and ends with its process. It is
read by calls, never mapped, so that what was read of it is no memory of the process.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from io import BytesIO
from itertools import repeat
from tempfile import TemporaryFile
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from federated.errors import WorkerFailed

Records = NDArray[np.void]
Places = NDArray[np.integer[Any]]
_BLOCK: Final = 1 << 20  # bytes that are read or written together


class Store:
    """Records, one behind another.

    Attributes:
        block: how many are read or written together.
    """

    def __init__(self, dtype: np.dtype[Any], *, filed: bool) -> None:
        """Make an empty one.

        Args:
            dtype: of a record.
            filed: whether it is a file.

        Raises:
            WorkerFailed: no file can be made.
        """
        self._dtype = dtype
        self.block = max(1, _BLOCK // dtype.itemsize)
        self._count = 0
        self._file: IO[bytes] = own_file(self) if filed else BytesIO()

    def __len__(self) -> int:
        return self._count

    def append(self, records: Records) -> None:
        """Write some records behind the others.

        Raises:
            WorkerFailed: the file has no room for them.
        """
        self._count += len(records)
        write(self._file, records.tobytes())

    def take(self, places: Places) -> Records:
        """Return the records at some places; those next to one another are read by one call.

        Raises:
            WorkerFailed: the file is shorter than it was.
        """
        if isinstance(self._file, BytesIO):
            if not len(places):
                return np.empty(0, self._dtype)
            found: Records = np.frombuffer(self._file.getbuffer(), self._dtype).take(places)
            return found
        at, size = places.astype(np.int64), self._dtype.itemsize
        starts = np.flatnonzero(np.diff(at, prepend=-2) != 1)
        sizes = np.diff(starts, append=len(at)) * size
        offsets = at[starts] * size
        read = map(os.pread, repeat(self._file.fileno()), sizes.tolist(), offsets.tolist())
        data = b"".join(read)
        if len(data) != len(at) * size:
            raise WorkerFailed("the file of encoded rows is shorter than what was written")
        return np.frombuffer(data, self._dtype)

    def blocks(self) -> Iterator[tuple[int, Records]]:
        """Yield all records, some after others, each time with the place of the first."""
        for start in range(0, self._count, self.block):
            yield start, self.take(np.arange(start, min(start + self.block, self._count)))


def own_file(owner: object) -> IO[bytes]:
    """Return a file without a name in the folder for temporary files: a worker's own.

    Args:
        owner: with whose end the file is closed.

    Raises:
        WorkerFailed: none can be made.
    """
    try:
        file = TemporaryFile()  # noqa: SIM115 - it is closed with its owner
    except OSError as exc:
        raise WorkerFailed(f"no file can be made for the rows: {exc.strerror}") from exc
    weakref.finalize(owner, file.close)
    return file


def write(file: IO[bytes], data: bytes | memoryview) -> None:
    """Write at the end of a file.

    Raises:
        WorkerFailed: it has no room.
    """
    try:
        file.write(data)
        file.flush()
    except OSError as exc:
        raise WorkerFailed(f"the rows cannot be kept in a file: {exc.strerror}") from exc
