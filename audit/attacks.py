"""Attacks on a person by name: inputs that are inverted, membership that is told.

Rules: every case runs on both engines. It runs under the ε of a contract, where it must come to
little more than chance, and once with a fault, where it must succeed: an attack that never does has
shown nothing. The figure between both is  (found - chance) / (1 - chance):  0 is a guess, 1 is
certainty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from audit.cells import NO_FAULT
from audit.curve import Curve
from audit.faults import FAULTS
from audit.inversion import Inversion
from audit.membership import Membership
from audit.rig import DELTA
from federated.task.engine import OPACUS

SUCCESS: Final = 0.8  # from here on an attack succeeds
_NOTHING: Final = "noise left out"
_BY_OPACUS: Final = 16  # runs, at most: it takes its time for each person


# What is tried on a job whose only mechanism is one Gaussian.
Attack = Inversion | Membership


@dataclass(frozen=True)
class Case:
    """One line of the table.

    Attributes:
        title: what is tried.
        attack: how.
        epsilon: of the contract, at δ = 1e-5.
        runs: of the attack.
        most: what it may come to under the contract.
        fault: a name of `FAULTS`.
    """

    title: str
    attack: Attack
    epsilon: float
    runs: int
    most: float = 0.2
    fault: str = NO_FAULT


@dataclass(frozen=True)
class Tried:
    """What came of a case.

    Attributes:
        case: what was tried.
        found: mean over the runs of how well the attacker did.
        chance: by chance, alike.
    """

    case: Case
    found: float
    chance: float

    @property
    def share(self) -> float:
        """From a guess, 0, to certainty, 1."""
        return (self.found - self.chance) / (1 - self.chance)

    @property
    def as_it_must(self) -> bool:
        """Whether a sound engine withstands, or a fault is made use of."""
        if self.case.fault == NO_FAULT:
            return self.share <= self.case.most
        return self.share >= SUCCESS


_ONE, _EIGHT = Inversion(), Inversion(persons=8)
_LOSS, _SHADOWS = Membership(), Membership(shadows=True)
# What the best attacker is allowed at ε = 3 is 0.39.
_CASES: Final = (
    Case("inversion of an update, one person", _ONE, 1.0, 100),
    Case("inversion of an update, one person", _ONE, 3.0, 100),
    Case("inversion of an update, one person", _ONE, 3.0, 20, fault=_NOTHING),
    Case("inversion of an update, 8 persons", _EIGHT, 3.0, 100),
    Case("inversion of an update, 8 persons", _EIGHT, 3.0, 20, fault=_NOTHING),
    Case("membership by loss", _LOSS, 1.0, 64),
    Case("membership by loss", _LOSS, 1.0, 8, fault=_NOTHING),
    Case("membership by likelihood ratio", _SHADOWS, 1.0, 64),
    Case("membership by likelihood ratio", _SHADOWS, 3.0, 64, most=0.45),
    Case("membership by likelihood ratio", _SHADOWS, 1.0, 32, fault=_NOTHING),
)
CASES: Final = (
    *_CASES,
    *(
        replace(
            case,
            title=f"Opacus: {case.title}",
            attack=replace(case.attack, engine=OPACUS),
            runs=min(case.runs, _BY_OPACUS),
        )
        for case in _CASES
    ),
)


def attempt(case: Case, seed: int) -> Tried:
    """Run a case.

    Args:
        case: which.
        seed: of what is drawn by the auditor; the engine's noise cannot be seeded.
    """
    noise = Curve(1.0, 1).noise_of(case.epsilon, DELTA)
    with FAULTS[case.fault]():
        found, chance = case.attack.found(noise, case.runs, seed)
    return Tried(case, float(np.mean(found)), float(np.mean(chance)))


def attempt_all(seed: int) -> Iterator[Tried]:
    """Run all cases, each with draws of its own."""
    for number, case in enumerate(CASES):
        yield attempt(case, seed + number)
