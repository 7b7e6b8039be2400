"""What a set of constraints on one left operand lets through, compared with another constraint.

Rules: `implied` answers True only where it is proved that whatever satisfies the constraints at
hand satisfies the wanted one too; `contradictory` only where it is proved that nothing can satisfy
all. Both answer False when not sure. What evaluation finds Undetermined whatever is stated
(`has_meaning`) proves nothing, and follows from nothing but itself. One value at a time is looked
at, as `operands.py` does for values that a request claims together. Work is linear in the pairs of
constraints on one operand; nothing is multiplied out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import product
from typing import Final

from policies_odrl.evaluation.operands import Knowledge, check, under
from policies_odrl.logic import Truth
from policies_odrl.model import ODRL, XSD_STRING, Constraint, Iri, Operator, Value
from policies_odrl.values import Duration, Span, Step, compare_durations, name, number, scalar
from policies_odrl.vocabulary import ALLOWED, OPERANDS, Kind, Operand

NOTHING_MORE: Final = Knowledge()
SCALARS: Final = frozenset({Kind.NUMBER, Kind.COUNT, Kind.INSTANT, Kind.DURATION, Kind.LEVEL})
POSITIVE: Final = frozenset({Operator.EQ, Operator.IS_A, Operator.IS_ANY_OF})
NEGATIVE: Final = frozenset({Operator.NEQ, Operator.IS_NONE_OF})
LISTING: Final = frozenset(
    {Operator.IS_ANY_OF, Operator.IS_NONE_OF, Operator.IS_ALL_OF, Operator.HAS_PART}
)
INTERVAL: Final = ODRL + "timeInterval"  # whether it is time again: no length (`periods.py`)

Point = Decimal | datetime | Duration | Step


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a region.

    Attributes:
        value: the end.
        closed: whether the end itself belongs to the region.
    """

    value: Point
    closed: bool


def implied(
    wanted: Constraint, having: Sequence[Constraint], knowledge: Knowledge = NOTHING_MORE
) -> bool:
    """Return whether constraints on the same operand prove the wanted one."""
    operand = knowledge.operand(wanted.left)
    usable = [item for item in having if item.left == wanted.left and item.unit == wanted.unit]
    if operand is None or not usable:
        return False
    if any(same_constraint(item, wanted) for item in usable):
        return True
    if wanted.reference or wanted.left == INTERVAL or not has_meaning(operand, wanted):
        return False
    usable = [item for item in usable if not item.reference and has_meaning(operand, item)]
    if operand.kind in SCALARS:
        return _implied_scalar(operand, wanted, usable)
    return _implied_name(operand, wanted, usable, knowledge)


def contradictory(items: Sequence[Constraint], knowledge: Knowledge = NOTHING_MORE) -> bool:
    """Return whether constraints on one operand are proved to exclude one another."""
    operand = knowledge.operand(items[0].left) if items else None
    if operand is None or any(item.reference for item in items):
        return False
    if operand.kind is Kind.EVENT or operand.id == INTERVAL:  # two of them may be true at once
        return False
    usable = [item for item in items if has_meaning(operand, item)]
    if operand.kind in SCALARS:
        lowers = [bound for item in usable for bound in lower(operand, item)]
        uppers = [bound for item in usable for bound in upper(operand, item)]
        return any(_apart(low, high) for low, high in product(lowers, uppers))
    return _contradictory_names(operand, usable, knowledge)


def has_meaning(operand: Operand, item: Constraint) -> bool:
    """Return whether a constraint can be other than Undetermined.

    Its operator must mean something for values of the operand's kind, and it must name one right
    value, or several where the operator takes a list, none of them an empty name. A reference may
    turn out to be anything.
    """
    if item.operator not in ALLOWED[operand.kind]:
        return False
    if item.reference:
        return True
    named = operand.kind in SCALARS or all(name(value) is not None for value in item.right)
    return named and not malformed(item)


def malformed(item: Constraint) -> bool:
    """Return whether a constraint names no value, or several where its operator takes one."""
    if item.reference:
        return False
    return not item.right or (len(item.right) != 1 and item.operator not in LISTING)


def same_constraint(left: Constraint, right: Constraint) -> bool:
    """Return whether two constraints say the same, whatever the spelling of their values."""
    return normal(left) == normal(right)


