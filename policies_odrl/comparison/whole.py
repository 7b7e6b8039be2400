"""A policy that is made of several: permissions that were met, and the bans of all sides.

A prohibition of a single thing bears on a collection that may hold it, and only a rule can say that
something is a collection (IM 2.2.2, 2.3.2). So what a source calls a collection stays one, and what
is added to say so never grants more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from policies_odrl.comparison.bans import related
from policies_odrl.comparison.rendering import joined
from policies_odrl.comparison.rules import folded, named, unfolded
from policies_odrl.evaluation.conditions import collections_of
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import (
    Action,
    AssetRef,
    Conflict,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
)

_ABOUT: Final = ("target", "assignee")
_Ref = TypeVar("_Ref", AssetRef, PartyRef)


def whole_of(
    permissions: Sequence[Permission],
    sources: Sequence[Policy],
    conflict: Conflict | None,
    knowledge: Knowledge,
    first: Policy | None = None,
) -> Policy:
    """Return an offer of permissions, with the prohibitions and obligations of all sources.

    Args:
        permissions: which name all that they are about.
        sources: the policies that the permissions were met from.
        conflict: its strategy.
        knowledge: which actions have to do with each other.
        first: the policy that says what is stated for all rules; None: what they name alike.
    """
    sides = [unfolded(policy) for policy in sources]
    made = Policy(
        kind=PolicyKind.OFFER,
        permissions=tuple(permissions),
        prohibitions=joined(*(side.prohibitions for side in sides)),
        obligations=joined(*(side.obligations for side in sides)),
        profiles=tuple(dict.fromkeys(name for side in sides for name in side.profiles)),
        conflict=conflict,
    )
    kept = _with_lost_collections(made, sources, knowledge)
    return _calling_collections(folded(kept, first), sources)


def _calling_collections(whole: Policy, sources: Sequence[Policy]) -> Policy:
    """Return a policy whose permissions call a collection what one of its sources calls so."""
    if not whole.prohibitions:
        return whole
    names = frozenset().union(*(collections_of(policy) for policy in sources))

    def called(item: _Ref | None) -> _Ref | None:
        plain = item is not None and not item.source and item.id in names
        return replace(item, collection=True) if item is not None and plain else item

    rules = [
        replace(rule, target=called(rule.target), assignee=called(rule.assignee))
        for rule in whole.permissions
    ]
    target, assignee = called(whole.target), called(whole.assignee)
    return replace(whole, target=target, assignee=assignee, permissions=tuple(rules))


def _with_lost_collections(
    whole: Policy, sources: Sequence[Policy], knowledge: Knowledge
) -> Policy:
    """Return a policy that still names the collections of which no permission is left.

    The rule added is a prohibition, because a permission would grant more: of what was permitted
    of the collection, where nothing like it is granted any more, so that it takes nothing away;
    else of what is prohibited of the single thing, which grants less.
    """
    known = set(collections_of(_calling_collections(whole, sources)))
    counting = [policy for policy in sources if unfolded(policy).prohibitions]
    granted = {rule.action.id for rule in whole.permissions}
    added: list[Prohibition] = []
    for part in _ABOUT:
        bans = _bearing(whole, part, knowledge)
        pairs = (pair for policy in counting for pair in collections_in(policy, part))
        for rule, name in pairs if bans else ():
            if name not in known:
                known.add(name)
                act = rule.action.id
                free = not any(related(act, item, knowledge) for item in granted)
                ban = Prohibition(action=Action(act)) if free else bans[0]
                added.append(about(ban, part, name))
    return replace(whole, prohibitions=joined(whole.prohibitions, added)) if added else whole


def _bearing(whole: Policy, part: str, knowledge: Knowledge) -> list[Prohibition]:
    """Return the prohibitions that name something which a permission of many may hold."""
    many = {
        rule.action.id
        for rule in whole.permissions
        for item in [getattr(rule, part)]
        if item is None or item.collection or item.source
    }
    return [
        ban
        for ban in whole.prohibitions
        if getattr(ban, part) is not None
        and any(related(ban.action.id, act, knowledge) for act in many)
    ]


def about(ban: Prohibition, part: str, name: str) -> Prohibition:
    """Return a prohibition whose target or assignee is a collection."""
    if part == "target":
        return replace(ban, target=AssetRef(name, collection=True))
    return replace(ban, assignee=PartyRef(name, collection=True))


def collections_in(policy: Policy, part: str) -> Iterator[tuple[Permission, str]]:
    """Yield the permissions of a policy that are about collections, with the names of those."""
    for rule in policy.permissions:
        item = getattr(named(policy, rule), part)
        if item is not None and (item.collection or item.source):
            yield from ((rule, name) for name in (item.id, item.source) if name)
