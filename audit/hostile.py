"""Weights that turn the last bit of a product into whole gradients.

The rows are all alike, since the ranges of the features lie far below the data. What a person adds
then depends on that person's label alone, unless it also depends on a place in the batch. The
attacker looks for both: weights whose sums cancel, so that a last bit decides whether a loss is
nothing or everything, and a pattern of labels under which everybody's moving up by one place adds
up. The first person leaves; where floats are added in order of place, the sum then moves by many
clips (354 of 1,000 persons with torch's layers), elsewhere by one.

A world is one job. The attacker knows everybody but the first person, and projects what is released
on the difference that this person would make.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from audit.curve import Curve
from audit.faults import opacus, persons_together, plain_products
from audit.rig import DELTA, Floats, job, moved, numbers, run_by
from federated.job import JobManifest
from federated.manifest import Privacy
from federated.task.engine import EXACT
from federated.training import engine as engine_module
from federated.training.engine import Engine
from federated.training.exact import arithmetic
from federated.training.exact.gradients import RADIUS, Gradients, clip
from federated.training.exact.net import Net
from federated.training.noise import SystemNoise
from federated.training.recipes import MOST_WEIGHT, Arrays, joined, net, shapes
from federated.training.rows.entries import Persons

if TYPE_CHECKING:
    from federated.training.opacus.gradients import PersonGradients

PLACES: Final = 7  # of a batch that is computed at once; a seventh is a tail of other kernels
INPUTS: Final = 12
_BATCHES: Final = 8
_HIDDEN: Final = (8, 8)
_TRIES: Final = 1000
_CLIP: Final = 1e-3
_LARGE: Final = 0.9 * MOST_WEIGHT


@dataclass(frozen=True)
class Attack:
    """What a hostile lead sends, and the neighbours whom it does that for.

    Attributes:
        arrays: weights.
        labels: (places,), repeated over the persons.
        gain: clips by which the sum of one batch would move.
    """

    arrays: Arrays
    labels: NDArray[np.float32]
    gain: float


@dataclass(frozen=True)
class Hostile:
    """Worlds under hostile weights, everybody taking part.

    Attributes:
        engine: that is attacked.
    """

    engine: str = EXACT

    @property
    def curve(self) -> Curve:
        """What the claim counts on."""
        return Curve(1.0, 1)

    def scores(self, noise: float, runs: int, seed: int) -> tuple[Floats, Floats]:
        """Return a score of each run of the world with the first person, and of that without.

        Args:
            noise: σ.
            runs: of each world.
            seed: where the search for weights begins.
        """
        found = search(seed, self.engine)
        persons = _BATCHES * PLACES
        manifest = hostile_job(noise, persons, engine=self.engine)
        labels = np.tile(found.labels, _BATCHES)
        with small_batches():
            worlds, difference = max(
                (_neighbours(manifest, found.arrays, [first, *labels[1:]]) for first in (0.0, 1.0)),
                key=lambda pair: float(np.linalg.norm(pair[1])),
            )
            inside, outside = (
                np.array(
                    [
                        released(manifest, found.arrays, engine.run(found.arrays))
                        for _ in range(runs)
                    ]
                )
                for engine in (Engine(manifest, persons, w, SystemNoise()) for w in worlds)
            )
        return inside @ difference, outside @ difference


@functools.lru_cache
def search(seed: int, engine: str = EXACT) -> Attack:
    """Return the best of many tries against an engine whose products are not exact."""
    manifest = hostile_job(1.0, _BATCHES * PLACES, engine=engine)
    with plain_products() if engine == EXACT else persons_together():
        tries = (
            _pattern(manifest, _cancelling(manifest, np.random.default_rng([seed, number])))
            for number in range(_TRIES)
        )
        return max(tries, key=lambda attack: attack.gain)


def hostile_job(
    noise: float,
    population: int,
    *,
    rounds: int = 1,
    low: float = 0,
    high: float = 1,
    engine: str = EXACT,
) -> JobManifest:
    """Return a job whose rounds are of one step, and whose lead sees a clip as one unit of weight.

    Args:
        noise: σ.
        population: as declared.
        rounds: a round that begins from the same arrays is as good as a job of its own.
        low: of each feature.
        high: of each feature.
        engine: that is attacked.
    """
    privacy = Privacy(
        epsilon=1.0,
        delta=DELTA,
        noise_multiplier=noise,
        sampling_rate=1.0,
        steps=rounds,
        clip=_CLIP,
    )
    manifest = job(
        numbers(INPUTS, low, high),
        _HIDDEN,
        privacy,
        population=population,
        rounds=rounds,
        activation="relu",
        learning_rate=population / _CLIP,
    )
    return run_by(manifest, engine)


@contextmanager
def small_batches() -> Iterator[None]:
    """Let engines compute few persons at once: where a batch is cut must not matter."""
    with patch.object(engine_module, "sums_of", _small):
        yield


def alike(labels: Sequence[float] | NDArray[np.floating]) -> Persons:
    """Return persons with one row each, every feature at the end of its range."""
    count = len(labels)
    return Persons(
        inputs=np.ones((count, 1, INPUTS), np.float32),
        labels=np.asarray(labels, np.float32)[:, None],
        mask=np.ones((count, 1), np.float32),
    )


def rest(persons: Persons) -> Persons:
    """Return everybody but the first person."""
    return Persons(persons.inputs[1:], persons.labels[1:], persons.mask[1:])


def exact_sum(manifest: JobManifest, persons: Persons, arrays: Arrays) -> Floats:
    """Return the sum of everybody's clipped gradients without noise, in clips."""
    sums = _sums(manifest).total(joined(arrays), persons, np.arange(len(persons)))
    return np.concatenate([part.ravel() for part in sums]) / RADIUS


