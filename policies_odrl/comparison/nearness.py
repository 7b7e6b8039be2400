"""What changes cost, to tell small concessions from large ones, and the levels of protection.

A cost is for the order of counter-offers only: nothing is granted or refused by it. Levels of
protection are raised before purposes are narrowed: see `raised`.
Source: `docs/decisions` (counter-offer).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from types import MappingProxyType
from typing import Final

from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.algebra.forms import flat
from policies_odrl.comparison.differences import Said, TermChange
from policies_odrl.evaluation.operands import check
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import ODRL, Condition, Constraint, Iri, Permission
from policies_odrl.values import Duration, Span, Step, name, scalar
from policies_odrl.vocabulary import DPV, LEVELS, PREAU, Kind, Operand

PROTECTION: Final = PREAU + "protectionLevel"
PURPOSE: Final = ODRL + "purpose"
# Attribute -> weight of changing it; 1 for all others: a purpose weighs more than a few days.
WEIGHTS: Final[Mapping[str, int]] = MappingProxyType(
    {
        **dict.fromkeys(("action", "target", "assignee", PURPOSE), 8),
        **dict.fromkeys((PROTECTION, DPV + "hasLegalBasis", PREAU + "isolationTier"), 4),
        **dict.fromkeys((ODRL + "recipient", ODRL + "spatial"), 4),
        **dict.fromkeys(("duty", ODRL + "dateTime", PREAU + "retention", PREAU + "epsilon"), 2),
    }
)
_YEAR: Final = 31_556_952  # mean Gregorian year, seconds
Cost = tuple[int, int, float]  # number of attributes, sum of their weights, sum of their distances


def cost(found: Sequence[TermChange], knowledge: Knowledge) -> Cost:
    """Return how much changes ask of the other party; compared from left to right."""
    return (
        len(found),
        sum(WEIGHTS.get(item.operand, 1) for item in found),
        sum(distance(item.asked, item.offered, knowledge) for item in found),
    )


def distance(asked: Sequence[Said], offered: Sequence[Said], knowledge: Knowledge) -> float:
    """Return how far what is offered lies from what was asked, between 0 and 1."""
    pairs = [
        (mine, theirs)
        for mine, theirs in product(asked, offered)
        if isinstance(mine, Constraint) and isinstance(theirs, Constraint)
    ]
    return max((_between(mine, theirs, knowledge) for mine, theirs in pairs), default=1.0)


def _between(mine: Constraint, theirs: Constraint, knowledge: Knowledge) -> float:
    operand = knowledge.operand(mine.left)
    if operand is None or mine.left != theirs.left:
        return 1.0
    if operand.kind is Kind.CONCEPT:
        steps = [
            min((_steps(name(value), name(it), knowledge) for it in mine.right), default=1.0)
            for value in theirs.right
        ]
        return max(steps, default=1.0)
    if len(mine.right) != 1 or len(theirs.right) != 1:
        return 1.0
    return _scalars(operand, *(scalar(operand.kind, it.right[0]) for it in (mine, theirs)))


def _scalars(operand: Operand, one: object, two: object) -> float:
    match one, two:
        case (None, _) | (_, None):
            return 1.0
        case Step(), Step():  # steps of the list
            return abs(one.rank - two.rank) / max(1, len(LEVELS.get(operand.id, ())))
        case Span(), Span():
            gap = abs((one.start - two.start).total_seconds())
            return gap / (gap + _YEAR)
    first, second = _size(one), _size(two)
    return abs(first - second) / (abs(first) + abs(second) or 1)


def _size(value: object) -> float:
    if isinstance(value, Duration):
        return value.months * _YEAR / 12 + float(value.seconds)
    return float(value)  # type: ignore[arg-type]  # numbers are all that is left


def _steps(one: str | None, two: str | None, knowledge: Knowledge) -> float:
    """Return the steps between two concepts of which one is broader, as a part of the whole."""
    above, over = knowledge.above(one or ""), knowledge.above(two or "")
    if two not in above and one not in over:
        return 1.0
    steps = len(above ^ over)
    return steps / (steps + 1)


# -- more protection of the data, instead of another purpose -------------------------------------


def raised(prover: Proof, wanted: Permission, rule: Permission) -> Permission | None:
    """Return what is asked for at the level of a rule for the same purpose, or None.

    None where the rule is for other purposes, or its level is not above all that is asked for. The
    level is only ever raised, and by as few steps as the rule allows.
    """
    box = Box(wanted.constraints)
    if not all(prover.within(item, box) for item in _on(PURPOSE, rule.constraints)):
        return None
    asked, offered = (_on(PROTECTION, it.constraints) for it in (wanted, rule))
    if not asked or not offered:
        return None
    low, high = (_levels(items, prover.knowledge) for items in (asked, offered))
    if not low or not high or low[-1] >= high[0]:
        return None  # the levels overlap: no need to leave what was asked for
    kept = [item for item in flat(wanted.constraints) if item not in asked]
    return replace(wanted, constraints=(*kept, *offered))


def raise_by(asked: Sequence[Condition], offered: Sequence[Condition], knowledge: Knowledge) -> int:
    """Return by how many steps the lowest level offered is above the lowest one asked for."""
    low, high = _levels(asked, knowledge), _levels(offered, knowledge)
    return high[0] - low[0] if low and high else 0


def _levels(items: Sequence[Condition], knowledge: Knowledge) -> list[int]:
    """Return the levels of protection that conditions allow, from the lowest; all without any."""
    stated = _on(PROTECTION, items)
    return [
        rank
        for rank, step in enumerate(LEVELS[PROTECTION])
        if all(check(item, (Iri(step),), knowledge)[0] is Truth.TRUE for item in stated)
    ]


def _on(left: str, items: Sequence[Condition]) -> list[Constraint]:
    return [it for it in flat(items) if isinstance(it, Constraint) and it.left == left]
