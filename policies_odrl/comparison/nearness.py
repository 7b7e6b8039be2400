"""How far two statements about one attribute lie apart, to tell small concessions from large ones.

A number between 0 and 1 per attribute, for the order of counter-offers only; nothing is granted or
refused by it. Levels of protection are raised before purposes are narrowed: see `raised`.
Source: `docs/decisions` (counter-offer).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.algebra.forms import flat
from policies_odrl.evaluation.operands import check
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import ODRL, Condition, Constraint, Iri, Permission, Value
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
_MONTH: Final = _YEAR / 12


def distance(
    asked: Sequence[Condition], offered: Sequence[Condition], knowledge: Knowledge
) -> float:
    """Return how far what is offered lies from what was asked, between 0 and 1.

    >>> from policies_odrl.model import XSD, Literal, Operator
    >>> def days(n):
    ...     value = Literal(f"P{n}D", XSD + "duration")
    ...     return [Constraint(PREAU + "retention", Operator.LTEQ, (value,))]
    >>> distance(days(365), days(90), Knowledge()) > distance(days(365), days(300), Knowledge())
    True
    """
    pairs = [
        (mine, theirs)
        for mine in asked
        for theirs in offered
        if isinstance(mine, Constraint) and isinstance(theirs, Constraint)
    ]
    return max((_between(mine, theirs, knowledge) for mine, theirs in pairs), default=1.0)


def _between(mine: Constraint, theirs: Constraint, knowledge: Knowledge) -> float:
    operand = knowledge.operand(mine.left)
    if operand is None or mine.left != theirs.left:
        return 1.0
    if operand.kind is Kind.CONCEPT:
        return max(_steps(value, mine.right, knowledge) for value in theirs.right or ("",))
    if len(mine.right) != 1 or len(theirs.right) != 1:
        return 1.0
    return _scalars(operand, mine.right[0], theirs.right[0])


def _scalars(operand: Operand, mine: Value, theirs: Value) -> float:
    one, two = scalar(operand.kind, mine), scalar(operand.kind, theirs)
    if one is None or two is None:
        return 1.0
    if isinstance(one, Step) and isinstance(two, Step):  # steps of the list
        return abs(one.rank - two.rank) / max(1, len(LEVELS.get(operand.id, ())))
    if isinstance(one, Span) and isinstance(two, Span):
        gap = abs((one.start - two.start).total_seconds())
        return gap / (gap + _YEAR)
    first, second = _size(one), _size(two)
    return abs(first - second) / (abs(first) + abs(second) or 1)


def _size(value: object) -> float:
    if isinstance(value, Duration):
        return value.months * _MONTH + float(value.seconds)
    return float(value)  # type: ignore[arg-type]  # numbers are all that is left


def _steps(value: Value | str, asked: Sequence[Value], knowledge: Knowledge) -> float:
    """Return the steps from a concept to the nearest one asked for, as a part of the whole."""
    own = name(value) or ""
    best = 1.0
    for item in asked:
        other = name(item) or ""
        above, over = knowledge.above(own), knowledge.above(other)
        if other in above or own in over:
            steps = len(above ^ over)
            best = min(best, steps / (steps + 1))
    return best


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
    low, high = (ranks(items, prover.knowledge) for items in (asked, offered))
    if not low or not high or low[-1] >= high[0]:
        return None  # the levels overlap: no need to leave what was asked for
    kept = [item for item in flat(wanted.constraints) if item not in asked]
    return replace(wanted, constraints=(*kept, *offered))


def raised_between(
    asked: Sequence[Condition], offered: Sequence[Condition], knowledge: Knowledge
) -> bool:
    """Return whether the lowest level offered is above the lowest one asked for."""
    low, high = ranks(asked, knowledge), ranks(offered, knowledge)
    return bool(low and high) and high[0] > low[0]


def ranks(items: Sequence[Condition], knowledge: Knowledge) -> list[int]:
    """Return the levels of protection that conditions allow, from the lowest; all without any.

    >>> from policies_odrl.model import Operator
    >>> least = Constraint(PROTECTION, Operator.GTEQ, (Iri(PREAU + "Aggregated"),))
    >>> ranks([least], Knowledge()), ranks([], Knowledge())
    ([4, 5], [0, 1, 2, 3, 4, 5])
    """
    levels = _on(PROTECTION, items)
    return [
        rank
        for rank, step in enumerate(LEVELS[PROTECTION])
        if all(check(item, (Iri(step),), knowledge)[0] is Truth.TRUE for item in levels)
    ]


def _on(left: str, items: Sequence[Condition]) -> list[Constraint]:
    return [it for it in flat(items) if isinstance(it, Constraint) and it.left == left]
