"""One atomic constraint against the values of its left operand.

Rules: a missing, ill-typed or incomparable value, an operator without meaning for the operand and
a unit that differs give Undetermined. A name that no hierarchy knows may mean anything, so only
being identical is certain for it. Several values that a request claims at once (two purposes) must
agree, otherwise the constraint is Undetermined: a use for research *and* marketing is neither.
Operands that are evidence (memberships) need one value that fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from policies_odrl.logic import Truth, all_of, any_of, negate, unanimous
from policies_odrl.model import Constraint, Operator
from policies_odrl.values import (
    FactValue,
    Quantity,
    Scalar,
    before,
    name,
    same,
    scalar,
)
from policies_odrl.vocabulary import (
    ALLOWED,
    OPERANDS,
    Kind,
    Operand,
    closure,
    purposes,
    wider_purposes,
)

Fact = FactValue | Quantity


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Hierarchies beyond the built-in purposes.

    Attributes:
        broader: concept IRI -> IRIs of its types, superclasses and broader concepts.
        wholes: part IRI -> IRIs of what it is part of.
        events: event IRI -> (start, end), aware.
        references: IRI of a `rightOperandReference` -> the values found there.
        closed: True to read an unknown name as different from every other one; unsafe for
            prohibitions, for comparisons with public suites only.
    """

    broader: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    wholes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    events: Mapping[str, tuple[datetime, datetime]] = field(default_factory=dict)
    references: Mapping[str, tuple[FactValue, ...]] = field(default_factory=dict)
    closed: bool = False
    _named: frozenset[str] = field(init=False, repr=False, compare=False, default=frozenset())

    def __post_init__(self) -> None:
        named = {*self.broader, *self.wholes}
        for table in (self.broader, self.wholes):
            named.update(item for above in table.values() for item in above)
        object.__setattr__(self, "_named", frozenset(named))

    def knows(self, concept: str) -> bool:
        """Return whether the concept stands in some hierarchy."""
        return concept in self._named or concept in purposes()

    def above(self, concept: str, *, wholes: bool = False) -> frozenset[str]:
        """Return a concept and all broader ones (all wholes of it, when `wholes`)."""
        if not wholes and not self.broader:
            return wider_purposes(concept) or frozenset({concept})
        if wholes:
            return closure(concept, self.wholes)
        known = purposes()
        both = {item: (*known.get(item, ()), *above) for item, above in self.broader.items()}
        return closure(concept, {**known, **both})


def check(
    constraint: Constraint, values: Sequence[Fact] | None, knowledge: Knowledge
) -> tuple[Truth, str]:
    """Return whether the constraint holds, and why it is Undetermined (empty otherwise)."""
    operand = OPERANDS.get(constraint.left)
    if operand is None:
        return Truth.UNDETERMINED, f"`{constraint.left}` is not a known left operand"
    if constraint.operator not in ALLOWED[operand.kind]:
        return Truth.UNDETERMINED, f"`{constraint.operator.value}` means nothing for this operand"
    right = _right(constraint, knowledge)
    if not right:
        return Truth.UNDETERMINED, "the right operand could not be resolved"
    if not values:
        return Truth.UNDETERMINED, "no value was given"
    plain = _without_units(values, constraint.unit)
    if plain is None:
        return Truth.UNDETERMINED, "the units differ"
    truth = _compare(operand, constraint.operator, plain, right, knowledge)
    return truth, "the value given cannot be compared" if truth is Truth.UNDETERMINED else ""


def under(value: str, concept: str, kind: Kind, knowledge: Knowledge) -> Truth:
    """Return whether `value` is `concept` or lies under it in the hierarchies."""
    if value == concept or concept in knowledge.above(value):
        return Truth.TRUE
    if kind is Kind.PLACE and concept in knowledge.above(value, wholes=True):
        return Truth.TRUE
    known = knowledge.closed or (knowledge.knows(value) and knowledge.knows(concept))
    return Truth.FALSE if known else Truth.UNDETERMINED


