"""The auditor's arithmetic, on scores whose truth is known: sharp, and not above it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from audit.bound import bound, free_epsilon, least_noise
from audit.curve import Curve, gaussian_delta, gaussian_epsilon
from federated.privacy.accountant import epsilon
from federated.privacy.event import sampled_gaussian

DELTA = 1e-5
PLAIN = Curve(1.0, 1)
HALF = Curve(0.5, 1)
RATES = st.floats(0.0, 1.0)


def _gaussian(noise: float, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    return draw.normal(1.0, noise, size), draw.normal(0.0, noise, size)


@pytest.mark.parametrize("noise", [0.7, 1.4, 7.0])
def test_the_closed_form_agrees_with_the_accountant(noise: float) -> None:
    accounted = epsilon([sampled_gaussian(noise, 1.0, 1)], DELTA)
    assert gaussian_epsilon(1 / noise, DELTA) == pytest.approx(accounted, abs=2e-3)
    assert gaussian_delta(np.array([accounted]), 1 / noise)[0] == pytest.approx(DELTA, rel=0.02)


@pytest.mark.parametrize(("confidence", "least", "most"), [(0.9, 0, 32), (0.01, 60, 200)])
def test_a_bound_lies_above_the_truth_no_oftener_than_stated(
    confidence: float, least: int, most: int
) -> None:
    # At 90 %, more than 32 of 200 happen with a chance below 1 in 200; at 1 % nearly half are too
    # high, which shows that the count sees them.
    above = 0
    for trial in range(200):
        found = bound(*_gaussian(1.0, 300, trial), PLAIN, DELTA, confidence=confidence, seed=trial)
        above += found.noise < 1.0
    assert least <= above <= most
    assert stats.binom.sf(32, 200, 0.1) < 1 / 200


@pytest.mark.parametrize("noise", [7.0, 3.7, 1.4])
def test_many_scores_bring_a_bound_near_the_truth(noise: float) -> None:
    truth = gaussian_epsilon(1 / noise, DELTA)
    found = bound(*_gaussian(noise, 1_000_000, 3), PLAIN, DELTA)
    assert 0.9 * truth < found.fitted <= truth
    assert found.free < found.fitted


def test_sampled_scores_are_judged_by_the_curve_of_sampling() -> None:
    noise, size = 1.2, 100_000
    draw = np.random.default_rng(5)
    inside = (draw.random(size) < 0.5) + draw.normal(0, noise, size)
    outside = draw.normal(0, noise, size)
    truth = HALF.epsilon_of(noise, DELTA)
    found = bound(inside, outside, HALF, DELTA)
    assert 0.6 * truth < found.fitted <= truth
    everybody = inside + (inside < np.median(inside))  # hardly anybody left out
    assert bound(everybody, outside, HALF, DELTA).fitted > truth


def test_scores_that_tell_nothing_prove_nothing() -> None:
    same = np.random.default_rng(1).normal(size=(2, 4000))
    assert bound(*same, PLAIN, DELTA).fitted < 0.1
    constant = np.zeros(200)
    found = bound(constant, constant, PLAIN, DELTA)
    assert (found.fitted, found.free) == (0.0, 0.0)


@given(RATES, RATES, RATES)
def test_more_hits_never_lower_a_bound_and_more_alarms_never_raise_it(
    rate: float, other: float, alarm: float
) -> None:
    fewer, more = sorted((rate, other))
    fixed = np.array([alarm])
    assert free_epsilon(np.array([fewer]), fixed, DELTA) <= free_epsilon(
        np.array([more]), fixed, DELTA
    )
    if alarm <= fewer:  # a guesser who does worse than chance is turned round
        assert least_noise(more, alarm, PLAIN) <= least_noise(fewer, alarm, PLAIN)
        assert least_noise(more, fewer, PLAIN) >= least_noise(more, alarm, PLAIN)


@given(RATES, st.floats(0.3, 20))
def test_what_the_curve_allows_is_never_contradicted(alarm: float, noise: float) -> None:
    most = stats.norm.cdf(stats.norm.ppf(alarm) + 1 / noise)
    allowed, alarms = np.array([most - 1e-9]), np.array([alarm])
    assert not PLAIN.contradicted(allowed, alarms, noise).any()
    assert PLAIN.contradicted(np.array([1.0]), np.array([0.0]), noise).all()
