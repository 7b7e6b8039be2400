"""What the discrete Gaussian costs beside the continuous one that the accountant counts.

The steps are those of decision record 0036: rounding a normal of variance D² - 1/12 is
post-processing; its law lies within 0.005 τ⁻⁴ of the discrete Gaussian; what that adds to δ is far
below any δ. Here each step is computed where numbers are small enough to see a difference.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from federated import job
from federated.errors import WorkerFailed
from federated.task import model
from federated.task.spelling import MAX_VALUES
from federated.training.engine import Mechanism
from federated.training.exact.gradients import RADIUS
from federated.training.noise import DEVIATION
from tests.support.each import over

FAR = 1e-12  # of float64 sums over some hundred integers


def _discrete(deviation: float, shift: int, most: int) -> np.ndarray:
    support = np.arange(-most, most + 1)
    weights = np.exp(-((support - shift) ** 2) / (2 * deviation**2))
    return np.asarray(weights / np.exp(-(support**2) / (2 * deviation**2)).sum())


def _rounded(deviation: float, most: int) -> np.ndarray:
    edges = np.arange(-most, most + 2) - 0.5
    upper, lower = edges[1:] / deviation, edges[:-1] / deviation
    # Each cell from its own side, so that tails keep their digits.
    left = stats.norm.cdf(upper) - stats.norm.cdf(lower)
    right = stats.norm.sf(lower) - stats.norm.sf(upper)
    return np.where(edges[:-1] < 0, left, right)


def _distance(deviation: int) -> float:
    """Return the total variation between the discrete Gaussian and the rounded normal."""
    most = 12 * deviation
    discrete = _discrete(deviation, 0, most)
    rounded = _rounded(math.sqrt(deviation**2 - 1 / 12), most)
    return 0.5 * float(np.abs(discrete - rounded).sum())


@over("deviation", [1, 2, 3, 4, 8, 16])
def test_a_rounded_normal_is_nearly_a_discrete_one(deviation: int) -> None:
    tau = math.sqrt(deviation**2 - 1 / 12)
    assert _distance(deviation) <= 0.005 * tau**-4
    # The variance matters: without the 1/12 the distance only falls with the square.
    plain = np.abs(_discrete(deviation, 0, 200) - _rounded(float(deviation), 200)).sum() / 2
    assert plain > 0.015 * deviation**-2


def test_the_distance_falls_with_the_fourth_power() -> None:
    distances = [_distance(deviation) * deviation**4 for deviation in (4, 8, 16)]
    assert max(distances) / min(distances) < 1.05


def test_the_inequality_that_the_bound_rests_on() -> None:
    y = np.linspace(1e-2, 60, 200_001)
    assert np.all(np.abs(np.sin(y) / y - np.exp(-(y**2) / 6)) <= y**4 / 180 + FAR)


def _delta(noise: float, epsilon: float) -> float:
    """Return δ of one continuous release of sensitivity 1 (Balle and Wang 2018)."""
    half = 1 / (2 * noise)
    return float(
        stats.norm.cdf(half - epsilon * noise)
        - math.exp(epsilon) * stats.norm.cdf(-half - epsilon * noise)
    )


@over("epsilon", [0.1, 0.5, 1.0, 3.0])
@over(("deviation", "length"), [(2, 1), (4, 3), (8, 8), (16, 16), (16, 40)])
def test_one_release_costs_what_the_accountant_counts(
    deviation: int, length: int, epsilon: float
) -> None:
    most = 40 * deviation
    with_person, without = (_discrete(deviation, shift, most) for shift in (length, 0))
    found = np.maximum(with_person - math.exp(epsilon) * without, 0).sum()
    tau = math.sqrt(deviation**2 - 1 / 12)
    slack = (1 + math.exp(epsilon)) * 0.005 * tau**-4
    counted = _delta(tau / length, epsilon)
    assert found <= counted + slack + FAR
    if deviation == 16:  # rounding takes little away, so that the bound says something
        assert found >= 0.99 * counted


@over("order", [2, 3, 8, 32])
@over(("deviation", "length"), [(1, 1), (2, 1), (4, 5), (16, 16)])
def test_renyi_divergence_is_that_of_the_continuous_one(
    deviation: int, length: int, order: int
) -> None:
    # Canonne, Kamath and Steinke 2020, proposition 5: at most α v² / 2 D², with equality.
    support = np.arange(-60 * deviation - order * length, 60 * deviation + order * length + 1)
    scale = 2.0 * deviation**2
    base = np.exp(-(support**2) / scale).sum()
    power = -(order * (support - length) ** 2 - (order - 1) * support**2) / scale
    found = (np.log(np.exp(power - power.max()).sum() / base) + power.max()) / (order - 1)
    assert found == pytest.approx(order * length**2 / scale, rel=1e-9)


def test_the_largest_job_adds_next_to_nothing_to_delta() -> None:
    widths = (model.MAX_WIDTH, *[model.MAX_UNITS] * model.MAX_LAYERS, MAX_VALUES)
    weights = sum((a + 1) * b for a, b in pairwise(widths))
    weights += model.MAX_WIDTH * model.MAX_EMBEDDING
    slack = job.MAX_STEPS * weights * 0.005 * (DEVIATION - 1.0) ** -4
    assert slack * (1 + math.exp(4)) < 1e-15


@over("noise", [job.LEAST_NOISE, 0.3, 1.0, 2.7182818, 3.0, job.MOST_NOISE])
@over("clip", [job.LEAST_CLIP, 0.1, 1.0, job.MOST_CLIP])
def test_the_grid_keeps_the_ratio_that_is_accounted_for(noise: float, clip: float) -> None:
    mechanism = Mechanism(noise, 0.2, clip, 100)
    # In integers, where nothing is rounded: (radius σ)² <= D² - 1/12.
    radius, sigma = mechanism.radius.as_integer_ratio(), noise.as_integer_ratio()
    ours = 12 * (radius[0] * sigma[0]) ** 2
    assert ours <= (12 * DEVIATION**2 - 1) * (radius[1] * sigma[1]) ** 2
    assert mechanism.radius * noise == pytest.approx(DEVIATION, rel=1e-11)
    assert mechanism.radius * mechanism.unit == pytest.approx(clip, rel=1e-15)
    # A sum that is rounded moves by √d more than a person's vector.
    for parameters in (2, 1000, 10**6):
        if 2 * math.sqrt(parameters) > 0.99 * mechanism.radius:
            with pytest.raises(WorkerFailed, match="too large for a model of this size"):
                mechanism.parts(parameters)
        else:
            parts = mechanism.parts(parameters)
            assert RADIUS / parts + math.sqrt(parameters) <= mechanism.radius
            assert RADIUS / parts >= 0.99 * (mechanism.radius - math.sqrt(parameters))
