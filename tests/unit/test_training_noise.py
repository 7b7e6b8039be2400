"""Statistical tests with fixed bounds: a correct source fails one with a chance below 1e-9."""

from __future__ import annotations

import ast
import inspect
import math
import os

import numpy as np
import pytest

from federated.training import engine, noise
from federated.training.noise import SystemNoise

DRAWS = 200_000
# A normal variable lies beyond this many deviations with a chance below 1e-9 (two-sided: 7e-10).
FAR = 6.17


def test_normals_have_mean_variance_and_shape() -> None:
    draws = SystemNoise().gaussian((DRAWS // 2, 2), 3.0)
    assert draws.shape == (DRAWS // 2, 2)
    assert draws.dtype == np.float64
    flat = draws.ravel() / 3.0
    assert abs(flat.mean()) < FAR / math.sqrt(DRAWS)
    assert abs(flat.var() - 1) < FAR * math.sqrt(2 / DRAWS)
    assert abs((flat**3).mean()) < FAR * math.sqrt(15 / DRAWS)
    assert abs((flat**4).mean() - 3) < FAR * math.sqrt(96 / DRAWS)


def test_normals_follow_the_distribution() -> None:
    draws = np.sort(SystemNoise().gaussian((DRAWS,), 1.0))
    exact = np.array([0.5 * (1 + math.erf(x / math.sqrt(2))) for x in draws])
    distance = np.abs(np.arange(1, DRAWS + 1) / DRAWS - exact).max()
    # Dvoretzky-Kiefer-Wolfowitz: P(distance > t) <= 2 exp(-2 n t²) = 1e-9.
    assert distance < math.sqrt(math.log(2e9) / (2 * DRAWS))


def test_normals_are_independent_of_their_neighbours() -> None:
    draws = SystemNoise().gaussian((DRAWS,), 1.0)
    for lag in (1, 2, DRAWS // 2):
        product = draws[lag:] * draws[:-lag]
        assert abs(product.mean()) < FAR / math.sqrt(len(product))


def test_the_tail_is_there() -> None:
    draws = np.abs(SystemNoise().gaussian((DRAWS,), 1.0))
    expected = DRAWS * math.erfc(3 / math.sqrt(2))
    assert abs((draws > 3).sum() - expected) < FAR * math.sqrt(expected)


def test_no_deviation_is_no_noise() -> None:
    assert not SystemNoise().gaussian((3, 5), 0.0).any()


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3, 4), (0, 4)])
def test_every_shape(shape: tuple[int, ...]) -> None:
    assert SystemNoise().gaussian(shape, 1.0).shape == shape


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.5])
def test_samples_have_the_rate(rate: float) -> None:
    drawn = SystemNoise().poisson_sample(DRAWS, rate)
    assert abs(len(drawn) - rate * DRAWS) < FAR * math.sqrt(DRAWS * rate * (1 - rate))
    assert np.all(np.diff(drawn) > 0)
    assert drawn.min(initial=0) >= 0
    assert drawn.max(initial=0) < DRAWS


def test_persons_are_drawn_independently() -> None:
    source = SystemNoise()
    rounds = 4000
    both = sum(len(source.poisson_sample(2, 0.5)) == 2 for _ in range(rounds))
    assert abs(both - rounds / 4) < FAR * math.sqrt(rounds * 3 / 16)


def test_the_ends_of_sampling() -> None:
    assert len(SystemNoise().poisson_sample(1000, 1.0)) == 1000
    assert len(SystemNoise().poisson_sample(1000, 0.0)) == 0
    assert len(SystemNoise().poisson_sample(0, 0.5)) == 0


def test_uniform_draws_fill_the_interval() -> None:
    draws = SystemNoise().uniform(DRAWS)
    assert draws.min() >= 0
    assert draws.max() < 1
    counts = np.bincount((draws * 100).astype(int), minlength=100)
    assert len(counts) == 100
    # A cell deviates this far with a chance below 1e-11, one of 100 below 1e-9.
    assert np.abs(counts - DRAWS / 100).max() < 6.9 * math.sqrt(DRAWS / 100)


def test_no_two_sources_and_no_two_calls_agree() -> None:
    one, two = SystemNoise(), SystemNoise()
    assert not np.array_equal(one.gaussian((8,), 1.0), two.gaussian((8,), 1.0))
    assert not np.array_equal(one.gaussian((8,), 1.0), one.gaussian((8,), 1.0))


def test_a_fork_draws_another_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    source = SystemNoise()
    stream = source._stream
    source.uniform(1)
    assert source._stream is stream
    owner = os.getpid() + 1
    monkeypatch.setattr(os, "getpid", lambda: owner)
    source.uniform(1)
    assert source._stream is not stream


def test_a_stream_is_not_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    source = SystemNoise()
    stream = source._stream
    monkeypatch.setattr(noise, "_STREAM_BYTES", 100)
    source.uniform(10)
    assert source._stream is stream
    source.uniform(10)
    assert source._stream is not stream


def test_nothing_seeds_the_source() -> None:
    assert list(inspect.signature(SystemNoise).parameters) == []


@pytest.mark.parametrize("module", [noise, engine])
def test_no_other_generator_is_used_where_privacy_rests_on_it(module: object) -> None:
    tree = ast.parse(inspect.getsource(module))  # type: ignore[arg-type]
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    forbidden = {"random", "normal", "randn", "rand", "randperm", "bernoulli", "manual_seed"}
    assert not (used | names) & (forbidden | {"default_rng", "Generator", "_generate_noise"})
