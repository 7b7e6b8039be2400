"""Whether one more job fits a budget, by the one rule of that budget.

The rules are filters for jobs that are chosen after the outputs of earlier ones, running jobs
among them: the sum of what every admitted job may cost stays within a limit that was fixed before
the first. `docs/decisions/0007-privacy-accounting.md` has the proofs' conditions. Sums are exact,
in the decimals as they are written, so that the order of jobs does not matter.
Standard library only; what a job costs is `accountant.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from federated.errors import PrivacyFault
from federated.privacy.rule import Accounting, Rule

# What is counted: (ε, δ) under `SUMS`, (ε(α),) under `RENYI`.
Amount = tuple[float, ...]
_LAST_BITS: Final = Fraction(1, 10**12)


@dataclass(frozen=True, slots=True)
class Budget:
    """What one contract, or one register, allows per person.

    Attributes:
        epsilon: ε > 0.
        delta: δ in (0, 1).
        accounting: its rule.
    """

    epsilon: float
    delta: float
    accounting: Accounting

    def __post_init__(self) -> None:
        if not 0 < self.epsilon < math.inf or not 0 < self.delta < 1:
            raise PrivacyFault("a budget needs ε above 0, and δ between 0 and 1")

    @property
    def limit(self) -> Amount:
        """Most that its jobs may count together; below 0 where the order leaves no room."""
        if self.accounting.rule is Rule.SUMS:
            return (self.epsilon, self.delta)
        return (self.epsilon - conversion(self.accounting.order, self.delta),)


def conversion(order: int, delta: float) -> float:
    """Return what ε at `delta` is above the Rényi divergence at an order.

    Source: Canonne, Kamath and Steinke 2020, proposition 12.
    """
    return math.log1p(-1 / order) - (math.log(delta) + math.log(order)) / (order - 1)


def total(budget: Budget, amounts: Iterable[Amount]) -> Amount:
    """Return the sum of amounts, 0 for none; infinite where one of them is."""
    nothing = tuple(0.0 for _ in budget.limit)
    columns = zip(*(nothing, *amounts), strict=True)
    return tuple(_value(_exact(column)) for column in columns)


def admits(budget: Budget, amounts: Iterable[Amount]) -> bool:
    """Whether amounts together stay within the budget."""
    nothing = tuple(0.0 for _ in budget.limit)
    columns = zip(budget.limit, *(nothing, *amounts), strict=True)
    return all(_fits(limit, column) for limit, *column in columns)


def left(budget: Budget, amounts: Iterable[Amount]) -> Amount:
    """Return what the limit is above the sum of amounts, never below 0."""
    spent = total(budget, amounts)
    return tuple(max(a - b, 0.0) for a, b in zip(budget.limit, spent, strict=True))


def epsilon_of(budget: Budget, amounts: Iterable[Amount]) -> float:
    """Return the ε at the budget's δ that amounts stand for; 0 for nothing."""
    spent = total(budget, amounts)[0]
    if budget.accounting.rule is Rule.SUMS or spent == 0:
        return spent
    return max(spent + conversion(budget.accounting.order, budget.delta), 0.0)


def left_epsilon(budget: Budget, amounts: Iterable[Amount]) -> float:
    """Return the ε that is left at the budget's δ, for people; 0 where δ is used up.

    Under Rényi the first job also pays what turns a divergence into an ε (`conversion`).
    """
    counted = list(amounts)
    if budget.accounting.rule is Rule.SUMS:
        epsilon, delta = left(budget, counted)
        return epsilon if delta > 0 else 0.0
    return max(budget.epsilon - epsilon_of(budget, counted), 0.0)


def _exact(values: Iterable[float]) -> Fraction | None:
    """Return the sum of the decimals that values are written as; None unless all are finite."""
    numbers = list(values)
    if not all(math.isfinite(number) and number >= 0 for number in numbers):
        return None
    return sum((Fraction(repr(number)) for number in numbers), Fraction(0))


def _value(exact: Fraction | None) -> float:
    try:
        return math.inf if exact is None else float(exact)
    except OverflowError:  # larger than any float: as good as infinite
        return math.inf


def _fits(limit: float, values: Iterable[float]) -> bool:
    exact = _exact(values)
    # A third of δ, three times, is δ: what binary fractions add to that is not held against it.
    return exact is not None and exact <= Fraction(repr(limit)) * (1 + _LAST_BITS)
