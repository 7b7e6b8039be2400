r"""Privacy spending as events. A mechanism that is not one of them has no cost, and is refused.

Rules: an event holds public numbers only; what is unknown, missing or out of range raises, it is
never counted as zero. Standard library only. What events cost together is left to the accountant.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from federated.errors import EventUnknown
from federated.reading import Member

_MOST: Final = 10**12


@dataclass(frozen=True, slots=True, order=True)
class SubsampledGaussian:
    r"""`steps` releases of a Gaussian mechanism on a Poisson sample of persons.

    Each step draws every person independently with probability q, takes the sum of what the drawn
    persons contribute, each bounded by C in Euclidean norm, and releases it with normal noise::

        S ~ Poisson(q);   release  Σ_{i in S} g_i + N(0, (σ C)² I),   ‖g_i‖₂ ≤ C

    Two neighbouring data sets differ by one person, added or removed, with all of that person's
    rows. The loss is then that of the pair  N(0, σ²)  and  (1 - q) N(0, σ²) + q N(1, σ²)  in both
    directions (Abadi et al. 2016, Mironov et al. 2019), and q = 1 is the plain Gaussian mechanism
    of sensitivity 1. C cancels: only its ratio to the noise counts.

    Attributes:
        noise_multiplier: σ > 0, standard deviation of the noise over C.
        sampling_rate: q in (0, 1], the chance of a person to take part in a step.
        steps: T >= 0, releases composed with one another.
    """

    noise_multiplier: float
    sampling_rate: float
    steps: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.noise_multiplier) and self.noise_multiplier > 0):
            raise EventUnknown("the noise multiplier of an event must be finite and above 0")
        if not 0 < self.sampling_rate <= 1:
            raise EventUnknown("the sampling rate of an event must be above 0 and at most 1")
        if self.steps < 0:
            raise EventUnknown("the steps of an event must be 0 or more")


def from_mapping(value: Mapping[str, float]) -> SubsampledGaussian:
    """Read an event.

    Args:
        value: `noise_multiplier`, `sampling_rate`, `steps`, and nothing else.

    Raises:
        EventUnknown: another mechanism, or numbers that are none of this one's.
    """
    part = Member(value, _unknown).fields("noise_multiplier", "sampling_rate", "steps")
    return SubsampledGaussian(
        part["noise_multiplier"].number(most=_MOST),
        part["sampling_rate"].number(most=1),
        part["steps"].integer(most=_MOST),
    )


def to_mapping(event: SubsampledGaussian) -> dict[str, float]:
    """Return the event as JSON members; `from_mapping` reads it back."""
    return {
        "noise_multiplier": event.noise_multiplier,
        "sampling_rate": event.sampling_rate,
        "steps": event.steps,
    }


def merged(events: Iterable[SubsampledGaussian]) -> tuple[SubsampledGaussian, ...]:
    """Return the events with the steps of equal mechanisms added up, in a fixed order.

    T steps composed with T' steps of the same mechanism are T + T' steps, and the order of
    non-adaptive descriptions does not change the composed loss. Events without steps fall away.
    """
    steps: dict[tuple[float, float], int] = {}
    for event in events:
        key = (event.noise_multiplier, event.sampling_rate)
        steps[key] = steps.get(key, 0) + event.steps
    return tuple(sorted(SubsampledGaussian(*key, count) for key, count in steps.items() if count))


def _unknown(pointer: str, fault: str) -> EventUnknown:
    return EventUnknown(f"an event without a known cost: {pointer or '/'} {fault}")