def released(manifest: JobManifest, before: Arrays, after: Arrays) -> Floats:
    """Return the noised sum of a job of one step, in clips, in the order of `exact_sum`."""
    parts = list(moved(manifest, before, after).values())
    layers = zip(parts[::2], parts[1::2], strict=True)
    return np.concatenate([np.column_stack([w, b]).ravel() for w, b in layers])


def _neighbours(
    manifest: JobManifest, arrays: Arrays, labels: Sequence[float]
) -> tuple[tuple[Persons, Persons], Floats]:
    """Return two worlds, with the first person and without, and the difference of their sums."""
    worlds = (alike(labels), rest(alike(labels)))
    there, gone = (exact_sum(manifest, world, arrays) for world in worlds)
    return worlds, there - gone


def _cancelling(manifest: JobManifest, draw: np.random.Generator) -> Arrays:
    """Return large random weights; the output's largest terms cancel as far as float32 allows."""
    arrays: Arrays = {}
    values = np.ones(INPUTS)
    sizes = list(shapes(manifest).values())[::2]
    for number, (outputs, inputs) in enumerate(sizes):
        weight = draw.uniform(-1, 1, (outputs, inputs)) * _LARGE
        bias = draw.uniform(-1, 1, outputs) * _LARGE
        if number == len(sizes) - 1:
            bias[:] = 0
            top = int(np.argmax(np.abs(values)))
            others = np.delete(weight[0], top) @ np.delete(values, top)
            weight[0, top] = np.clip(-others / max(values[top], 1e-9), -_LARGE, _LARGE)
        arrays[f"layers.{number}.weight"] = weight.astype(np.float32)
        arrays[f"layers.{number}.bias"] = bias.astype(np.float32)
        values = np.maximum(weight.astype(np.float32) @ values + bias.astype(np.float32), 0.0)
    return arrays


def _pattern(manifest: JobManifest, arrays: Arrays) -> Attack:
    """Return the labels under which moving up by one place changes most, and by how much."""
    vectors = np.stack([_alone(manifest, arrays, label) for label in (0.0, 1.0)])
    lengths = np.linalg.norm(vectors, axis=2)
    longest = vectors[np.unravel_index(np.argmax(lengths), lengths.shape)]
    along = vectors @ (longest / max(float(lengths.max()), 1e-9))
    gain = np.roll(along, 1, axis=1) - along  # the first place is left for the last one
    signed = max((gain, -gain), key=lambda side: float(side.max(axis=0).sum()))
    labels = signed.argmax(axis=0).astype(np.float32)
    return Attack(arrays, labels, float(signed.max(axis=0).sum()))


def _alone(manifest: JobManifest, arrays: Arrays, label: float) -> Floats:
    """Return what each place of a batch adds when all have the same label, in clips."""
    sums, weights = _sums(manifest), joined(arrays)
    persons, everybody = alike(np.full(PLACES, label)), np.arange(PLACES)
    if isinstance(sums, Gradients):
        matrices = [arithmetic.weights(matrix) for matrix in weights]
        trace = sums.trace(matrices, persons, everybody)
        bounded = clip(trace.deltas, trace.values, _CLIP / RADIUS, RADIUS)
        parts = [
            np.einsum("pro,pri->poi", deltas, values.digits).reshape(PLACES, -1)
            for deltas, values in zip(bounded, trace.values, strict=True)
        ]
    else:
        found = sums.vectors(weights, persons, everybody)
        parts = [np.concatenate(layer) for layer in zip(*found, strict=True)]
    return np.concatenate(parts, axis=1) / RADIUS


def _sums(manifest: JobManifest) -> Gradients | PersonGradients:
    return _small(manifest.engine, net(manifest), manifest.unit.rows, clip=_CLIP)


def _small(engine: str, net: Net, rows: int, *, clip: float) -> Gradients | PersonGradients:
    """Return the sums of an engine that computes few persons at once."""
    if engine == EXACT:
        return Gradients(net, rows, clip=clip, cells=PLACES * rows * net.units)
    made: PersonGradients = opacus().PersonGradients(net, clip=clip, cells=PLACES * net.parameters)
    return made
