"""Attacks on the real engine: its promise holds, and each attack notices a fault.

The whole audit is `make audit`; here are its shorter cells. A sound engine fails a case with a
chance below 1e-7.
"""

from __future__ import annotations

import numpy as np
import pytest
from flwr.supercore.task_identity import TaskIdentity

from audit import hostile
from audit.attacks import CASES as CASES_OF_ATTACKS
from audit.bound import bound
from audit.canaries import Canaries
from audit.cells import CELLS, NO_FAULT, Outcome
from audit.end_to_end import EndToEnd
from audit.faults import FAULTS
from audit.hostile import Hostile, search
from federated.task.target import Classes, Count

DELTA = 1e-5
SURE = 1 - 1e-7
SEED = 13
EVERYBODY = Canaries()
HALF = Canaries(sampling_rate=0.5)
ROWS = Canaries(rows=4)
TURNED = Canaries(rounds=2, flips=True)
CLASSES = Canaries(target=Classes("score", ("a", "b", "c")))
COUNT = Canaries(target=Count("score", 3), label=0.0)
# Of each: worlds, σ, runs.
CASES = {
    "everybody": (EVERYBODY, 1.4, 48),
    "half": (HALF, 1.1, 24),
    "rows": (ROWS, 1.4, 24),
    "turned": (TURNED, 2.0, 20),
    "classes": (CLASSES, 1.4, 20),
    "count": (COUNT, 1.4, 20),
}


@pytest.fixture(autouse=True)
def _few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile, "_TRIES", 60)  # with this seed they find what the audit's 1,000 do


def _proved(case: str, fault: str) -> tuple[float, float]:
    """Return the bound and the truth; a fault is looked for three times as long."""
    worlds, noise, runs = CASES[case]
    with FAULTS[fault]():
        scores = worlds.scores(noise, runs if fault == NO_FAULT else 3 * runs, SEED)
    found = bound(*scores, worlds.curve, DELTA, confidence=SURE, seed=SEED)
    return found.fitted, worlds.curve.epsilon_of(noise, DELTA)


@pytest.mark.parametrize("case", CASES)
def test_the_promise_holds_against_an_attack_that_sees_something(case: str) -> None:
    proved, truth = _proved(case, NO_FAULT)
    assert 0.1 * truth < proved <= truth


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        ("everybody", "clip × 1.5"),
        ("everybody", "noise ÷ 1.5"),
        ("half", "sampling left out"),
        ("rows", "rows as the unit"),
        ("classes", "classes clipped alone"),
        ("turned", "noise used again"),
    ],
)
def test_the_attack_notices_a_fault(case: str, fault: str) -> None:
    proved, truth = _proved(case, fault)
    assert proved > truth


def test_hostile_weights_move_a_sum_whose_products_are_not_exact() -> None:
    worlds = Hostile()
    assert search(SEED).gain > 0.5
    with FAULTS["plain products"]():
        found = bound(*worlds.scores(1.4, 40, SEED), worlds.curve, DELTA)
    assert found.fitted > worlds.curve.epsilon_of(1.4, DELTA)


def test_real_workers_answer_the_hostile_lead_with_new_noise_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("_run_id", "_node_id", "_task_id"):  # the audit's process becomes a lead
        monkeypatch.setattr(TaskIdentity, name, getattr(TaskIdentity, name))
    scores = np.concatenate(EndToEnd().scores(1.4, 3, SEED))
    assert len(np.unique(scores)) == len(scores) == 6
    assert np.ptp(scores) < 20  # clips, of 994 persons: they differ by the noise and one person


def test_every_fault_has_a_cell_and_every_attack_a_sound_twin() -> None:
    assert {case.fault for case in (*CELLS, *CASES_OF_ATTACKS)} == set(FAULTS)
    sound = {(cell.worlds, cell.claim) for cell in CELLS if cell.fault == NO_FAULT}
    assert {(cell.worlds, cell.claim) for cell in CELLS} == sound


def test_a_cell_comes_out_as_it_must_when_only_faults_are_caught() -> None:
    _, noise, _ = CASES["everybody"]
    broken = bound(*EVERYBODY.scores(noise / 3, 2, SEED), EVERYBODY.curve, DELTA)
    sound = next(cell for cell in CELLS if cell.fault == NO_FAULT)
    caught = next(cell for cell in CELLS if cell.fault != NO_FAULT)
    assert broken.fitted > caught.claim
    assert Outcome(caught, noise, 1, broken, 0.0).as_it_must
    assert not Outcome(sound, noise, 1, broken, 0.0).as_it_must
