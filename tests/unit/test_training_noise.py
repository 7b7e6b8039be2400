"""Statistical tests with fixed bounds: a correct source fails one with a chance below 1e-9."""

from __future__ import annotations

import ast
import inspect
import math
import os
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from federated.training import engine, noise
from federated.training.exact import gaussian, gradients
from federated.training.exact.gaussian import discrete_gaussian
from federated.training.noise import BITS, DEVIATION, SystemNoise
from tests.support.each import over

DRAWS = 200_000
# A normal variable lies beyond this many deviations with a chance below 1e-9 (two-sided: 7e-10).
FAR = 6.17


def _chances(deviation: int, most: int) -> np.ndarray:
    """Return the chance of each integer from -most to most, in float64."""
    weights = np.exp(-(np.arange(-most, most + 1) ** 2) / (2.0 * deviation**2))
    return np.asarray(weights / weights.sum())


@pytest.mark.parametrize("bits", [gaussian.LEAST_BITS, 5])
def test_small_integers_have_their_chances(bits: int) -> None:
    most = 6 << bits
    drawn = discrete_gaussian(SystemNoise().words, bits, DRAWS)
    expected = DRAWS * _chances(1 << bits, most)
    found = np.bincount(np.clip(drawn, -most, most) + most, minlength=2 * most + 1)
    kept = expected >= 5  # a chi-square needs cells that are not nearly empty
    cells = [*zip(found[kept], expected[kept], strict=True)]
    cells.append((found[~kept].sum(), max(expected[~kept].sum(), 1.0)))
    distance = sum((f - e) ** 2 / e for f, e in cells)
    assert distance < stats.chi2.isf(1e-9, len(cells) - 1)


@pytest.mark.parametrize("bits", [8, BITS, gaussian.MOST_BITS])
def test_large_integers_follow_the_normal_distribution(bits: int) -> None:
    drawn = discrete_gaussian(SystemNoise().words, bits, DRAWS)
    # Between integers the distribution function of a normal is off by less than 1e-6 of it.
    exact = stats.norm.cdf((np.sort(drawn) + 0.5) / 2.0**bits)
    ranks = np.searchsorted(np.sort(drawn), np.sort(drawn), side="right") / DRAWS
    # Dvoretzky-Kiefer-Wolfowitz: P(distance > t) <= 2 exp(-2 n t²) = 1e-9.
    assert np.abs(ranks - exact).max() < math.sqrt(math.log(2e9) / (2 * DRAWS)) + 1e-6


def test_noise_has_mean_variance_and_higher_moments() -> None:
    drawn = SystemNoise().gaussian(DRAWS)
    assert drawn.dtype == np.int64
    assert drawn.shape == (DRAWS,)
    flat = drawn / DEVIATION
    assert abs(flat.mean()) < FAR / math.sqrt(DRAWS)
    assert abs(flat.var() - 1) < FAR * math.sqrt(2 / DRAWS)
    assert abs((flat**3).mean()) < FAR * math.sqrt(15 / DRAWS)
    assert abs((flat**4).mean() - 3) < FAR * math.sqrt(96 / DRAWS)


def test_the_lowest_bits_of_noise_are_even() -> None:
    low = SystemNoise().gaussian(DRAWS) & 255
    distance = ((np.bincount(low, minlength=256) - DRAWS / 256) ** 2 / (DRAWS / 256)).sum()
    assert distance < stats.chi2.isf(1e-9, 255)


