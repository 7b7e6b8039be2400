"""One atomic constraint against the values of its left operand.

Rules: a missing, ill-typed or incomparable value, an operator without meaning for the operand and
a unit that does not convert give Undetermined. A name that no hierarchy knows may mean anything, so
only being identical is certain for it; a purpose that is known and not under the one wanted is
another one (closed world for requests), while a place that overlaps the one wanted may mean it.
Several values that a request claims at once (two purposes) must agree, otherwise the constraint is
Undetermined: a use for research *and* marketing is neither. Operands that are evidence
(memberships) need one value that fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from policies_odrl.evaluation.periods import Recurrence, Stretch, compare
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth, all_of, any_of, negate, unanimous
from policies_odrl.model import ODRL, XSD_STRING, Constraint, Iri, Literal, Operator
from policies_odrl.places import place
from policies_odrl.units import in_base, length
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
    "identical",
    "under",
]

Fact = FactValue | Quantity | Stretch | Recurrence
NO_VALUE: Final = "no value was given"
UNKNOWN_OPERAND: Final = "is not a known left operand"
NAIVE: Final = "a time without a zone was read as UTC"
INCOMPARABLE: Final = "the value given cannot be compared"
OVERLAPS: Final = "the value given may be what is named, or something else: state a narrower one"
MOST_COUNTED: Final = 10**15  # beyond it a sum of decimals may round
LANGUAGE: Final = ODRL + "language"
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
    right = _right(constraint, knowledge)
    obstacle = _obstacle(operand, constraint, values, right)
    if obstacle or not values:
        return Truth.UNDETERMINED, obstacle
    if operand.kind is Kind.DURATION:
        truth = _compare_lengths(constraint, values, right)
    else:
        plain = _in_one_unit(values, right, constraint.unit)
        if plain is None:
            return Truth.UNDETERMINED, "the units differ"
        truth = _compare(operand, constraint.operator, *plain, knowledge)
    if truth is Truth.UNDETERMINED:
        return truth, OVERLAPS if _overlaps(operand, values, right, knowledge) else INCOMPARABLE
    zoneless = operand.kind is Kind.INSTANT and any(naive(item) for item in (*values, *right))
    return truth, NAIVE if zoneless else ""


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
    return _strange_step(operand, (*values, *right)) if operand.kind is Kind.LEVEL else ""


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


def under(value: str, concept: str, kind: Kind, knowledge: Knowledge) -> Truth:
    """Return whether `value` is `concept` or lies under it in the hierarchies."""
    if value == concept or concept in knowledge.above(value):
        return Truth.TRUE
    if kind is Kind.PLACE:
        settled = knowledge.lies_in(value, concept)
        if settled is not None:
            return settled
        if knowledge.overlap(value, concept, wholes=True):
            return Truth.UNDETERMINED  # a use all over the EU may be one in France
    elif knowledge.overlap(value, concept):
        return Truth.UNDETERMINED  # a use for any purpose may be one for marketing
    known = knowledge.closed or (knowledge.knows(value) and knowledge.knows(concept))
    return Truth.FALSE if known else Truth.UNDETERMINED


def identical(value: str, other: str, kind: Kind, knowledge: Knowledge) -> Truth:
    """Return whether two names are the same; unknown concepts and places may be synonyms."""
    if value == other or (kind is Kind.PLACE and place(value) == place(other)):
        return Truth.TRUE
    if kind is Kind.IDENTITY:
        return Truth.UNDETERMINED if _alike(value, other) else Truth.FALSE
    if knowledge.closed:
        return Truth.FALSE
    known = knowledge.knows(value) and knowledge.knows(other)
    return Truth.FALSE if known else Truth.UNDETERMINED


def _alike(value: str, other: str) -> bool:
    """Return whether two texts may be one name: but for case and blanks, or as number or truth."""
    mine, theirs = value.strip().casefold(), other.strip().casefold()
    if mine == theirs or (mine in _TRUTHS and _TRUTHS[mine] == _TRUTHS.get(theirs)):
        return True
    amount = number(mine)
    return amount is not None and amount == number(theirs)


_TRUTHS: Final = MappingProxyType({"true": True, "1": True, "false": False, "0": False})


def _clash(given: Sequence[FactValue], listed: Sequence[FactValue]) -> bool:
    """Return whether names stand in datatypes that differ, so that their texts say nothing."""
    mine, theirs = _datatypes(given), _datatypes(listed)
    return any(one != other for one in mine for other in theirs)


def _datatypes(values: Sequence[FactValue]) -> frozenset[str]:
    """Return the datatypes of values, without those of numbers and texts."""
    literals = [value for value in values if isinstance(value, Literal) and not value.language]
    return frozenset(item.datatype for item in literals if number(item) is None) - {XSD_STRING}


def _right(constraint: Constraint, knowledge: Knowledge) -> tuple[FactValue, ...]:
    if not constraint.reference:
        return constraint.right
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
    if set(units) == {unit}:
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
    names = [item for value in values if (item := name(value)) is not None]
    listed = [item for value in right if (item := name(value)) is not None]
    if len(names) != len(values) or len(listed) != len(right):
        return Truth.UNDETERMINED
    if operand.kind is Kind.IDENTITY and _clash(values, right) and set(names).isdisjoint(listed):
        return Truth.UNDETERMINED
    return _compare_names(operand, operator, names, listed, knowledge)


_SCALARS = (Kind.NUMBER, Kind.COUNT, Kind.INSTANT, Kind.LEVEL)  # few: identity is found fastest
_ORDERED = frozenset({Operator.GT, Operator.GTEQ, Operator.LT, Operator.LTEQ})


_ONE_TO_ONE = (*_ORDERED, Operator.EQ, Operator.NEQ)


def _compare_one(kind: Kind, operator: Operator, value: FactValue, limit: FactValue) -> Truth:
    item, bound = _given(kind, value), scalar(kind, limit)
    if item is None or bound is None:
        return Truth.UNDETERMINED
    return _order(operator, item, bound)


def _given(kind: Kind, value: FactValue) -> Scalar | None:
    """Return a value given; of a count, with the execution asked for (odrl.md, count)."""
    found = scalar(kind, value)
    if kind is not Kind.COUNT or not isinstance(found, Decimal):
        return found
    return found + 1 if 0 <= found <= MOST_COUNTED else None


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


def _order(operator: Operator, left: Scalar, right: Scalar) -> Truth:
    match operator:
        case Operator.LT:
            return before(left, right, or_same=False)
        case Operator.LTEQ:
            return before(left, right, or_same=True)
        case Operator.GT:
            return negate(before(left, right, or_same=True))
        case Operator.GTEQ:
            return negate(before(left, right, or_same=False))
        case Operator.EQ:
            return same(left, right)
        case _:
            return negate(same(left, right))


def _compare_names(
    operand: Operand,
    operator: Operator,
    given: list[str],
    listed: list[str],
    knowledge: Knowledge,
) -> Truth:
    kind = operand.kind
    match operator:
        case Operator.IS_ALL_OF:
            return all_of(
                any_of(_covers(item, want, operand, knowledge) for item in given) for want in listed
            )
        case Operator.IS_ANY_OF | Operator.IS_NONE_OF:
            each = [
                any_of(_covers(item, want, operand, knowledge) for want in listed) for item in given
            ]
        case Operator.EQ | Operator.NEQ if len(listed) == 1:
            each = [_same(item, listed[0], operand, knowledge) for item in given]
        case Operator.IS_A if len(listed) == 1:
            sort = Kind.PLACE if kind is Kind.PLACE else Kind.CONCEPT
            each = [under(item, listed[0], sort, knowledge) for item in given]
        case Operator.IS_PART_OF if len(listed) == 1:
            each = [under(item, listed[0], Kind.PLACE, knowledge) for item in given]
        case Operator.HAS_PART:
            each = [
                all_of(under(want, item, Kind.PLACE, knowledge) for want in listed)
                for item in given
            ]
        case _:
            return Truth.UNDETERMINED
    truth = any_of(each) if operand.evidence else unanimous(each)
    return negate(truth) if operator in {Operator.NEQ, Operator.IS_NONE_OF} else truth


def _covers(value: str, concept: str, operand: Operand, knowledge: Knowledge) -> Truth:
    kind = operand.kind
    if kind is not Kind.IDENTITY:
        return under(value, concept, kind, knowledge)
    same_name = _same(value, concept, operand, knowledge)
    known = same_name is Truth.FALSE and knowledge.knows(value)
    return under(value, concept, kind, knowledge) if known else same_name


def _same(value: str, other: str, operand: Operand, knowledge: Knowledge) -> Truth:
    """Return whether two names are the same; a language may be meant with its region or without."""
    truth = identical(value, other, operand.kind, knowledge)
    if truth is not Truth.FALSE or operand.id != LANGUAGE:
        return truth
    one, two = value.casefold() + "-", other.casefold() + "-"
    return Truth.UNDETERMINED if one.startswith(two) or two.startswith(one) else truth
