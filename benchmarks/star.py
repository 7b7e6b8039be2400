"""The demonstration with five seeds, each in a fresh space and a process of its own.

A seed draws which pupils are kept out, and the batches of the yardsticks; the noise of the job
itself cannot be seeded. AUC on the pupils kept out; what is promised is judged for each seed.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from row import Plan, Row, at_least, at_most, beside, spread

PART = "star"
SEEDS = 5
RUN = Path(__file__).parents[1] / "examples" / "star" / "run.py"
RUN_SECONDS = 900
BELOW_POOLED, ABOVE_SMALL = 0.015, 0.02


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Run the demonstration and compare its models."""
    found = [_run(folder / f"s{seed}", seed) for seed in range(plan.times(SEEDS, 1))]

    def auc(read: Callable[[dict[str, Any]], float]) -> list[float]:
        return [read(result["auc"]) for result in found]

    federated, pooled = auc(lambda a: a["federated"]), auc(lambda a: a["pooled"])
    small, large = auc(lambda a: a["alone"]["sud"]), auc(lambda a: a["alone"]["nord"])
    plain = auc(lambda a: a["without_noise"])
    behind = [p - f for p, f in zip(pooled, federated, strict=True)]
    ahead = [f - s for f, s in zip(federated, small, strict=True)]
    seconds = [result["seconds"] for result in found]
    title = "STAR, AUC on pupils kept out"
    mean = statistics.mean
    return [
        beside(
            f"{title}: federated, ε ≤ 3 per pupil",
            *(mean(federated), "pooled without noise", mean(pooled)),
            *("AUC", PART, f"federated {spread(federated)}; pooled {spread(pooled)}"),
        ),
        beside(
            f"{title}: federated beside the small site alone",
            *(mean(federated), "small site alone, without noise", mean(small)),
            *("AUC", PART, f"small site {spread(small)}"),
        ),
        beside(
            f"{title}: federated beside the large site alone",
            *(mean(federated), "large site alone, without noise", mean(large)),
            *("AUC", PART, f"large site {spread(large)}"),
        ),
        beside(
            f"{title}: what the noise costs",
            *(mean(federated), "federated without noise", mean(plain)),
            *("AUC", PART, f"without noise {spread(plain)}"),
        ),
        at_most(
            f"{title}: below pooled, worst seed",
            *(max(behind), BELOW_POOLED, "AUC", PART, spread(behind)),
        ),
        at_least(
            f"{title}: above the small site alone, worst seed",
            *(min(ahead), ABOVE_SMALL, "AUC", PART, spread(ahead)),
        ),
        beside(
            "demonstration, once installed",
            statistics.median(seconds),
            "CPU of its nodes and workers",
            statistics.median(result["cpu_seconds_of_nodes"] for result in found),
            "s",
            PART,
            f"median from first process to picture; {spread(seconds)}",
        ),
    ]


def _run(out: Path, seed: int) -> dict[str, Any]:
    """Run the demonstration in a process of its own and return its result.

    Raises:
        RuntimeError: it left no result.
    """
    done = subprocess.run(
        [sys.executable, str(RUN), "--out", str(out), "--seed", str(seed)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    try:
        result: dict[str, Any] = json.loads((out / "result.json").read_text(encoding="utf-8"))
    except OSError as exc:
        raise RuntimeError(f"seed {seed} left no result:\n{done.stdout[-2000:]}") from exc
    print(f"seed {seed}: {result['auc']} in {result['seconds']} s")
    return result
