"""What a kind of values has to say of itself, so that constraints on it denote sets.

One class for each domain; the operators of ordered values are the same in all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Final, Generic, TypeVar

from policies_odrl.algebra.extent import Extent, Quantifier, Reading, Region
from policies_odrl.algebra.intervals import HIGHEST, LOWEST, Intervals, Piece, above, below
from policies_odrl.algebra.periods import Recurrence, Stretch
from policies_odrl.model import Constraint, Operator
from policies_odrl.values import FactValue, Quantity
from policies_odrl.vocabulary import Operand

Fact = FactValue | Quantity | Stretch | Recurrence
R = TypeVar("R", bound=Region)
P = TypeVar("P")
LISTING: Final = frozenset(
    {Operator.IS_ANY_OF, Operator.IS_NONE_OF, Operator.IS_ALL_OF, Operator.HAS_PART}
)


class Unread(Exception):
    """A right operand cannot be read; the message says why."""


class Domain(ABC, Generic[R, P]):
    """A kind of values of one left operand."""

    __slots__ = ("operand", "reading")
    whole = False

    def __init__(self, operand: Operand, reading: Reading) -> None:
        self.operand = operand
        self.reading = reading

    def axis(self, item: Constraint) -> Hashable:
        """Return what two constraints must have in common so that their values compare."""
        return item.unit

    @abstractmethod
    def limit(self, item: Constraint, value: Fact) -> P:
        """Return a right operand as points.

        Raises:
            Unread: it is none of the domain.
        """

    @abstractmethod
    def point(self, value: Fact, axis: Hashable) -> P | None:
        """Return a value given as points of an axis, or None where it has none."""

    @abstractmethod
    def universe(self, axis: Hashable) -> R:
        """Return all values that there are."""

    @abstractmethod
    def extent(self, item: Constraint) -> Extent:
        """Return what a constraint denotes, whose operator has a meaning for the domain.

        Raises:
            Unread: a right operand is none of the domain.
        """

    @abstractmethod
    def facts(self, region: R, item: Constraint) -> Iterator[Fact]:
        """Yield values of a set as a request states them, for want of others one of few."""


class Measured(Domain[R, P]):
    """A domain in which each operator makes one set of its right operands."""

    __slots__ = ()

    def extent(self, item: Constraint) -> Extent:
        """Return what a constraint denotes, whose operator has a meaning for the domain.

        Raises:
            Unread: a right operand is none of the domain.
        """
        limits = [self.limit(item, value) for value in item.right]
        if item.operator is Operator.IS_ALL_OF and len(limits) > 1:
            sets = tuple(self.between(Operator.EQ, [limit]) for limit in limits)
            return Extent(self.axis(item), Quantifier.EACH, sets)
        some = Quantifier.SOME if item.operator is Operator.IS_ALL_OF else Quantifier.ALL
        return Extent(self.axis(item), some, (self.between(item.operator, limits),))

    @abstractmethod
    def between(self, operator: Operator, limits: list[P]) -> R:
        """Return the set that an operator makes of its right operands."""


class Ordered(Measured[Intervals, Piece]):
    """A domain whose values lie on one axis."""

    __slots__ = ()

    def between(self, operator: Operator, limits: list[Piece]) -> Intervals:
        """Return the set that an operator makes of its right operands."""
        side = _SIDES.get(operator)
        if side is not None and not self.whole:
            return Intervals((side(limits[0]),))
        region = Intervals.of([side(limits[0])] if side else limits, whole=self.whole)
        turned = operator in {Operator.NEQ, Operator.IS_NONE_OF}
        return region.complement() if turned else region

    def facts(self, region: Intervals, item: Constraint) -> Iterator[Fact]:
        """Yield values of a set as a request states them; natural limits tell least, so last."""
        limits = {
            end[1]
            for piece in self.universe(self.axis(item)).pieces
            for end in (piece.low, piece.high)
            if end[0] == 0
        }
        found = sorted(region.samples(), key=lambda key: key in limits)
        return (self.fact(key, item) for key in found)

    @abstractmethod
    def fact(self, key: Any, item: Constraint) -> Fact:
        """Return a point as a request states it."""


# Operator -> what lies on the side of its one right operand that it asks for.
_SIDES: Final[Mapping[Operator, Callable[[Piece], Piece]]] = {
    Operator.LT: lambda end: Piece(LOWEST, below(end.low)),
    Operator.LTEQ: lambda end: Piece(LOWEST, end.high),
    Operator.GT: lambda end: Piece(above(end.high), HIGHEST),
    Operator.GTEQ: lambda end: Piece(end.low, HIGHEST),
}
