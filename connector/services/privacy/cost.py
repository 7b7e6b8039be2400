"""What a job or a table would cost persons, and what would be left of their budgets, for people.

Rule: the figures are those that its acceptance rests on (`budget.py`), worked out now; nothing is
set aside by looking.
"""

from __future__ import annotations

from dataclasses import dataclass

from connector.domain.decision import Refusal
from connector.errors import CapExceeded
from connector.services.privacy import budget
from federated.privacy import ledger


@dataclass(frozen=True, slots=True)
class Place:
    """A budget that what is asked must fit.

    Attributes:
        register: id of the register whose it is; empty: it is the contract's.
        limit: ε that it allows at its δ.
        rule: by which what it is charged adds up.
        left: ε that is left before.
        after: ε that would be left; 0 where it does not fit.
    """

    register: str
    limit: float
    rule: str
    left: float
    after: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What is asked would cost each person here.

    Attributes:
        epsilon: ε of the whole of it alone at its δ, by the accountant.
        places: the contract's budget, then the register's where it has a cap.
        refusal: why it would not be charged; empty: it would.
    """

    epsilon: float
    places: tuple[Place, ...]
    refusal: str = ""


def cost_of(
    figures: budget.Figures, register: str, refusal: Refusal | None, *, closed: bool
) -> Cost:
    """Return a cost.

    Args:
        figures: of what is asked.
        register: id of the register of its persons.
        refusal: why it would not be charged; None: it would.
        closed: whether nothing is left, since this node went back to an older state.
    """
    names = {CapExceeded.code: register}
    places = tuple(
        _place(level, names.get(level.code, ""), fits=refusal is None, closed=closed)
        for level in figures.levels
    )
    return Cost(figures.epsilon, places, "; ".join(refusal.reasons) if refusal else "")


def _place(level: budget.Level, register: str, *, fits: bool, closed: bool) -> Place:
    held = level.budget
    return Place(
        register=register,
        limit=held.epsilon,
        rule=held.accounting.rule.value,
        left=0.0 if closed else ledger.left_epsilon(held, [level.before]),
        after=ledger.left_epsilon(held, [level.before, level.job]) if fits else 0.0,
    )
