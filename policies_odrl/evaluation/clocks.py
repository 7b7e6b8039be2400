"""Values that come from what has happened: counts, clocks, recurrence, events.

Rules: without a usage state, or for an agreement that was never opened in it, these values are
missing, and a request that states them is believed only where nobody keeps account; a reservation
counts like a use; `status` is where a count or a meter started from, and
stands for a missing state in the mode of the public suite only.
Source: Vocabulary, `count`, `delayPeriod`, `elapsedTime`, `meteredTime`, `timeInterval`, `event`;
IM 2.5.1 (`status`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from policies_odrl.evaluation.case import Case
from policies_odrl.evaluation.modes import Mode
from policies_odrl.evaluation.operands import MOST_COUNTED, POLICY_USAGE, Fact
from policies_odrl.evaluation.periods import Recurrence, Stretch
from policies_odrl.evaluation.state import Use, metered_time
from policies_odrl.model import ODRL, XSD, Constraint, Iri, Literal
from policies_odrl.values import Duration, duration, name, number, span

COUNT: Final = ODRL + "count"
DELAY: Final = ODRL + "delayPeriod"
ELAPSED: Final = ODRL + "elapsedTime"
METERED: Final = ODRL + "meteredTime"
INTERVAL: Final = ODRL + "timeInterval"
EVENT: Final = ODRL + "event"
_STATE: Final = frozenset({COUNT, DELAY, ELAPSED, METERED, INTERVAL})
_USE: Final = (Iri(POLICY_USAGE),)


@dataclass(frozen=True, slots=True)
class Previous:
    """The member before this one in an `andSequence`.

    Attributes:
        came: when it came true, aware; None when nobody knows.
    """

    came: datetime | None


def values_of(item: Constraint, case: Case, previous: Previous | None = None) -> tuple[Fact, ...]:
    """Return the values of a constraint's left operand; empty when there is none.

    Args:
        item: the constraint.
        case: see `Case`.
        previous: the member before it, inside an `andSequence`.
    """
    facts, kept = case.facts, _KEPT.get(item.left)
    if kept is None or item.left in facts.values:
        return facts.values_of(item.left, case.request)
    found = kept(item, case, previous)
    if found or (item.left in _STATE and (facts.usage is not None or previous is not None)):
        return found
    return facts.values_of(item.left, case.request)


def at_usage(item: Constraint, case: Case) -> Constraint:
    """Return a constraint on `policyUsage` with the time of this use in its place.

    Source: Vocabulary, `policyUsage`: "the actual datetime the action of the Rule was exercised".
    """
    now = case.facts.now
    if item.left != EVENT or now is None or item.right != _USE:
        return item
    return replace(item, right=(Literal(now.isoformat(), XSD + "dateTime"),))


def agreed(case: Case) -> datetime | None:
    """Return when the agreement began: as opened in the usage state, else as dated in itself."""
    usage = case.facts.usage
    if usage is not None and case.policy.id in usage.started:
        return usage.started[case.policy.id]
    dated = case.policy.timestamp
    found = span(Literal(dated, XSD + "dateTime")) if dated else None
    return found.start if found else None


def _count(item: Constraint, case: Case, _: Previous | None) -> tuple[Fact, ...]:
    uses = _uses(case)
    seed = Decimal(0) if item.status is None else number(item.status)
    if seed is None or not 0 <= seed <= MOST_COUNTED:
        return ()
    if uses is None and (case.mode is Mode.W3C or item.status is None):
        return ()
    return (seed + len(uses or ()),)


def _elapsed(_: Constraint, case: Case, __: Previous | None) -> tuple[Fact, ...]:
    uses, start, now = _uses(case), agreed(case), case.facts.now
    if uses is None or start is None or now is None:
        return ()
    return (Stretch(uses[0].start if uses else start, now),)


def _metered(item: Constraint, case: Case, _: Previous | None) -> tuple[Fact, ...]:
    uses, now = _uses(case), case.facts.now
    seed = Duration(0, Decimal(0)) if item.status is None else duration(item.status)
    if uses is None or now is None or seed is None or seed.months or seed.seconds < 0:
        return ()
    try:
        before = timedelta(microseconds=int(seed.seconds * 1_000_000))
        return (before + metered_time(uses, now),)
    except OverflowError:
        return ()


def _delay(_: Constraint, case: Case, previous: Previous | None) -> tuple[Fact, ...]:
    start = agreed(case) if previous is None else previous.came
    now = case.facts.now
    return () if start is None or now is None else (Stretch(start, now),)


def _interval(item: Constraint, case: Case, _: Previous | None) -> tuple[Fact, ...]:
    uses, now = _uses(case), case.facts.now
    if uses is None or now is None:
        return ()
    anchors = case.facts.anchors
    anchor = anchors.get(item.id) if item.id else None
    last = uses[-1].start if uses else None
    return (Recurrence(now, last, anchor or anchors.get(item.left)),)


def _event(item: Constraint, case: Case, _: Previous | None) -> tuple[Fact, ...]:
    """The time now, where it is known when each event named takes place."""
    now, events = case.facts.now, case.knowledge.events
    timed = bool(item.right) and all(name(value) in events for value in item.right)
    return (now,) if timed and now is not None else ()


def _uses(case: Case) -> tuple[Use, ...] | None:
    return None if case.facts.usage is None else case.facts.usage.of(case.key)


_KEPT: Final[Mapping[str, Callable[[Constraint, Case, Previous | None], tuple[Fact, ...]]]] = (
    MappingProxyType(
        {
            COUNT: _count,
            ELAPSED: _elapsed,
            METERED: _metered,
            DELAY: _delay,
            INTERVAL: _interval,
            EVENT: _event,
        }
    )
)
