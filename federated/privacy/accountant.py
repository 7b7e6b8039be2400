"""What composed events cost: ε by numerical composition of privacy losses (PLD), or Rényi.

Rules: the bound is pessimistic, never optimistic; neighbours differ by one person added or
removed; one accountant serves training and queries; what costs far more than any budget is told
by a coarser bound (RDP, Mironov 2017), since its exact distribution would fill the memory. Needs
dp-accounting, which loads some hundred megabytes: only a one-shot process or a test imports this
module.

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
from dp_accounting.privacy_accountant import NeighboringRelation, PrivacyAccountant
from dp_accounting.rdp import RdpAccountant

from federated.errors import CalibrationImpossible, PrivacyFault
from federated.privacy.event import SubsampledGaussian, merged
from federated.privacy.rule import LEAST_ORDER

INTERVAL: Final = 1e-3
LEAST_NOISE: Final = 0.3  # below it a step has no protection worth the name
MOST_NOISE: Final = 10_000.0
_TOLERANCE: Final = 1e-3
_WIDE: Final = 1000.0  # half a million points on either side
_HOPELESS: Final = 100.0  # ε that no contract promises
_ROUNDING: Final = 1e-12  # of a step's divergence: a sum of logarithms of up to a few hundred
# Of δ, for each sampled step: T steps are the T-th power of a Fourier transform in float64. At most
# a tenth of this was seen lost, against sums without a transform.
_LOST: Final = 2.0**-50


def epsilon(events: Iterable[SubsampledGaussian], delta: float) -> float:
    """Return ε at `delta` of the events composed; no events cost 0.

    It is infinite where δ is as small as what the computation itself loses.

    Args:
        events: what was or may be released, in any order.
        delta: δ in (0, 1).

    Raises:
        PrivacyFault: δ is out of range.
    """
    if not 0 < delta < 1:
        raise PrivacyFault("δ must be above 0 and below 1")
    counted = merged(events)
    if _is_wide(counted):
        coarse = _composed(RdpAccountant(), counted, delta)
        if not coarse <= _HOPELESS:  # true for NaN, too
            return coarse
    sure = delta - _LOST * sum(event.steps for event in counted if event.sampling_rate < 1)
    if sure <= 0:
        return math.inf
    fine = PLDAccountant(
        NeighboringRelation.ADD_OR_REMOVE_ONE, value_discretization_interval=INTERVAL
    )
    return _composed(fine, counted, sure)


def divergence(events: Iterable[SubsampledGaussian], order: int) -> float:
    """Return the Rényi divergence of the events composed, at one order; no events cost 0.

    It holds in both directions: for a Gaussian with Poisson sampling, at whole orders, the person
    added gives the larger divergence (Mironov, Talwar and Zhang 2019, theorem 5 and section 3.3).

    Args:
        events: what was or may be released, in any order.
        order: α, a whole number of at least 2.

    Raises:
        PrivacyFault: the order is no whole number of at least 2.
    """
    if not isinstance(order, int) or order < LEAST_ORDER:
        raise PrivacyFault("a Rényi order must be a whole number of at least 2")
    counted = merged(events)
    accountant = RdpAccountant([order], NeighboringRelation.ADD_OR_REMOVE_ONE)
    for event in counted:
        accountant.compose(_step(event), event.steps)
    steps = sum(event.steps for event in counted)
    return max(float(accountant.rdp[0]), 0.0) + steps * _ROUNDING


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


def _is_wide(events: tuple[SubsampledGaussian, ...]) -> bool:
    """Tell whether the loss may spread over more points than are held with ease.

    Without sampling, the loss of T steps is normal around μ²/2 with deviation μ, μ² = Σ T / σ²;
    sampling only makes it narrower.
    """
    squared = sum(event.steps / event.noise_multiplier**2 for event in events)
    return squared / 2 + 10 * math.sqrt(squared) > _WIDE


def _composed(
    accountant: PrivacyAccountant, events: tuple[SubsampledGaussian, ...], delta: float
) -> float:
    for event in events:
        accountant.compose(_step(event), event.steps)
    return float(accountant.get_epsilon(delta))


def _step(event: SubsampledGaussian) -> dp_event.DpEvent:
    gaussian = dp_event.GaussianDpEvent(event.noise_multiplier)
    if event.sampling_rate == 1:  # everybody takes part: no amplification, and exact
        return gaussian
    return dp_event.PoissonSampledDpEvent(event.sampling_rate, gaussian)