def normal(item: Constraint) -> tuple[object, ...]:
    """Return a form that is equal for constraints that say the same."""
    operand = OPERANDS.get(item.left)
    left = operand.replaced_by or operand.id if operand else item.left
    operator = item.operator
    concept = operand is not None and operand.kind is Kind.CONCEPT
    if concept and operator is Operator.IS_A and len(item.right) == 1:
        operator = Operator.IS_ANY_OF
    listed = [_normal_value(operand, value) for value in item.right]
    values = tuple(listed) if malformed(item) else frozenset(listed)  # two equal ones are not one
    return (left, operator, values, item.unit, tuple(sorted(item.reference)), item.status)


def upper(operand: Operand, item: Constraint) -> list[Bound]:
    """Return the upper bound that a constraint sets; empty when it sets none."""
    value = _single(operand, item)
    if value is None or item.operator not in {Operator.LT, Operator.LTEQ, Operator.EQ}:
        return []
    strict = item.operator is Operator.LT
    if isinstance(value, Span):
        instant = value.start == value.end
        return [Bound(value.start if strict else value.end, instant and not strict)]
    return [Bound(value, not strict)]


def lower(operand: Operand, item: Constraint) -> list[Bound]:
    """Return the lower bound that a constraint sets; empty when it sets none."""
    value = _single(operand, item)
    if value is None or item.operator not in {Operator.GT, Operator.GTEQ, Operator.EQ}:
        return []
    strict = item.operator is Operator.GT
    if isinstance(value, Span):
        instant = value.start == value.end
        return [Bound(value.end if strict else value.start, not (instant and strict))]
    return [Bound(value, not strict)]


def compare_points(left: Point, right: Point) -> int | None:
    """Return -1, 0 or 1, or None where they cannot be ordered."""
    if isinstance(left, Duration) and isinstance(right, Duration):
        return compare_durations(left, right)
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return (left > right) - (left < right)
    if isinstance(left, datetime) and isinstance(right, datetime):
        return (left > right) - (left < right)
    if isinstance(left, Step) and isinstance(right, Step) and left.scale == right.scale:
        return (left.rank > right.rank) - (left.rank < right.rank)
    return None


def _single(operand: Operand, item: Constraint) -> Point | Span | None:
    return scalar(operand.kind, item.right[0]) if len(item.right) == 1 else None


def _implied_scalar(operand: Operand, wanted: Constraint, having: list[Constraint]) -> bool:
    listed = [item for item in having if item.operator in {Operator.EQ, Operator.IS_ANY_OF}]
    if operand.kind is not Kind.COUNT and any(_each_fits(operand, item, wanted) for item in listed):
        return True
    lowers = [bound for item in having for bound in lower(operand, item)]
    uppers = [bound for item in having for bound in upper(operand, item)]
    if wanted.operator in NEGATIVE:
        return all(
            _outside(operand, Constraint(wanted.left, Operator.EQ, (value,)), lowers, uppers)
            or any(_excludes(item, value) for item in having)
            for value in wanted.right
        )
    low, high = lower(operand, wanted), upper(operand, wanted)
    if not low and not high:
        return False
    return all(any(_above(item, bound) for item in lowers) for bound in low) and all(
        any(_below(item, bound) for item in uppers) for bound in high
    )


def _each_fits(operand: Operand, item: Constraint, wanted: Constraint) -> bool:
    return all(
        _is_point(operand, value) and check(wanted, (value,), NOTHING_MORE)[0] is Truth.TRUE
        for value in item.right
    )


def _is_point(operand: Operand, value: Value) -> bool:
    """A day stands for all its instants and a duration for all its readings: not one value."""
    found = scalar(operand.kind, value)
    if isinstance(found, Span):
        return found.start == found.end
    return isinstance(found, Decimal | Step)


def _excludes(item: Constraint, value: Value) -> bool:
    if item.operator not in NEGATIVE:
        return False
    operand = OPERANDS.get(item.left)
    return _normal_value(operand, value) in {_normal_value(operand, other) for other in item.right}


