"""What privacy costs in one step: our engine beside plain torch, and beside Opacus.

The same net, the same 1,628 persons of one to eight rows, everybody in the batch. Plain torch is
stochastic gradient descent on the mean loss, without clipping or noise; Opacus computes, clips and
noises the gradient of each person, with its own generator. CPU time of one thread, in a process of
its own, engines in turn: `python benchmarks/step.py` prints what it measured as JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from opacus.grad_sample import GradSampleModule
from opacus.optimizers import DPOptimizer
from row import Plan, Row, at_most, beside
from torch.nn.functional import binary_cross_entropy_with_logits

sys.path[1:1] = [str(Path(__file__).parents[1])]  # when run by itself

from audit.rig import DELTA, job, numbers  # noqa: E402 - after the path is set
from federated.job import JobManifest  # noqa: E402 - same
from federated.manifest import Privacy  # noqa: E402 - same
from federated.training.engine import Engine  # noqa: E402 - same
from federated.training.noise import SystemNoise  # noqa: E402 - same
from federated.training.recipes import initial  # noqa: E402 - same
from federated.training.rows.entries import Persons  # noqa: E402 - same
from tests.support.torch_net import DenseNet  # noqa: E402 - same

PART = "step"
PERSONS, INPUTS, UNITS = 1628, 30, 32
# Hidden units, and the bar: most times a step of plain torch.
MODELS = {"logistic regression": ((), 2.0), f"MLP of {UNITS}": ((UNITS,), 3.0)}
ROWS = (1, 2, 4, 8)
BARRED = 4  # rows of a person, up to which the bar is meant: those of Project STAR
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
MOST_SECONDS = 600
Step = Callable[[], object]


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Measure in a process whose libraries use one thread."""
    done = subprocess.run(
        [sys.executable, __file__, str(plan.times(15, 3))],
        env={**os.environ, **ONE_THREAD},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=True,
    )
    rows = []
    for found in json.loads(done.stdout):
        title = f"training step, {found['model']}, {PERSONS:,} persons × {found['rows']} rows"
        bar, note = MODELS[found["model"]][1], "CPU time of one thread, engines in turn"
        over = found["ours"] / found["plain torch"]
        if found["rows"] <= BARRED:
            rows.append(at_most(f"{title}, times plain torch", over, bar, "×", PART, note))
        for name in ("plain torch", "Opacus"):
            times = found["ours"] / found[name]
            rows.append(
                beside(
                    f"{title}, beside {name}",
                    1000 * found["ours"],
                    name,
                    1000 * found[name],
                    "ms",
                    PART,
                    f"CPU time of one thread; {times:.2g} times the other",
                )
            )
    return rows


def main() -> None:
    """Print the median CPU seconds of a step for each model, number of rows and engine."""
    times = int(sys.argv[1])
    found = []
    for model, (hidden, _) in MODELS.items():
        for rows in ROWS:
            steps = _steps(hidden, rows)
            spans: dict[str, list[float]] = {name: [] for name in steps}
            for turn in range(times + 1):
                for name, step in steps.items():
                    span = _seconds(step)
                    if turn:  # the first one warms caches
                        spans[name].append(span)
            medians = {name: statistics.median(values) for name, values in spans.items()}
            found.append({"model": model, "rows": rows, **medians})
    print(json.dumps(found))


def _seconds(step: Step, times: int = 10) -> float:
    begun = time.process_time()
    for _ in range(times):
        step()
    return (time.process_time() - begun) / times


def _steps(hidden: tuple[int, ...], rows: int) -> dict[str, Step]:
    draw = np.random.default_rng(1)
    shape = (PERSONS, rows)
    persons = Persons(
        inputs=draw.uniform(-1, 1, (*shape, INPUTS)).astype(np.float32),
        labels=draw.integers(0, 2, shape).astype(np.float32),
        mask=np.ones(shape, np.float32),
    )
    privacy = Privacy(
        epsilon=3.0, delta=DELTA, noise_multiplier=3.0, sampling_rate=1.0, steps=1, clip=1.0
    )
    manifest = job(
        numbers(INPUTS), hidden, privacy, population=PERSONS, rows=rows, learning_rate=0.1
    )
    engine, arrays = Engine(manifest, PERSONS, persons, SystemNoise()), initial(manifest)
    return {
        "ours": lambda: engine.run(arrays),
        "plain torch": _torch(manifest, persons),
        "Opacus": _opacus(manifest, persons),
    }


def _torch(manifest: JobManifest, persons: Persons) -> Step:
    net = DenseNet(manifest)
    return _descent(net, torch.optim.SGD(net.parameters(), lr=0.1), persons, PERSONS)


def _opacus(manifest: JobManifest, persons: Persons) -> Step:
    net = GradSampleModule(DenseNet(manifest), loss_reduction="sum")
    optimizer = DPOptimizer(
        torch.optim.SGD(net.parameters(), lr=0.1),
        noise_multiplier=3.0,
        max_grad_norm=1.0,
        expected_batch_size=PERSONS,
        loss_reduction="mean",
    )
    return _descent(net, optimizer, persons, 1)


def _descent(net: Any, optimizer: Any, persons: Persons, share: int) -> Step:
    """Return a step of `optimizer` on the loss summed over rows and persons, over `share`."""
    torch.set_num_threads(1)
    inputs, labels, mask = map(torch.from_numpy, (persons.inputs, persons.labels, persons.mask))

    def step() -> None:
        batch = torch.randperm(PERSONS)
        optimizer.zero_grad()
        # Opacus's hooks want inputs that need a gradient.
        logits = net(inputs[batch].requires_grad_(share == 1))
        losses = binary_cross_entropy_with_logits(logits, labels[batch], reduction="none")
        ((losses * mask[batch]).sum() / share).backward()
        optimizer.step()

    return step


if __name__ == "__main__":
    main()
