"""One atomic constraint against the values of its left operand.

Rules: a missing, ill-typed or incomparable value, an operator without meaning for the operand and a
unit that does not convert give Undetermined. How names stand to one another is left to `names.py`,
and when they are the same to `identity.py`. Several values that a request claims at once (two
purposes) must agree, otherwise the constraint is Undetermined: a use for research *and* marketing
is neither. Operands that are evidence (memberships) need one value that fits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne
from types import MappingProxyType
from typing import Final

from policies_odrl.algebra.periods import Recurrence, Stretch, compare
from policies_odrl.evaluation.names import compare_names, under
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth, all_of, any_of, negate, unanimous
from policies_odrl.model import ODRL, Constraint, Iri, Literal, Operator
from policies_odrl.units import canonical, in_base, length
from policies_odrl.values import (
    Duration,
    FactValue,
    Quantity,
    Scalar,
    Span,
    before,
    naive,
    name,
    number,
    same,
    scalar,
    span,
)
from policies_odrl.vocabulary import ALLOWED, LEVELS, Kind, Operand

__all__ = [
    "MOST_COUNTED",
    "NAIVE",
    "NO_VALUE",
    "POLICY_USAGE",
    "UNKNOWN_OPERAND",
    "Fact",
    "Knowledge",
    "check",
    "under",
]

Fact = FactValue | Quantity | Stretch | Recurrence
NO_VALUE: Final = "no value was given"
UNKNOWN_OPERAND: Final = "is not a known left operand"
NAIVE: Final = "a time without a zone was read as UTC"
INCOMPARABLE: Final = "the value given cannot be compared"
IMPOSSIBLE: Final = "there is no such value"
OVERLAPS: Final = "the value given may be what is named, or something else: state a narrower one"
MOST_COUNTED: Final = 10**15  # beyond it a sum of decimals may round
POLICY_USAGE: Final = ODRL + "policyUsage"


def check(
    constraint: Constraint, values: Sequence[Fact] | None, knowledge: Knowledge
) -> tuple[Truth, str]:
    """Return whether the constraint holds, and a note.

    The note says why the truth is Undetermined, or how a value was read; mostly it is empty.

    >>> from policies_odrl.model import XSD, Literal
    >>> five = Constraint(ODRL + "count", Operator.LTEQ, (Literal("5", XSD + "integer"),))
    >>> check(five, (4,), Knowledge()), check(five, (), Knowledge())[1]
    ((<Truth.TRUE: 'true'>, ''), 'no value was given')
    """
    operand = knowledge.operand(constraint.left)
    if operand is None:
        return Truth.UNDETERMINED, f"`{constraint.left}` {UNKNOWN_OPERAND}"
    right = _referred(constraint, knowledge) if constraint.reference else constraint.right
    obstacle = _obstacle(operand, constraint, values, right)
    if obstacle or not values:
        return Truth.UNDETERMINED, obstacle
    if operand.kind is Kind.DURATION:
        truth = _compare_lengths(constraint, values, right)
    else:
        plain = _in_one_unit(values, right, constraint.unit)
        if plain is None:
            return Truth.UNDETERMINED, "the units differ"
        given, limits = plain
        truth = _compare(operand, constraint.operator, given, limits, knowledge)
    if truth is Truth.UNDETERMINED:
        return truth, OVERLAPS if _overlaps(operand, values, right, knowledge) else INCOMPARABLE
    if operand.kind is Kind.INSTANT and any(map(naive, (*values, *right))):
        return truth, NAIVE
    return truth, ""


def _obstacle(
    operand: Operand,
    constraint: Constraint,
    values: Sequence[Fact] | None,
    right: Sequence[FactValue],
) -> str:
    """Return what keeps values from being compared at all; empty when nothing does."""
    if constraint.operator not in ALLOWED[operand.kind]:
        return f"`{constraint.operator.value}` means nothing for this operand"
    if not right:
        return "the right operand could not be resolved"
    if not values:
        return NO_VALUE
    if operand.kind is Kind.LEVEL:
        return _strange_step(operand, (*values, *right))
    bounded = operand.least is not None or operand.most is not None
    return IMPOSSIBLE if bounded and any(_beyond(operand, value) for value in values) else ""


def _beyond(operand: Operand, value: Fact) -> bool:
    """Return whether a number given is one that the operand cannot have (`-1` rows)."""
    if isinstance(value, Stretch | Recurrence):
        return False
    amount = number(value.value if isinstance(value, Quantity) else value)
    if amount is None:
        return False
    low, high = operand.least, operand.most
    if isinstance(value, Quantity) and value.unit != operand.unit:
        high = None  # zero is zero in every unit, the whole is not
    return (low is not None and amount < low) or (high is not None and amount > high)


def _strange_step(operand: Operand, values: Sequence[Fact]) -> str:
    """Return which value is no step of the operand's list; empty when all are."""
    steps = LEVELS.get(operand.id, ())
    for value in values:
        plain = value.value if isinstance(value, Iri) else value
        if plain not in steps:
            shown = f"`{plain[:200]}`" if isinstance(plain, str) else "a value"
            return f"{shown} is not a step of this operand"
    return ""


