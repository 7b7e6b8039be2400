"""Faults that laws are measured by stand where they are said to; each law guards several."""

from __future__ import annotations

import pytest

from policies_odrl.algebra.intervals import HIGHEST, LOWEST, Piece
from tests.support.planted_policies import Fault, laws


def test_each_fault_changes_a_function_of_the_engine() -> None:
    for law, faults in laws().items():
        assert len(faults) > 1, law
        for fault in faults:
            _, text = fault.right()
            assert text.replace(fault.old, fault.new) != text, fault


def test_a_text_that_does_not_stand_there_plants_nothing() -> None:
    wrong = Fault("algebra.intervals", "Piece.empty", "self.low < self.high", "False")
    with pytest.raises(ValueError, match=r"does not stand once in `Piece.empty`"):
        wrong.plant()
    assert not Piece(LOWEST, HIGHEST).empty
