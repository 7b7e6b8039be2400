"""How far an update can lie: honest sites stay within, and nothing beyond enters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from federated.manifest import JobManifest
from federated.training.engine import Engine
from federated.training.noise import SystemNoise
from federated.training.reach import CHANCE, is_within, most_drawn, reach
from federated.training.recipes import MOST_WEIGHT, Arrays, bounded, initial
from federated.training.rows.entries import Persons
from tests.support.training_rig import ForeseenNoise, document, manifest

JOB = manifest()
POPULATION = 100


def _alike(count: int) -> Persons:
    """Return persons who all pull the same way."""
    shape = (count, 2)
    return Persons(
        np.ones((*shape, 3), np.float32), np.ones(shape, np.float32), np.ones(shape, np.float32)
    )


def _moved(by: float, arrays: Arrays) -> Arrays:
    """Return arrays of which one weight was moved."""
    first = next(iter(arrays))
    changed = arrays[first].copy()
    changed.ravel()[0] += np.float32(by)
    return {**arrays, first: changed}


def _privacy(**changes: float) -> JobManifest:
    return manifest(privacy={**document()["privacy"], **changes})


def test_honest_updates_lie_within() -> None:
    bound = reach(JOB, POPULATION)
    engine = Engine(JOB, POPULATION, _alike(POPULATION), SystemNoise())
    assert all(is_within(initial(JOB), engine.run(initial(JOB)), bound) for _ in range(50))


@pytest.mark.parametrize("start", [0.99, -1.0])
def test_honest_updates_lie_within_where_weights_are_cut_off(start: float) -> None:
    job = _privacy(noiseMultiplier=30.0, clip=100.0)
    sent = {name: np.full_like(array, start * MOST_WEIGHT) for name, array in initial(job).items()}
    engine = Engine(job, POPULATION, _alike(POPULATION), ForeseenNoise(seed=2))
    found = [engine.run(sent) for _ in range(20)]
    assert any(np.abs(array).max() == MOST_WEIGHT for each in found for array in each.values())
    assert all(is_within(sent, each, reach(job, POPULATION)) for each in found)


def test_the_most_that_persons_can_do_lies_within_and_much_more_does_not() -> None:
    job = _privacy(samplingRate=1.0, noiseMultiplier=0.3)
    engine = Engine(job, POPULATION, _alike(POPULATION), ForeseenNoise())
    found = engine.run(initial(job))
    bound = reach(job, POPULATION)
    assert is_within(initial(job), found, bound)
    scaled = {
        name: bounded(initial(job)[name] + 10 * (array - initial(job)[name]))
        for name, array in found.items()
    }
    assert not is_within(initial(job), scaled, bound)


def test_one_weight_beyond_is_enough() -> None:
    bound = reach(JOB, POPULATION)
    sent = initial(JOB)
    assert is_within(sent, _moved(0.99 * bound.coordinate, sent), bound)
    assert not is_within(sent, _moved(1.01 * bound.coordinate, sent), bound)
    assert not is_within(sent, _moved(-1.01 * bound.coordinate, sent), bound)


def test_all_weights_together_move_less_than_each_alone_may() -> None:
    bound = reach(JOB, POPULATION)
    sent = initial(JOB)
    size = sum(array.size for array in sent.values())
    each = bound.norm / math.sqrt(size)
    assert each < bound.coordinate

    def shifted(by: float) -> Arrays:
        return {name: (array + by).astype(np.float32) for name, array in sent.items()}

    assert is_within(sent, shifted(0.99 * each), bound)
    assert not is_within(sent, shifted(1.01 * each), bound)


def test_weights_of_a_million_do_not_enter() -> None:
    far = {name: np.full_like(array, 1e6) for name, array in initial(JOB).items()}
    assert not is_within(initial(JOB), far, reach(JOB, POPULATION))


@given(st.integers(1, 100_000), st.floats(1e-3, 1.0), st.sampled_from([1e-3, 1e-9, CHANCE / 1000]))
def test_more_are_drawn_only_with_the_stated_chance(
    population: int, rate: float, chance: float
) -> None:
    most = most_drawn(population, rate, chance)
    assert most <= population
    assert stats.binom.sf(math.floor(most), population, rate) <= chance


@given(st.integers(10, 100_000), st.floats(1.5, 4))
def test_a_larger_population_is_moved_less(population: int, factor: float) -> None:
    small, large = reach(JOB, population), reach(JOB, math.ceil(factor * population))
    assert large.coordinate < small.coordinate
    assert large.norm < small.norm
