"""Model arrays inside Flower messages.

Rules: a message carries one record of arrays, and from the lead one of settings with the round's
number; anything else is refused, in both directions, so that nothing can ride along. An array's
bytes are checked against the manifest's shapes before they are unpacked.
"""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from flwr.app import Array, ArrayRecord, Message, RecordDict

from federated.errors import RoundRefused
from federated.manifest import JobManifest
from federated.training.encode import Floats
from federated.training.recipes import Arrays, check, shapes

ARRAYS: Final = "arrays"
SETTINGS: Final = "config"
ROUND: Final = "server-round"


def pack(arrays: Arrays) -> ArrayRecord:
    """Return the arrays as Flower's record."""
    return ArrayRecord({name: Array(array) for name, array in arrays.items()})


def unpack(content: RecordDict, manifest: JobManifest) -> Arrays:
    """Return the arrays of a message's content, checked.

    Raises:
        RoundRefused: other records than one of arrays, or they are not the manifest's model.
    """
    if set(content.array_records) != {ARRAYS} or content.metric_records:
        raise RoundRefused("the message carries something else than one record of arrays")
    return unpack_record(content.array_records[ARRAYS], manifest)


def unpack_record(record: ArrayRecord, manifest: JobManifest) -> Arrays:
    """Return the arrays of a record, checked.

    Raises:
        RoundRefused: they are not the manifest's model.
    """
    expected = shapes(manifest)
    if list(record) != list(expected):
        raise RoundRefused("the arrays are not those of the manifest's model")
    return check({name: _array(record[name], expected[name]) for name in expected}, manifest)


def round_of(message: Message) -> int:
    """Return the number of the round that a message of the lead asks for.

    Raises:
        RoundRefused: its settings hold another thing than one number.
    """
    settings = message.content.config_records
    if set(settings) != {SETTINGS} or set(settings[SETTINGS]) != {ROUND}:
        raise RoundRefused("the message carries other settings than its round")
    number = settings[SETTINGS][ROUND]
    if not isinstance(number, int) or isinstance(number, bool):
        raise RoundRefused("the message's round is no number")
    return number


def _array(array: Array, shape: tuple[int, ...]) -> Floats:
    """Read an npy array of a known shape, without believing what its header says."""
    file = io.BytesIO(array.data)
    try:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise RoundRefused("an array has another format than it must")
        described = np.lib.format.read_array_header_1_0(file)
    except ValueError as exc:
        raise RoundRefused("an array has another format than it must") from exc
    if described != (shape, False, np.dtype("<f4")) or array.stype != "numpy.ndarray":
        raise RoundRefused("an array has another shape or type than it must")
    data = file.read()
    if len(data) != 4 * int(np.prod(shape)):
        raise RoundRefused("an array has another size than its shape says")
    return np.frombuffer(data, dtype="<f4").reshape(shape).astype(np.float32)
