"""The least noise with which a job's steps keep an ε, found in few compositions.

Rules: what is returned was composed by `accountant.py`, and keeps the target; where the search
begins and goes next is no matter of privacy, only of time. A composition takes 0.03 to 0.6 s, and
the less noise the longer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache
from typing import Final

from federated.errors import CalibrationImpossible, PrivacyFault
from federated.privacy.accountant import epsilon
from federated.privacy.divergence import divergence
from federated.privacy.event import Event, sampled_gaussian

LEAST_NOISE: Final = 0.3  # below it a step has no protection worth the name
MOST_NOISE: Final = 10_000.0
_TOLERANCE: Final = 1e-3
_ASIDE: Final = 0.4 * _TOLERANCE
_ORDERS: Final = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256, 512)


def calibrate(
    *,
    target: float,
    delta: float,
    sampling_rate: float,
    steps: int,
    beside: Iterable[Event] = (),
) -> float:
    """Return the smallest σ, within 0.001, with which `steps` steps cost at most `target`.

    What is returned always keeps the target; it is never below `LEAST_NOISE`.

    Args:
        target: ε > 0.
        delta: δ in (0, 1).
        sampling_rate: q in (0, 1].
        steps: T >= 1.
        beside: what else is released within that target.

    Raises:
        PrivacyFault: an argument is out of range.
        CalibrationImpossible: σ would lie above `MOST_NOISE`.
    """
    if target <= 0 or steps < 1 or not 0 < delta < 1:
        raise PrivacyFault("the target ε must be above 0, the steps 1 or more, δ between 0 and 1")
    others = tuple(beside)

    def events(noise: float) -> list[Event]:
        return [sampled_gaussian(noise, sampling_rate, steps), *others]

    @cache
    def cost(noise: float) -> float:
        return epsilon(events(noise), delta)

    start = LEAST_NOISE
    while _bound(events(start), delta) > target and 2 * start <= MOST_NOISE:
        start *= 2
    low, high = _bracket(cost, target, start)
    narrow = True
    while high - low > _TOLERANCE:
        width = high - low
        middle = _guess(low, high, cost, target) if narrow else (low + high) / 2
        low, high = (low, middle) if cost(middle) <= target else (middle, high)
        narrow = high - low <= width / 2
    return high


def _bracket(cost: Callable[[float], float], target: float, start: float) -> tuple[float, float]:
    """Return (too little noise, at most twice as much, which is enough), or the least noise twice.

    Args:
        cost: ε by σ.
        target: ε.
        start: σ that may be enough.

    Raises:
        CalibrationImpossible: σ would lie above `MOST_NOISE`.
    """
    high = start
    while cost(high) > target:
        high *= 2
        if high > MOST_NOISE:
            raise CalibrationImpossible("no noise within its bounds achieves that ε and δ")
    while high > LEAST_NOISE and cost(high / 2) <= target:
        high /= 2
    return (high / 2 if high > LEAST_NOISE else high), high


def _bound(events: list[Event], delta: float) -> float:
    """Return an upper bound of ε that takes no time (Mironov 2017, proposition 3)."""
    return min(divergence(events, order) - math.log(delta) / (order - 1) for order in _ORDERS)


def _guess(low: float, high: float, cost: Callable[[float], float], target: float) -> float:
    """Return where ln ε meets the target if it is a line in ln σ, and a little beyond.

    Beyond, seen from the nearer end: so both ends come near.
    """
    above, below = cost(low), cost(high)
    if not 0 < below < above < math.inf:
        return (low + high) / 2
    part = math.log(above / target) / math.log(above / below)
    found = low * math.pow(high / low, part)
    found += _ASIDE if found - low < high - found else -_ASIDE
    return min(max(found, low + _ASIDE), high - _ASIDE)
