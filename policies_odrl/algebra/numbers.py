"""Numbers with units, counts and steps of ordered lists, as points of one axis each.

Units of one dimension compare, others are unknown (QUDT and others, `units.py`). Of a count the use
that is asked for is the last: prior uses and one (Vocabulary, `count`).
"""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal
from typing import Any, Final

from policies_odrl.algebra.domain import Fact, Ordered, Unread
from policies_odrl.algebra.intervals import EXACT, HIGHEST, LOWEST, Intervals, Piece, at
from policies_odrl.model import Constraint, Iri
from policies_odrl.units import canonical, in_base
from policies_odrl.values import Quantity, Step, number, step
from policies_odrl.vocabulary import LEVELS

_ONE: Final = Decimal(1)
MOST_COUNTED: Final = 10**15  # beyond it a sum of decimals may round


class Numbers(Ordered):
    """Decimals, brought to the base unit of their dimension."""

    def axis(self, item: Constraint) -> Hashable:
        """Return the dimension of the unit, or the unit that is not known."""
        return _dimension(item.unit)

    def limit(self, item: Constraint, value: Fact) -> Piece:
        """Return a right operand as points.

        Raises:
            Unread: it is no number.
        """
        key = _in_base(value, item.unit)
        if key is None:
            raise Unread(f"the value cannot be read as {self.operand.kind.value}")
        return Piece(at(key), at(key))

    def point(self, value: Fact, axis: Hashable) -> Piece | None:
        """Return a value given as a point of an axis, or None where it has none."""
        unit = value.unit if isinstance(value, Quantity) else ""
        if _dimension(unit) != axis:
            return None
        key = _in_base(value.value if isinstance(value, Quantity) else value, unit)
        return None if key is None else Piece(at(key), at(key))

    def universe(self, axis: Hashable) -> Intervals:
        """Return the values that there are."""
        low, high = (self._natural(end, axis) for end in (self.operand.least, self.operand.most))
        start = LOWEST if low is None else at(low)
        return Intervals((Piece(start, HIGHEST if high is None else at(high)),))

    def _natural(self, end: int | None, axis: Hashable) -> Decimal | None:
        """Return a natural limit in the base unit; zero is zero in every unit."""
        if end is None:
            return None
        limit = Decimal(end)
        if not end or not axis:
            return limit
        known = in_base(limit, self.operand.unit) if self.operand.unit else None
        return known[1] if known is not None and known[0] == axis else None

    def fact(self, key: Any, item: Constraint) -> Fact:
        """Return a point as a request states it, in the unit of a constraint."""
        factor = in_base(_ONE, item.unit)
        plain = key if factor is None else EXACT.divide(key, factor[1])
        return Quantity(plain, item.unit) if item.unit else plain


class Counts(Numbers):
    """Whole numbers of uses, the one that is asked for included."""

    whole = True

    def axis(self, item: Constraint) -> Hashable:
        """Return the unit and where the count starts."""
        status = item.status and (number(item.status) or item.status)
        return (_dimension(item.unit), status)

    def point(self, value: Fact, axis: Hashable) -> Piece | None:
        """Return prior uses and the one that is asked for."""
        unit = axis[0] if isinstance(axis, tuple) else axis
        found = super().point(value, unit)
        key = found.low[1] if found else None
        if not isinstance(key, Decimal) or not 0 <= key <= MOST_COUNTED or key % 1:
            return None
        return Piece(at(key + 1), at(key + 1))

    def universe(self, axis: Hashable) -> Intervals:
        """Return one and all that follows."""
        return Intervals((Piece(at(_ONE), HIGHEST),), whole=True)

    def fact(self, key: Any, item: Constraint) -> Fact:
        """Return what was used before the use that is asked for."""
        return super().fact(EXACT.subtract(key, _ONE), item)


class Levels(Ordered):
    """Steps of an ordered list, by their rank."""

    whole = True

    def limit(self, item: Constraint, value: Fact) -> Piece:
        """Return a right operand as a rank.

        Raises:
            Unread: it is no step of the operand's list.
        """
        found = self.point(value, "")
        if found is None:
            raise Unread("the value is not a step of this operand")
        return found

    def point(self, value: Fact, axis: Hashable) -> Piece | None:
        """Return a value given as a rank, or None where it is no step of the operand's list."""
        known = None if axis or isinstance(value, Quantity) else step(value)  # type: ignore[arg-type]  # a clock is no step
        if not isinstance(known, Step) or known.scale != self.operand.id:
            return None
        rank = at(Decimal(known.rank))
        return Piece(rank, rank)

    def universe(self, axis: Hashable) -> Intervals:
        """Return all ranks of the list."""
        steps = len(LEVELS.get(self.operand.id, ()))
        return Intervals.of([Piece(at(Decimal(0)), at(Decimal(steps - 1)))], whole=True)

    def fact(self, key: Any, item: Constraint) -> Fact:
        """Return a rank as a step."""
        return Iri(LEVELS[self.operand.id][int(key)])


def _dimension(unit: str) -> str:
    if not unit:
        return unit
    known = in_base(_ONE, unit)
    return known[0] if known else canonical(unit)


def _in_base(value: Fact, unit: str) -> Decimal | None:
    key = number(value)  # type: ignore[arg-type]  # a clock is no number
    known = in_base(key, unit) if key is not None and unit else None
    return known[1] if known else key
