"""When a duty has to be done, and on what conditions, as its constraints say.

Rules: a constraint on time (`dateTime`, `elapsedTime`, `event`) is a window, never a condition, so
that a deadline that has passed does not make a duty go away; whatever else a duty states is a
condition for having to do it at all (W3C draft, minutes of 24 Nov 2025); a window that cannot be
read is unknown; alternatives that speak of time cannot be told apart from one another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Limit:
    """A moment until which something can be done.

    Attributes:
        at: the moment, aware.
        inclusive: whether it can still be done just then.
    """

    at: datetime
    inclusive: bool

    def passed(self, now: datetime) -> bool:
        """Return whether it is too late."""
        return now > self.at if self.inclusive else now >= self.at


@dataclass(frozen=True, slots=True)
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

    window: tuple[Constraint, ...] = ()
    gates: tuple[Condition, ...] = ()
    counts: tuple[Constraint, ...] = ()
    opens: datetime | None = None
    closes: tuple[Limit, ...] = ()
    within: tuple[tuple[Duration, bool], ...] = ()
    after_use: bool = False
    known: bool = True

    @property
    def end(self) -> Limit | None:
        """The earliest limit on the calendar."""
        return _earliest(self.closes)

    def end_after(self, use: datetime) -> Limit | None:
        """Return the earliest limit for a duty on account of a use."""
        moments = [(later(use, by), inclusive) for by, inclusive in self.within]
        limits = [Limit(at, inclusive) for at, inclusive in moments if at is not None]
        return _earliest((*limits, *self.closes))


def terms_of(duty: Duty, knowledge: Knowledge) -> Terms:
    """Return the constraints of a duty, sorted by what they do."""
    terms = Terms()
    for item in _joined(duty.constraints):
        terms = _with(terms, item, knowledge)
    return terms


def speaks_of_time(item: Condition, knowledge: Knowledge) -> bool:
    """Return whether a condition, or a part of it, is about time, under whatever name."""
    return any(knowledge.current(left) in _TIMED for left in operands_of(item))


def operands_of(item: Condition) -> Iterator[str]:
    """Yield the left operands in a condition."""
    for _, part in conditions((item,), ""):
        if isinstance(part, Constraint):
            yield part.left


def _earliest(limits: tuple[Limit, ...]) -> Limit | None:
    return min(limits, key=lambda item: (item.at, item.inclusive), default=None)


def _joined(items: tuple[Condition, ...]) -> Iterator[Condition]:
    for item in items:
        if isinstance(item, LogicalConstraint) and item.connective is Connective.AND:
            yield from _joined(item.operands)
        else:
            yield item


def _with(terms: Terms, item: Condition, knowledge: Knowledge) -> Terms:
    left = "" if isinstance(item, LogicalConstraint) else knowledge.current(item.left)
    if isinstance(item, LogicalConstraint) or left not in {COUNT, *_TIMED}:
        return replace(terms, gates=(*terms.gates, item))
    if left == COUNT:
        return replace(terms, counts=(*terms.counts, item))
    if left == DATE_TIME:
        return _calendar(terms, item, span(item.right[0]) if len(item.right) == 1 else None)
    if left == EVENT:
        return _event(terms, item, knowledge)
    if left in SINCE:
        return _since(terms, item, knowledge.events.get(SINCE[left]))
    return _elapsed(terms, item)


def _since(terms: Terms, item: Constraint, event: tuple[datetime, datetime] | None) -> Terms:
    """Note a limit that runs from an event; it cannot be read until the event has a date."""
    by = duration(item.right[0]) if len(item.right) == 1 else None
    end = later(event[1], by) if event and by is not None else None
    if end is None or item.operator not in _BEFORE:
        return replace(terms, known=False)
    limit = Literal(end.isoformat(), XSD + "dateTime")
    return _calendar(terms, Constraint(DATE_TIME, item.operator, (limit,)), Span(end, end))


def _calendar(terms: Terms, item: Constraint, when: Span | None) -> Terms:
    """Note a window on the calendar; a day ends with its last moment."""
    terms = replace(terms, window=(*terms.window, item))
    if when is None or not (item.operator in _BEFORE | _AFTER or item.operator is Operator.EQ):
        return replace(terms, known=False)
    if item.operator is Operator.LT:
        terms = replace(terms, closes=(*terms.closes, Limit(when.start, inclusive=False)))
    elif item.operator not in _AFTER:
        limit = Limit(when.end, inclusive=when.start == when.end)
        terms = replace(terms, closes=(*terms.closes, limit))
    if item.operator not in _BEFORE:
        start = when.end if item.operator is Operator.GT else when.start
        terms = replace(terms, opens=max(start, terms.opens or start))
    return terms


def _event(terms: Terms, item: Constraint, knowledge: Knowledge) -> Terms:
    """Note a window around an event; the use itself is one (Vocabulary, `policyUsage`)."""
    named = name(item.right[0]) if len(item.right) == 1 else None
    if named != POLICY_USAGE:
        known = knowledge.events.get(named or "")
        return _calendar(terms, item, None if known is None else Span(*known))
    if item.operator in _AFTER or item.operator is Operator.EQ:
        return replace(terms, after_use=True)
    return terms if item.operator in _BEFORE else replace(terms, known=False)


def _elapsed(terms: Terms, item: Constraint) -> Terms:
    by = duration(item.right[0]) if len(item.right) == 1 else None
    timely = item.operator in _BEFORE or item.operator is Operator.EQ
    if by is None or not timely or by.months < 0 or by.seconds < 0:
        return replace(terms, known=False)
    within = (*terms.within, (by, item.operator is not Operator.LT))
    return replace(terms, after_use=True, within=within)
