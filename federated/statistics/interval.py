r"""Intervals of pooled figures.

A sum of independent noises of known variance is within  z s  of nothing with the chance of the
level, s² its variance. Of Gaussian noise z is the normal quantile. A Laplace variable is within
s ln(1/(1 - level)) / √2  of nothing; a sum of several is nearer to normal, so that the larger of
the two holds for any number of sites (the tests compare it with the convolution). A ratio's
interval is Fieller's (1954), exact where both noises are normal, unbounded where the denominator
cannot be told from zero.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from federated.statistics.answer import Floats

Interval = tuple[float | None, float | None]


def factor(level: float, *, gaussian: bool) -> float:
    """Return how many standard deviations of the noise an interval reaches on either side."""
    normal = NormalDist().inv_cdf((1 + level) / 2)
    return normal if gaussian else max(normal, -math.log(1 - level) / math.sqrt(2))


def fieller(above: tuple[float, float], below: tuple[float, float], z: float) -> Interval:
    """Return the interval of a ratio of two independent noisy figures.

    Args:
        above: numerator and its variance.
        below: denominator and its variance.
        z: standard deviations on either side.

    Returns:
        (None, None) where it has no end.
    """
    (a, variance_a), (b, variance_b) = above, below
    lead = b * b - z * z * variance_b
    if lead <= 0:
        return None, None
    root = a * a * b * b - lead * (a * a - z * z * variance_a)
    reach = math.sqrt(max(root, 0.0))
    return (a * b - reach) / lead, (a * b + reach) / lead


def normal_cover(spread: Floats, level: float) -> Floats:
    """Return half the widths of normal intervals of these standard errors."""
    return np.asarray(NormalDist().inv_cdf((1 + level) / 2) * spread, dtype=np.float64)
