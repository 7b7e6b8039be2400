r"""How one round's noised gradients move the weights, and how far they can.

With g_t the noised mean gradient of step t and η_t the rate that the schedule gives it::

    sgd    v_t = β v_{t-1} + g_t                 w_t = w_{t-1} - η_t v_t
    adam   m_t = β₁ m_{t-1} + (1 - β₁) g_t       w_t = w_{t-1} - η_t m̂_t / (√ŝ_t + ε)
           s_t = β₂ s_{t-1} + (1 - β₂) g_t²      m̂_t = m_t / (1 - β₁ᵗ), ŝ_t = s_t / (1 - β₂ᵗ)

v, m and s begin at zero in each round and t at 1: what a worker remembers is one round's, so that
one that is started again does the same. The rate goes on over the rounds: it follows from the
number of a step in the job. Rules: this sees what was noised and public numbers only, hence costs
no ε (post-processing: Dwork and Roth 2014, proposition 2.1).

Sources: Polyak 1964; Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2017 for the cosine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from federated.manifest import JobManifest
from federated.task.optimiser import CONSTANT, SGD

Floats = NDArray[np.float64]


def rates(manifest: JobManifest, number: int) -> list[float]:
    """Return η_t of each step of a round.

    Args:
        manifest: of the job.
        number: the round, from 1 on.
    """
    first, total = (number - 1) * manifest.steps_per_round, manifest.privacy.steps
    return [
        manifest.learning_rate * _share(manifest.optimiser.schedule, step / total)
        for step in range(first, first + manifest.steps_per_round)
    ]


def _share(schedule: str, done: float) -> float:
    if schedule == CONSTANT:
        return 1.0
    return 1 - done if schedule == "linear" else (1 + math.cos(math.pi * done)) / 2


class Descent:
    """The steps of one round."""

    def __init__(self, manifest: JobManifest, number: int) -> None:
        """Begin anew.

        Args:
            manifest: of the job.
            number: the round, from 1 on.
        """
        self._optimiser = manifest.optimiser
        self._rates = rates(manifest, number)
        self._step = 0
        self._mean: list[Floats] = []
        self._squares: list[Floats] = []

    def moves(self, gradients: Sequence[Floats]) -> list[Floats]:
        """Return what the next step takes off the weights.

        Args:
            gradients: noised, divided by the expected batch.
        """
        rate = self._rates[self._step]
        self._step += 1
        if self._optimiser.kind == SGD:
            self._mean = _decayed(self._mean, self._optimiser.momentum, gradients, 1.0)
            return [rate * each for each in self._mean]
        first, second, step = self._optimiser.beta1, self._optimiser.beta2, self._step
        squares = [each * each for each in gradients]
        self._mean = _decayed(self._mean, first, gradients, 1 - first)
        self._squares = _decayed(self._squares, second, squares, 1 - second)
        own, all_of = 1 - first**step, 1 - second**step
        return [
            rate * (mean / own) / (np.sqrt(square / all_of) + self._optimiser.stability)
            for mean, square in zip(self._mean, self._squares, strict=True)
        ]


def _decayed(
    before: Sequence[Floats], decay: float, added: Sequence[Floats], share: float
) -> list[Floats]:
    if not before:
        return [share * each for each in added]
    return [decay * old + share * new for old, new in zip(before, added, strict=True)]


def gains(manifest: JobManifest, number: int) -> Floats:
    r"""Return how much of each step's noised gradient a round of `sgd` takes off the weights.

    w_T = w_0 - Σ_r c_r g_r  with  c_r = Σ_{t ≥ r} η_t β^{t-r}; without momentum c_r = η_r. A round
    that is cut off at the bound of weights takes no more of any: from the last time s that a weight
    was cut off, it takes off Σ_{t>s} η_t v_t, in which g_r counts Σ_{t>s, t≥r} η_t β^{t-r} ≤ c_r.
    """
    found: list[float] = []
    later = 0.0
    for rate in reversed(rates(manifest, number)):
        later = rate + manifest.optimiser.momentum * later
        found.append(later)
    return np.array(found[::-1])


def most_of_adam(manifest: JobManifest, number: int) -> float:
    r"""Return what a round of `adam` moves one weight by at most, whatever its gradients.

    With a_s = (1-β₁) β₁^{t-s} / (1-β₁ᵗ) and b_s = (1-β₂) β₂^{t-s} / (1-β₂ᵗ), m̂_t = Σ_s a_s g_s
    and ŝ_t = Σ_s b_s g_s². By Cauchy and Schwarz |m̂_t| ≤ √(Σ a_s²/b_s) √ŝ_t, hence a step is at
    most η_t times

        R_t = √(Σ_s a_s²/b_s) = (1-β₁)/(1-β₁ᵗ) · √((1-β₂ᵗ)/(1-β₂) · Σ_{j<t} (β₁²/β₂)ʲ)

    and a round at most Σ_t η_t R_t; cutting off takes no more than the steps since.
    """
    first, second = manifest.optimiser.beta1, manifest.optimiser.beta2
    ratio, powers, total = first**2 / second, 0.0, 0.0
    for step, rate in enumerate(rates(manifest, number), start=1):
        powers += ratio ** (step - 1)
        share = (1 - first) / (1 - first**step)
        total += rate * share * math.sqrt((1 - second**step) / (1 - second) * powers)
    return total
