r"""Membership: whether a person trained a model, told from the model that was released.

The canaries are the worst persons for it: their many inputs and their labels are drawn by lot, so
that a model can only know them by heart. Half of them train each model. Two attackers score

- the loss of the canary under the model (Yeom et al. 2018), or
- how much likelier its log odds are among models that it trained than among those that it did not,
  both normal, as other models say (the likelihood ratio of Carlini et al. 2022).

The figure of a model is the area under the ROC curve over its canaries. Chance is a half; a
mechanism of  μ = √T/σ  allows  Φ(μ/√2)  to the best attacker (Dong, Roth and Su 2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from audit.rig import DELTA, Floats, job, numbers, run_by
from federated.job import JobManifest
from federated.manifest import Privacy
from federated.task.engine import EXACT
from federated.training.noise import SystemNoise
from federated.training.recipes import outputs
from federated.training.rows.entries import Persons
from federated.training.score import area
from federated.training.simulation import train

_CANARIES: Final = 64
_INPUTS: Final = 200
_STEPS: Final = 20
_RATE: Final = 4.0


@dataclass(frozen=True)
class Membership:
    """Models of logistic regression, 20 steps on everybody.

    Attributes:
        shadows: the attacker compares with other models; otherwise only the loss counts.
        engine: that is attacked.
    """

    shadows: bool = False
    engine: str = EXACT

    def found(self, noise: float, runs: int, seed: int) -> tuple[Floats, Floats]:
        """Return the area of each model, and chance.

        Args:
            noise: σ of the whole job as one step; its 20 steps have √20 times as much.
            runs: models, at least 8 where they are compared.
            seed: of the canaries, and of who trains which model.
        """
        draw = np.random.default_rng(seed)
        inputs = draw.choice([-1.0, 1.0], (_CANARIES, _INPUTS)).astype(np.float32)
        labels = draw.integers(0, 2, _CANARIES).astype(np.float32)
        part = np.argsort(draw.random((runs, _CANARIES)), axis=1) < _CANARIES // 2
        manifest = self._job(noise)
        odds = np.array([_odds(manifest, inputs, labels, each) for each in part])
        scores = _ratio(odds, part) if self.shadows else odds
        areas = [
            area(each.astype(np.float64), score) for each, score in zip(part, scores, strict=True)
        ]
        return np.array(areas), np.full(runs, 0.5)

    def _job(self, noise: float) -> JobManifest:
        privacy = Privacy(1.0, DELTA, noise * np.sqrt(_STEPS), 1.0, _STEPS, 1.0)
        features = numbers(_INPUTS, -1, 1)
        plain = job(features, (), privacy, population=_CANARIES // 2, learning_rate=_RATE)
        return run_by(plain, self.engine)


def _odds(
    manifest: JobManifest,
    inputs: NDArray[np.float32],
    labels: NDArray[np.float32],
    part: NDArray[np.bool_],
) -> Floats:
    """Return the log odds of each canary's own label by a model that half of them trained."""
    own = Persons(
        inputs=inputs[part][:, None, :],
        labels=labels[part][:, None],
        mask=np.ones((int(part.sum()), 1), np.float32),
    )
    model = train(manifest, [own], SystemNoise())
    said = outputs(model, manifest, inputs)[:, 0]
    return np.where(labels == 1, said, -said)


def _ratio(odds: Floats, part: NDArray[np.bool_]) -> Floats:
    """Return the likelihood ratio of each model's canaries by all other models, (models, canaries).

    Both groups of models of a canary have one deviation: they are few.
    """
    found = np.empty_like(odds)
    for at in range(len(odds)):
        rest, there = np.delete(odds, at, axis=0), np.delete(part, at, axis=0)
        means = [_mean(rest, there), _mean(rest, ~there)]
        spread = np.where(there, rest - means[0], rest - means[1]).std(axis=0)
        away = [((odds[at] - each) / np.maximum(spread, 1e-9)) ** 2 for each in means]
        found[at] = (away[1] - away[0]) / 2
    return found


def _mean(values: Floats, kept: NDArray[np.bool_]) -> Floats:
    return np.asarray((values * kept).sum(axis=0) / np.maximum(kept.sum(axis=0), 1))
