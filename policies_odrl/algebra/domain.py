"""Kinds of values, so that constraints on them denote sets: numbers, steps, instants, lengths.

The operators of values that lie on one axis are the same in all. Names are in `names.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from policies_odrl import values
from policies_odrl.algebra.extent import Extent, Quantifier, Reading, Region
from policies_odrl.algebra.forms import LISTING
from policies_odrl.algebra.intervals import HIGHEST, LOWEST, End, Intervals, Piece, above, at, below
from policies_odrl.algebra.periods import NOTHING, Edge, Lengths, Recurrence, Run, Stretch, instant
from policies_odrl.model import RDF_JSON, XSD, Constraint, Iri, Literal, Operator
from policies_odrl.units import EXACT, canonical, in_base, length
from policies_odrl.values import Duration, FactValue, Quantity, Span
from policies_odrl.vocabulary import ALLOWED, LEVELS, Kind, Operand

Fact = FactValue | Quantity | Stretch | Recurrence
MOST_COUNTED: Final = 10**15  # beyond it a sum of decimals may round
TURNED: Final = frozenset({Operator.NEQ, Operator.IS_NONE_OF})
PARTS: Final = frozenset({Operator.IS_PART_OF, Operator.HAS_PART})
_ONE: Final = Decimal(1)


class Domain(ABC):
    """A kind of values of one left operand."""

    def __init__(self, operand: Operand, reading: Reading) -> None:
        self.operand = operand
        self.reading = reading

    def axis(self, item: Constraint) -> Hashable:
        """Return what two constraints must have in common so that their values compare."""
        return item.unit

    def limit(self, item: Constraint, value: Fact) -> Any:
        """Return a right operand as points, or None where it is none of the domain."""
        return self.point(value, "")

    @abstractmethod
    def point(self, value: Fact, axis: Hashable) -> Any:
        """Return a value given as points of an axis, or None where it has none."""

    @abstractmethod
    def universe(self, axis: Hashable) -> Region:
        """Return all values that there are."""

    @abstractmethod
    def between(self, operator: Operator, limits: list[Any]) -> Region:
        """Return the set that an operator makes of its right operands."""

    @abstractmethod
    def facts(self, region: Any, item: Constraint) -> Iterator[Fact]:
        """Yield values of a set as a request states them, for want of others one of few."""

    def extent(self, item: Constraint) -> Extent:
        """Return what a constraint denotes."""
        why, operator = self._obstacle(item), item.operator
        limits = [] if why else [self.limit(item, value) for value in item.right]
        if why or None in limits:
            return Extent(why=why or f"the value cannot be read as {self.operand.kind.value}")
        each = operator is Operator.IS_ALL_OF
        sides = [[limit] for limit in limits] if each else [limits]
        quantifier = Quantifier.SOME if each or self.operand.evidence else Quantifier.ALL
        if quantifier is Quantifier.SOME and operator in TURNED:  # of evidence one is enough
            quantifier = Quantifier.EVERY
        sets = tuple(self.between(operator, side) for side in sides)
        return Extent(self.axis(item), quantifier, sets)

    def _obstacle(self, item: Constraint) -> str:
        """Return what keeps a constraint from denoting anything; empty when nothing does."""
        kind = self.operand.kind
        by_kinds = self.reading.parts_as_kinds and kind is Kind.CONCEPT and item.operator in PARTS
        if item.operator not in ALLOWED[kind] and not by_kinds:
            return "the operator has no meaning for the operand"
        if item.reference:
            return f"the value at `{item.reference[0][:200]}`"
        if not item.right:
            return "no value is given"
        if any(isinstance(value, Literal) and value.datatype == RDF_JSON for value in item.right):
            return "what was not understood"
        several = len(item.right) != 1 and item.operator not in LISTING
        return "which of its values is meant" if several else ""


class Ordered(Domain):
    """A domain whose values lie on one axis."""

    whole = False

    def ends(self, axis: Hashable) -> tuple[End, End]:
        """Return the natural limits of all values."""
        return LOWEST, HIGHEST

    def universe(self, axis: Hashable) -> Intervals:
        return Intervals.of([Piece(*self.ends(axis))], whole=self.whole)

    @abstractmethod
    def fact(self, key: Any, item: Constraint) -> Fact:
        """Return a point as a request states it."""

    def between(self, operator: Operator, limits: list[Piece]) -> Intervals:
        side = _SIDES.get(operator)
        if side is not None and not self.whole:
            return Intervals((side(limits[0]),))
        region = Intervals.of([side(limits[0])] if side else limits, whole=self.whole)
        return region.complement() if operator in TURNED else region

    def facts(self, region: Intervals, item: Constraint) -> Iterator[Fact]:
        limits = {end[1] for end in self.ends(self.axis(item)) if end[0] == 0}
        found = sorted(region.samples(), key=lambda key: key in limits)  # they tell least
        return (self.fact(key, item) for key in found)


# Operator -> what lies on the side of its one right operand that it asks for.
_SIDES: Final[Mapping[Operator, Callable[[Piece], Piece]]] = {
    Operator.LT: lambda end: Piece(LOWEST, below(end.low)),
    Operator.LTEQ: lambda end: Piece(LOWEST, end.high),
    Operator.GT: lambda end: Piece(above(end.high), HIGHEST),
    Operator.GTEQ: lambda end: Piece(end.low, HIGHEST),
}


class Numbers(Ordered):
    """Decimals in the base unit of their dimension; units of two dimensions do not compare."""

    def axis(self, item: Constraint) -> Hashable:
        return _dimension(item.unit)

    def limit(self, item: Constraint, value: Fact) -> Piece | None:
        return _in_base(value, item.unit)

    def point(self, value: Fact, axis: Hashable) -> Piece | None:
        plain, unit = (value.value, value.unit) if isinstance(value, Quantity) else (value, "")
        return _in_base(plain, unit) if _dimension(unit) == axis else None

    def ends(self, axis: Hashable) -> tuple[End, End]:
        least, most = self.operand.least, self.operand.most
        return self._end(least, axis, LOWEST), self._end(most, axis, HIGHEST)

    def _end(self, limit: int | None, axis: Hashable, otherwise: End) -> End:
        """Return a natural limit in the base unit; zero is zero in every unit."""
        if limit is not None and not (limit and axis):
            return at(Decimal(limit))
        known = in_base(Decimal(limit or 0), self.operand.unit)
        return at(known[1]) if limit and known and known[0] == axis else otherwise

    def fact(self, key: Any, item: Constraint) -> Fact:
        factor = in_base(_ONE, item.unit)
        plain = key if factor is None else EXACT.divide(key, factor[1])
        return Quantity(plain, item.unit) if item.unit else plain


class Counts(Numbers):
    """Whole numbers of uses: the one that is asked for is the last (Vocabulary, `count`)."""

    whole = True

    def axis(self, item: Constraint) -> Hashable:
        status = item.status and (values.number(item.status) or item.status)
        return (_dimension(item.unit), status)  # where the count starts

    def point(self, value: Fact, axis: Hashable) -> Piece | None:
        found = super().point(value, axis[0] if isinstance(axis, tuple) else axis)
        key = found.low[1] if found else None
        if not isinstance(key, Decimal) or not 0 <= key <= MOST_COUNTED or key % 1:
            return None
        return _only(key + 1)

    def ends(self, axis: Hashable) -> tuple[End, End]:
        return at(_ONE), HIGHEST

    def fact(self, key: Any, item: Constraint) -> Fact:
        return super().fact(EXACT.subtract(key, _ONE), item)


class Levels(Ordered):
    """Steps of an ordered list, by their rank."""

    whole = True

    def point(self, value: Fact, axis: Hashable) -> Piece | None:
        known = None if axis else values.step(value)
        return _only(Decimal(known.rank)) if known and known.scale == self.operand.id else None

    def ends(self, axis: Hashable) -> tuple[End, End]:
        return at(Decimal(0)), at(Decimal(len(LEVELS.get(self.operand.id, ())) - 1))

    def fact(self, key: Any, item: Constraint) -> Fact:
        return Iri(LEVELS[self.operand.id][int(key)])


def _only(key: Decimal) -> Piece:
    return Piece(at(key), at(key))


def _dimension(unit: str) -> str:
    known = in_base(_ONE, unit)
    return known[0] if known else canonical(unit)


def _in_base(value: Fact, unit: str) -> Piece | None:
    key = values.number(value)
    known = in_base(key, unit) if key is not None and unit else None
    key = known[1] if known else key
    return None if key is None else _only(key)


class Instants(Ordered):
    """Instants; a day is the stretch of its instants in its zone."""

    def point(self, value: Fact, axis: Hashable) -> Piece | None:
        found = None if axis else values.span(value)
        return None if found is None else _stretch(found)

    def fact(self, key: Any, item: Constraint) -> Fact:
        return key if isinstance(key, datetime) else Decimal(0)


class Events(Instants):
    """Events, as the stretches of time in which they take place; a time is itself."""

    def point(self, value: Fact, axis: Hashable) -> Piece | None:
        if isinstance(value, datetime | Literal):
            return super().point(value, axis)
        known = None if axis else self.reading.knowledge.events.get(values.name(value) or "")
        return _stretch(Span(*known)) if known is not None and known[0] <= known[1] else None


def _stretch(found: Span) -> Piece:
    start, end = instant(found.start), instant(found.end)
    return Piece(at(start), at(end) if start == end else below(at(end)))


class Durations(Domain):
    """Lengths of time, on one axis: a number with a unit of time is one, too."""

    def axis(self, item: Constraint) -> Hashable:
        return None

    def limit(self, item: Constraint, value: Fact) -> Duration | None:
        return _duration(value, item.unit)

    def point(self, value: Fact, axis: Hashable) -> Duration | None:
        found = _duration(value, "")
        return found if found and found.months >= 0 and found.seconds >= 0 else None

    def universe(self, axis: Hashable) -> Lengths:
        return Lengths((Run((Edge(NOTHING),)),))

    def between(self, operator: Operator, limits: list[Duration]) -> Lengths:
        nudge = (operator is Operator.GT) - (operator is Operator.LT)
        edge = (Edge(limits[0], nudge),)
        if operator in {Operator.LT, Operator.LTEQ}:
            return Lengths((Run(highs=edge),))
        if operator in {Operator.GT, Operator.GTEQ}:
            return Lengths((Run(edge),))
        found = Lengths((Run(edge, edge),))
        return found.complement() if operator is Operator.NEQ else found

    def facts(self, region: Lengths, item: Constraint) -> Iterator[Fact]:
        return map(written, region.samples())


def _duration(value: Fact, unit: str) -> Duration | None:
    if isinstance(value, Quantity):
        return _duration(value.value, value.unit)
    if not unit:
        return values.duration(value)
    amount = values.number(value)
    return None if amount is None else length(amount, unit)


def written(found: Duration) -> Literal:
    """Return a length of time as an xsd:duration."""
    whole, seconds = divmod(found.seconds, 60)
    hours, minutes = divmod(int(whole), 60)
    days, hours = divmod(hours, 24)
    years, months = divmod(found.months, 12)
    second = f"{seconds.quantize(Decimal('0.000000001')).normalize():f}" if seconds else ""
    date = _parts((years, "Y"), (months, "M"), (days, "D"))
    clock = _parts((hours, "H"), (minutes, "M"), (second, "S"))
    return Literal(f"P{date}T{clock}" if clock else f"P{date or '0D'}", XSD + "duration")


def _parts(*found: tuple[object, str]) -> str:
    return "".join(f"{count}{letter}" for count, letter in found if count)
