r"""Inversion: the inputs of a person, read off the update of a net's first dense layer.

Of one person the gradient of the layer is  δ ⊗ x  and of its bias δ: each unit's row over its bias
is x, and so is the first right singular vector of what noise leaves of the product (Phong et al.
2018). Clipping changes the length only. Of n persons a unit gives the mixture of those for whom it
is active; the lead sends weights under which a unit is active for one in n + 1, so that many give
one person (Boenisch et al. 2023). The attacker keeps the best of all guesses, which nobody could
choose; chance is the best of the same guesses beside persons who were not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from audit.rig import DELTA, Floats, job, moved, numbers, run_by
from federated.manifest import Privacy
from federated.task.engine import EXACT
from federated.training.engine import Engine
from federated.training.noise import SystemNoise
from federated.training.recipes import Arrays, initial
from federated.training.rows.entries import Persons

_INPUTS: Final = 30
_UNITS: Final = 32


@dataclass(frozen=True)
class Inversion:
    """Updates of one step of a net of 32 units, with 30 inputs.

    Attributes:
        persons: of the site, all in the step, with a row each.
        engine: that is attacked.
    """

    persons: int = 1
    engine: str = EXACT

    def found(self, noise: float, runs: int, seed: int) -> tuple[Floats, Floats]:
        """Return of each run the best cosine with a person who is there, and with one who is not.

        Args:
            noise: σ.
            runs: jobs, each with other persons.
            seed: of the persons.
        """
        draw = np.random.default_rng(seed)
        privacy = Privacy(1.0, DELTA, noise, 1.0, 1, 1.0)
        features = numbers(_INPUTS, -1, 1)
        plain = job(features, (_UNITS,), privacy, population=self.persons, activation="relu")
        manifest = run_by(plain, self.engine)
        start, shape = self._traps(initial(manifest), draw), (self.persons, 1)
        there, others = [], []
        for _ in range(runs):
            inputs, absent = draw.uniform(-1, 1, (2, self.persons, _INPUTS))
            persons = Persons(
                inputs=inputs[:, None, :].astype(np.float32),
                labels=draw.integers(0, 2, shape).astype(np.float32),
                mask=np.ones(shape, np.float32),
            )
            update = Engine(manifest, self.persons, persons, SystemNoise()).run(start)
            found = moved(manifest, start, update)
            guesses = _guesses(found["layers.0.weight"], found["layers.0.bias"])
            there.append(_best(guesses, inputs))
            others.append(_best(guesses, absent))
        return np.array(there), np.array(others)

    def _traps(self, arrays: Arrays, draw: np.random.Generator) -> Arrays:
        """Return weights under which each unit is active for one person in n + 1."""
        weights = draw.standard_normal((_UNITS, _INPUTS)).astype(np.float32)
        deviation = np.linalg.norm(weights, axis=1) / np.sqrt(3)  # inputs are uniform in [-1, 1]
        bias = -deviation * stats.norm.ppf(self.persons / (self.persons + 1))
        traps = {"layers.0.weight": weights, "layers.0.bias": bias.astype(np.float32)}
        return {**arrays, **traps}


def _guesses(weights: Floats, bias: Floats) -> Floats:
    """Return guesses at inputs, (guesses, inputs)."""
    units = weights * np.sign(bias)[:, None]  # over its bias, but for the length
    first = np.linalg.svd(weights, full_matrices=False)[2][:1]
    return np.concatenate([units, first, -first])


def _best(guesses: Floats, persons: Floats) -> float:
    cosines = _directions(guesses) @ _directions(persons).T
    return float(cosines.max())


def _directions(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float64).tiny))
