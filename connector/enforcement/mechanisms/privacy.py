"""What all mechanisms that spend a budget of privacy have in common: its operands and figures.

Rule: what is protected is the person, by a budget that is stated whole, ε and δ; a contract that
states a part of it is not compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from connector.enforcement import figures
from connector.enforcement.mechanism import AT_MOST, EQ, Upheld
from connector.enforcement.plan import Label
from connector.enforcement.terms import DELTA, EPSILON, PERSON, ROWS, UNIT
from connector.errors import BudgetExceeded, PolicyInvalid
from policies_odrl import Constraint, Permission

OPERANDS: Final = (EPSILON, DELTA, UNIT, ROWS)
CODES: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys((EPSILON, DELTA), BudgetExceeded.code)
)


def upheld(step: str, bounded: str) -> Mapping[str, Upheld]:
    """Return who upholds the operands.

    Args:
        step: name of the step that spends.
        bounded: how it bounds what a person moves, for people.
    """
    rows = (
        (EPSILON, "privacy ledger", AT_MOST),
        (DELTA, "privacy ledger", AT_MOST),
        (UNIT, bounded, EQ),
        (ROWS, "rows kept per person", AT_MOST),
    )
    return {left: Upheld(Label.ENFORCED, f"{step}: {by}", signs) for left, by, signs in rows}


def budget(rule: Permission) -> tuple[float, float]:
    """Return (ε, δ) that a contract may spend, also of one that could not be contracted today.

    Raises:
        PolicyInvalid: it has no such figures.
    """
    atoms = figures.required(rule.constraints)
    epsilon, delta = (
        figures.figure(figures.bound(atoms, left, min), left) for left in (EPSILON, DELTA)
    )
    return epsilon, delta


def check_unit(atoms: tuple[Constraint, ...]) -> None:
    """Check that the unit of privacy is the person.

    Raises:
        PolicyInvalid: it is not stated, or is another.
    """
    if figures.names(atoms, UNIT, EQ) != (PERSON,):
        raise PolicyInvalid("the unit of privacy must be stated, and be the person")