def identical(value: str, other: str, kind: Kind, knowledge: Knowledge) -> Truth:
    """Return whether two names are the same; unknown concepts and places may be synonyms."""
    if value == other:
        return Truth.TRUE
    if kind is Kind.IDENTITY or knowledge.closed:
        return Truth.FALSE
    known = knowledge.knows(value) and knowledge.knows(other)
    return Truth.FALSE if known else Truth.UNDETERMINED


def _right(constraint: Constraint, knowledge: Knowledge) -> tuple[FactValue, ...]:
    if not constraint.reference:
        return constraint.right
    found = [knowledge.references.get(item, ()) for item in constraint.reference]
    return tuple(value for values in found for value in values) if all(found) else ()


def _without_units(values: Sequence[Fact], unit: str) -> list[FactValue] | None:
    plain: list[FactValue] = []
    for value in values:
        own = value.unit if isinstance(value, Quantity) else ""
        if own != unit:
            return None
        plain.append(value.value if isinstance(value, Quantity) else value)
    return plain


def _compare(
    operand: Operand,
    operator: Operator,
    values: Sequence[FactValue],
    right: tuple[FactValue, ...],
    knowledge: Knowledge,
) -> Truth:
    if operand.kind in _SCALARS:
        return _compare_scalars(operand, operator, values, right)
    if operand.kind is Kind.EVENT and operator in _ORDERED:
        return Truth.UNDETERMINED
    names = [name(value) for value in values]
    wanted = [name(value) for value in right]
    given = [item for item in names if item is not None]
    listed = [item for item in wanted if item is not None]
    if len(given) != len(names) or len(listed) != len(wanted):
        return Truth.UNDETERMINED
    return _compare_names(operand, operator, given, listed, knowledge)


_SCALARS = frozenset({Kind.NUMBER, Kind.COUNT, Kind.INSTANT, Kind.DURATION})
_ORDERED = frozenset({Operator.GT, Operator.GTEQ, Operator.LT, Operator.LTEQ})


def _compare_scalars(
    operand: Operand,
    operator: Operator,
    values: Sequence[FactValue],
    right: tuple[FactValue, ...],
) -> Truth:
    left = [scalar(operand.kind, value) for value in values]
    limits = [scalar(operand.kind, value) for value in right]
    if operand.kind is Kind.COUNT:  # the execution asked for counts too (odrl.md, count)
        left = [item + 1 if isinstance(item, Decimal) else None for item in left]
    bounds = [item for item in limits if item is not None]
    given = [item for item in left if item is not None]
    if len(bounds) != len(limits) or len(given) != len(left):
        return Truth.UNDETERMINED
    if operator in {Operator.IS_ANY_OF, Operator.IS_NONE_OF}:
        found = unanimous(any_of(same(item, bound) for bound in bounds) for item in given)
        return found if operator is Operator.IS_ANY_OF else negate(found)
    if operator is Operator.IS_ALL_OF:
        return all_of(any_of(same(item, bound) for item in given) for bound in bounds)
    if len(bounds) != 1:
        return Truth.UNDETERMINED
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
                any_of(_covers(item, want, kind, knowledge) for item in given) for want in listed
            )
        case Operator.IS_ANY_OF | Operator.IS_NONE_OF:
            each = [
                any_of(_covers(item, want, kind, knowledge) for want in listed) for item in given
            ]
        case Operator.EQ | Operator.NEQ if len(listed) == 1:
            each = [identical(item, listed[0], kind, knowledge) for item in given]
        case Operator.IS_A if len(listed) == 1:
            each = [under(item, listed[0], Kind.CONCEPT, knowledge) for item in given]
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


def _covers(value: str, concept: str, kind: Kind, knowledge: Knowledge) -> Truth:
    if kind is Kind.IDENTITY and not knowledge.knows(value):
        return identical(value, concept, kind, knowledge)
    return under(value, concept, kind, knowledge)
