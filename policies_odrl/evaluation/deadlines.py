"""When a duty has to be done, and on what conditions, as its constraints say.

A constraint on time (`dateTime`, `elapsedTime`, `event`) is a window, never a condition: a deadline
that has passed does not make a duty go away. Whatever else a duty states is a condition for having
to do it at all (W3C draft, minutes of 24 Nov 2025).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from policies_odrl.algebra.periods import later
from policies_odrl.evaluation.clocks import COUNT, ELAPSED, EVENT, SINCE
from policies_odrl.evaluation.operands import POLICY_USAGE
from policies_odrl.evaluation.request import DATE_TIME
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import (
    XSD,
    Condition,
    Connective,
    Constraint,
    Duty,
    Literal,
    LogicalConstraint,
    Operator,
    conditions,
)
from policies_odrl.values import Duration, Span, duration, name, span

_TIMED: Final = frozenset({DATE_TIME, ELAPSED, EVENT, *SINCE})
_BEFORE: Final = frozenset({Operator.LT, Operator.LTEQ})
_AFTER: Final = frozenset({Operator.GT, Operator.GTEQ})
_COMPARED: Final = _BEFORE | _AFTER | {Operator.EQ}


class Limit(NamedTuple):
    """A moment, aware, until which something can be done; also just then when `inclusive`."""

    at: datetime
    inclusive: bool

    def passed(self, now: datetime) -> bool:
        """Return whether it is too late."""
        return now > self.at if self.inclusive else now >= self.at


@dataclass(slots=True)
class Terms:
    """The constraints of a duty, sorted by what they do.

    Attributes:
        window: constraints on the time of the act itself.
        gates: conditions for having to do it.
        counts: constraints on how often it is done.
        opens: first moment; None when there is none.
        closes: limits on the calendar; the earliest counts.
        within: (time after the use, whether the last moment is in), for a duty after the use.
        after_use: whether it may be done after the use, on account of the use.
        known: False when a window could not be read.
    """

    window: list[Constraint] = field(default_factory=list)
    gates: list[Condition] = field(default_factory=list)
    counts: list[Constraint] = field(default_factory=list)
    opens: datetime | None = None
    closes: list[Limit] = field(default_factory=list)
    within: list[tuple[Duration, bool]] = field(default_factory=list)
    after_use: bool = False
    known: bool = True

    @property
    def end(self) -> Limit | None:
        """The earliest limit on the calendar."""
        return min(self.closes, default=None)

    def end_after(self, use: datetime) -> Limit | None:
        """Return the earliest limit for a duty on account of a use."""
        moments = [(later(use, by), inclusive) for by, inclusive in self.within]
        limits = [Limit(at, inclusive) for at, inclusive in moments if at is not None]
        return min([*limits, *self.closes], default=None)


def terms_of(duty: Duty, knowledge: Knowledge) -> Terms:
    """Return the constraints of a duty, sorted by what they do."""
    terms = Terms()
    for item in _joined(duty.constraints):
        left = knowledge.current(item.left) if isinstance(item, Constraint) else ""
        if isinstance(item, LogicalConstraint) or left not in {COUNT, *_TIMED}:
            terms.gates.append(item)
        elif left == COUNT:
            terms.counts.append(item)
        else:
            _timed(terms, left, item, knowledge)
    return terms


def speaks_of_time(item: Condition, knowledge: Knowledge) -> bool:
    """Return whether a condition, or a part of it, is about time, under whatever name."""
    return any(knowledge.current(left) in _TIMED for left in operands_of(item))


def operands_of(item: Condition) -> Iterator[str]:
    """Yield the left operands in a condition."""
    return (part.left for _, part in conditions((item,), "") if isinstance(part, Constraint))


def _joined(items: tuple[Condition, ...]) -> Iterator[Condition]:
    for item in items:
        if isinstance(item, LogicalConstraint) and item.connective is Connective.AND:
            yield from _joined(item.operands)
        else:
            yield item


def _timed(terms: Terms, left: str, item: Constraint, knowledge: Knowledge) -> None:
    """Note a limit on time; several values, or one that cannot be read, make the terms unknown."""
    value = item.right[0] if len(item.right) == 1 else Literal("")
    if left == DATE_TIME:
        _calendar(terms, item, span(value))
    elif left == EVENT and name(value) == POLICY_USAGE:  # the use itself is an event (Vocabulary)
        terms.after_use = terms.after_use or item.operator in _AFTER | {Operator.EQ}
        terms.known = terms.known and item.operator in _COMPARED
    elif left == EVENT:
        known = knowledge.events.get(name(value) or "")
        _calendar(terms, item, None if known is None else Span(*known))
    elif left == ELAPSED:
        _elapsed(terms, item, duration(value))
    else:
        _since(terms, item, duration(value), knowledge.events.get(SINCE[left]))


def _calendar(terms: Terms, item: Constraint, when: Span | None) -> None:
    """Note a window on the calendar; a day ends with its last moment."""
    terms.window.append(item)
    if when is None or item.operator not in _COMPARED:
        terms.known = False
        return
    if item.operator is Operator.LT:
        terms.closes.append(Limit(when.start, inclusive=False))
    elif item.operator not in _AFTER:
        terms.closes.append(Limit(when.end, inclusive=when.start == when.end))
    if item.operator not in _BEFORE:
        start = when.end if item.operator is Operator.GT else when.start
        terms.opens = max(start, terms.opens or start)


def _elapsed(terms: Terms, item: Constraint, by: Duration | None) -> None:
    timely = item.operator in _BEFORE | {Operator.EQ}
    if by is None or not timely or by.months < 0 or by.seconds < 0:
        terms.known = False
        return
    terms.after_use = True
    terms.within.append((by, item.operator is not Operator.LT))


def _since(
    terms: Terms, item: Constraint, by: Duration | None, event: tuple[datetime, datetime] | None
) -> None:
    """Note a limit that runs from an event; it cannot be read until the event has a date."""
    end = later(event[1], by) if event and by is not None else None
    if end is None or item.operator not in _BEFORE:
        terms.known = False
        return
    limit = Literal(end.isoformat(), XSD + "dateTime")
    _calendar(terms, Constraint(DATE_TIME, item.operator, (limit,)), Span(end, end))
