"""What the sources of a merged policy call collections, kept in mind in the merged one.

Rules: a prohibition of a single thing bears on a collection that may hold it, and only a rule can
say that something is a collection; what is added to say so never grants more. Source: IM 2.2.2,
2.3.2 (a collection is declared).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from policies_odrl.comparison.folding import named, unfolded
from policies_odrl.comparison.meeting import joined
from policies_odrl.comparison.prohibited import related
from policies_odrl.evaluation.conditions import collections_of
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import (
    Action,
    AssetRef,
    PartyRef,
    Permission,
    Policy,
    Prohibition,
)
from policies_odrl.reading.inventory import Reference

_Ref = TypeVar("_Ref", AssetRef, PartyRef)


def with_collections(whole: Policy, sources: Sequence[Policy]) -> Policy:
    """Return a policy whose permissions call a collection what one of its sources calls so.

    A prohibition of a single thing bears on a collection that may hold it (`conditions.py`);
    without prohibitions it makes no difference. See `remembered` for those that no permission is
    left about.
    """
    if not whole.prohibitions:
        return whole
    names = frozenset().union(*(collections_of(policy) for policy in sources))

    def told(item: _Ref | None) -> _Ref | None:
        plain = item is not None and not item.source and item.id in names
        return replace(item, collection=True) if item is not None and plain else item

    return replace(
        whole,
        target=told(whole.target),
        assignee=told(whole.assignee),
        permissions=tuple(
            replace(rule, target=told(rule.target), assignee=told(rule.assignee))
            for rule in whole.permissions
        ),
    )


def remembered(whole: Policy, sources: Sequence[Policy], knowledge: Knowledge) -> Policy:
    """Return a policy that still names the collections of which no permission is left.

    A prohibition of a single thing bears on them as wholes, and only a rule can say that something
    is a collection. The rule added is a prohibition, because a permission would grant more: of what
    was permitted of the collection, where nothing like it is granted any more, so that it takes
    nothing away; else of what is prohibited of the single thing, which grants less.

    Args:
        whole: what several policies grant; its rules name all that they are about.
        sources: those policies.
        knowledge: which actions have to do with each other.
    """
    known = set(collections_of(with_collections(whole, sources)))
    added: list[Prohibition] = []
    for part in ("target", "assignee"):
        bans = _bearing(whole, part, knowledge)
        counting = [policy for policy in sources if bans and unfolded(policy).prohibitions]
        pairs = [pair for policy in counting for pair in collections_in(policy, part)]
        granted = _related([rule for rule, _ in pairs], whole.permissions, knowledge)
        for rule, name in pairs:
            if name not in known:
                known.add(name)
                free = rule.action.id not in granted
                ban = Prohibition(action=Action(rule.action.id)) if free else bans[0]
                added.append(about(ban, part, name))
    return replace(whole, prohibitions=joined(whole.prohibitions, added)) if added else whole


def about(ban: Prohibition, part: str, name: str) -> Prohibition:
    """Return a prohibition whose target or assignee is a collection."""
    if part == "target":
        return replace(ban, target=AssetRef(name, collection=True))
    return replace(ban, assignee=PartyRef(name, collection=True))


def collections_in(policy: Policy, part: str) -> Iterator[tuple[Permission, str]]:
    """Yield the permissions of a policy that are about collections, with the names of those."""
    for rule in policy.permissions:
        item: Reference | None = getattr(named(policy, rule), part)
        if item is not None and (item.collection or item.source):
            yield from ((rule, name) for name in (item.id, item.source) if name)


def _bearing(whole: Policy, part: str, knowledge: Knowledge) -> list[Prohibition]:
    """Return the prohibitions that name something which a permission of many may hold."""
    many = [
        rule
        for rule in whole.permissions
        for item in [getattr(rule, part)]
        if item is None or item.collection or item.source
    ]
    bans = [ban for ban in whole.prohibitions if getattr(ban, part) is not None]
    touching = _related(bans, many, knowledge)
    return [ban for ban in bans if ban.action.id in touching]


def _related(
    rules: Sequence[Prohibition | Permission], granted: Sequence[Permission], knowledge: Knowledge
) -> frozenset[str]:
    """Return the actions of rules that have to do with what is granted; each is looked at once."""
    names = {rule.action.id for rule in granted}
    return frozenset(
        action
        for action in {rule.action.id for rule in rules}
        if any(related(action, name, knowledge) for name in names)
    )
