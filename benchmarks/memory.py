"""What a site's worker takes in memory, and its start in CPU, over few rows and over a million.

A whole worker process, confined as in a job, reads a CSV file of 20 numbers and a row a person,
encodes it, and is ready for rounds of an MLP of 32 units. Its largest resident size since its start
is what the kernel says of it (VmHWM, libraries included).
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from row import Plan, Row, at_most, beside

from audit.rig import DELTA, SITE, job, numbers, run_by
from federated.job import render
from federated.manifest import Privacy
from federated.task.engine import EXACT, OPACUS
from federated.training.launch import ProcessWorkers

PART = "memory"
COLUMNS, UNITS, BATCH = 20, 32, 1628
BARS_MB = {EXACT: 150.0, OPACUS: 450.0}
NAMES = {EXACT: "closed form", OPACUS: "Opacus"}
MOST_SECONDS = 900.0
SIZES = (10_000, 1_000_000)


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Start a worker over each number of rows."""
    rows: list[Row] = []
    for persons, engine in itertools.product(SIZES[: plan.times(2, 1)], BARS_MB):
        peak, now, start = _worker(folder, persons, engine)
        note = f"{start:.2f} s of CPU from its start until it was ready"
        title = f"worker of a site, {NAMES[engine]}, {persons:,} rows × {COLUMNS} numbers"
        rows += [
            at_most(f"{title}: largest memory", peak, BARS_MB[engine], "MB", PART, note),
            beside(f"{title}: memory once ready", now, "largest", peak, "MB", PART),
        ]
    return rows


def _worker(folder: Path, persons: int, engine: str = EXACT) -> tuple[float, float, float]:
    """Return largest and present memory in MB, and CPU seconds, of a worker that is ready."""
    file = folder / f"{persons}.csv"
    if not file.exists():
        _write(file, persons)
    privacy = Privacy(
        epsilon=3.0,
        delta=DELTA,
        noise_multiplier=3.0,
        sampling_rate=min(1.0, BATCH / persons),
        steps=10,
        clip=1.0,
    )
    manifest = job(numbers(COLUMNS), (UNITS,), privacy, population=persons, learning_rate=0.1)
    manifest = run_by(manifest, engine)
    order: dict[str, Any] = {
        "op": "start",
        "manifest": json.dumps(render(manifest)),
        "data": {
            "path": str(file),
            "format": "csv",
            "digest": hashlib.sha256(file.read_bytes()).hexdigest(),
            "person_format": "text",
            "rows": [],
        },
        "population": persons,
        "site": SITE,
        "key": "",
        "row_key": "",
    }
    worker = ProcessWorkers().start("site", folder / f"{engine}{persons}")
    try:
        worker.send(order)
        for _ in ("tried", "ready"):
            header, _ = worker.receive(MOST_SECONDS)
        if header["op"] != "ready":
            raise RuntimeError(f"the worker is not ready: {header}")
        status = Path(f"/proc/{worker.pid}/status").read_text(encoding="ascii")
        said = dict(line.split(":", 1) for line in status.splitlines())
        ticks = Path(f"/proc/{worker.pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
        cpu = sum(map(int, ticks.split()[11:13])) / os.sysconf("SC_CLK_TCK")
        peak, now = (int(said[name].split()[0]) * 1024 / 1e6 for name in ("VmHWM", "VmRSS"))
        return peak, now, cpu
    finally:
        worker.stop()


def _write(file: Path, persons: int) -> None:
    draw = np.random.default_rng(1)
    with file.open("w", encoding="ascii") as out:
        out.write(",".join(["person", "score", *(f"n{i}" for i in range(COLUMNS))]) + "\n")
        for first in range(0, persons, 10_000):
            values = draw.uniform(0, 1, (min(10_000, persons - first), COLUMNS))
            lines = (
                f"p{first + number},{number % 11},{','.join(f'{value:.4f}' for value in row)}\n"
                for number, row in enumerate(values)
            )
            out.writelines(lines)
