"""The port of the engines: sums of persons' clipped gradients, as integers on a public grid.

Two implement it: `exact/gradients.py`, a closed form in NumPy, and `opacus/gradients.py`, torch
with Opacus. Rules: what a person adds depends on that person's rows and the model alone; it is a
vector of integers no longer than `RADIUS`, cut by `exact/gradients.clip`; sums are of integers.
Noise, samples and accounting know no engine. Torch is loaded for a job that asks for it only.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Protocol

from federated.errors import WorkerFailed
from federated.task.engine import EXACT
from federated.training import available
from federated.training.exact.arithmetic import Floats, Integers
from federated.training.exact.gradients import Gradients
from federated.training.exact.net import Net
from federated.training.rows.entries import Entries


class Sums(Protocol):
    """Sums of the clipped gradients of persons under one model."""

    def total(self, weights: Sequence[Floats], persons: Entries, batch: Integers) -> list[Integers]:
        """Return the sum of the clipped vectors of a batch, an integer matrix a layer.

        Args:
            weights: of each table and layer, see `Net.shapes`.
            persons: encoded rows.
            batch: indices of persons.
        """
        ...


def load(engine: str) -> None:
    """Load what an engine computes with, so that it is there when a job begins."""
    if engine != EXACT and engine in available():
        importlib.import_module(f"federated.training.{engine}.gradients")


def sums_of(engine: str, net: Net, rows: int, *, clip: float) -> Sums:
    """Return what sums up gradients, by an engine.

    Args:
        engine: of `federated.task.engine.ENGINES`.
        net: the model.
        rows: of each person, at most 1,000.
        clip: C, what a person's gradient is at most long; `RADIUS` units of what is summed up.

    Raises:
        WorkerFailed: the engine is not installed.
    """
    if engine == EXACT:
        return Gradients(net, rows, clip=clip)
    if engine not in available():
        raise WorkerFailed(f"the engine `{engine}` is not installed: it needs the extra `opacus`")
    from federated.training.opacus import gradients  # noqa: PLC0415 - loads torch

    return gradients.PersonGradients(net, clip=clip, device=gradients.device())
