"""What each mechanism costs, against its closed form or a sum over its distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import logsumexp
from scipy.stats import norm

from federated.privacy.accountant import INTERVAL, epsilon
from federated.privacy.divergence import divergence
from federated.privacy.event import Event, Kind, event, sampled_gaussian
from tests.support.each import over

DELTA = 1e-5
_WHOLE = np.arange(-3000, 3001)


def gaussian_epsilon(mu: float) -> float:
    """Return ε of a Gaussian whose means lie μ deviations apart (Balle and Wang 2018)."""

    def above(at: float) -> float:
        there = norm.cdf(mu / 2 - at / mu)
        return float(there - math.exp(at) * norm.cdf(-mu / 2 - at / mu)) - DELTA

    return float(brentq(above, 0, 200))


def masses(one: Event) -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithms of a discrete mechanism's masses, with and without the person."""

    def at(place: np.ndarray) -> np.ndarray:
        if one.kind is Kind.DISCRETE_LAPLACE:
            logs = -np.abs(place) / one["scale"]
        else:
            logs = -(place**2) / (2 * one["scale"] ** 2)
        return np.asarray(logs - logsumexp(logs))

    return at(_WHOLE - one["sensitivity"]), at(_WHOLE)


def discrete_epsilon(one: Event) -> float:
    p, q = masses(one)

    def above(at: float) -> float:
        return float(np.maximum(np.exp(p) - np.exp(at + q), 0).sum()) - DELTA

    return float(brentq(above, 0, 200))


def _bounds(found: float, exact: float) -> None:
    """Check that what is found is no less than the truth, by at most the width of its cells."""
    assert exact - 1e-9 <= found <= exact + INTERVAL


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0, 40.0])
def test_laplace_costs_its_closed_form(scale: float) -> None:
    found = epsilon([event(Kind.LAPLACE, 1, scale=scale)], DELTA)
    _bounds(found, 1 / scale + 2 * math.log1p(-DELTA))


@pytest.mark.parametrize(("noise", "count"), [(0.8, 1), (2.0, 4), (10.0, 30)])
def test_a_gaussian_costs_what_the_analytic_formula_says(noise: float, count: int) -> None:
    plain = event(Kind.GAUSSIAN, count, noise_multiplier=noise)
    _bounds(epsilon([plain], DELTA), gaussian_epsilon(math.sqrt(count) / noise))
    everybody = sampled_gaussian(noise, 1.0, count)
    assert epsilon([everybody], DELTA) == epsilon([plain], DELTA)
    assert divergence([everybody], 7) == divergence([plain], 7)


@over("kind", [Kind.DISCRETE_LAPLACE, Kind.DISCRETE_GAUSSIAN])
@over(("scale", "sensitivity"), [(0.7, 1), (2.0, 1), (5.0, 3), (100.0, 20)])
def test_a_discrete_mechanism_costs_the_sum_over_its_masses(
    kind: Kind, scale: float, sensitivity: int
) -> None:
    one = event(kind, 1, scale=scale, sensitivity=sensitivity)
    _bounds(epsilon([one], DELTA), discrete_epsilon(one))
    p, q = masses(one)
    for order in (2, 5, 24):
        renyi = logsumexp(order * p + (1 - order) * q) / (order - 1)
        bound = divergence([one], order)
        assert renyi <= bound * (1 + 1e-9)
        if kind is Kind.DISCRETE_LAPLACE or scale > 1:
            assert bound == pytest.approx(renyi, rel=1e-3)


def test_truth_told_or_not_is_discrete_laplace_noise_of_one() -> None:
    """Where a person moves one number by one, the loss has two values: -1/b and 1/b."""
    b = 2.0
    found = epsilon([event(Kind.DISCRETE_LAPLACE, 1, scale=b, sensitivity=1)], DELTA)
    q = math.exp(-1 / b)
    _bounds(found, 1 / b + math.log1p(-DELTA * (1 + q)))


@over("kind", list(Kind))
def test_each_mechanism_costs_less_with_more_noise_and_more_with_each_release(kind: Kind) -> None:
    def cost(noise: float, count: int = 1) -> float:
        if kind is Kind.SAMPLED_GAUSSIAN:
            return epsilon([sampled_gaussian(noise, 0.3, count)], DELTA)
        names = {Kind.GAUSSIAN: {"noise_multiplier": noise}, Kind.LAPLACE: {"scale": noise}}
        parameters = names.get(kind, {"scale": noise, "sensitivity": 1})
        return epsilon([event(kind, count, **parameters)], DELTA)

    assert cost(1.0) > cost(3.0) > cost(20.0) > 0
    assert cost(3.0) < cost(3.0, 2) < cost(3.0, 9) <= 9 * cost(3.0) + 0.1


def test_without_a_delta_laplace_noise_adds_up_and_a_gaussian_has_no_cost() -> None:
    small = event(Kind.DISCRETE_LAPLACE, 2, scale=4, sensitivity=1)
    wide = event(Kind.DISCRETE_LAPLACE, 1, scale=400_000, sensitivity=40_000)
    assert epsilon([small, wide], 0.0) == pytest.approx(0.6)
    assert epsilon([wide], 1e-9) <= 0.1  # more whole numbers than a distribution is held of
    assert epsilon([small, event(Kind.GAUSSIAN, 1, noise_multiplier=9)], 0.0) == math.inf
    assert epsilon([], 0.0) == 0.0


def test_different_mechanisms_are_composed() -> None:
    each = [
        event(Kind.LAPLACE, 2, scale=4),
        sampled_gaussian(2.0, 0.3, 5),
        event(Kind.DISCRETE_LAPLACE, 3, scale=6, sensitivity=1),
        event(Kind.DISCRETE_GAUSSIAN, 3, scale=6, sensitivity=1),
        event(Kind.GAUSSIAN, 1, noise_multiplier=4),
    ]
    together = epsilon(each, DELTA)
    assert together == pytest.approx(epsilon(each[::-1], DELTA))
    alone = [epsilon([one], DELTA / len(each)) for one in each]
    assert max(alone) < together < sum(alone)
    assert divergence(each, 5) == pytest.approx(sum(divergence([one], 5) for one in each))