def _outside(operand: Operand, point: Constraint, lowers: list[Bound], uppers: list[Bound]) -> bool:
    ends, starts = upper(operand, point), lower(operand, point)
    return any(_apart(low, end) for low, end in product(lowers, ends)) or any(
        _apart(start, high) for start, high in product(starts, uppers)
    )


def _apart(low: Bound, high: Bound) -> bool:
    order = compare_points(low.value, high.value)
    return order == 1 or (order == 0 and not (low.closed and high.closed))


def _below(item: Bound, bound: Bound) -> bool:
    order = compare_points(item.value, bound.value)
    return order == -1 or (order == 0 and (bound.closed or not item.closed))


def _above(item: Bound, bound: Bound) -> bool:
    order = compare_points(item.value, bound.value)
    return order == 1 or (order == 0 and (bound.closed or not item.closed))


def _implied_name(
    operand: Operand, wanted: Constraint, having: list[Constraint], knowledge: Knowledge
) -> bool:
    positive = [item for item in having if item.operator in POSITIVE]
    match wanted.operator:
        case Operator.IS_A | Operator.IS_ANY_OF:
            return any(
                _all_covered(operand, item, wanted, knowledge)
                for item in positive
                if operand.kind is Kind.CONCEPT
                or item.operator is not Operator.IS_A
                or wanted.operator is Operator.IS_A
            )
        case Operator.NEQ | Operator.IS_NONE_OF:
            none_of = [item for item in having if item.operator is Operator.IS_NONE_OF]
            excluded = [value for item in none_of for value in item.right]
            if all(_covered(operand, value, excluded, knowledge) for value in wanted.right):
                return True
            if operand.kind is Kind.IDENTITY and any(map(_datatype, wanted.right)):
                return False  # what equals a name may be given in any datatype (`identity.py`)
            return not operand.evidence and any(
                _equals_fit(item, wanted, knowledge) for item in positive
            )
        case Operator.IS_ALL_OF:
            whole = [item for item in having if item.operator is Operator.IS_ALL_OF]
            return any(
                all(
                    any(_lies_under(operand, mine, want, knowledge) for mine in item.right)
                    for want in wanted.right
                )
                for item in whole
            )
        case _:
            return False


def _all_covered(
    operand: Operand, item: Constraint, wanted: Constraint, knowledge: Knowledge
) -> bool:
    return all(_covered(operand, value, wanted.right, knowledge) for value in item.right)


def _covered(operand: Operand, item: Value, by: Sequence[Value], knowledge: Knowledge) -> bool:
    return any(_lies_under(operand, item, other, knowledge) for other in by)


def _lies_under(operand: Operand, item: Value, other: Value, knowledge: Knowledge) -> bool:
    """Return whether what lies under one value lies under the other, both having names."""
    mine, wider = name(item) or "", name(other) or ""
    if operand.kind is Kind.CONCEPT:
        return under(mine, wider, Kind.CONCEPT, knowledge) is Truth.TRUE
    typed = operand.kind is Kind.IDENTITY and _datatype(other) not in {"", _datatype(item)}
    return mine == wider and not typed


def _equals_fit(item: Constraint, wanted: Constraint, knowledge: Knowledge) -> bool:
    return (
        item.operator is Operator.EQ
        and len(item.right) == 1
        and check(wanted, item.right, knowledge)[0] is Truth.TRUE
    )


def _contradictory_names(
    operand: Operand, items: Sequence[Constraint], knowledge: Knowledge
) -> bool:
    if operand.evidence:
        return False
    equal = [item for item in items if item.operator is Operator.EQ]
    return any(
        check(other, item.right, knowledge)[0] is Truth.FALSE
        for item, other in product(equal, items)
        if other is not item
    )


def _normal_value(operand: Operand | None, value: Value) -> object:
    if operand is not None and operand.kind in SCALARS:
        found = scalar(operand.kind, value) or number(value)  # a length may be in a unit
        if found is not None:
            return found
    if operand is not None and operand.kind in {Kind.CONCEPT, Kind.PLACE}:
        return name(value)
    return (name(value), _datatype(value))


def _datatype(value: Value) -> str:
    """Return the datatype that a name stands in; empty for an IRI, a text or a number."""
    if isinstance(value, Iri) or value.language or number(value) is not None:
        return ""
    return "" if value.datatype == XSD_STRING else value.datatype