def test_draws_are_independent_of_their_neighbours() -> None:
    drawn = SystemNoise().gaussian(DRAWS) / DEVIATION
    for lag in (1, 2, DRAWS // 2):
        product = drawn[lag:] * drawn[:-lag]
        assert abs(product.mean()) < FAR / math.sqrt(len(product))


def test_the_tail_is_there() -> None:
    drawn = np.abs(SystemNoise().gaussian(DRAWS)) / DEVIATION
    for far in (2, 3, 4):
        expected = DRAWS * math.erfc(far / math.sqrt(2))
        assert abs((drawn > far).sum() - expected) < FAR * math.sqrt(expected) + 3


@over("bound", [1, 2, 3, 1000, 3 << 45, (1 << 62) - 1])
def test_uniform_integers_fill_their_range(bound: int) -> None:
    drawn = gaussian._below(SystemNoise().words, bound, DRAWS)
    assert drawn.min() >= 0
    assert drawn.max() < bound
    cells = min(bound, 20)
    found = np.bincount((drawn / bound * cells).astype(int), minlength=cells)
    # A cell deviates this far with a chance below 1e-10, one of 20 below 2e-9.
    assert np.abs(found - DRAWS / cells).max() <= FAR * math.sqrt(DRAWS / cells)


def test_uniform_integers_refuse_words_that_would_favour_some() -> None:
    given = [np.array([(1 << 64) - 1, 6], np.uint64), np.array([9], np.uint64)]
    drawn = gaussian._below(lambda size: given.pop(0)[:size], 3, 2)
    assert drawn.tolist() == [1, 0]  # (2**64 - 1) >> 1 is the one left over by threes; then 9 >> 1
    assert given == []


def test_an_event_of_chance_one_over_e_has_it() -> None:
    words = SystemNoise().words
    for part, bits in ((0, 4), (1, 4), (8, 4), (16, 4), (1 << 44, 45)):
        chance = math.exp(-part / 2.0**bits)
        first = gaussian._below(words, 1 << bits, DRAWS)
        happened = gaussian._happens(words, first, np.full(DRAWS, part), bits).sum()
        spread = math.sqrt(DRAWS * chance * (1 - chance))
        assert abs(happened - DRAWS * chance) <= FAR * spread


def test_the_table_of_bins_has_the_chances_of_bins() -> None:
    ends = gaussian._table().ends
    sizes = np.exp(-(np.arange(len(ends)) ** 2) / 512.0)
    found = np.diff([0.0, *(end / 2.0**128 for end in ends)])
    assert np.allclose(found, sizes / sizes.sum(), rtol=1e-9, atol=1e-15)
    assert ends[-1] == 1 << 128
    assert all(before < after for before, after in pairwise(ends))


@pytest.mark.parametrize("end", [0, 5, 150])
def test_a_word_that_ends_as_a_bin_does_is_told_apart_by_the_next_one(end: int) -> None:
    whole = gaussian._table().ends[end]
    upper, lower = divmod(whole, 1 << 64)
    for second, bin_ in ((lower - 1, end), (lower, end + 1)):
        given = [np.array([upper], np.uint64), np.array([second], np.uint64)]
        drawn = gaussian._bins(lambda _, words=given: words.pop(0), 1)  # type: ignore[misc]
        assert drawn.tolist() == [bin_]


@pytest.mark.parametrize("size", [0, 1, 7, 40_000])
def test_as_many_draws_as_were_asked(size: int) -> None:
    source = SystemNoise()
    assert len(source.gaussian(3)) == 3
    assert len(source.gaussian(size)) == size


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


def test_a_chance_is_rounded_down(monkeypatch: pytest.MonkeyPatch) -> None:
    source = SystemNoise()
    given = np.array([0, 1, 2, 3], np.uint64)
    monkeypatch.setattr(source, "words", lambda _: given)
    assert source.poisson_sample(4, 2.9 * 2.0**-64).tolist() == [0, 1]


def test_no_two_sources_and_no_two_calls_agree() -> None:
    one, two = SystemNoise(), SystemNoise()
    assert not np.array_equal(one.gaussian(8), two.gaussian(8))
    assert not np.array_equal(one.gaussian(8), one.gaussian(8))


def test_a_fork_draws_another_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    source = SystemNoise()
    stream = source._stream
    source.gaussian(1)
    ready = source._ready.copy()
    assert source._stream is stream
    assert len(ready)
    owner = os.getpid() + 1
    monkeypatch.setattr(os, "getpid", lambda: owner)
    drawn = source.gaussian(len(ready))
    assert source._stream is not stream
    assert not np.array_equal(drawn, ready)  # what lay ready is the parent's


def test_a_stream_is_not_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    source = SystemNoise()
    stream = source._stream
    monkeypatch.setattr(noise, "_STREAM_BYTES", 100)
    source.words(10)
    assert source._stream is stream
    source.words(10)
    assert source._stream is not stream


def test_nothing_seeds_the_source() -> None:
    assert list(inspect.signature(SystemNoise).parameters) == []


@pytest.mark.parametrize("module", [noise, engine, gaussian, gradients])
def test_no_other_generator_is_used_where_privacy_rests_on_it(module: object) -> None:
    tree = ast.parse(inspect.getsource(module))  # type: ignore[arg-type]
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    forbidden = {"random", "normal", "randn", "rand", "randperm", "bernoulli", "manual_seed"}
    assert not (used | names) & (forbidden | {"default_rng", "Generator", "_generate_noise"})
