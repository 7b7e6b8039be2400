"""DP-SGD at one site: what is clipped, sampled and protected is the person.

Per step, with v_i the clipped vector of a person in units of Γ / ρ, Γ = σ C / S::

    B ~ Poisson(q) over persons
    s = round( Σ_{i in B} v_i / ρ ) + N_Z(0, S²)
    w ← w - η Γ s / (q N)                    or as the manifest's optimiser says

N is the population that the contract declares, so that neither the number of steps nor a scale
follows the rows at hand. Rules: the sum is exact, hence moves by one person's own vector when that
person leaves, whatever the weights (`exact/`), and by one more in each coordinate once it is
rounded, for which the clip leaves room; sampling and noise come from a `NoiseSource`; each
step computes a batch of the same public size, filled up with empty persons, so that its time and
memory follow no row; what follows the noise uses public numbers only; nothing but the arrays
leaves.

Source: Abadi et al. 2016, algorithm 1; McMahan et al. 2018 for the person as the unit; Canonne,
Kamath and Steinke 2020 for noise on integers. What is proven of it: decision records 0036 and 0140.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federated.errors import WorkerFailed
from federated.manifest import JobManifest
from federated.training.engines import sums_of
from federated.training.exact.arithmetic import Floats, Integers
from federated.training.exact.gradients import RADIUS
from federated.training.exact.losses import Loss
from federated.training.noise import DEVIATION, NoiseSource
from federated.training.optimiser import Descent
from federated.training.reach import most_drawn
from federated.training.recipes import MOST_WEIGHT, Arrays, initial, joined, net, split
from federated.training.rows.entries import Entries, Persons

_CHANCE: Final = 1e-9  # at most, that a sample is larger than a batch
# The discrete Gaussian of deviation S stands for a continuous one of variance S² - 1/12.
SLACK: Final = 1 - 2.0**-40


@dataclass(frozen=True, slots=True)
class Mechanism:
    """The public numbers of one step.

    Attributes:
        noise_multiplier: σ.
        sampling_rate: q.
        clip: C.
        population: N, persons as declared in the contract.
    """

    noise_multiplier: float
    sampling_rate: float
    clip: float
    population: int

    @classmethod
    def of(cls, manifest: JobManifest, population: int) -> Mechanism:
        """Return the numbers of a job at a site whose contract declares `population` persons."""
        return cls(
            noise_multiplier=manifest.privacy.noise_multiplier,
            sampling_rate=manifest.privacy.sampling_rate,
            clip=manifest.privacy.clip,
            population=population,
        )

    @property
    def expected_batch(self) -> float:
        """Return q N, what a step divides by."""
        return self.sampling_rate * self.population

    @property
    def batch_size(self) -> int:
        """Entries that every step computes, drawn persons and empty ones together."""
        return math.ceil(most_drawn(self.population, self.sampling_rate, _CHANCE))

    @property
    def radius(self) -> float:
        """Return C / Γ: the length of a clipped vector in units, S / σ."""
        return DEVIATION / self.noise_multiplier * SLACK

    @property
    def unit(self) -> float:
        """Return Γ: what a unit is worth."""
        return self.clip / self.radius

    def parts(self, parameters: int) -> int:
        """Return ρ: into how many parts a person's vector divides a unit.

        A sum that is rounded moves by less than one more in each coordinate, √d together, than what
        a person adds. With `RADIUS` / ρ + √d <= C / Γ that stays within the clip.

        Args:
            parameters: d, of the model.

        Raises:
            WorkerFailed: the noise is so large beside the model that hardly anything is left.
        """
        left = (self.radius - math.sqrt(parameters)) * SLACK
        if left < self.radius / 2:
            raise WorkerFailed("the noise multiplier is too large for a model of this size")
        return math.ceil(RADIUS / left)


class Engine:
    """Trains one site's model, a round at a time. Holds the private rows; gives arrays only."""

    def __init__(
        self, manifest: JobManifest, population: int, persons: Entries, source: NoiseSource
    ) -> None:
        """Prepare the steps.

        Args:
            manifest: of the job.
            population: N of this site's contract.
            persons: encoded rows.
            source: of sampling and noise.
        """
        self._mechanism = Mechanism.of(manifest, population)
        self._manifest = manifest
        self._steps = manifest.steps_per_round
        self._count = len(persons)
        shape = net(manifest)
        self._tables = len(shape.tables)
        self._parts = self._mechanism.parts(shape.parameters)
        self._persons = Sound(persons, shape.loss)
        self._sums = sums_of(
            manifest.engine,
            shape,
            manifest.unit.rows,
            clip=self._mechanism.unit * (RADIUS / self._parts),
        )
        self._source = source

    def run(self, arrays: Arrays, number: int = 1) -> Arrays:
        """Return the arrays after one round of steps, noised.

        Args:
            arrays: checked by `recipes.check`.
            number: the round, from 1 on.
        """
        weights, descent = joined(arrays), Descent(self._manifest, number)
        for _ in range(self._steps):
            noised = self._noised(self._sum(weights, self._drawn(), self._mechanism.batch_size))
            weights = self._moved(weights, noised, descent)
        return split(weights, self._tables)

    def warm(self, entries: int = 0) -> None:
        """Compute one step on nobody, so that the first round is as fast as the others.

        It draws and moves as any other step does: it is what the public time of a round rests on.

        Args:
            entries: of the step; as many as a round's step has, when not given.
        """
        weights = joined(initial(self._manifest))
        size = entries or self._mechanism.batch_size
        noised = self._noised(self._sum(weights, self._drawn()[:0], size))
        self._moved(weights, noised, Descent(self._manifest, 1))

    def _drawn(self) -> Integers:
        """Return a Poisson sample of the persons.

        As many are asked as are declared, so that the time of a draw does not follow the rows.
        """
        asked = max(self._count, self._mechanism.population)
        drawn = self._source.poisson_sample(asked, self._mechanism.sampling_rate)
        return drawn[drawn < self._count]

    def _sum(self, weights: Sequence[Floats], drawn: Integers, size: int) -> list[Integers]:
        """Return the exact sum of the drawn persons' clipped vectors, over a public batch size."""
        missing = max(0, size - len(drawn))
        batch = np.concatenate([drawn, np.full(missing, self._count)])  # filled up with nobody
        return self._sums.total(weights, self._persons, batch)

    def _noised(self, sums: Sequence[Integers]) -> list[Integers]:
        """Return the sums, rounded to units, with noise in each: all that is ever used of them."""
        return [
            (total + self._parts // 2) // self._parts
            + self._source.gaussian(total.size).reshape(total.shape)
            for total in sums
        ]

    def _moved(
        self, weights: Sequence[Floats], noised: Sequence[Integers], descent: Descent
    ) -> list[Floats]:
        share = self._mechanism.unit / self._mechanism.expected_batch
        moves = descent.moves([share * total.astype(np.float64) for total in noised])
        pairs = zip(weights, moves, strict=True)
        return [_cut_off(matrix - move) for matrix, move in pairs]


def _cut_off(weights: Floats) -> Floats:
    kept: Floats = np.clip(weights, -MOST_WEIGHT, MOST_WEIGHT)
    return kept


class Sound:
    """Persons, without the rows that `encode` never makes, on which no sum would be exact.

    They are looked at each time that they are drawn: a file may have changed under them.
    """

    def __init__(self, persons: Entries, loss: Loss) -> None:
        """Keep persons, and the loss whose labels they must have."""
        self._persons = persons
        self._loss = loss

    def __len__(self) -> int:
        return len(self._persons)

    def take(self, batch: NDArray[np.integer[Any]]) -> Persons:
        """Return some persons; nobody for a place behind the last."""
        drawn = self._persons.take(batch)
        inputs, labels, mask = drawn
        there, label = mask == 1, self._loss.is_label(labels)
        # False for NaN, too. A row that is not there adds nothing, if it can be computed with.
        within = inputs.max(initial=0) <= 1 and inputs.min(initial=0) >= -1
        if within and label.all() and np.all(there | (mask == 0)):
            return drawn
        each = (inputs.max(axis=2) <= 1) & (inputs.min(axis=2) >= -1)
        kept = each & label & there
        return Persons(
            inputs=np.where(kept[:, :, None], inputs, np.float32(0)),
            labels=np.where(kept, labels, np.float32(0)),
            mask=kept.astype(np.float32),
        )
