"""What a message of a round may be, checked before Flower or numpy reads any of it.

Rules: the manifest says how large a message is, which records it has and what each array looks
like; whatever is larger or other is refused from its protobuf alone. An array's header is compared
with the one text that it may have: numpy's own reader would hand it to Python's parser, which
brackets within brackets can end. Both directions: a site reads the lead, the lead reads its sites.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from flwr.proto.message_pb2 import Message as Protobuf
from flwr.proto.recorddict_pb2 import Array, ArrayRecord, ConfigRecord, MetricRecord

from federated.errors import RoundRefused
from federated.manifest import JobManifest
from federated.training.recipes import Floats, shapes

ARRAYS: Final = "arrays"
SETTINGS: Final = "config"
ROUND: Final = "server-round"
EVALUATION: Final = "evaluation"
CELLS: Final = "cells"
MAGIC: Final = b"\x93NUMPY\x01\x00"  # numpy.lib.format, version 1.0
MOST_HEADER: Final = 512  # bytes of an array's header, its padding included
_MOST_AROUND: Final = 4096  # bytes of everything that is no array
_FLOAT: Final = 4  # bytes
_STYPE: Final = "numpy.ndarray"
_CELL: Final = 10  # bytes of a whole number of 64 bits, at most
_KINDS: Final = {ARRAYS: "array_record", SETTINGS: "config_record", EVALUATION: "metric_record"}

Shape = tuple[int, ...]


def most_bytes(manifest: JobManifest) -> int:
    """Return the size that no message of this job exceeds, in bytes."""
    arrays = shapes(manifest).values()
    around = _MOST_AROUND + _CELL * _cells(manifest)
    return around + sum(_FLOAT * math.prod(shape) + 2 * MOST_HEADER for shape in arrays)


def check_message(message: Protobuf, manifest: JobManifest) -> None:
    """Check that a message has the records of a round and nothing else.

    Raises:
        RoundRefused: an error, another record, or arrays that are not the manifest's.
    """
    if message.HasField("error") or not message.HasField("content"):
        raise RoundRefused("the message carries no records")
    items = message.content.items
    names = [item.key for item in items]
    if len(names) > len(_KINDS) or len(set(names)) != len(names) or ARRAYS not in names:
        raise RoundRefused("the message carries other records than those of a round")
    for item in items:
        if _KINDS.get(item.key) != item.WhichOneof("value"):
            raise RoundRefused("the message carries other records than those of a round")
        if item.key == ARRAYS:
            _check_arrays(item.array_record, shapes(manifest))
        elif item.key == EVALUATION:
            _check_cells(item.metric_record, _cells(manifest))
        else:
            _check_settings(item.config_record)


def read_array(data: bytes, shape: Shape) -> Floats:
    """Read an npy array of a known shape, without believing what its header says.

    Raises:
        RoundRefused: it is another array than 32-bit floats of that shape, in C order.
    """
    start = len(MAGIC) + 2
    size = int.from_bytes(data[len(MAGIC) : start], "little")
    if data[: len(MAGIC)] != MAGIC or size > MOST_HEADER:
        raise RoundRefused("an array does not have the required format")
    expected = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape!r}, }}"
    if data[start : start + size].rstrip(b" \n") != expected.encode():
        raise RoundRefused("an array does not have the required shape or type")
    floats = data[start + size :]
    if len(floats) != _FLOAT * math.prod(shape):
        raise RoundRefused("the size of an array does not match its shape")
    return np.frombuffer(floats, dtype="<f4").reshape(shape).astype(np.float32)


def _cells(manifest: JobManifest) -> int:
    return manifest.evaluation.cells(manifest.target) if manifest.evaluation else 0


def _check_cells(record: MetricRecord, cells: int) -> None:
    if not cells or [item.key for item in record.items] != [CELLS]:
        raise RoundRefused("the message carries other figures than those of an evaluation")
    value = record.items[0].value
    if value.WhichOneof("value") != "sint_list" or len(value.sint_list.vals) != cells:
        raise RoundRefused("the message carries other figures than those of an evaluation")


def _check_arrays(record: ArrayRecord, expected: dict[str, Shape]) -> None:
    if [item.key for item in record.items] != list(expected):
        raise RoundRefused("the arrays are not those of the manifest's model")
    for item in record.items:
        _check_array(item.value, expected[item.key])


def _check_array(array: Array, shape: Shape) -> None:
    if (array.stype, tuple(array.shape)) != (_STYPE, shape):
        raise RoundRefused("an array does not have the required shape or type")
    if len(array.data) > _FLOAT * math.prod(shape) + len(MAGIC) + 2 + MOST_HEADER:
        raise RoundRefused("the size of an array does not match its shape")


def _check_settings(record: ConfigRecord) -> None:
    if [item.key for item in record.items] != [ROUND]:
        raise RoundRefused("the message carries other settings than its round")
    if record.items[0].value.WhichOneof("value") != "sint64":
        raise RoundRefused("the message's round is not a number")
