"""Lengths at which sets of times end, and what sums of them prove.

Rules: an end belongs to a sum where that of each part does; a month and a day compare only where
the answer is the same for the shortest and the longest months.
Source: XML Schema 1.1 Part 2, 3.3.6; arXiv 2606.23442 (sequences).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, cast

from policies_odrl.algebra.domain import Fact
from policies_odrl.algebra.intervals import End, above, at, below
from policies_odrl.algebra.periods import later
from policies_odrl.model import Literal
from policies_odrl.values import Duration, duration, orders
from tests.conformance.times.lines import Unsettled

NOTHING: Final = Duration(0, Decimal(0))
_INSTANT: Final = Decimal("0.000001")  # seconds by which a limit is passed where it is left out

Edge = tuple[Duration, bool]  # a length at which a set ends, and whether it belongs to it


@dataclass(frozen=True, slots=True)
class Sum:
    """What the delays of one sequence add up to.

    Attributes:
        least: the lower end; it belongs to the sum where that of each delay does.
        proved: the same, where a delay counts from the moment at which the one before it has passed
            its limit, as in evaluation: the limit itself, so that only the last can leave it out.
        most: the upper end; None: no end.
    """

    least: Edge
    proved: Edge
    most: Edge | None

    @property
    def shown(self) -> Duration:
        """A short sum that an example can show."""
        length, closed = self.least
        return length if closed else Duration(0, length.seconds + _INSTANT)


def is_long(low: Edge | None) -> bool:
    """Return whether a length has to be more than nothing."""
    return low is not None and low != (NOTHING, True)


def length_of(key: Decimal, *, months: bool) -> Duration:
    """Return a length of so many months, or of so many seconds."""
    return Duration(int(key), Decimal(0)) if months else Duration(0, key)


def edge_of(end: End, *, months: bool) -> Edge | None:
    """Return an end as a length and whether it belongs to what it ends; None: no end."""
    return None if end[0] else (length_of(cast("Decimal", end[1]), months=months), end[2] == 0)


def added(ends: Sequence[End]) -> Edge | None:
    """Return the end, in seconds, of a sum; it belongs to the sum where that of each part does."""
    edges = [edge_of(end, months=False) for end in ends]
    known = [edge for edge in edges if edge is not None]
    if len(known) < len(edges):
        return None
    total = sum((length.seconds for length, _ in known), Decimal(0))
    return Duration(0, total), all(closed for _, closed in known)


def compare_durations(left: Duration, right: Duration) -> int | None:
    """Return -1, 0 or 1, or None where a month's length decides."""
    found = orders(left, right)
    return next(iter(found)) if len(found) == 1 else None


def longer(low: Edge, high: Edge) -> bool:
    """Return whether whatever lies above one end is proved to lie above the other as well."""
    order = compare_durations(low[0], high[0])
    return order == 1 or (order == 0 and not (low[1] and high[1]))


def longest(need: Duration, values: tuple[Fact, ...]) -> Duration:
    """Return the longer one of a length and the one that is shown.

    Raises:
        Unsettled: a month's length decides.
    """
    length = read_length(values[0])
    order = compare_durations(need, length)
    if order is None:
        raise Unsettled("how many days a month has")
    return length if order < 0 else need


def read_length(value: Fact) -> Duration:
    """Return a length that `lines.py` wrote."""
    return cast("Duration", duration(cast("Literal", value)))  # as `lines.py` writes lengths


def moment_of(start: datetime, end: Edge, *, up: bool) -> End:
    """Return the end on the calendar of a length that runs from a moment.

    Raises:
        Unsettled: it lies beyond the calendar.
    """
    moment = later(start, end[0])
    if moment is None:
        raise Unsettled("an instant beyond the calendar")
    edge = at(moment)
    if end[1]:
        return edge
    return above(edge) if up else below(edge)
