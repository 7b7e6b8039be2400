"""The rules of a policy, made ready to be compared with those of another.

What a policy states for all its rules is a part of each rule (IM 2.7.1). Rules are compared with
all that they are about; a policy that is made of them states once what they have in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from policies_odrl import text
from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.algebra.forms import flat, rule_form, same_reference
from policies_odrl.evaluation.acts import COMPENSATED
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import (
    Condition,
    Conflict,
    Constraint,
    Duty,
    LogicalConstraint,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Rule,
)
from policies_odrl.reading.inventory import Reference
from policies_odrl.vocabulary import INCLUDED_IN, PROFILES, same_action

PARTS: Final = ("target", "assigner", "assignee")
MAX_PAIRS: Final = 4096  # pairs of rules compared
MAX_CONDITIONS: Final = 256  # conditions of one rule
MAX_NESTED: Final = 64  # conditions below one another
TOO_MANY: Final = "too many rules to compare"
_R = TypeVar("_R", bound=Rule)


def named(policy: Policy, rule: _R) -> _R:
    """Return a rule of a policy that names all that it is about."""
    return replace(
        rule,
        target=policy.target_of(rule),
        assigner=policy.assigner_of(rule),
        assignee=policy.assignee_of(rule),
    )


def granting(policy: Policy) -> Iterator[tuple[str, Permission]]:
    """Yield (JSON pointer, permission that names all it is about) of those that can grant.

    A permission of an agreement that names nobody grants nothing (`conditions.py`).
    """
    for index, rule in enumerate(policy.permissions):
        if policy.kind is not PolicyKind.AGREEMENT or policy.assignee_of(rule) is not None:
            yield f"/permission/{index}", named(policy, rule)


def asked_for(policy: Policy) -> list[tuple[str, Permission]]:
    """Return (JSON pointer, permission that names all it is about), granting or not."""
    return [(f"/permission/{i}", named(policy, rule)) for i, rule in enumerate(policy.permissions)]


def unfolded(policy: Policy) -> Policy:
    """Return a policy whose rules name all that they are about, without what changes nothing.

    A duty below a rule stays as it is: what it does not name is the rule's, not the policy's.
    Prohibitions are left out where permissions win.
    """
    bans = () if policy.conflict is Conflict.PERM else policy.prohibitions
    return replace(
        policy,
        permissions=tuple(rule for _, rule in granting(policy)),
        prohibitions=tuple(named(policy, rule) for rule in bans),
        obligations=tuple(named(policy, rule) for rule in policy.obligations),
        target=None,
        assigner=None,
        assignee=None,
    )


def folded(whole: Policy, first: Policy | None = None) -> Policy:
    """Return a policy that states once what all its rules name alike.

    With a first policy, it states what that one does where each permission agrees. A prohibition
    or obligation of all things may then be of the one that all permissions are about; one of
    another thing never, because it would be read as being about both (IM 2.7.1).
    """
    rules = [rule for _, rule in whole.rules()]
    stated: dict[str, Any] = {}
    for part in PARTS:
        found = getattr(first or (rules[0] if rules else whole), part)
        free = (found, None) if first else (found,)
        if all(
            getattr(rule, part) in ((found,) if isinstance(rule, Permission) else free)
            for rule in rules
        ):
            stated[part] = found
    gone = dict.fromkeys(stated)
    return replace(
        whole,
        permissions=_once(whole.permissions, gone),
        prohibitions=_once(whole.prohibitions, gone),
        obligations=_once(whole.obligations, gone),
        **stated,
    )


def _once(rules: Sequence[_R], gone: dict[str, Any]) -> tuple[_R, ...]:
    """Return rules without the parts that their policy states, each once."""
    found: dict[tuple[object, ...], _R] = {}
    for rule in rules:
        bare: _R = replace(rule, **gone)
        found.setdefault(rule_form(bare), bare)
    return tuple(found.values())


def conditions_of(rule: Rule) -> list[Condition]:
    """Return all that must hold for a rule: its constraints and every refinement."""
    found = [*flat((*rule.constraints, *rule.unread)), *flat(rule.action.refinements)]
    for item in (rule.target, rule.assignee):
        found.extend(flat(item.refinements) if item is not None else ())
    return found


def subject(item: Condition) -> str:
    """Return what a condition is about: its left operand, or how its parts are joined."""
    return item.left if isinstance(item, Constraint) else item.connective.value


# -- what two rules name -------------------------------------------------------------------------


def reference_within(prover: Proof, asked: Reference, allowed: Reference) -> bool:
    """Return whether whatever one reference names, the other names too (IM 2.2.2, 2.3.2)."""
    if same_reference(asked, allowed):
        return True
    if (asked.id, asked.source) == (allowed.id, allowed.source):
        box = Box(asked.refinements)
        return all(prover.within(item, box) for item in allowed.refinements)
    chosen = bool(asked.source) and not asked.id
    return chosen and asked.source == allowed.id and not (allowed.source or allowed.refinements)


def agree(prover: Proof, left: Reference | None, right: Reference | None) -> bool:
    """Return whether two references have something in common that can be written.

    They have where they are the same, or one is a choice out of the other's collection.
    """
    if left is None or right is None:
        return True
    return reference_within(prover, left, right) or reference_within(prover, right, left)


def common_actions(mine: str, other: str, knowledge: Knowledge) -> tuple[str, ...]:
    """Return the broadest known actions that both actions include.

    >>> from policies_odrl.model import ODRL
    >>> common_actions(ODRL + "use", ODRL + "read", Knowledge())
    ('http://www.w3.org/ns/odrl/2/read',)
    """
    wider = knowledge.wider_actions
    left, right = same_action(mine), same_action(other)
    for narrow, wide in ((right, left), (left, right)):
        if wide in wider(narrow):
            return (narrow,)
    if not knowledge.actions:
        return ()  # the vocabulary includes no action in two
    both = {item for item in (*INCLUDED_IN, *knowledge.actions) if {left, right} <= wider(item)}
    return tuple(sorted(item for item in both if not (wider(item) - {item}) & both))


def granted_by_others(left: PartyRef | None, right: PartyRef | None) -> bool:
    """Return whether two parties grant that are both named, and not the same.

    Terms that name nobody leave it to the agreement who grants.
    """
    return left is not None and right is not None and not same_reference(left, right)


def pays_assigner(duty: Duty) -> bool:
    """Return whether who is compensated is the assigner, because a duty names nobody."""
    return any(COMPENSATED not in dict(item.functions) for item in (duty, *duty.consequences))


# -- what is compared at all ---------------------------------------------------------------------


def too_large(offer: Policy, request: Policy) -> bool:
    """Return whether two policies have too many rules or conditions to be compared."""
    pairs = max(1, len(request.permissions)) * (len(offer.permissions) + len(offer.prohibitions))
    pairs += (len(offer.prohibitions) + len(request.permissions)) * len(request.prohibitions)
    rules = (*offer.permissions, *offer.prohibitions, *request.permissions, *request.prohibitions)
    if pairs > MAX_PAIRS or any(_count(_stated(rule)) > MAX_CONDITIONS for rule in rules):
        return True
    whole = (offer.target, offer.assignee, request.target, request.assignee)
    return any(_count(it.refinements) > MAX_CONDITIONS for it in whole if it is not None)


def _stated(rule: Rule) -> list[Condition]:
    """Return the conditions of a rule as they stand: nobody knows yet how deep they are."""
    selecting = [part for it in (rule.target, rule.assignee) if it for part in it.refinements]
    return [*rule.constraints, *rule.action.refinements, *selecting]


def _count(items: Sequence[Condition]) -> int:
    """Return how many conditions there are; too many where they lie too deep below one another."""
    total = 0
    stack = [(item, 1) for item in items]
    while stack:
        item, depth = stack.pop()
        total += 1 if depth <= MAX_NESTED else MAX_CONDITIONS
        if isinstance(item, LogicalConstraint):
            stack.extend((part, depth + 1) for part in item.operands)
    return total


def obstacle(policy: Policy, knowledge: Knowledge) -> str:
    """Return why nobody can say what a policy grants, as evaluation does; empty when one can."""
    strange = [item for item in policy.profiles if item not in PROFILES | knowledge.profiles]
    if strange:
        return f"what profile `{text.term(strange[0])}` means"
    if policy.replaced_by:
        return f"what `{text.term(policy.replaced_by)}` says, which replaces `{policy.id}`"
    if policy.inherits:
        return f"what `{text.term(policy.inherits[0])}` says, which `{policy.id}` inherits"
    return ""
