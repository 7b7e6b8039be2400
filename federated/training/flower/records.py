"""Model arrays inside Flower messages.

Rules: a message carries one record of arrays, from the lead one of settings with the round's
number, from a site one of cells where the round evaluates; anything else is refused, in both
directions, so that nothing can ride along. What a message may be before it is unpacked is
`bounds.py`.
"""

from __future__ import annotations

import hashlib

from flwr.app import Array, ArrayRecord, Message, MetricRecord, RecordDict

from federated.errors import RoundRefused
from federated.manifest import JobManifest
from federated.training.bounds import ARRAYS, CELLS, EVALUATION, ROUND, SETTINGS, read_array
from federated.training.recipes import Arrays, check, shapes

__all__ = [
    "ARRAYS",
    "EVALUATION",
    "ROUND",
    "SETTINGS",
    "digest",
    "pack",
    "pack_cells",
    "round_of",
    "unpack",
    "unpack_cells",
    "unpack_record",
]


def pack(arrays: Arrays) -> ArrayRecord:
    """Return the arrays as Flower's record."""
    return ArrayRecord({name: Array(array) for name, array in arrays.items()})


def pack_cells(cells: list[int]) -> MetricRecord:
    """Return noised cells as Flower's record."""
    return MetricRecord({CELLS: cells})


def unpack_cells(content: RecordDict, manifest: JobManifest) -> list[int]:
    """Return the noised cells of a site's answer to a round that evaluates.

    Raises:
        RoundRefused: there are none, or not as many as the manifest says.
    """
    cells = content.metric_records.get(EVALUATION, MetricRecord()).get(CELLS)
    expected = manifest.evaluation.cells(manifest.target) if manifest.evaluation else 0
    if not isinstance(cells, list) or len(cells) != expected:
        raise RoundRefused("the reply holds other cells than the evaluation has")
    if not all(isinstance(each, int) for each in cells):
        raise RoundRefused("the reply holds cells that are no whole numbers")
    return [int(each) for each in cells]


def unpack(content: RecordDict, manifest: JobManifest, *, evaluated: bool = False) -> Arrays:
    """Return the arrays of a message's content, checked.

    Args:
        content: of the message.
        manifest: of the job.
        evaluated: whether the message has cells, too: a site's answer to a round that evaluates.

    Raises:
        RoundRefused: other records than these, or the arrays are not the manifest's model.
    """
    cells = {EVALUATION} if evaluated else set()
    if set(content.array_records) != {ARRAYS} or set(content.metric_records) != cells:
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
    arrays = {name: read_array(record[name].data, expected[name]) for name in expected}
    return check(arrays, manifest)


def digest(arrays: Arrays) -> str:
    """Return the SHA-256 (hex) of arrays in one canonical form.

    For each array, in order: the lengths of its name and of its shape's text in decimals, both
    texts, and its values as little-endian 32-bit floats in C order. Whoever has the same model has
    the same digest, whatever carried it.
    """
    total = hashlib.sha256()
    for name, array in arrays.items():
        shape = ",".join(map(str, array.shape))
        total.update(f"{len(name)} {len(shape)} {name} {shape} ".encode())
        total.update(array.astype("<f4").tobytes(order="C"))
    return total.hexdigest()


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
        raise RoundRefused("the message's round is not a number")
    return number
