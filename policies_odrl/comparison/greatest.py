"""The greatest policy under two: it grants what both grant, and nothing else.

Rules: target and parties of a whole policy are written into its rules first, because the other
policy's rules may be about others; prohibitions of a policy in which permissions win change nothing
and are left out; a policy that grants nothing by itself (replaced, inheriting, of an unknown
profile) has nothing in common with any. Two collections that share members only by evidence count
as apart, because ODRL cannot write what they share: then the result grants less, never more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import product
from typing import Final, TypeVar

from policies_odrl.comparison.forms import rule_form
from policies_odrl.comparison.meeting import MAX_WORK, distinct, joined, joined_duties, met, work
from policies_odrl.comparison.prohibited import related
from policies_odrl.comparison.proof import Proof
from policies_odrl.comparison.regions import NOTHING_MORE
from policies_odrl.errors import LimitExceeded
from policies_odrl.evaluation.conditions import collections_of
from policies_odrl.evaluation.evaluate import unusable
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import (
    Action,
    AssetRef,
    Conflict,
    Duty,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
)
from policies_odrl.reading.inventory import Reference

PARTS: Final = ("target", "assigner", "assignee")
_R = TypeVar("_R", Permission, Prohibition, Duty)
_Ref = TypeVar("_Ref", AssetRef, PartyRef)


def greatest_common(
    left: Policy, right: Policy, knowledge: Knowledge = NOTHING_MORE
) -> Policy | None:
    """Return the policy that grants just what both grant, or None when that is nothing.

    It is an Offer without identifier, in the first policy's words where both say the same.

    Args:
        left: one policy; inheritance must be resolved.
        right: the other.
        knowledge: terms and hierarchies beyond the built-in ones.

    Raises:
        LimitExceeded: more than `MAX_WORK` conditions of all pairs of permissions.

    >>> from policies_odrl.model import ODRL, Action
    >>> def may(action):
    ...     rule = Permission(action=Action(ODRL + action))
    ...     return Policy(kind=PolicyKind.SET, permissions=(rule,))
    >>> greatest_common(may("use"), may("read")).permissions[0].action.id
    'http://www.w3.org/ns/odrl/2/read'
    >>> greatest_common(may("print"), may("read")) is None
    True
    """
    profiles = knowledge.profiles
    if any(unusable(it, tentative=True, profiles=profiles) for it in (left, right)):
        return None
    if work(left, right) > MAX_WORK:
        raise LimitExceeded(f"more than {MAX_WORK} conditions of pairs of permissions")
    prover = Proof(knowledge=knowledge)
    mine, other = unfolded(left), unfolded(right)
    common = under_both(prover, mine, other, _strategy(mine, other))
    if common is None:
        return None
    sources = (left, right)
    return with_collections(folded(remembered(common, sources, knowledge)), sources)


def under_both(
    prover: Proof, mine: Policy, other: Policy, conflict: Conflict | None
) -> Policy | None:
    """Return what two policies grant in common, with the prohibitions and obligations of both.

    Args:
        prover: what is known, and how much work is allowed.
        mine: one policy, whose rules name all that they are about.
        other: the other, likewise.
        conflict: the strategy of the result.
    """
    pairs = product(mine.permissions, other.permissions)
    permissions = distinct([rule for one, two in pairs for rule in met(prover, one, two)])
    if not permissions:
        return None
    return Policy(
        kind=PolicyKind.OFFER,
        permissions=permissions,
        prohibitions=joined(mine.prohibitions, other.prohibitions),
        obligations=joined_duties(mine.obligations, other.obligations),
        profiles=tuple(dict.fromkeys((*mine.profiles, *other.profiles))),
        conflict=conflict,
    )


def unfolded(policy: Policy) -> Policy:
    """Return a policy whose rules name all that they are about, without what changes nothing.

    A duty below a rule stays as it is: what it does not name is the rule's, not the policy's. A
    permission of an agreement that names nobody grants nothing (`conditions.py`).
    """
    prohibitions = () if policy.conflict is Conflict.PERM else policy.prohibitions
    return replace(
        policy,
        permissions=tuple(
            named(policy, rule)
            for rule in policy.permissions
            if policy.kind is not PolicyKind.AGREEMENT or policy.assignee_of(rule) is not None
        ),
        prohibitions=tuple(named(policy, rule) for rule in prohibitions),
        obligations=tuple(named(policy, rule) for rule in policy.obligations),
        target=None,
        assigner=None,
        assignee=None,
    )


def folded(policy: Policy) -> Policy:
    """Return a policy that states once what all its rules name alike."""
    rules = [rule for _, rule in policy.rules()]
    stated: dict[str, Reference] = {}
    for name in PARTS:
        found = [getattr(rule, name) for rule in rules]
        if found and found[0] is not None and all(item == found[0] for item in found):
            stated[name] = found[0]
    gone = frozenset(stated)
    target, assigner, assignee = (stated.get(name) for name in PARTS)
    return replace(
        policy,
        permissions=tuple(bare(rule, gone) for rule in policy.permissions),
        prohibitions=tuple(bare(rule, gone) for rule in policy.prohibitions),
        obligations=tuple(bare(rule, gone) for rule in policy.obligations),
        target=target if isinstance(target, AssetRef) else None,
        assigner=assigner if isinstance(assigner, PartyRef) else None,
        assignee=assignee if isinstance(assignee, PartyRef) else None,
    )


def folded_as(whole: Policy, first: Policy) -> Policy:
    """Return a policy that states as a whole what the first one does, where each rule agrees.

    Never where a rule is about another thing: it would be read as being about both (IM 2.7.1). A
    prohibition or obligation of all things may be of the one that all permissions are about.
    """
    others = [*whole.prohibitions, *whole.obligations]
    gone: set[str] = set()
    for name in PARTS:
        stated: AssetRef | PartyRef | None = getattr(first, name)
        own = [getattr(rule, name) for rule in whole.permissions]
        if all(item == stated for item in own) and all(
            getattr(rule, name) in (None, stated) for rule in others
        ):
            gone.add(name)
    return replace(
        whole,
        permissions=_once([bare(rule, gone) for rule in whole.permissions]),
        prohibitions=_once([bare(rule, gone) for rule in whole.prohibitions]),
        obligations=_once([bare(rule, gone) for rule in whole.obligations]),
        target=first.target if "target" in gone else None,
        assigner=first.assigner if "assigner" in gone else None,
        assignee=first.assignee if "assignee" in gone else None,
    )


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


def collections_in(policy: Policy, part: str) -> Iterator[tuple[Permission, str]]:
    """Yield the permissions of a policy that are about collections, with the names of those."""
    for rule in policy.permissions:
        item: Reference | None = getattr(named(policy, rule), part)
        if item is not None and (item.collection or item.source):
            yield from ((rule, name) for name in (item.id, item.source) if name)


def _once(rules: Sequence[_R]) -> tuple[_R, ...]:
    found: dict[tuple[object, ...], _R] = {}
    for rule in rules:
        found.setdefault(rule_form(rule), rule)
    return tuple(found.values())


def _strategy(left: Policy, right: Policy) -> Conflict | None:
    """Return the strategy of those that prohibit something; the default where one has that."""
    stated = [policy.conflict for policy in (left, right) if policy.prohibitions]
    if not stated:
        return left.conflict if left.conflict is right.conflict else None
    plain = [item for item in stated if item is not Conflict.PROHIBIT]
    return plain[0] if plain else Conflict.PROHIBIT


def named(policy: Policy, rule: _R) -> _R:
    """Return a rule of a policy that names all that it is about."""
    return replace(
        rule,
        target=policy.target_of(rule),
        assigner=policy.assigner_of(rule),
        assignee=policy.assignee_of(rule),
    )


def bare(rule: _R, gone: AbstractSet[str]) -> _R:
    """Return a rule without the parts that its whole policy states."""
    return replace(
        rule,
        target=None if "target" in gone else rule.target,
        assigner=None if "assigner" in gone else rule.assigner,
        assignee=None if "assignee" in gone else rule.assignee,
    )
