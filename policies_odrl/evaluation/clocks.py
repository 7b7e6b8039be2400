"""Values that come from what has happened (counts, clocks, recurrence, events), and their order.

Without a usage state these values are missing, and a request that states them is believed only
where nobody keeps account. A reservation counts like a use. A collection asked for has one value
for each member. `status` is where a count or a meter started from (IM 2.5.1).
Source: Vocabulary, `count`, `delayPeriod`, `elapsedTime`, `meteredTime`, `timeInterval`, `event`,
`andSequence`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise, product
from typing import Final

from policies_odrl.algebra.boxes import DELAY
from policies_odrl.algebra.claims import INTERVAL
from policies_odrl.algebra.domain import MOST_COUNTED, Fact
from policies_odrl.algebra.periods import Recurrence, Stretch, later
from policies_odrl.evaluation.decision import ConditionResult
from policies_odrl.evaluation.request import DATE_TIME, Case, Mode, UsageKey, Use
from policies_odrl.logic import Truth
from policies_odrl.model import ODRL, XSD, Condition, Connective, Constraint, Literal, Operator
from policies_odrl.values import Duration, Quantity, Span, duration, name, number, span
from policies_odrl.vocabulary import OPERANDS, PREAU, Kind, closure

COUNT: Final = ODRL + "count"
ELAPSED: Final = ODRL + "elapsedTime"
METERED: Final = ODRL + "meteredTime"
EVENT: Final = ODRL + "event"
MONTHLY: Final = PREAU + "usesThisMonth"
SINCE: Final = {item.id: item.since for item in OPERANDS.values() if item.since}
ALWAYS: Final = datetime.min.replace(tzinfo=UTC)  # it held from the start
Moments = Sequence[datetime | None]  # when something came true; None: nobody knows
_OF_USES: Final = frozenset({COUNT, DELAY, ELAPSED, METERED, INTERVAL, MONTHLY})
OF_RULE: Final = _OF_USES | {EVENT, *SINCE}  # the others are the same for each rule
_FROM: Final = frozenset({Operator.GTEQ, Operator.EQ})
_UNTIL: Final = frozenset({Operator.LT, Operator.LTEQ})


def values_of(item: Constraint, case: Case, came: Moments = ()) -> tuple[Fact, ...]:
    """Return the values of a left operand; `came`: when each member before in a sequence came."""
    facts, names = case.facts, case.facts.knowledge.names(item.left)
    left = next((name for name in names if name in OF_RULE), None)
    if left is not None and not any(name in facts.values for name in names):
        found = _kept(left, item, case, came)
        accounted = facts.usage is not None or came
        if found or (accounted and left in _OF_USES):
            return found
    return facts.values_of(item.left, case.request)


def anchored(item: Constraint, given: Sequence[Fact], case: Case) -> tuple[Fact, ...]:
    """Return durations as they run from the date of the agreement; empty where they do not.

    Months have no fixed length until a date anchors them: `P1096D` is within `P3Y` from 2026 on.
    """
    operand, start = case.facts.knowledge.operand(item.left), agreed(case)
    if operand is None or operand.kind is not Kind.DURATION or operand.by_node or start is None:
        return ()
    clocks = (Quantity, Stretch, Recurrence)
    lengths = [duration(value) for value in given if not isinstance(value, clocks)]
    ends = [later(start, length) for length in lengths if length is not None]
    found = tuple(Stretch(start, end) for end in ends if end is not None)
    return found if len(found) == len(given) else ()


def agreed(case: Case) -> datetime | None:
    """Return when the agreement began: as opened in the usage state, else as dated in itself."""
    usage = case.facts.usage
    if usage is not None and case.policy.id in usage.started:
        return usage.started[case.policy.id]
    found = span(Literal(case.policy.timestamp, XSD + "dateTime"))
    return found.start if found else None


def used_before(case: Case) -> tuple[tuple[Use, ...], ...] | None:
    """Return the uses of what is asked for, and of each of its members where it is a collection.

    A use of a collection is one of each member, whenever it became known what belongs to it.
    None where nobody keeps account, or the agreement was never opened in it.
    """
    usage, key, members = case.facts.usage, case.key, case.facts.members
    if usage is None or key.agreement not in usage.started:
        return None
    if not members or not usage.uses:
        return (usage.of(key),)
    holders: dict[str, list[str]] = {}
    for whole, held in members.items():
        for part in held:
            holders.setdefault(part, []).append(whole)
    names = map(frozenset, zip(*((it.assignee, it.target) for it in usage.uses), strict=True))
    parties, targets = (  # those alone under which something was used
        [closure(part, holders) & used for part in parts_of(asked, members)]
        for asked, used in zip((key.assignee, key.target), names, strict=True)
    )
    found = (
        usage.of(*(UsageKey(key.agreement, key.rule, *both) for both in product(*pair)))
        for pair in product(parties, targets)
    )
    return tuple(dict.fromkeys(found))


def parts_of(name: str, members: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Return a party or an asset, and all that it holds where it is a collection."""
    return (name, *sorted(closure(name, members) - {name}))


