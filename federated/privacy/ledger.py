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
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import lru_cache, reduce
from itertools import accumulate
from typing import Final

from federated.errors import PrivacyFault
from federated.privacy.rule import Accounting, Rule

# What is counted: (ε, δ) under `SUMS`, (ε(α),) under `RENYI`.
Amount = tuple[float, ...]
_LAST_BITS: Final = Decimal("1.000000000001")
# Any sum of floats has fewer digits; should one not, it is no answer.
_ALL_DIGITS: Final = Context(prec=1000, traps=[Inexact, InvalidOperation])
_KEPT: Final = 8192  # numbers in decimals, which takes ten times as long as to add them


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


@lru_cache(maxsize=_KEPT)
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
    return _epsilon(budget, total(budget, amounts)[0])


def history(budget: Budget, amounts: Iterable[Amount]) -> tuple[float, ...]:
    """Return the ε at the budget's δ that the amounts up to each of them stand for."""
    sums = accumulate((_exact(each[:1]) for each in amounts), _added)
    return tuple(_epsilon(budget, _value(each)) for each in sums)


def _epsilon(budget: Budget, spent: float) -> float:
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


def _exact(values: Iterable[float]) -> Decimal | None:
    """Return the sum of the decimals that values are written as; None unless all are finite."""
    numbers = list(values)
    if not all(math.isfinite(number) and number >= 0 for number in numbers):
        return None
    return reduce(_ALL_DIGITS.add, map(_decimal, numbers), Decimal(0))


@lru_cache(maxsize=_KEPT)
def _decimal(number: float) -> Decimal:
    return Decimal(repr(number))


def _added(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else _ALL_DIGITS.add(one, other)


def _value(exact: Decimal | None) -> float:
    return math.inf if exact is None else float(exact)


def _fits(limit: float, values: Iterable[float]) -> bool:
    exact = _exact(values)
    # A third of δ, three times, is δ: what binary fractions add to that is not held against it.
    return exact is not None and exact <= _ALL_DIGITS.multiply(Decimal(repr(limit)), _LAST_BITS)
