r"""Many canaries in one run: persons whose gradients do not meet.

A canary's inputs are a row of a Hadamard matrix, so that the gradients of any two are orthogonal
but for the bias, which takes one part in 513. What it says to each output, δ_i, the attacker knows
from the weights that he sent. Half of the canaries take part, drawn by lot. With u_i a canary's
direction, δ_i ⊗ x_i at length 1, C the clip and Δ what a step moved, ⟨u_i, Δ⟩ / C is
B_i + N(0, σ²), where B_i is 1 with chance q when it takes part, 0 otherwise. The noise of two
canaries is independent: one run is as good as a run for each (Steinke, Nasr and Jagielski 2023).

The score of a canary is the likelihood ratio of the mechanism as claimed, summed over rounds::

    Σ_t log(1 - q + q exp((x_t - ½) / σ²))        which for q = 1 grows with  Σ_t x_t
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import hadamard

from audit.curve import Curve
from audit.rig import DELTA, Floats, by_lot, categories, job, moved, run_by
from federated.job import JobManifest
from federated.manifest import Privacy
from federated.task.engine import EXACT
from federated.task.target import Target
from federated.training.engine import Engine
from federated.training.exact import arithmetic
from federated.training.exact.gradients import Gradients
from federated.training.noise import SystemNoise
from federated.training.recipes import MOST_WEIGHT, Arrays, initial, joined, net
from federated.training.rows.entries import Persons

_CLIP: Final = 1.0
_RATE: Final = 0.1  # small, so that no step brings a gradient below the clip


@dataclass(frozen=True)
class Canaries:
    """A run with canaries.

    Attributes:
        sampling_rate: q.
        rounds: of one step each when sampled.
        steps: of a round.
        rows: of a person, all alike.
        flips: the lead turns the sign of every gradient from round to round.
        width: inputs, and canaries of one run; a power of two.
        target: of the job; None: a threshold, hence two classes.
        label: of every canary, as the target encodes it.
        engine: that is attacked.
    """

    sampling_rate: float = 1.0
    rounds: int = 1
    steps: int = 1
    rows: int = 1
    flips: bool = False
    width: int = 512
    target: Target | None = None
    label: float = 1.0
    engine: str = EXACT

    @property
    def curve(self) -> Curve:
        """What the claim counts on."""
        return Curve(self.sampling_rate, self.rounds * self.steps)

    def scores(self, noise: float, runs: int, seed: int) -> tuple[Floats, Floats]:
        """Return scores, see `rig.by_lot`; `noise` is σ."""
        return by_lot(self.width, runs, seed, partial(self._run, noise))

    def _run(self, noise: float, part: np.ndarray) -> Floats:
        manifest = self._job(noise)
        inputs = hadamard(self.width, dtype=np.float32)
        everybody = self._persons(inputs)
        engine = Engine(manifest, self.width, _taken(everybody, part), SystemNoise())
        score = np.zeros(self.width)
        arrays = initial(manifest)
        for number in range(self.rounds):
            if self.flips:
                arrays = _through_one_unit(arrays, 1.0 if number % 2 == 0 else -1.0)
            said = _said(manifest, arrays, everybody)
            after = engine.run(arrays, number + 1)
            delta = moved(manifest, arrays, after)["layers.0.weight"]
            # The step goes against the gradient.
            found = np.einsum("co,ci,oi->c", said, inputs, delta, optimize=True)
            score += self._ratio(found / np.sqrt(self.width), noise)
            arrays = after
        return score

    def _persons(self, inputs: NDArray[np.float32]) -> Persons:
        rows = np.repeat(inputs[:, None, :], self.rows, axis=1)
        ones = np.ones((len(inputs), self.rows), dtype=np.float32)
        return Persons(inputs=rows, labels=np.float32(self.label) * ones, mask=ones)

    def _ratio(self, found: Floats, noise: float) -> Floats:
        q = self.sampling_rate
        if q == 1:
            return found
        return np.log1p(q * np.expm1((found - 0.5) / noise**2))

    def _job(self, noise: float) -> JobManifest:
        manifest = job(
            categories(self.width),
            (1,) if self.flips else (),
            Privacy(
                epsilon=1.0,
                delta=DELTA,
                noise_multiplier=noise,
                sampling_rate=self.sampling_rate,
                steps=self.rounds * self.steps,
                clip=_CLIP,
            ),
            population=self.width,
            rounds=self.rounds,
            rows=self.rows,
            learning_rate=_RATE,
        )
        manifest = run_by(manifest, self.engine)
        return manifest if self.target is None else replace(manifest, target=self.target)


def _taken(persons: Persons, part: np.ndarray) -> Persons:
    return Persons(persons.inputs[part], persons.labels[part], persons.mask[part])


def _said(manifest: JobManifest, arrays: Arrays, persons: Persons) -> Floats:
    """Return the direction of each canary's derivative by the first layer's outputs, length 1."""
    gradients = Gradients(net(manifest), manifest.unit.rows, clip=1.0)
    matrices = [arithmetic.weights(matrix) for matrix in joined(arrays)]
    said = gradients.trace(matrices, persons, np.arange(len(persons))).deltas[0]
    delta = said.whole.sum(axis=1)
    return np.asarray(delta / np.linalg.norm(delta, axis=1, keepdims=True))


def _through_one_unit(arrays: Arrays, sign: float) -> Arrays:
    """Return weights that carry the gradient through one hidden unit, with that sign."""
    changed = {name: np.zeros_like(array) for name, array in arrays.items()}
    changed["layers.1.weight"][:] = sign * MOST_WEIGHT
    return changed
