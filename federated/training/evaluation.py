"""Noised histograms of scores at one site, over the persons that are held out.

A person weighs W units of noise, W = D / σ with D the deviation of all noise; each of n rows has
⌊W / n⌋ of them, and adds them to one cell: that of the row's label and of the bin of its score.
So one person moves the histogram by at most W in the sum of its cells, hence in Euclidean norm, and
noise N_Z(0, D²) on each cell makes it the Gaussian mechanism with σ.

Rules: scores come from exact products (`exact/`), so that no row's bin follows from who else is
there; as many entries are computed as the contract's population makes likely, so that time follows
no row; nothing leaves but the noised cells. Bins are (a, b], equal parts of a public range.

Source: Dwork and Roth 2014, appendix A; for noise on integers decision record 0036.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federated.manifest import JobManifest
from federated.task import target as targets
from federated.task.evaluation import HELD_OUT, Evaluation
from federated.task.scores import widest
from federated.task.target import Count, Number, Target
from federated.training.engine import SLACK, Sound
from federated.training.exact import arithmetic
from federated.training.exact.arithmetic import Floats, Integers
from federated.training.exact.gradients import Gradients
from federated.training.exact.losses import rates, softmax
from federated.training.noise import DEVIATION, NoiseSource, SystemNoise
from federated.training.reach import most_drawn
from federated.training.recipes import Arrays, joined, net
from federated.training.rows.entries import Entries

_FAR: Final = 64  # deviations of the noise, see decision record 0036
_CHANCE: Final = 1e-9  # at most, that more persons are held out than a job computes in any case


def weight(evaluation: Evaluation) -> int:
    """Return W: what a person weighs, in units of the noise."""
    return math.floor(DEVIATION / evaluation.noise_multiplier * SLACK)


def most_cell(evaluation: Evaluation, population: int) -> int:
    """Return what no cell of an honest site passes, but with a chance below 1e-861."""
    return population * weight(evaluation) + _FAR * DEVIATION


class Evaluator:
    """Evaluates models at one site. Holds private rows; gives noised cells only."""

    def __init__(
        self,
        manifest: JobManifest,
        evaluation: Evaluation,
        population: int,
        held: Entries,
        source: NoiseSource,
    ) -> None:
        """Prepare the evaluations.

        Args:
            manifest: of the job.
            evaluation: of it.
            population: of this site's contract.
            held: encoded rows of the persons that are held out.
            source: of noise.

        """
        self._evaluation = evaluation
        self._target = manifest.target
        shape = net(manifest)
        expected = math.ceil(most_drawn(population, HELD_OUT, _CHANCE))
        self._persons = Sound(held, shape.loss)
        self._count = max(expected, len(held))  # filled up with nobody
        self._gradients = Gradients(shape, manifest.unit.rows, clip=1.0)
        self._source = source

    def run(self, arrays: Arrays) -> list[int]:
        """Return the noised cells of a model, in units of the noise: `weight` of them a person.

        Args:
            arrays: checked by `recipes.check`.
        """
        sums = self._sum(arrays)
        return [int(each) for each in sums + self._source.gaussian(len(sums))]

    def _sum(self, arrays: Arrays) -> Integers:
        """Return the exact sum over persons."""
        bins, weights = self._evaluation.bins, joined(arrays)
        sums = np.zeros(self._evaluation.cells(self._target), np.int64)
        for start in range(0, self._count, self._gradients.chunk):
            some = np.arange(start, min(start + self._gradients.chunk, self._count))
            persons = self._persons.take(some)
            outputs = self._gradients.outputs(weights, persons)
            labels = persons.labels.astype(np.float64)
            places = _PLACES[self._target.loss](self._target, outputs, labels, bins)
            np.add.at(sums, places, shares(persons.mask, weight(self._evaluation)))
        return sums


def shares(mask: NDArray[np.float32], most: int) -> Integers:
    """Return what each row weighs, (persons, rows): at most `most` over the rows of a person."""
    rows = mask.sum(axis=1, dtype=np.int64)
    each: Integers = most // np.maximum(rows, 1)
    return each[:, None] * (mask > 0)


def evaluator_of(manifest: JobManifest, population: int, held: Entries) -> Evaluator | None:
    """Return what evaluates a job's models with a system's noise; None where it has no evaluation.

    Args:
        manifest: of the job.
        population: of the site's contract.
        held: encoded rows of the persons that are held out.
    """
    asked = manifest.evaluation
    if asked is None:
        return None
    return Evaluator(manifest, asked, population, held, SystemNoise())


def _bin(shares: Floats, bins: int) -> Integers:
    """Return the bin of shares in [0, 1]: the first holds both of its ends."""
    places: Integers = np.clip(np.ceil(shares * bins) - 1, 0, bins - 1).astype(np.int64)
    return places


def _binary(_: Target, outputs: Floats, labels: Floats, bins: int) -> Integers:
    chance = arithmetic.logistic(outputs[:, :, 0])
    return labels.astype(np.int64) * bins + _bin(chance, bins)


def _classes(_: Target, outputs: Floats, labels: Floats, bins: int) -> Integers:
    """Return a cell by class, whether it is the likeliest, and the chance that it was given."""
    chances, place = softmax(outputs), labels.astype(np.int64)
    given = np.take_along_axis(chances, place[:, :, None], axis=2)[:, :, 0]
    right = chances.argmax(axis=2) == place
    histogram: Integers = 2 * place + right
    return histogram * bins + _bin(given, bins)


def _number(target: Target, outputs: Floats, labels: Floats, bins: int) -> Integers:
    assert isinstance(target, Number)  # noqa: S101 - the table below says so
    off = np.clip(outputs[:, :, 0], -1, 1) - labels  # of a range of width 2
    return _bin((off / 2 + 1) / 2, bins)


def _count(target: Target, outputs: Floats, labels: Floats, bins: int) -> Integers:
    assert isinstance(target, Count)  # noqa: S101 - the table below says so
    off = rates(outputs[:, :, 0], target.most) - labels
    return _bin((off / widest(target) + 1) / 2, bins)


_PLACES: Final[Mapping[str, Callable[[Target, Floats, Floats, int], Integers]]] = MappingProxyType(
    {
        targets.BINARY: _binary,
        targets.CLASSES: _classes,
        targets.NUMBER: _number,
        targets.COUNT: _count,
    }
)
