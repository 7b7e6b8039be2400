"""What has been used so far: counts, times and reservations, as one pure value.

Rules: a use is reserved before it happens, and committed or released after; a reservation counts
at once, so that two at the same time cannot both take the last use; an agreement that was never
opened here has an unknown past, not an empty one; `version` grows with each change, so that a store
can refuse the second of two changes of the same state. Storing is left to the caller, and what the
state means for a constraint to `clocks.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from policies_odrl.algebra.periods import instant
from policies_odrl.errors import UsageRefused


@dataclass(frozen=True, slots=True)
class UsageKey:
    """What one state is kept for (agreement, rule, assignee, target).

    Attributes:
        agreement: IRI of the policy.
        rule: IRI of the rule, or its JSON pointer when it has none.
        assignee: IRI of who uses.
        target: IRI of the asset; empty when none.
    """

    agreement: str
    rule: str
    assignee: str
    target: str


@dataclass(frozen=True, slots=True)
class Use:
    """One execution of the action of a rule.

    Attributes:
        ticket: names the reservation that it came from.
        start: when it began, aware.
        end: when it ended, aware; None while it lasts.
        committed: whether it took place; until then it is only reserved.
    """

    ticket: str
    start: datetime
    end: datetime | None = None
    committed: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """All that was used under some agreements.

    Attributes:
        started: IRI of an agreement -> when it began, aware.
        uses: key -> uses, in order of their start.
        version: number of changes so far.
    """

    started: Mapping[str, datetime] = field(default_factory=dict)
    uses: Mapping[UsageKey, tuple[Use, ...]] = field(default_factory=dict)
    version: int = 0

    def of(self, key: UsageKey) -> tuple[Use, ...] | None:
        """Return the uses of a key, or None when its agreement was never opened here."""
        return self.uses.get(key, ()) if key.agreement in self.started else None


def open_agreement(usage: Usage, agreement: str, at: datetime) -> Usage:
    """Return the state with an agreement begun; nothing of it has been used then.

    >>> from datetime import UTC
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> open_agreement(Usage(), "urn:agreement", now).version
    1

    Raises:
        UsageRefused: it has no IRI, or was opened before.
    """
    if not agreement or agreement in usage.started:
        raise UsageRefused("an agreement is opened once, and by its IRI", node=agreement)
    return _next(usage, started={**usage.started, agreement: instant(at)})


def reserve(usage: Usage, keys: Iterable[UsageKey], ticket: str, at: datetime) -> Usage:
    """Return the state with one more use reserved under each key.

    >>> from datetime import UTC
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> key = UsageKey("urn:agreement", "/permission/0", "did:example:a", "urn:data")
    >>> usage = reserve(open_agreement(Usage(), "urn:agreement", now), [key], "t1", now)
    >>> len(usage.of(key)), len(release(usage, "t1").of(key)), commit(usage, "t1").version
    (1, 0, 3)

    Raises:
        UsageRefused: the ticket is held already, or an agreement was never opened.
    """
    wanted = tuple(dict.fromkeys(keys))
    if not ticket or _held(usage, ticket):
        raise UsageRefused("a ticket is used once", node=ticket)
    for key in wanted:
        if key.agreement not in usage.started:
            raise UsageRefused("the agreement was never opened", node=key.agreement)
    uses = dict(usage.uses)
    for key in wanted:
        both = (*uses.get(key, ()), Use(ticket, instant(at)))
        uses[key] = tuple(sorted(both, key=lambda use: use.start))
    return _next(usage, uses=uses)


def commit(usage: Usage, ticket: str) -> Usage:
    """Return the state with a reserved use taken place; doing it twice changes nothing.

    >>> from datetime import UTC
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> key = UsageKey("urn:agreement", "/permission/0", "did:example:a", "urn:data")
    >>> usage = reserve(open_agreement(Usage(), "urn:agreement", now), [key], "t1", now)
    >>> [use.committed for use in commit(usage, "t1").of(key)]
    [True]

    Raises:
        UsageRefused: nothing is held under the ticket.
    """
    return _changed(usage, ticket, lambda use: replace(use, committed=True))


def finish(usage: Usage, ticket: str, at: datetime) -> Usage:
    """Return the state with a use ended, so that its time is no longer metered.

    >>> from datetime import UTC
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> key = UsageKey("urn:agreement", "/permission/0", "did:example:a", "urn:data")
    >>> usage = reserve(open_agreement(Usage(), "urn:agreement", now), [key], "t1", now)
    >>> finish(commit(usage, "t1"), "t1", now).of(key)[0].end == now
    True

    Raises:
        UsageRefused: it did not take place, ended before, or would end before it began.
    """
    end = instant(at)
    for use in _held(usage, ticket):
        if not use.committed or use.end is not None or end < use.start:
            raise UsageRefused("only a use that lasts can end, after its start", node=ticket)
    return _changed(usage, ticket, lambda use: replace(use, end=end))


def release(usage: Usage, ticket: str) -> Usage:
    """Return the state without a reserved use, because it failed.

    >>> from datetime import UTC
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> key = UsageKey("urn:agreement", "/permission/0", "did:example:a", "urn:data")
    >>> usage = reserve(open_agreement(Usage(), "urn:agreement", now), [key], "t1", now)
    >>> release(usage, "t1").of(key)
    ()

    Raises:
        UsageRefused: nothing is held under the ticket, or it took place already.
    """
    if any(use.committed for use in _held(usage, ticket)):
        raise UsageRefused("what took place cannot be released", node=ticket)
    return _changed(usage, ticket, lambda _: None)


def metered_time(uses: Iterable[Use], now: datetime) -> timedelta:
    """Return how long uses lasted in sum; a use without an end lasts until now.

    INVARIANT: never more than the time since the first use (metered <= elapsed): uses at the same
    time cannot add up to more than has passed.
    """
    known = [(use.start, now if use.end is None else use.end) for use in uses]
    if not known:
        return timedelta()
    total = sum((max(end - start, timedelta()) for start, end in known), timedelta())
    return min(total, max(now - min(start for start, _ in known), timedelta()))


def _held(usage: Usage, ticket: str) -> list[Use]:
    return [use for uses in usage.uses.values() for use in uses if use.ticket == ticket]


def _changed(usage: Usage, ticket: str, change: Callable[[Use], Use | None]) -> Usage:
    uses: dict[UsageKey, tuple[Use, ...]] = {}
    found = False
    for key, held in usage.uses.items():
        if not any(use.ticket == ticket for use in held):
            uses[key] = held
            continue
        found = True
        turned = (change(use) if use.ticket == ticket else use for use in held)
        uses[key] = tuple(use for use in turned if use is not None)
    if not found:
        raise UsageRefused("nothing is held under the ticket", node=ticket)
    return usage if uses == usage.uses else _next(usage, uses=uses)


def _next(
    usage: Usage,
    started: Mapping[str, datetime] | None = None,
    uses: Mapping[UsageKey, tuple[Use, ...]] | None = None,
) -> Usage:
    return Usage(
        usage.started if started is None else started,
        usage.uses if uses is None else uses,
        usage.version + 1,
    )
