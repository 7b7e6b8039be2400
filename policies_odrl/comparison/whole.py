"""A policy that is made of several: permissions that were met, and the bans of all sides.

A prohibition of a single thing bears on a collection that may hold it, and only a rule can say that
something is a collection (IM 2.2.2, 2.3.2). So what a source calls a collection stays one, and what
is added to say so never grants more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from policies_odrl.comparison.bans import related
from policies_odrl.comparison.rules import ABOUT, collections_in, collective, folded, unfolded
from policies_odrl.comparison.wording import joined
from policies_odrl.evaluation.conditions import collections_of
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import Action, Conflict, Permission, Policy, PolicyKind, Prohibition


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
    if not made.prohibitions:
        return folded(made, first)
    names = frozenset().union(*map(collections_of, sources))
    counting = [policy for policy, side in zip(sources, sides, strict=True) if side.prohibitions]
    lost = _lost_collections(_calling(made, names), counting, knowledge)
    kept = replace(made, prohibitions=joined(made.prohibitions, lost))
    return _calling(folded(kept, first), names)


def _calling(whole: Policy, names: frozenset[str]) -> Policy:
    """Return a policy whose permissions call a collection what has one of some names."""

    def called(part: Any) -> dict[str, Any]:
        named = ((name, getattr(part, name)) for name in ABOUT)
        return {
            name: replace(item, collection=True)
            for name, item in named
            if item is not None and not item.source and item.id in names
        }

    permissions = tuple(replace(rule, **called(rule)) for rule in whole.permissions)
    return replace(whole, permissions=permissions, **called(whole))


def _lost_collections(
    whole: Policy, sources: Sequence[Policy], knowledge: Knowledge
) -> list[Prohibition]:
    """Return prohibitions that still name the collections of which no permission is left.

    They are of what was permitted of the collection, where nothing like it is granted any more, so
    that it takes nothing away; else of what is prohibited of the single thing, which grants less.
    """
    known = set(collections_of(whole))
    granted = {rule.action.id for rule in whole.permissions}
    added: list[Prohibition] = []
    for part in ABOUT:
        bans = _bearing(whole, part, knowledge)
        pairs = (pair for policy in sources for pair in collections_in(policy, part))
        for rule, name in pairs if bans else ():
            if name not in known:
                known.add(name)
                act = rule.action.id
                free = not any(related(act, item, knowledge) for item in granted)
                ban = Prohibition(action=Action(act)) if free else bans[0]
                added.append(collective(ban, part, name))
    return added


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
