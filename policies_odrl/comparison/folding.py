"""What a policy states as a whole, written into its rules, and taken out of them again.

Rules: what a policy states for all is a part of each rule (IM 2.7.1), so that the rules of two
policies can be compared; prohibitions of a policy in which permissions win change nothing and are
left out; nothing is stated as a whole that a rule would then be read as being about besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final, TypeVar

from policies_odrl.algebra.forms import rule_form
from policies_odrl.model import (
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


def _once(rules: Sequence[_R]) -> tuple[_R, ...]:
    found: dict[tuple[object, ...], _R] = {}
    for rule in rules:
        found.setdefault(rule_form(rule), rule)
    return tuple(found.values())
