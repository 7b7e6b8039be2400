"""A worker that counts a data file once, before it is published.

    node → start {data {path, format, digest, person_format}, columns, person, rows, key, registers,
                        allowed}
                 + digests of persons: those of the file's own register, then of each other
         ← counted {rows, persons, over, nameless, malformed, lost, unreadable, outside, there,
                   shared}
                 + digests of the file's persons and of its own register, united

`registers` says how many digests of 8 bytes each register has in the payload. What the counts mean
for publication is left to the node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federated.errors import WorkerFailed
from federated.training.census import Allowed, Question, compared, count
from federated.training.roles.dialogue import START_SECONDS, expect, member
from federated.training.roles.frames import Frames
from federated.training.rows.persons import DIGEST


def run(frames: Frames, isolation: str) -> None:
    """Answer one question.

    Raises:
        FederatedError: the file cannot be read, or the node asked something else.
    """
    frames.send(*answer(*expect(frames, "start", START_SECONDS), isolation))


def answer(
    header: Mapping[str, Any], payload: bytes, isolation: str = ""
) -> tuple[dict[str, Any], bytes]:
    """Return the frame that answers a frame `start`.

    Raises:
        FederatedError: as `run`.
    """
    registers = _registers(header, payload)
    counted = count(_question(header))
    union, shared = compared(counted.digests, registers[0], registers[1:])
    said = {
        "op": "counted",
        "isolation": isolation,
        "rows": counted.rows,
        "persons": counted.persons,
        "over": counted.over,
        "nameless": counted.nameless,
        "malformed": counted.malformed,
        "lost": asdict(counted.lost),
        "unreadable": dict(counted.unreadable),
        "outside": dict(counted.outside),
        "there": dict(counted.there),
        "shared": list(shared),
    }
    return said, union.astype(DIGEST).tobytes()


def _question(header: Mapping[str, Any]) -> Question:
    data = member(header, "data", dict)
    return Question(
        path=Path(member(data, "path", str)),
        kind=member(data, "format", str),
        digest=member(data, "digest", str),
        columns=member(header, "columns", dict),
        person=member(header, "person", str),
        form=member(data, "person_format", str),
        rows=member(header, "rows", int),
        key=bytes.fromhex(member(header, "key", str)),
        allowed={
            name: Allowed(tuple(it["range"]) or None, tuple(it["values"]), it["form"])
            for name, it in member(header, "allowed", dict).items()
        },
    )


def _registers(header: Mapping[str, Any], payload: bytes) -> list[NDArray[np.uint64]]:
    sizes = member(header, "registers", list)
    held = np.frombuffer(payload, np.uint8)
    if not sizes or len(held) != sum(sizes) * DIGEST.itemsize:
        raise WorkerFailed("the node sent digests that do not match their sizes")
    parts = np.split(held.view(DIGEST), np.cumsum(sizes)[:-1])
    return [part.astype(np.uint64) for part in parts]