def _overlaps(
    operand: Operand, values: Sequence[Fact], right: Sequence[FactValue], knowledge: Knowledge
) -> bool:
    """Return whether a concept given has something in common with one that is named."""
    if operand.kind is not Kind.CONCEPT:
        return False
    given = [item for value in values if (item := _name(value)) is not None]
    named = [item for value in right if (item := name(value)) is not None]
    return any(knowledge.overlap(item, want) for item in given for want in named)


def _name(value: Fact) -> str | None:
    return None if isinstance(value, Quantity | Stretch | Recurrence) else name(value)


def _referred(constraint: Constraint, knowledge: Knowledge) -> tuple[FactValue, ...]:
    found = [knowledge.references.get(item, ()) for item in constraint.reference]
    return tuple(value for values in found for value in values) if all(found) else ()


_MEASURED: Final = frozenset({Quantity, Stretch, Recurrence})


def _in_one_unit(
    values: Sequence[Fact], right: Sequence[FactValue], unit: str
) -> tuple[Sequence[FactValue], Sequence[FactValue]] | None:
    """Return values and bounds in the unit that they share, or None when there is none."""
    if not unit and _MEASURED.isdisjoint(map(type, values)):
        return values, right  # type: ignore[return-value]  # no measured value is among them
    plain: list[FactValue] = []
    units: list[str] = []
    for value in values:
        if isinstance(value, Stretch | Recurrence):
            return None
        units.append(value.unit if isinstance(value, Quantity) else "")
        plain.append(value.value if isinstance(value, Quantity) else value)
    if {canonical(own) for own in units} == {canonical(unit)}:
        return plain, right
    bases = [_base(value, own) for value, own in zip(plain, units, strict=True)]
    limits = [_base(value, unit) for value in right]
    both = [item for item in (*bases, *limits) if item is not None]
    if len(both) < len(bases) + len(limits) or len({dimension for dimension, _ in both}) != 1:
        return None
    amounts = [amount for _, amount in both]
    return amounts[: len(bases)], amounts[len(bases) :]


def _base(value: FactValue, unit: str) -> tuple[str, Decimal] | None:
    amount = number(value)
    return None if amount is None else in_base(amount, unit)


def _compare_lengths(
    constraint: Constraint, values: Sequence[Fact], right: Sequence[FactValue]
) -> Truth:
    """Return how durations compare; a number with a unit of time is a duration too."""
    bounds = [_duration(value, constraint.unit) for value in right]
    clocks = (Stretch, Recurrence)
    given = [item if isinstance(item, clocks) else _duration(item, "") for item in values]
    bound = bounds[0] if len(bounds) == 1 else None
    if not isinstance(bound, Duration):
        return Truth.UNDETERMINED
    each = []
    for item in given:
        if item is None or _negative(item):
            return Truth.UNDETERMINED
        if isinstance(item, clocks):
            each.append(compare(constraint.operator, item, bound))
        else:
            each.append(_order(constraint.operator, item, bound))
    return unanimous(each)


def _negative(item: Scalar | Stretch | Recurrence) -> bool:
    """Return whether a length is below none, which is no length."""
    return isinstance(item, Duration) and (item.months < 0 or item.seconds < 0)


def _duration(value: Fact, unit: str) -> Scalar | None:
    if isinstance(value, Quantity):
        return _duration(value.value, value.unit)
    if isinstance(value, Stretch | Recurrence):  # a bound is no clock
        return None
    if not unit:
        return scalar(Kind.DURATION, value)
    amount = number(value)
    return None if amount is None else length(amount, unit)


