"""Instants, days and lengths of time.

A day is the stretch of its instants in its zone; a time without a zone is in UTC. What recurs
(`timeInterval`) has no length: whether it is due again follows from the last execution alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from policies_odrl.algebra.domain import Fact, Measured, Ordered, Unread
from policies_odrl.algebra.intervals import ALL, Intervals, Piece, at, below
from policies_odrl.algebra.lengths import NOTHING, Edge, Lengths, Run
from policies_odrl.algebra.periods import Recurrence, Stretch, instant
from policies_odrl.model import XSD, Constraint, Literal, Operator
from policies_odrl.units import length
from policies_odrl.values import Duration, Quantity, Span, duration, name, number, span


class Instants(Ordered):
    """Instants, and days as stretches of them."""

    __slots__ = ()

    def limit(self, item: Constraint, value: Fact) -> Piece:
        """Return a right operand as instants.

        Raises:
            Unread: it is no instant and no day.
        """
        found = self.point(value, "")
        if found is None:
            raise Unread(f"the value cannot be read as {self.operand.kind.value}")
        return found

    def point(self, value: Fact, axis: Hashable) -> Piece | None:
        """Return a value given as instants, or None where it is none, or has a unit."""
        if axis or isinstance(value, Quantity | Stretch | Recurrence):
            return None
        found = span(value)
        return None if found is None else piece(found)

    def universe(self, axis: Hashable) -> Intervals:
        """Return all instants."""
        return Intervals((ALL,))

    def fact(self, key: Any, item: Constraint) -> Fact:
        """Return an instant."""
        return key if isinstance(key, datetime) else Decimal(0)


class Events(Instants):
    """Events, as the stretches of time in which they take place; a time is itself."""

    __slots__ = ()

    def point(self, value: Fact, axis: Hashable) -> Piece | None:
        """Return when an event takes place, or None where that is not known."""
        if axis or isinstance(value, Quantity | Stretch | Recurrence):
            return None
        if isinstance(value, datetime | Literal):
            return super().point(value, axis)
        known = self.reading.knowledge.events.get(name(value) or "")
        return piece(Span(*known)) if known is not None and known[0] <= known[1] else None


def piece(found: Span) -> Piece:
    """Return a stretch of time as points.

    >>> from policies_odrl.values import span
    >>> day = piece(span(Literal("2026-01-01", XSD + "date")))
    >>> day.high[1].isoformat(), day.high[2]
    ('2026-01-02T00:00:00+00:00', -1)
    """
    start, end = instant(found.start), instant(found.end)
    return Piece(at(start), at(end) if start == end else below(at(end)))


class Durations(Measured[Lengths, Duration]):
    """Lengths of time."""

    __slots__ = ()

    def axis(self, item: Constraint) -> Hashable:
        """Return the one axis of time: a number with a unit of time is a duration, too."""
        return None

    def limit(self, item: Constraint, value: Fact) -> Duration:
        """Return a right operand as a duration.

        Raises:
            Unread: it is none.
        """
        found = _duration(value, item.unit)
        if found is None:
            raise Unread(f"the value cannot be read as {self.operand.kind.value}")
        return found

    def point(self, value: Fact, axis: Hashable) -> Duration | None:
        """Return a value given as a duration, or None where it is none, or less than nothing."""
        found = _duration(value, "")
        return found if found and found.months >= 0 and found.seconds >= 0 else None

    def universe(self, axis: Hashable) -> Lengths:
        """Return all lengths that are not negative."""
        return Lengths((Run((Edge(NOTHING),)),))

    def between(self, operator: Operator, limits: list[Duration]) -> Lengths:
        """Return the set that an operator makes of its right operand."""
        (limit,) = limits
        match operator:
            case Operator.LT:
                return Lengths((Run(highs=(Edge(limit, -1),)),))
            case Operator.LTEQ:
                return Lengths((Run(highs=(Edge(limit),)),))
            case Operator.GT:
                return Lengths((Run((Edge(limit, 1),)),))
            case Operator.GTEQ:
                return Lengths((Run((Edge(limit),)),))
        found = Lengths((Run((Edge(limit),), (Edge(limit),)),))
        return found.complement() if operator is Operator.NEQ else found

    def facts(self, region: Lengths, item: Constraint) -> Iterator[Fact]:
        """Yield durations that may lie in a set."""
        return map(written, region.samples())


def _duration(value: Fact, unit: str) -> Duration | None:
    if isinstance(value, Quantity):
        return _duration(value.value, value.unit)
    if isinstance(value, Stretch | Recurrence):
        return None
    if not unit:
        return duration(value)
    amount = number(value)
    return None if amount is None else length(amount, unit)


def written(found: Duration) -> Literal:
    """Return a length of time as an xsd:duration.

    >>> written(Duration(0, Decimal(90_000))).lexical, written(Duration(13, Decimal(1))).lexical
    ('P1DT1H', 'P1Y1MT1S')
    """
    whole, seconds = divmod(found.seconds, 60)
    hours, minutes = divmod(int(whole), 60)
    days, hours = divmod(hours, 24)
    years, months = divmod(found.months, 12)
    second = f"{seconds.quantize(Decimal('0.000000001')).normalize():f}" if seconds else ""
    date = _parts((years, "Y"), (months, "M"), (days, "D"))
    clock = _parts((hours, "H"), (minutes, "M"), (second, "S"))
    lexical = f"P{date}T{clock}" if clock else f"P{date or '0D'}"
    return Literal(lexical, XSD + "duration")


def _parts(*found: tuple[object, str]) -> str:
    return "".join(f"{count}{letter}" for count, letter in found if count)
