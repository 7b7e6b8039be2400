"""Histograms of scores at one site, over the persons that are held out: noised, or masked.

A person weighs W units of noise, W = D / σ with D the deviation of all noise; each of n rows has
⌊W / n⌋ of them, and adds them to one cell: that of the row's label and of the bin of its score.
So one person moves the histogram by at most W in the sum of its cells, hence in Euclidean norm, and
noise N_Z(0, D²) on each cell makes it the Gaussian mechanism with σ.

Without noise a person adds one to one cell, by the first of its rows, and the cells leave under
masks that cancel in the sum over sites (`federated/aggregation`): not DP.

Rules: scores come from exact products (`exact/`), so that no row's bin follows from who else is
there; as many entries are computed as the contract's population makes likely, so that time follows
no row; nothing leaves but the noised cells, or cells under the masks of two other sites. Bins are
(a, b], equal parts of a public range.

Source: Dwork and Roth 2014, appendix A; for noise on integers decision record 0036.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federated.aggregation import LEAST_SITES, Side, masked, narrowed
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
    """Evaluates models at one site. Holds private rows; gives cells that are noised or masked.

    Attributes:
        sides: masks of the sum over sites that the site adds to; none: it adds to none.
    """

    def __init__(
        self,
        manifest: JobManifest,
        evaluation: Evaluation,
        population: int,
        held: Entries,
        source: NoiseSource,
        minimum: int = 1,
    ) -> None:
        """Prepare the evaluations.

        Args:
            manifest: of the job.
            evaluation: of it.
            population: of this site's contract.
            held: encoded rows of the persons that are held out.
            source: of noise.
            minimum: fewest persons held out, and of a class, of whom cells without noise tell.

        """
        self.sides: Sequence[Side] = ()
        self._minimum = minimum
        self._evaluation = evaluation
        self._target = manifest.target
        shape = net(manifest)
        expected = math.ceil(most_drawn(population, HELD_OUT, _CHANCE))
        self._persons = Sound(held, shape.loss)
        self._count = max(expected, len(held))  # filled up with nobody
        self._gradients = Gradients(shape, manifest.unit.rows, clip=1.0)
        self._source = source

    def run(self, arrays: Arrays) -> list[int] | None:
        """Return the cells of a model; None where the site adds to no sum over sites.

        Noised ones are in units of the noise, `weight` of them a person; masked ones in persons.

        Args:
            arrays: checked by `recipes.check`.
        """
        sums = self._sum(arrays)
        if not self._evaluation.exact:
            return [int(each) for each in sums + self._source.gaussian(len(sums))]
        sides, self.sides = self.sides, ()  # a mask hides one vector
        # INVARIANT: no cells leave that fewer than two other sites hide, or that few are in.
        if len(sides) < LEAST_SITES - 1 or not self.enough:
            return None
        return narrowed(masked([int(each) for each in sums], sides))

    @property
    def enough(self) -> bool:
        """Whether as many persons are held out, and of each class, as cells without noise need."""
        labels = np.zeros(self._target.outputs if self._target.loss == targets.CLASSES else 2)
        classes = self._target.loss in (targets.BINARY, targets.CLASSES)
        for start in range(0, len(self._persons), self._gradients.chunk):
            some = np.arange(start, min(start + self._gradients.chunk, len(self._persons)))
            persons = self._persons.take(some)
            place = persons.labels.astype(np.int64) if classes else 0 * persons.mask.astype(int)
            np.add.at(labels, place, once(persons.mask))
        counted = labels if classes else labels[:1]
        return bool(counted.sum() >= self._minimum and counted.min() >= self._minimum)

    def _sum(self, arrays: Arrays) -> Integers:
        """Return the exact sum over persons."""
        bins, weights = self._evaluation.bins, joined(arrays)
        share = once if self._evaluation.exact else partial(shares, most=weight(self._evaluation))
        sums = np.zeros(self._evaluation.cells(self._target), np.int64)
        for start in range(0, self._count, self._gradients.chunk):
            some = np.arange(start, min(start + self._gradients.chunk, self._count))
            persons = self._persons.take(some)
            outputs = self._gradients.outputs(weights, persons)
            labels = persons.labels.astype(np.float64)
            places = _PLACES[self._target.loss](self._target, outputs, labels, bins)
            np.add.at(sums, places, share(persons.mask))
        return sums


def shares(mask: NDArray[np.float32], most: int) -> Integers:
    """Return what each row weighs, (persons, rows): at most `most` over the rows of a person."""
    rows = mask.sum(axis=1, dtype=np.int64)
    each: Integers = most // np.maximum(rows, 1)
    return each[:, None] * (mask > 0)


def once(mask: NDArray[np.float32]) -> Integers:
    """Return what each row counts, (persons, rows): 1 of a person's first one, 0 of the others."""
    there = mask > 0
    first: Integers = (there & (there.cumsum(axis=1) == 1)).astype(np.int64)
    return first


def evaluator_of(
    manifest: JobManifest, population: int, held: Entries, minimum: int = 1
) -> Evaluator | None:
    """Return what evaluates a job's models with a system's noise; None where it has no evaluation.

    Args:
        manifest: of the job.
        population: of the site's contract.
        held: encoded rows of the persons that are held out.
        minimum: as of `Evaluator`.
    """
    asked = manifest.evaluation
    if asked is None:
        return None
    return Evaluator(manifest, asked, population, held, SystemNoise(), minimum)


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
