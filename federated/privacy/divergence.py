"""Rényi divergence of composed events at one whole order, in closed form: what filters add up.

Rules: the bound is pessimistic; it holds for a person added and for one removed; divergences of
events add up, so that what was computed for a job counts for the next question. Standard library
only: a node answers by itself, without the accountant's process. The library's accountant is the
oracle of the tests. Why it is not asked here: `docs/decisions/0132-divergences-in-closed-form.md`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Final

from federated.errors import PrivacyFault
from federated.privacy.event import Event, Kind
from federated.privacy.rule import LEAST_ORDER

# Of a release's divergence, for each of its two parts: terms of up to some hundred thousand are
# subtracted from one another in float64, and the difference is divided by the order less one.
_ROUNDING: Final = 1e-12
_KEPT: Final = 8192  # of releases at an order


def divergence(events: Iterable[Event], order: int) -> float:
    """Return the Rényi divergence of the events composed, at one order; no events cost 0.

    Args:
        events: what was or may be released, in any order.
        order: α, a whole number of at least 2.

    Raises:
        PrivacyFault: the order is no whole number of at least 2.
    """
    if not isinstance(order, int) or order < LEAST_ORDER:
        raise PrivacyFault("a Rényi order must be a whole number of at least 2")
    return math.fsum(
        each.count * _release(each.kind, each.parameters, order) for each in events if each.count
    )


@lru_cache(maxsize=_KEPT)
def _release(kind: Kind, parameters: tuple[tuple[str, float], ...], order: int) -> float:
    """Return what one release of a mechanism costs, rounded up; infinite where float64 ends."""
    found = _BY_KIND[kind](dict(parameters), order)
    if not math.isfinite(found):
        return math.inf
    return max(found, 0.0) * (1 + _ROUNDING) + _ROUNDING


def gaussian(deviation: float, order: float) -> float:
    """Return α / 2σ² (Mironov 2017, table II); `deviation` is σ over what one person moves."""
    return order / 2 / deviation / deviation


def sampled_gaussian(deviation: float, rate: float, order: int) -> float:
    """Return the divergence of a Gaussian on a Poisson sample, at a whole order.

    With A = Σ_k C(α,k) (1-q)^(α-k) q^k e^((k²-k)/2σ²) it is ln A / (α - 1), the person added
    being the larger direction (Mironov, Talwar and Zhang 2019, section 3.3 and theorem 5).
    """
    if rate == 1:  # everybody takes part: no amplification, and exact
        return gaussian(deviation, order)
    drawn, left, precision = math.log(rate), math.log1p(-rate), 0.5 / deviation / deviation
    if math.isinf(precision):
        return math.inf
    terms = [
        ways + k * drawn + (order - k) * left + k * (k - 1) * precision
        for k, ways in enumerate(_choices(order))
    ]
    most = max(terms)
    return (most + math.log(math.fsum(math.exp(each - most) for each in terms))) / (order - 1)


def laplace(scale: float, order: float) -> float:
    """Return the divergence of Laplace noise, moved by 1 (Mironov 2017, proposition 6)."""
    pure, twice = 1 / scale, 2 * order - 1
    return pure + math.log1p((order - 1) * math.expm1(-twice * pure) / twice) / (order - 1)


def discrete_laplace(scale: float, sensitivity: float, order: float) -> float:
    """Return the divergence of discrete Laplace noise and itself moved by s, for α > 1.

    With q = e^(-1/b), the sum over all z of P(z)^α Q(z)^(1-α) has three geometric parts: left of
    0, right of s, and the s - 1 numbers between, which decay by r = q^(2α-1).
    """
    a = 1 / scale
    rate = (2 * order - 1) * a
    outside = (1 + math.exp(-rate * sensitivity)) / (1 + math.exp(-a))
    between = math.exp(-rate) * math.expm1(-rate * (sensitivity - 1)) / math.expm1(-rate)
    return a * sensitivity + math.log(outside + math.tanh(a / 2) * between) / (order - 1)


@lru_cache(maxsize=16)
def _choices(order: int) -> tuple[float, ...]:
    """Return ln C(α, k) for each k."""
    return tuple(math.log(math.comb(order, k)) for k in range(order + 1))


_BY_KIND: Final[Mapping[Kind, Callable[[Mapping[str, float], int], float]]] = {
    Kind.SAMPLED_GAUSSIAN: lambda of, order: sampled_gaussian(
        of["noise_multiplier"], of["sampling_rate"], order
    ),
    Kind.GAUSSIAN: lambda of, order: gaussian(of["noise_multiplier"], order),
    Kind.LAPLACE: lambda of, order: laplace(of["scale"], order),
    Kind.DISCRETE_LAPLACE: lambda of, order: discrete_laplace(
        of["scale"], of["sensitivity"], order
    ),
    # A discrete Gaussian diverges no more than the continuous one (Canonne, Kamath and Steinke
    # 2020, proposition 5).
    Kind.DISCRETE_GAUSSIAN: lambda of, order: gaussian(of["scale"] / of["sensitivity"], order),
}
