"""One atomic constraint against the values of its left operand, with a note for a person.

What a constraint means is the algebra's. Here stand events, whose times or names may be given, what
recurs, and why nothing could be said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import chain, product
from typing import Any, Final, cast

from policies_odrl.algebra.claims import Denoted, denoted
from policies_odrl.algebra.domain import Events, Fact
from policies_odrl.algebra.names import Named
from policies_odrl.algebra.periods import Lengths, Recurrence, Stretch, recurs
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth, unanimous
from policies_odrl.model import ODRL, Constraint, Iri, Literal, Operator
from policies_odrl.values import MAX_LEXICAL, Quantity, name, number, too_long
from policies_odrl.vocabulary import ALLOWED, LEVELS, Kind, Operand

NO_VALUE: Final = "no value was given"
UNKNOWN_OPERAND: Final = "is not a known left operand"
POLICY_USAGE: Final = ODRL + "policyUsage"
_INCOMPARABLE: Final = "the value given cannot be compared"
_UNITS: Final = "the units differ"
_OVERLAPS: Final = "the value given may be what is named, or something else: state a narrower one"
_ORDERED: Final = frozenset({Operator.GT, Operator.GTEQ, Operator.LT, Operator.LTEQ})
# Values whose answers are kept. Some are equal exactly when they are written alike; of the others,
# equal ones (1.0 and 1.00) may differ.
_WRITTEN: Final = frozenset({float, Decimal})
_KEPT: Final = frozenset({str, int, bool, Iri, Literal}) | _WRITTEN


def check(
    constraint: Constraint, values: Sequence[Fact] | None, knowledge: Knowledge
) -> tuple[Truth, str]:
    """Return whether the constraint holds, and why it is Undetermined."""
    if not values or len(values) != 1:
        return _checked(constraint, values, knowledge)
    value = values[0]
    sort = value.__class__
    if sort not in _KEPT:  # a moment comes once
        return _checked(constraint, values, knowledge)
    key = (id(constraint), sort, str(value) if sort in _WRITTEN else value)
    kept = knowledge.kept.get(key)
    if kept is not None and kept[0] is constraint:
        return cast("tuple[Truth, str]", kept[1])
    found = _checked(constraint, values, knowledge)
    if not too_long(value) and len(str(value)) <= MAX_LEXICAL:
        knowledge.keep(key, constraint, found)
    return found


def _checked(
    constraint: Constraint, values: Sequence[Fact] | None, knowledge: Knowledge
) -> tuple[Truth, str]:
    operand = knowledge.operand(constraint.left)
    if operand is None:
        return Truth.UNDETERMINED, f"`{constraint.left}` {UNKNOWN_OPERAND}"
    item = constraint
    if item.reference:  # with the values that it refers to; with none where one is not known
        found: list[Any] = [knowledge.references.get(name, ()) for name in item.reference]
        item = replace(item, right=tuple(chain(*found)) if all(found) else (), reference=())
    obstacle = _obstacle(operand, item, values)
    if obstacle or not values:
        return Truth.UNDETERMINED, obstacle
    if operand.kind is Kind.DURATION and any(isinstance(v, Stretch | Recurrence) for v in values):
        truth, note = _of_clocks(denoted(item, operand, knowledge), item, values), ""
    else:
        truth, note = _of_values(operand, item, values, knowledge)
    if truth is Truth.UNDETERMINED and not note:
        pairs = product(map(name, values), map(name, item.right))
        near = any(mine and want and knowledge.overlap(mine, want) for mine, want in pairs)
        note = _OVERLAPS if operand.kind is Kind.CONCEPT and near else _INCOMPARABLE
    return truth, note


def _obstacle(operand: Operand, item: Constraint, values: Sequence[Fact] | None) -> str:
    """Return what keeps values from being compared at all; empty when nothing does."""
    if item.operator not in ALLOWED[operand.kind]:
        return f"`{item.operator.value}` means nothing for this operand"
    if not item.right:
        return "the right operand could not be resolved"
    if not values:
        return NO_VALUE
    if operand.kind is not Kind.LEVEL:
        return ""
    steps = LEVELS.get(operand.id, ())
    plain = [value.value if isinstance(value, Iri) else value for value in (*values, *item.right)]
    strange = next((value for value in plain if value not in steps), None)
    if strange is None:
        return ""
    shown = f"`{strange[:200]}`" if isinstance(strange, str) else "a value"
    return f"{shown} is not a step of this operand"


def _of_values(
    operand: Operand, item: Constraint, values: Sequence[Fact], knowledge: Knowledge
) -> tuple[Truth, str]:
    kind: type[Events | Named] | None = None
    if operand.kind is Kind.EVENT:  # "before (lt), during (eq) or after (gt)" (Vocabulary, `event`)
        dated = item.operator in _ORDERED or any(isinstance(value, date) for value in values)
        kind = Events if dated else Named
    found = denoted(item, operand, knowledge, kind)
    if found.extent.opaque:
        return Truth.UNDETERMINED, ""
    points = [found.domain.point(value, found.extent.axis) for value in values]
    if None in points:
        return Truth.UNDETERMINED, _unread(operand, item, values)
    universe = found.universe
    if universe is not None and any(universe.truth(point) is Truth.FALSE for point in points):
        return Truth.UNDETERMINED, "there is no such value"
    return found.extent.truth(points), ""


def _unread(operand: Operand, item: Constraint, values: Sequence[Fact]) -> str:
    """Return why a value given has no place on the axis of a constraint."""
    if operand.kind in {Kind.COUNT, Kind.DURATION}:
        return ""
    if operand.kind is not Kind.NUMBER:
        measured = item.unit or any(isinstance(value, Quantity) for value in values)
        return _UNITS if measured else ""
    plain = [value.value if isinstance(value, Quantity) else value for value in values]
    read = (not isinstance(it, Stretch | Recurrence) and number(it) is not None for it in plain)
    return _UNITS if all(read) else ""


def _of_clocks(found: Denoted, item: Constraint, values: Sequence[Fact]) -> Truth:
    if found.extent.opaque:
        return Truth.UNDETERMINED
    region = cast("Lengths", found.extent.sets[0])
    each = []
    for value in values:
        if isinstance(value, Stretch):
            each.append(region.reached(value) if value.start <= value.end else Truth.UNDETERMINED)
        elif isinstance(value, Recurrence):
            each.append(recurs(item.operator, value, found.domain.limit(item, item.right[0])))
        else:
            point = found.domain.point(value, None)
            each.append(Truth.UNDETERMINED if point is None else region.truth(point))
    return unanimous(each)
