"""Model arrays inside Flower messages.

Rules: a message carries one record of arrays, and from the lead one of settings with the round's
number; anything else is refused, in both directions, so that nothing can ride along. What a message
may be before it is unpacked is `bounds.py`.
"""

from __future__ import annotations

import hashlib

from flwr.app import Array, ArrayRecord, Message, RecordDict

from federated.errors import RoundRefused
from federated.manifest import JobManifest
from federated.training.bounds import ARRAYS, ROUND, SETTINGS, read_array
from federated.training.recipes import Arrays, check, shapes

__all__ = ["ARRAYS", "ROUND", "SETTINGS", "digest", "pack", "round_of", "unpack", "unpack_record"]


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
        raise RoundRefused("the message's round is no number")
    return number
