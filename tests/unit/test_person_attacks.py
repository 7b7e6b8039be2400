"""Attacks on persons by name: they succeed where noise is left out, and come to nothing under ε.

The whole of them is in `make audit`. Under ε = 0.3 the best attacker on membership is allowed 0.05
of the way from a guess to certainty; 0.3 is six standard errors of so few models beyond it.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit.attacks import CASES, Attack, Case, attempt
from audit.cells import NO_FAULT
from audit.faults import FAULTS
from audit.inversion import Inversion
from audit.membership import Membership
from federated.task.engine import ENGINES, OPACUS

ATTACKS = {
    "inversion": Inversion(),
    "inversion of eight": Inversion(persons=8),
    "inversion, Opacus": Inversion(engine=OPACUS),
    "loss": Membership(),
    "likelihood": Membership(shadows=True),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_succeeds_only_where_noise_is_left_out(attack: Attack) -> None:
    sound = Case("", attack, epsilon=0.3, runs=16, most=0.3)
    assert attempt(sound, seed=3).as_it_must
    assert attempt(replace(sound, fault="noise left out"), seed=3).as_it_must


def test_every_attack_is_tried_on_each_engine_with_and_without_a_fault() -> None:
    sound = {case.attack for case in CASES if case.fault == NO_FAULT}
    assert sound == {case.attack for case in CASES if case.fault != NO_FAULT}
    assert sound == {replace(attack, engine=engine) for attack in sound for engine in ENGINES}
    assert {case.fault for case in CASES} <= set(FAULTS)
