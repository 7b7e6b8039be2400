"""A decision that takes a use at once, as whoever keeps account of uses makes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from policies_odrl import Decision, Facts, Policy, PolicyKind, Request, Truth, evaluate
from policies_odrl.evaluation.clocks import parts_of
from policies_odrl.evaluation.request import Case, Usage, UsageKey, Use


def reserve_use(
    policy: Policy, request: Request, facts: Facts, ticket: str
) -> tuple[Decision, Usage]:
    """Return the decision, and the usage state with one more use reserved when it is granted.

    It is reserved under each rule that may be about it, for each member of what is asked for.
    """
    assert facts.usage is not None
    assert facts.now is not None
    decision = evaluate(policy, request, facts, tentative=policy.kind is PolicyKind.OFFER)
    if not decision.granted:
        return decision, facts.usage
    rules = [item for item in decision.rules if item.concerns is not Truth.FALSE]
    own = [Case.of(policy, request, facts).under(item.rule, item.path).key for item in rules]
    keys = [
        replace(key, assignee=party, target=target)
        for key in own
        for party in parts_of(key.assignee, facts.members)
        for target in parts_of(key.target, facts.members)
    ]
    return decision, reserved(facts.usage, keys, ticket, facts.now)


def reserved(usage: Usage, keys: Iterable[UsageKey], ticket: str, at: datetime) -> Usage:
    """Return the state with one more use reserved under each key."""
    uses = dict(usage.uses)
    for key in dict.fromkeys(keys):
        uses[key] = (*uses.get(key, ()), Use(ticket, at))
    return replace(usage, uses=uses)


def committed(usage: Usage, ticket: str) -> Usage:
    """Return the state with a reserved use taken place."""
    return replace(
        usage,
        uses={
            key: tuple(replace(it, committed=it.committed or it.ticket == ticket) for it in held)
            for key, held in usage.uses.items()
        },
    )


def released(usage: Usage, ticket: str) -> Usage:
    """Return the state without a reserved use, because it failed."""
    uses = {k: tuple(it for it in held if it.ticket != ticket) for k, held in usage.uses.items()}
    return replace(usage, uses=uses)
