"""The rule by which the spending of many jobs is added up, as both parties sign it.

Rules: there is one rule, fixed before the first job and never chosen by what still fits; an
unknown rule or adjacency is refused. Standard library only. What a job costs under a rule is
`accountant.py`; what still fits is `ledger.py`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from federated.errors import PrivacyFault
from federated.reading import Member

ADD_OR_REMOVE_ONE: Final = "add-or-remove-one"
LEAST_ORDER: Final = 2
MOST_ORDER: Final = 1024


class Rule(StrEnum):
    """How the jobs of a contract, or of a register, add up when each is chosen after the last.

    `SUMS`: Σ ε_i ≤ ε and Σ δ_i ≤ δ, each job with the δ_i that it states (Rogers et al. 2016).
    `RENYI`: Σ ε_i(α) at one stated order α, converted once at δ (Feldman and Zrnic 2021).
    """

    SUMS = "sums"
    RENYI = "renyi"


@dataclass(frozen=True, slots=True)
class Accounting:
    """What a contract says of its own arithmetic.

    Attributes:
        rule: see `Rule`.
        order: α, a whole number of at least 2; 0 under `SUMS`.
        adjacency: which data sets are neighbours; only `add-or-remove-one` is known.
    """

    rule: Rule
    order: int = 0
    adjacency: str = ADD_OR_REMOVE_ONE

    def __post_init__(self) -> None:
        if self.adjacency != ADD_OR_REMOVE_ONE:
            raise PrivacyFault("the adjacency of a contract must be `add-or-remove-one`")
        if self.rule is Rule.SUMS and self.order != 0:
            raise PrivacyFault("sums have no order")
        if self.rule is Rule.RENYI and not LEAST_ORDER <= self.order <= MOST_ORDER:
            raise PrivacyFault(f"a Rényi order must lie between {LEAST_ORDER} and {MOST_ORDER}")

    def __str__(self) -> str:
        """Return the rule for people."""
        return "sums" if self.rule is Rule.SUMS else f"Rényi, order {self.order}"


def read(member: Member) -> Accounting:
    """Read what a document states: `rule`, `order` and `adjacency`, and nothing else.

    Raises:
        PrivacyFault: the rule has no such order.
        Exception: it is not that, as the document's reader refuses.
    """
    part = member.fields("rule", "order", "adjacency")
    return Accounting(
        Rule(part["rule"].exactly(*Rule)),
        part["order"].integer(),
        part["adjacency"].exactly(ADD_OR_REMOVE_ONE),
    )


def stated(accounting: Accounting) -> dict[str, Any]:
    """Return what a document states; `read` reads it back."""
    return asdict(accounting) | {"rule": accounting.rule.value}


def fixed(rule: Rule, epsilon: float, delta: float, order: int = 0) -> Accounting:
    """Return the accounting of a budget: its order is the stated one, or follows from the budget.

    Raises:
        PrivacyFault: the order is none, or an argument is out of range.
    """
    if rule is Rule.SUMS:
        return Accounting(rule, order)
    return Accounting(rule, order or order_for(epsilon, delta))


def order_for(epsilon: float, delta: float) -> int:
    """Return the Rényi order of a budget that states none: a formula of the budget alone.

    Rounded up, it is the α at which most steps of a Gaussian without sampling fit (ε - L/(α-1))/α,
    L = ln(1/δ), which is greatest at α = 1 + (L + √(L² + εL))/ε.

    Args:
        epsilon: ε > 0.
        delta: δ in (0, 1).

    Raises:
        PrivacyFault: an argument is out of range.
    """
    if not 0 < epsilon < math.inf or not 0 < delta < 1:
        raise PrivacyFault("a budget needs ε above 0, and δ between 0 and 1")
    lost = -math.log(delta)
    best = 1 + (lost + math.sqrt(lost * lost + epsilon * lost)) / epsilon
    return max(LEAST_ORDER, math.ceil(min(best, MOST_ORDER)))
