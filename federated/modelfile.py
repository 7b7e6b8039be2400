"""Digest of a model file, npz, read with the standard library alone.

Rule: a file is what NumPy writes of 32-bit floats in C order, without pickle; anything else is
refused, so that a node need not load NumPy to say which model a job starts from. Whether it is the
manifest's model is left to `federated/training/recipes.py`.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
import zlib
from typing import Final

from federated.errors import DataFileUnreadable

MOST_BYTES: Final = 64 * 1024 * 1024
MOST_ARRAYS: Final = 264  # tables of the most columns, and weight and bias of each layer
_SUFFIX: Final = ".npy"
_MAGIC: Final = b"\x93NUMPY\x01\x00"  # numpy.lib.format, version 1.0
_HEADER: Final = re.compile(
    rb"\{'descr': '<f4', 'fortran_order': False, 'shape': \(([0-9, ]*)\), \} *\n"
)


def digest(data: bytes) -> str:
    """Return the SHA-256 (hex) of the arrays of a model file, as a site computes it of a message.

    See `federated.training.flower.records.digest` for its form.

    Raises:
        DataFileUnreadable: the file is another thing than such arrays, or too large.
    """
    total = hashlib.sha256()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_ARRAYS or sum(each.file_size for each in entries) > MOST_BYTES:
                raise DataFileUnreadable("the model file is larger than one may be")
            for entry in entries:
                total.update(_canonical(entry.filename, archive.read(entry)))
    except (
        ValueError,
        EOFError,
        OSError,
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
    ) as exc:
        raise DataFileUnreadable("the model file is not an npz file of arrays") from exc
    return total.hexdigest()


def _canonical(file: str, data: bytes) -> bytes:
    start = len(_MAGIC) + 2
    size = int.from_bytes(data[len(_MAGIC) : start], "little")
    header = _HEADER.fullmatch(data[start : start + size])
    if not file.endswith(_SUFFIX) or data[: len(_MAGIC)] != _MAGIC or header is None:
        raise DataFileUnreadable("the model file does not only hold arrays of 32-bit floats")
    shape = ",".join(part.strip() for part in header[1].decode().split(",") if part.strip())
    name = file.removesuffix(_SUFFIX)
    return f"{len(name)} {len(shape)} {name} {shape} ".encode() + data[start + size :]
