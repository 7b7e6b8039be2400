"""ε of composed events, by numerical composition of privacy loss distributions (PLD).

Rules: the bound is pessimistic, never optimistic; neighbours differ by one person added or
removed; one accountant serves training and queries. Needs dp-accounting, which loads some hundred
megabytes: only a one-shot process or a test imports this module.

Source: Koskela et al. 2020; Doroshenko et al. 2022 ("connect the dots"), as implemented by
dp-accounting with a discretisation of 1e-3, which costs 0.1 s where 1e-4 costs ten times as much
and moves ε by less than 1e-3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Final

from dp_accounting import dp_event
from dp_accounting.pld import PLDAccountant
from dp_accounting.privacy_accountant import NeighboringRelation

from federated.errors import CalibrationImpossible, PrivacyFault
from federated.privacy.event import SubsampledGaussian, merged

INTERVAL: Final = 1e-3
LEAST_NOISE: Final = 0.3  # below it a step has no protection worth the name
MOST_NOISE: Final = 10_000.0
# Mean privacy loss from which on no ε is computed: it would lie in the thousands, and the
# distribution of the loss would not fit into memory.
MOST_LOSS: Final = 10_000.0
_TOLERANCE: Final = 1e-3


def epsilon(events: Iterable[SubsampledGaussian], delta: float) -> float:
    """Return ε at `delta` of the events composed; no events cost 0, far too many infinity.

    Args:
        events: what was or may be released, in any order.
        delta: δ in (0, 1).

    Raises:
        PrivacyFault: δ is out of range.
    """
    if not 0 < delta < 1:
        raise PrivacyFault("δ must be above 0 and below 1")
    accountant, counted = _fresh(), merged(events)
    if sum(_mean_loss(event) for event in counted) > MOST_LOSS:
        return math.inf
    for event in counted:
        accountant.compose(_step(event), event.steps)
    return float(accountant.get_epsilon(delta))


def calibrate(*, target: float, delta: float, sampling_rate: float, steps: int) -> float:
    """Return the smallest σ, within 0.001, with which `steps` steps cost at most `target`.

    What is returned always keeps the target; it is never below `LEAST_NOISE`.

    Args:
        target: ε > 0.
        delta: δ in (0, 1).
        sampling_rate: q in (0, 1].
        steps: T >= 1.

    Raises:
        PrivacyFault: an argument is out of range.
        CalibrationImpossible: σ would lie above `MOST_NOISE`.
    """
    if target <= 0 or steps < 1:
        raise PrivacyFault("the target ε must be above 0, the steps 1 or more")

    def cost(noise: float) -> float:
        return epsilon([SubsampledGaussian(noise, sampling_rate, steps)], delta)

    low, high = _bracket(cost, target)
    while high - low > _TOLERANCE:
        middle = (low + high) / 2
        low, high = (low, middle) if cost(middle) <= target else (middle, high)
    return high


def _bracket(cost: Callable[[float], float], target: float) -> tuple[float, float]:
    """Return (too little noise, enough noise), or twice the least noise when that is enough."""
    if cost(LEAST_NOISE) <= target:
        return LEAST_NOISE, LEAST_NOISE
    low, high = LEAST_NOISE, 2 * LEAST_NOISE
    while cost(high) > target:
        low, high = high, 2 * high
        if high > MOST_NOISE:
            raise CalibrationImpossible("no noise within bounds keeps that ε and δ")
    return low, high


def _fresh() -> PLDAccountant:
    return PLDAccountant(
        NeighboringRelation.ADD_OR_REMOVE_ONE, value_discretization_interval=INTERVAL
    )


def _mean_loss(event: SubsampledGaussian) -> float:
    """Return a bound of the mean privacy loss (KL divergence) of an event's steps.

    KL is convex in the mixture, so q / (2 σ²) bounds it, and so does χ² = q² (exp(1/σ²) - 1).
    """
    rate, inverse = event.sampling_rate, event.noise_multiplier**-2
    return event.steps * min(rate * inverse / 2, rate**2 * math.expm1(min(inverse, 700.0)))


def _step(event: SubsampledGaussian) -> dp_event.DpEvent:
    gaussian = dp_event.GaussianDpEvent(event.noise_multiplier)
    if event.sampling_rate == 1:  # everybody takes part: no amplification, and exact
        return gaussian
    return dp_event.PoissonSampledDpEvent(event.sampling_rate, gaussian)
