"""Attacks on the tables of statistics: what is charged holds, and each attack notices a fault.

The whole audit is `make audit`; here are its shorter cells. A sound table fails with a chance below
1e-7; of four times as many a fault proves 3.4 and more, where 3 is claimed.
"""

from __future__ import annotations

import pytest

from audit.bound import bound
from audit.cells import NO_FAULT
from audit.faults import FAULTS
from audit.tables import STATISTICS, Tables, kinds
from federated.statistics.kinds import KINDS

CLAIM, SURE, SEED = 3.0, 1 - 1e-7, 11
LEAST = 0.1  # of the claim, that an attack proves; of six figures 0.4 or so, of one 0.5 and more
CASES = {name: (Tables(name), NO_FAULT) for name in kinds()} | {
    "rows": (Tables(rows=9, bound=3), "every row counts"),
    "persons in two cells": (Tables("persons", rows=2, bound=2), "one cell a person"),
    "sums of a width": (Tables("sum", rows=2, bound=2), "width for a range"),
    "products": (Tables("correlation"), "half a range"),
    "two tables": (Tables(again=True), "noise of the table before"),
    "a charge": (Tables("mean"), "half is charged"),
}


@pytest.mark.parametrize("case", CASES)
def test_an_attack_proves_less_than_was_charged_unless_a_fault_was_planted(case: str) -> None:
    worlds, fault = CASES[case]
    with FAULTS[fault]():
        scores = worlds.scores(1 / CLAIM, 1 if fault == NO_FAULT else 4, SEED)
    proved = bound(*scores, worlds.curve, 1e-5, confidence=SURE, seed=SEED).fitted
    assert proved > LEAST * CLAIM
    assert (proved <= CLAIM) is (fault == NO_FAULT)


def test_every_kind_of_statistic_is_attacked() -> None:
    assert {asked.kind for asked in STATISTICS.values()} == set(KINDS)
