"""Values that come from what has happened: counts, clocks, recurrence, events.

Rules: without a usage state, or for an agreement that was never opened in it, these values are
missing, and a request that states them is believed only where nobody keeps account; a reservation
counts like a use; what was used of a collection was used of its members, and a collection asked for
has one value for each member; a clock that goes back leaves what was used unknown; `status` is
where a count or a meter started from, and stands for a missing state in the mode of the public
suite only.
Source: Vocabulary, `count`, `delayPeriod`, `elapsedTime`, `meteredTime`, `timeInterval`, `event`;
IM 2.5.1 (`status`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from types import MappingProxyType
from typing import Final

from policies_odrl.algebra.domain import Fact
from policies_odrl.algebra.numbers import MOST_COUNTED
from policies_odrl.algebra.periods import Recurrence, Stretch, later
from policies_odrl.evaluation.case import Case, all_containers, parts_of
from policies_odrl.evaluation.modes import Mode
from policies_odrl.evaluation.operands import POLICY_USAGE
from policies_odrl.evaluation.state import Usage, UsageKey, Use, metered_time
from policies_odrl.model import ODRL, XSD, Constraint, Iri, Literal
from policies_odrl.values import Duration, Quantity, duration, name, number, span
from policies_odrl.vocabulary import OPERANDS, PREAU, Kind

COUNT: Final = ODRL + "count"
DELAY: Final = ODRL + "delayPeriod"
ELAPSED: Final = ODRL + "elapsedTime"
METERED: Final = ODRL + "meteredTime"
INTERVAL: Final = ODRL + "timeInterval"
EVENT: Final = ODRL + "event"
MONTHLY: Final = PREAU + "usesThisMonth"
SINCE: Final = {item.id: item.since for item in OPERANDS.values() if item.since}
_STATE: Final = frozenset({COUNT, DELAY, ELAPSED, METERED, INTERVAL, MONTHLY})
_USE: Final = (Iri(POLICY_USAGE),)
_RUNNING: Final = (Quantity, Stretch, Recurrence)


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
    facts, names = case.facts, case.facts.names_of(item.left)
    left = next((name for name in names if name in _KEPT), None)
    if left is None or any(name in facts.values for name in names):
        return facts.values_of(item.left, case.request)
    found = _KEPT[left](item, case, previous)
    if found or (left in _STATE and (facts.usage is not None or previous is not None)):
        return found
    return facts.values_of(item.left, case.request)


def anchored(item: Constraint, given: Sequence[Fact], case: Case) -> tuple[Fact, ...]:
    """Return durations as they run from the date of the agreement; empty where they do not.

    Months have no fixed length until a date anchors them: `P1096D` is within `P3Y` from 2026 on.
    """
    operand, start = case.knowledge.operand(item.left), agreed(case)
    if operand is None or operand.kind is not Kind.DURATION or operand.by_node or start is None:
        return ()
    lengths = [duration(value) for value in given if not isinstance(value, _RUNNING)]
    ends = [later(start, length) for length in lengths if length is not None]
    found = tuple(Stretch(start, end) for end in ends if end is not None)
    return found if len(found) == len(given) else ()


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


def used_before(case: Case) -> tuple[tuple[Use, ...], ...] | None:
    """Return the uses of what is asked for, and of each of its members where it is a collection.

    A use of a collection is one of each member, whenever it became known what belongs to it.
    None where nobody keeps account, or the agreement was never opened in it.
    """
    usage, key, members = case.facts.usage, case.key, case.facts.members
    own = None if usage is None else usage.of(key)
    if usage is None or own is None or not members:
        return None if own is None else (own,)
    parties = all_containers(members, parts_of(key.assignee, members))
    targets = all_containers(members, parts_of(key.target, members))
    pairs = product(parties, targets)
    return tuple(dict.fromkeys(_together(usage, key, *pair) for pair in pairs))


def _together(
    usage: Usage, key: UsageKey, parties: Iterable[str], targets: Iterable[str]
) -> tuple[Use, ...]:
    """Return the uses under a key of any of the parties and of the targets, each use once."""
    held = {
        use.ticket: use
        for party in parties
        for target in targets
        for use in usage.of(UsageKey(key.agreement, key.rule, party, target)) or ()
    }
    return tuple(sorted(held.values(), key=lambda use: use.start))


def _count(item: Constraint, case: Case, _: Previous | None) -> tuple[Fact, ...]:
    used = used_before(case)
    seed = Decimal(0) if item.status is None else number(item.status)
    if seed is None or not 0 <= seed <= MOST_COUNTED or seed != seed.to_integral_value():
        return ()
    if used is None and (case.mode is Mode.W3C or item.status is None):
        return ()
    return tuple(dict.fromkeys(seed + len(uses) for uses in used or ((),)))


def _monthly(item: Constraint, case: Case, _: Previous | None) -> tuple[Fact, ...]:
    """How often it was used in this calendar month, UTC, or later where the clock went back."""
    used, now = used_before(case), case.facts.now
    if used is None or now is None or item.status is not None:
        return ()
    month = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    counts = (sum(use.start >= month for use in uses) for uses in used)
    return tuple(dict.fromkeys(map(Decimal, counts)))


def _since(item: Constraint, case: Case, _: Previous | None) -> tuple[Fact, ...]:
    """The time since an event of the profile ended; none before."""
    now, event = case.facts.now, case.knowledge.events.get(SINCE[item.left])
    return (Stretch(event[1], now),) if event and now is not None and event[1] <= now else ()


def _elapsed(_: Constraint, case: Case, __: Previous | None) -> tuple[Fact, ...]:
    used, start, now = used_before(case), agreed(case), case.facts.now
    if used is None or start is None or now is None:
        return ()
    starts = dict.fromkeys(uses[0].start if uses else start for uses in used)
    return tuple(Stretch(first, now) for first in starts)


def _metered(item: Constraint, case: Case, _: Previous | None) -> tuple[Fact, ...]:
    used, now = used_before(case), case.facts.now
    seed = Duration(0, Decimal(0)) if item.status is None else duration(item.status)
    if used is None or now is None or seed is None or seed.months or seed.seconds < 0:
        return ()
    if any(now < (use.end or use.start) for uses in used for use in uses):
        return ()
    try:
        before = timedelta(microseconds=int(seed.seconds * 1_000_000))
        return tuple(dict.fromkeys(before + metered_time(uses, now) for uses in used))
    except OverflowError:
        return ()


def _delay(_: Constraint, case: Case, previous: Previous | None) -> tuple[Fact, ...]:
    start = agreed(case) if previous is None else previous.came
    now = case.facts.now
    return () if start is None or now is None else (Stretch(start, now),)


def _interval(item: Constraint, case: Case, _: Previous | None) -> tuple[Fact, ...]:
    used, now = used_before(case), case.facts.now
    if used is None or now is None:
        return ()
    anchors = case.facts.anchors
    anchor = anchors.get(item.id) if item.id else None
    lasts = dict.fromkeys(uses[-1].start if uses else None for uses in used)
    return tuple(Recurrence(now, last, anchor or anchors.get(item.left)) for last in lasts)


def _event(item: Constraint, case: Case, _: Previous | None) -> tuple[Fact, ...]:
    """The time now, where it is known when each event named takes place."""
    now, events = case.facts.now, case.knowledge.events
    timed = bool(item.right) and all(name(value) in events for value in item.right)
    return (now,) if timed and now is not None else ()


_KEPT: Final[Mapping[str, Callable[[Constraint, Case, Previous | None], tuple[Fact, ...]]]] = (
    MappingProxyType(
        {
            COUNT: _count,
            ELAPSED: _elapsed,
            METERED: _metered,
            DELAY: _delay,
            INTERVAL: _interval,
            EVENT: _event,
            MONTHLY: _monthly,
            **dict.fromkeys(SINCE, _since),
        }
    )
)