def _kept(left: str, item: Constraint, case: Case, came: Moments) -> tuple[Fact, ...]:
    """Return what is kept account of; one value for each member of what is asked for."""
    now, events = case.facts.now, case.facts.knowledge.events
    if left == COUNT:
        return _count(item, case)
    if now is None:
        return ()
    if left == EVENT:  # the time now, where it is known when each event named takes place
        return (now,) if item.right and all(name(one) in events for one in item.right) else ()
    if left in SINCE:  # none before the event ended
        event = events.get(SINCE[left])
        return (Stretch(event[1], now),) if event and event[1] <= now else ()
    if left == DELAY:
        start = came[-1] if came else agreed(case)
        return () if start is None else (Stretch(start, now),)
    found = dict.fromkeys(_of_uses(left, item, case, uses, now) for uses in used_before(case) or ())
    known = tuple(value for value in found if value is not None)
    return known if len(known) == len(found) else ()


def _count(item: Constraint, case: Case) -> tuple[Fact, ...]:
    """Return how often it was used; a `status` stands for a missing state in the suite's mode."""
    used = used_before(case)
    seed = Decimal(0) if item.status is None else number(item.status)
    if seed is None or not 0 <= seed <= MOST_COUNTED or seed != seed.to_integral_value():
        return ()
    if used is None and (case.mode is Mode.W3C or item.status is None):
        return ()
    return tuple(dict.fromkeys(seed + len(uses) for uses in used or ((),)))


def _of_uses(
    left: str, item: Constraint, case: Case, uses: tuple[Use, ...], now: datetime
) -> Fact | None:
    """Return what a clock says of uses; None where that is not known."""
    if left == MONTHLY:  # in this calendar month, UTC, or later where the clock went back
        month = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return None if item.status else Decimal(sum(use.start >= month for use in uses))
    if left == ELAPSED:
        start = uses[0].start if uses else agreed(case)
        return None if start is None else Stretch(start, now)
    if left == INTERVAL:
        anchors, last = case.facts.anchors, uses[-1].start if uses else None
        return Recurrence(now, last, anchors.get(item.id) or anchors.get(item.left))
    return _metered(item, uses, now)


def _metered(item: Constraint, uses: tuple[Use, ...], now: datetime) -> timedelta | None:
    seed = Duration(0, Decimal(0)) if item.status is None else duration(item.status)
    if seed is None or seed.months or seed.seconds < 0:
        return None
    if any(now < (use.end or use.start) for use in uses):  # the clock went back
        return None
    try:
        return timedelta(microseconds=int(seed.seconds * 1_000_000)) + metered_time(uses, now)
    except OverflowError:
        return None


def metered_time(uses: Iterable[Use], now: datetime) -> timedelta:
    """Return how long uses lasted in sum; a use without an end lasts until now.

    INVARIANT: never more than the time since the first use (metered <= elapsed): uses at the same
    time cannot add up to more than has passed.
    """
    known = [(use.start, now if use.end is None else use.end) for use in uses]
    total = sum((max(end - start, timedelta()) for start, end in known), timedelta())
    first = min((start for start, _ in known), default=now)
    return min(total, max(now - first, timedelta()))


def in_order(moments: Moments) -> Truth:
    """Return whether moments are known to ascend.

    Members that held from the start impose no order. Of two that came at once it cannot be told.
    Source: Vocabulary, `andSequence`: "satisfied in the order specified".
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
    since, now = case.facts.since, case.facts.now
    if result.truth is not Truth.TRUE:
        return None
    if isinstance(item, Constraint):
        moment = since.get(item.id) or _moment(item, result, case) or since.get(item.left)
        return None if moment is None or (now is not None and moment > now) else moment
    if item.connective is Connective.XONE:  # the others may have come false only later
        return None
    either = item.connective is Connective.OR
    parts = list(zip(item.operands, result.children, strict=True))
    if either and all(child.truth is not Truth.UNDETERMINED for child in result.children):
        parts = [(part, child) for part, child in parts if child.truth is Truth.TRUE]
    moments = [came_true(part, child, case) for part, child in parts]
    known = [moment for moment in moments if moment is not None]
    if len(known) < len(moments):
        return None
    return min(known) if either else max(known)


def _moment(item: Constraint, result: ConditionResult, case: Case) -> datetime | None:
    """Return when an atomic condition came true, as its own values say."""
    value = item.right[0] if len(item.right) == 1 else Literal("")
    clock = result.values[0] if len(result.values) == 1 else None
    delay = clock if item.left == DELAY and isinstance(clock, Stretch) else None
    bound: Span | None = None
    if item.left == INTERVAL and isinstance(clock, Recurrence) and clock.last is None:
        return clock.anchor or ALWAYS
    if item.operator in _UNTIL and (delay or item.left in {COUNT, ELAPSED, METERED}):
        return ALWAYS
    if item.left == DATE_TIME:
        bound = span(value)
    elif item.left == EVENT and (event := case.facts.knowledge.events.get(name(value) or "")):
        bound = Span(*event)
    elif delay and (by := duration(value)) and (at := later(delay.start, by)):
        bound = Span(at, at)
    if bound is None:
        return None
    if item.operator is Operator.GT:
        return bound.end
    if item.operator in _FROM:
        return bound.start
    return ALWAYS if item.operator in _UNTIL else None
