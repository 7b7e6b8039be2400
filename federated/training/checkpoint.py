"""Model arrays as bytes: the state of a job after a round, and its result.

What is signed and goes on is npz, safetensors is a copy for other tools. Rules: no pickle, hence no
code in it; sizes are bounded before anything is unpacked; the same arrays give the same bytes.
Whether they fit a manifest is left to `recipes.check`.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Final

import numpy as np

from federated.errors import DataFileUnreadable
from federated.training.recipes import Arrays

MOST_BYTES: Final = 512 * 1024 * 1024
MOST_ARRAYS: Final = 264  # tables of the most columns, and weight and bias of each layer


def save(arrays: Arrays) -> bytes:
    """Return the arrays as npz bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def load(data: bytes) -> Arrays:
    """Read npz bytes back.

    Raises:
        DataFileUnreadable: not an npz of arrays, too large, or it holds Python objects.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            sizes = [entry.file_size for entry in archive.infolist()]
        if len(sizes) > MOST_ARRAYS or sum(sizes) > MOST_BYTES:
            raise DataFileUnreadable("the model file is larger than one may be")
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as exc:
        raise DataFileUnreadable("the model file is not an npz file of arrays") from exc
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):  # bytes, without magic
        raise DataFileUnreadable("the model file is not an npz file of arrays")
    return arrays


def safetensors(arrays: Arrays, said: Mapping[str, str]) -> bytes:
    """Return the arrays as safetensors, a form without code that many tools read.

    Args:
        arrays: of a model.
        said: what its metadata say, as JSON under `preau`, beside the names of `arrays` in order;
            under one name, since the library writes several in any order.

    Raises:
        ImportError: the library is not installed.
    """
    from safetensors.numpy import save as saved  # noqa: PLC0415 - workers and nodes need it not

    whole = json.dumps({**said, "arrays": list(arrays)}, sort_keys=True)
    return saved(dict(arrays), metadata={"preau": whole})
