"""How noised gradients move the weights: kind, its public numbers, and the schedule of the rate.

Rules: what an optimiser remembers begins anew in each round, so that a worker that is started again
does the same; it sees noised gradients only, hence costs no ε. The arithmetic is
`federated/training/optimiser.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from federated.reading import Member

SGD: Final = "sgd"
ADAM: Final = "adam"
CONSTANT: Final = "constant"
SCHEDULES: Final = (CONSTANT, "cosine", "linear")


@dataclass(frozen=True, slots=True)
class Optimiser:
    """Stochastic gradient descent, or Adam (Kingma and Ba 2015).

    Attributes:
        kind: `sgd` or `adam`.
        schedule: of the learning rate over the job's steps: `constant`, or falling to 0 as
            `linear` or `cosine` say.
        momentum: of `sgd`, in [0, 1).
        beta1: of `adam`, decay of the mean, in [0, 1).
        beta2: of `adam`, decay of the squares, in (beta1², 1).
        stability: of `adam`, what is added to the root of the squares, in (0, 1].
    """

    kind: str = SGD
    schedule: str = CONSTANT
    momentum: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.999
    stability: float = 1e-8


PLAIN: Final = Optimiser()
_OWN: Final = {SGD: ("momentum",), ADAM: ("beta1", "beta2", "stability")}


def read(member: Member) -> Optimiser:
    """Read an optimiser; a manifest states all of its numbers.

    Raises:
        ManifestInvalid: with the pointer of the fault.
    """
    kind = member.child("kind").exactly(SGD, ADAM)
    part = member.fields("kind", "schedule", *_OWN[kind])
    schedule = part["schedule"].exactly(*SCHEDULES)
    if kind == SGD:
        return Optimiser(SGD, schedule, momentum=_share(part["momentum"]))
    first, second = _share(part["beta1"]), _share(part["beta2"])
    if second <= first**2:  # else one step could be as large as you like
        part["beta2"].refuse("must be above the square of `beta1`")
    stability = part["stability"].number(above=0, most=1)
    return Optimiser(ADAM, schedule, beta1=first, beta2=second, stability=stability)


def render(optimiser: Optimiser) -> dict[str, Any]:
    """Return an optimiser as JSON."""
    own = {name: getattr(optimiser, name) for name in _OWN[optimiser.kind]}
    return {"kind": optimiser.kind, "schedule": optimiser.schedule, **own}


def completed(stated: dict[str, Any]) -> dict[str, Any]:
    """Return what a request states of an optimiser, with the usual numbers where it is silent."""
    usual = render(Optimiser(kind=stated.get("kind", SGD) if stated.get("kind") in _OWN else SGD))
    return {**usual, **stated}


def _share(member: Member) -> float:
    number = member.number()
    if not 0 <= number < 1:
        member.refuse("must be 0 or more and below 1")
    return number
