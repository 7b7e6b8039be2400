"""What has been used so far: counts, times and reservations, as one pure value.

A use is reserved before it happens and counts at once, so that two at the same time cannot both
take the last one; it is then committed or released. An agreement that was never opened has an
unknown past, not an empty one. Storing is left to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from policies_odrl.algebra.periods import instant
from policies_odrl.errors import UsageRefused


@dataclass(frozen=True, slots=True)
class UsageKey:
    """What one state is kept for: IRIs of agreement, rule, assignee and target.

    A rule without an IRI goes by its JSON pointer. The target is empty when there is none.
    """

    agreement: str
    rule: str
    assignee: str
    target: str


@dataclass(frozen=True, slots=True)
class Use:
    """One execution of the action of a rule, from an aware time to another; None while it lasts.

    It is under the ticket of its reservation, and only reserved until it is committed.
    """

    ticket: str
    start: datetime
    end: datetime | None = None
    committed: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """All that was used under some agreements, which began at aware times, in order of start.

    `version` is the number of changes so far: a store can refuse the second of two.
    """

    started: Mapping[str, datetime] = field(default_factory=dict)
    uses: Mapping[UsageKey, tuple[Use, ...]] = field(default_factory=dict)
    version: int = 0

    def of(self, key: UsageKey) -> tuple[Use, ...] | None:
        """Return the uses of a key, or None when its agreement was never opened here."""
        return self.uses.get(key, ()) if key.agreement in self.started else None


def open_agreement(usage: Usage, agreement: str, at: datetime) -> Usage:
    """Return the state with an agreement begun; nothing of it has been used then.

    Raises:
        UsageRefused: it has no IRI, or was opened before.
    """
    if not agreement or agreement in usage.started:
        raise UsageRefused("an agreement is opened once, and by its IRI", node=agreement)
    started = {**usage.started, agreement: instant(at)}
    return replace(usage, started=started, version=usage.version + 1)


def reserve(usage: Usage, keys: Iterable[UsageKey], ticket: str, at: datetime) -> Usage:
    """Return the state with one more use reserved under each key.

    Raises:
        UsageRefused: the ticket is held already, or an agreement was never opened.
    """
    if not ticket or _held(usage, ticket):
        raise UsageRefused("a ticket is used once", node=ticket)
    uses = dict(usage.uses)
    for key in dict.fromkeys(keys):
        if key.agreement not in usage.started:
            raise UsageRefused("the agreement was never opened", node=key.agreement)
        uses[key] = in_order((*uses.get(key, ()), Use(ticket, instant(at))))
    return replace(usage, uses=uses, version=usage.version + 1)


def commit(usage: Usage, ticket: str) -> Usage:
    """Return the state with a reserved use taken place; doing it twice changes nothing.

    Raises:
        UsageRefused: nothing is held under the ticket.
    """
    return _changed(usage, ticket, lambda use: (replace(use, committed=True),))


def finish(usage: Usage, ticket: str, at: datetime) -> Usage:
    """Return the state with a use ended, so that its time is no longer metered.

    Raises:
        UsageRefused: it did not take place, ended before, or would end before it began.
    """
    end = instant(at)
    for use in _held(usage, ticket):
        if not use.committed or use.end is not None or end < use.start:
            raise UsageRefused("only a use that lasts can end, after its start", node=ticket)
    return _changed(usage, ticket, lambda use: (replace(use, end=end),))


def release(usage: Usage, ticket: str) -> Usage:
    """Return the state without a reserved use, because it failed.

    Raises:
        UsageRefused: nothing is held under the ticket, or it took place already.
    """
    if any(use.committed for use in _held(usage, ticket)):
        raise UsageRefused("what took place cannot be released", node=ticket)
    return _changed(usage, ticket, lambda _: ())


def in_order(uses: Iterable[Use]) -> tuple[Use, ...]:
    """Return uses in order of their start."""
    return tuple(sorted(uses, key=lambda use: use.start))


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


def _changed(usage: Usage, ticket: str, change: Callable[[Use], tuple[Use, ...]]) -> Usage:
    if not _held(usage, ticket):
        raise UsageRefused("nothing is held under the ticket", node=ticket)
    uses = {
        key: tuple(
            made for use in held for made in (change(use) if use.ticket == ticket else (use,))
        )
        for key, held in usage.uses.items()
    }
    return usage if uses == usage.uses else replace(usage, uses=uses, version=usage.version + 1)
