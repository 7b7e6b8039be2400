"""How far two statements about one attribute lie apart, to tell small concessions from large ones.

Rules: a number between 0 and 1 per attribute, for the order of counter-offers only; nothing is
granted or refused by it. Ordered values: relative difference of the bounds; concepts: steps up or
down the hierarchy; levels: steps of the list; all else: 1. An attribute weighs what `WEIGHTS` says,
because a consumer gives up a purpose less easily than a few days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from policies_odrl.knowledge import Knowledge
from policies_odrl.model import ODRL, Condition, Constraint, Value
from policies_odrl.values import Duration, Span, Step, name, scalar
from policies_odrl.vocabulary import DPV, LEVELS, PREAU, Kind

# Attribute -> weight of changing it; 1 for all others.
WEIGHTS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "action": 8,
        "target": 8,
        "assignee": 8,
        ODRL + "purpose": 8,
        PREAU + "protectionLevel": 4,
        DPV + "hasLegalBasis": 4,
        ODRL + "recipient": 4,
        ODRL + "spatial": 4,
        PREAU + "isolationTier": 4,
        "duty": 2,
        ODRL + "dateTime": 2,
        PREAU + "retention": 2,
        PREAU + "epsilon": 2,
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
        return max(_concepts_apart(value, mine.right, knowledge) for value in theirs.right or ("",))
    if len(mine.right) != 1 or len(theirs.right) != 1:
        return 1.0
    return _scalars_apart(operand.id, operand.kind, mine.right[0], theirs.right[0])


def _scalars_apart(left: str, kind: Kind, mine: Value, theirs: Value) -> float:
    one, two = scalar(kind, mine), scalar(kind, theirs)
    if one is None or two is None:
        return 1.0
    if isinstance(one, Step) and isinstance(two, Step):
        return abs(one.rank - two.rank) / max(1, len(LEVELS.get(left, ())))
    if isinstance(one, Span) and isinstance(two, Span):
        gap = abs((one.start - two.start).total_seconds())
        return gap / (gap + _YEAR)
    first, second = _size(one), _size(two)
    whole = abs(first) + abs(second)
    return abs(first - second) / whole if whole else 0.0


def _size(value: object) -> float:
    if isinstance(value, Duration):
        return value.months * _MONTH + float(value.seconds)
    return float(value)  # type: ignore[arg-type]  # numbers are all that is left


def _concepts_apart(value: Value | str, asked: Sequence[Value], knowledge: Knowledge) -> float:
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