def _compare(
    operand: Operand,
    operator: Operator,
    values: Sequence[FactValue],
    right: Sequence[FactValue],
    knowledge: Knowledge,
) -> Truth:
    if operand.kind in _SCALARS:
        if len(values) == 1 == len(right) and operator in _ONE_TO_ONE:  # the usual case, faster
            return _compare_one(operand.kind, operator, values[0], right[0])
        given = [_given(operand.kind, value) for value in values]
        return _compare_scalars(operator, given, [scalar(operand.kind, value) for value in right])
    if operand.kind is Kind.EVENT and _timed(operator, values):
        # "before (lt), during (eq) or after (gt) the event" (Vocabulary, `event`)
        stretches = [_span_of_event(value, knowledge) for value in values]
        events = [_span_of_event(value, knowledge) for value in right]
        return _compare_scalars(operator, stretches, events)
    return compare_names(operand, operator, values, right, knowledge)


_SCALARS = (Kind.NUMBER, Kind.COUNT, Kind.INSTANT, Kind.LEVEL)  # few: identity is found fastest
_ORDERED = frozenset({Operator.GT, Operator.GTEQ, Operator.LT, Operator.LTEQ})


_ONE_TO_ONE = (*_ORDERED, Operator.EQ, Operator.NEQ)


def _compare_one(kind: Kind, operator: Operator, value: FactValue, limit: FactValue) -> Truth:
    if kind is Kind.NUMBER:  # the usual kind, faster
        return _order_numbers(operator, number(value), number(limit))
    item, bound = _given(kind, value), scalar(kind, limit)
    if item is None or bound is None:
        return Truth.UNDETERMINED
    return _order(operator, item, bound)


def _given(kind: Kind, value: FactValue) -> Scalar | None:
    """Return a value given; of a count, with the execution asked for (Vocabulary)."""
    found = scalar(kind, value)
    if kind is not Kind.COUNT or not isinstance(found, Decimal):
        return found
    whole = 0 <= found <= MOST_COUNTED and found == found.to_integral_value()
    return found + 1 if whole else None


def _timed(operator: Operator, values: Sequence[FactValue]) -> bool:
    return operator in _ORDERED or any(isinstance(value, date) for value in values)


def _span_of_event(value: FactValue, knowledge: Knowledge) -> Span | None:
    """Return when an event takes place; a time is itself."""
    if isinstance(value, datetime | Literal):
        return span(value)
    known = knowledge.events.get(name(value) or "")
    return Span(*known) if known is not None and known[0] <= known[1] else None


def _compare_scalars(
    operator: Operator, left: Sequence[Scalar | None], limits: Sequence[Scalar | None]
) -> Truth:
    bounds = [item for item in limits if item is not None]
    given = [item for item in left if item is not None]
    if len(bounds) != len(limits) or len(given) != len(left):
        return Truth.UNDETERMINED
    if operator is Operator.IS_ANY_OF or operator is Operator.IS_NONE_OF:
        found = unanimous(any_of(same(item, bound) for bound in bounds) for item in given)
        return found if operator is Operator.IS_ANY_OF else negate(found)
    if operator is Operator.IS_ALL_OF:
        return all_of(any_of(same(item, bound) for item in given) for bound in bounds)
    if len(bounds) != 1:
        return Truth.UNDETERMINED
    if len(given) == 1:
        return _order(operator, given[0], bounds[0])
    return unanimous(_order(operator, item, bounds[0]) for item in given)


_NUMBERS: Final[Mapping[Operator, Callable[[Decimal, Decimal], bool]]] = MappingProxyType(
    {
        Operator.LT: lt,
        Operator.LTEQ: le,
        Operator.GT: gt,
        Operator.GTEQ: ge,
        Operator.EQ: eq,
        Operator.NEQ: ne,
    }
)


def _order_numbers(operator: Operator, left: Decimal | None, right: Decimal | None) -> Truth:
    if left is None or right is None:
        return Truth.UNDETERMINED
    return Truth.TRUE if _NUMBERS[operator](left, right) else Truth.FALSE


def _order(operator: Operator, left: Scalar, right: Scalar) -> Truth:
    if operator is Operator.EQ or operator is Operator.NEQ:
        found = same(left, right)
        return found if operator is Operator.EQ else negate(found)
    below = operator is Operator.LT or operator is Operator.LTEQ
    to_the_end = operator is Operator.LTEQ or operator is Operator.GT
    found = before(left, right, or_same=to_the_end)
    return found if below else negate(found)
