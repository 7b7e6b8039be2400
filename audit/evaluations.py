"""Many canaries in one histogram of scores: held-out persons who are each alone in a cell.

The lead chooses the model, and so in which bin the score of each person lies; it knows every row.
Half of the canaries take part, drawn by lot; no two share a cell, and the noise of two cells is
independent. The claim is the Gaussian mechanism that the ledger is charged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from audit.curve import Curve
from audit.rig import DELTA, Floats, by_lot, job, numbers
from federated.manifest import Privacy
from federated.task.evaluation import MOST_BINS, Evaluation
from federated.training.evaluation import Evaluator, weight
from federated.training.noise import SystemNoise
from federated.training.recipes import Arrays
from federated.training.rows.entries import Persons

_WEIGHT: Final = 8.0  # of the one input, which reaches all bins with it
_CELLS: Final = 2 * MOST_BINS


@dataclass(frozen=True)
class Evaluations:
    """Histograms with canaries.

    Attributes:
        rows: of a person, all alike.
    """

    rows: int = 1

    @property
    def curve(self) -> Curve:
        """What the claim counts on."""
        return Curve(sampling_rate=1.0, steps=1)

    def scores(self, noise: float, runs: int, seed: int) -> tuple[Floats, Floats]:
        """Return scores, see `rig.by_lot`; `noise` is σ of what is charged."""
        privacy = Privacy(1.0, DELTA, 1.0, 1.0, 1, 1.0)
        plain = job(numbers(1, -1, 1), (), privacy, population=_CELLS, rows=self.rows)
        asked = Evaluation(1, MOST_BINS, noise)
        manifest = replace(plain, evaluation=asked)
        model: Arrays = {
            "layers.0.weight": np.full((1, 1), _WEIGHT, np.float32),
            "layers.0.bias": np.zeros(1, np.float32),
        }

        def run(part: np.ndarray) -> Floats:
            held = self._persons(part)
            cells = Evaluator(manifest, asked, _CELLS, held, SystemNoise()).run(model)
            return np.array(cells) / weight(asked)

        return by_lot(_CELLS, runs, seed, run)

    def _persons(self, cells: np.ndarray) -> Persons:
        """Return a person for each cell: its label, and an input whose score lies in its bin."""
        chance = (cells % MOST_BINS + 0.5) / MOST_BINS
        inputs = np.log(chance / (1 - chance)) / _WEIGHT
        shape = (len(cells), self.rows)
        return Persons(
            inputs=np.broadcast_to(inputs[:, None, None], (*shape, 1)).astype(np.float32),
            labels=np.broadcast_to((cells // MOST_BINS)[:, None], shape).astype(np.float32),
            mask=np.ones(shape, np.float32),
        )
