"""Whether conditions came true one after the other, as `andSequence` asks.

Rules: the sequence is True only when every member holds and each is known to have come true later
than the one before it; members that held from the start (`dateTime lt ...`) impose no order; when
the moment of one is unknown, or two came at once, the order cannot be told.
Source: Vocabulary, `andSequence`: "satisfied in the order specified"; `delayPeriod`: its starting
point may be another member.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from policies_odrl.algebra.periods import Recurrence, Stretch, later
from policies_odrl.evaluation.case import Case
from policies_odrl.evaluation.clocks import COUNT, DELAY, ELAPSED, EVENT, INTERVAL, METERED
from policies_odrl.evaluation.decision import ConditionResult
from policies_odrl.evaluation.request import DATE_TIME
from policies_odrl.logic import Truth
from policies_odrl.model import Condition, Connective, Constraint, LogicalConstraint, Operator
from policies_odrl.values import Duration, Span, duration, name, span

ALWAYS: Final = datetime.min.replace(tzinfo=UTC)  # it held from the start

_FROM: Final = frozenset({Operator.GTEQ, Operator.EQ})
_UNTIL: Final = frozenset({Operator.LT, Operator.LTEQ})
_USED_UP: Final = frozenset({COUNT, ELAPSED, METERED})


def in_order(moments: Sequence[datetime | None]) -> Truth:
    """Return whether moments are known to ascend; None is a moment that nobody knows.

    >>> early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    >>> [in_order(pair).value for pair in ([early, late], [late, early], [early, None])]
    ['true', 'false', 'undetermined']
    """
    dated = [moment for moment in moments if moment != ALWAYS]
    known = [moment for moment in dated if moment is not None]
    pairs = list(pairwise(known))
    if any(second < first for first, second in pairs):
        return Truth.FALSE
    if len(dated) > 1 and (len(known) < len(dated) or any(a == b for a, b in pairs)):
        return Truth.UNDETERMINED
    return Truth.TRUE


def came_true(item: Condition, result: ConditionResult, case: Case) -> datetime | None:
    """Return when a condition that holds came true, `ALWAYS`, or None when nobody knows."""
    if result.truth is not Truth.TRUE:
        return None
    if isinstance(item, LogicalConstraint):
        return _joined(item, result, case)
    stated = case.facts.since.get(item.id) if item.id else None
    moment = stated or _moment(item, result, case) or case.facts.since.get(item.left)
    now = case.facts.now
    return None if moment is None or (now is not None and moment > now) else moment


def _joined(item: LogicalConstraint, result: ConditionResult, case: Case) -> datetime | None:
    parts = list(zip(item.operands, result.children, strict=True))
    either = item.connective is Connective.OR
    if item.connective is Connective.XONE:  # the others may have come false only later
        return None
    if either:
        if any(child.truth is Truth.UNDETERMINED for _, child in parts):
            return None
        parts = [(part, child) for part, child in parts if child.truth is Truth.TRUE]
    moments = [came_true(part, child, case) for part, child in parts]
    known = [moment for moment in moments if moment is not None]
    if len(known) < len(moments):
        return None
    return min(known) if either else max(known)


def _moment(item: Constraint, result: ConditionResult, case: Case) -> datetime | None:
    if item.left in {DATE_TIME, EVENT}:
        return _edge(item.operator, _bound(item, case))
    if item.left in _USED_UP:
        return ALWAYS if item.operator in _UNTIL else None
    clock = result.values[0] if len(result.values) == 1 else None
    if item.left == DELAY and isinstance(clock, Stretch):
        return _after(item, clock)
    if item.left == INTERVAL and isinstance(clock, Recurrence) and clock.last is None:
        return clock.anchor or ALWAYS
    return None


def _edge(operator: Operator, bound: Span | None) -> datetime | None:
    if bound is None:
        return None
    if operator is Operator.GT:
        return bound.end
    if operator in _FROM:
        return bound.start
    return ALWAYS if operator in _UNTIL else None


def _bound(item: Constraint, case: Case) -> Span | None:
    if len(item.right) != 1:
        return None
    if item.left == DATE_TIME:
        return span(item.right[0])
    known = case.knowledge.events.get(name(item.right[0]) or "")
    return None if known is None else Span(*known)


def _after(item: Constraint, clock: Stretch) -> datetime | None:
    if item.operator in _UNTIL:
        return ALWAYS
    by: Duration | None = duration(item.right[0]) if len(item.right) == 1 else None
    return None if by is None or item.operator is Operator.NEQ else later(clock.start, by)
