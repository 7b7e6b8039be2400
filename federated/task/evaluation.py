"""How a model is evaluated at the sites, on persons that no such job of the contract trains on.

Rules: bins and noise are public constants. Without noise nothing leaves but sums over at least
three sites, of the last model alone: not DP, and only where each contract permits it. Which persons
are held out is `federated/training/rows/held.py`; what the cells come to is `scores.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from federated.privacy.event import Event, Kind, event
from federated.reading import Member
from federated.task import target as targets
from federated.task.target import Target

HELD_OUT: Final = 0.2  # share of a contract's persons, see `federated/training/rows/held.py`
LEAST_BINS: Final = 2
MOST_BINS: Final = 200
MOST_CELLS: Final = 16_384
LEAST_NOISE: Final = 0.3
MOST_NOISE: Final = 100.0  # with it a person is 41,943 units of noise, shared by up to 1000 rows
NONE: Final = "none"  # in place of noise
ALL_SITES: Final = "*"  # whose cells a sum is
_UNNOISED: Final = (
    f"figures without noise are not DP: `{NONE}` asks for them, where each contract has "
    "`preau:exactEvaluation`"
)
# Histograms of a kind of loss, of so many outputs.
_HISTOGRAMS: Final[Mapping[str, int]] = MappingProxyType(
    {targets.BINARY: 2, targets.CLASSES: 2, targets.NUMBER: 1, targets.COUNT: 1}
)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Histograms of scores, of the models after some rounds and after the last.

    Attributes:
        every: after each so many rounds; >= 1.
        bins: of each histogram, equal parts of a public range; even, so that the middle is an end.
        noise_multiplier: standard deviation of a cell's noise at a site, in persons; 0: none, and
            only the sum over sites is told.
    """

    every: int
    bins: int
    noise_multiplier: float

    @property
    def exact(self) -> bool:
        """Whether cells have no noise: they are not DP, and cost no ε."""
        return self.noise_multiplier == 0

    def times(self, rounds: int) -> int:
        """Return how many models of a job are evaluated."""
        return math.ceil(rounds / self.every)

    def cells(self, target: Target) -> int:
        """Return how many cells one evaluation has."""
        return self.bins * _HISTOGRAMS[target.loss] * target.outputs

    def released(self, count: int) -> tuple[Event, ...]:
        """Return what so many evaluations release of a person, as a ledger counts it."""
        if self.exact:
            return ()
        return (event(Kind.GAUSSIAN, count, noise_multiplier=self.noise_multiplier),)


def read(member: Member, target: Target) -> Evaluation:
    """Read the evaluation of a manifest.

    Raises:
        Exception: as `stated`, or the target has too many classes.
    """
    found = stated(member)
    if found.cells(target) > MOST_CELLS:
        member.child("bins").refuse(
            f"makes more than {MOST_CELLS} cells with the classes of `/target`"
        )
    return found


def stated(member: Member) -> Evaluation:
    """Read the evaluation of a job of which no target is known yet.

    Raises:
        Exception: it is not that, as the document's reader refuses.
    """
    part = member.fields("every", "bins", "noiseMultiplier")
    found = Evaluation(
        every=part["every"].integer(least=1),
        bins=part["bins"].integer(least=LEAST_BINS, most=MOST_BINS),
        noise_multiplier=_noise(part["noiseMultiplier"]),
    )
    if found.bins % 2:
        part["bins"].refuse("must be even")
    return found


def _noise(member: Member) -> float:
    """Return the noise of cells that a manifest states; 0 where it says that there is none."""
    if member.value == NONE:
        return 0.0
    if member.value == 0:
        member.refuse(f"must be above {LEAST_NOISE}: {_UNNOISED}")
    return member.number(above=LEAST_NOISE, most=MOST_NOISE)


def completed(stated: Mapping[str, Any], rounds: int, epsilon: float) -> dict[str, Any]:
    """Return the members of an evaluation of which some may be left out.

    Of the models only the last is evaluated, in 20 bins. The noise makes all evaluations together a
    Gaussian mechanism with σ of 10, or 10 / ε where that is more: a small part of the job's ε.

    Args:
        stated: members that are stated.
        rounds: of the job.
        epsilon: of the job.
    """
    every = stated.get("every", rounds)
    noise = 10 * math.sqrt(math.ceil(rounds / every)) * max(1.0, 1 / epsilon)
    usual = {"every": every, "bins": 20, "noiseMultiplier": min(round(noise, 3), MOST_NOISE)}
    return {**usual, **stated}


def render(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation as JSON."""
    return {
        "every": evaluation.every,
        "bins": evaluation.bins,
        "noiseMultiplier": NONE if evaluation.exact else evaluation.noise_multiplier,
    }
