"""The rules of a policy, made ready to be compared with those of another.

What a policy states for all its rules is a part of each rule (IM 2.7.1). Rules are compared with
all that they are about; a policy that is made of them states once what they have in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from policies_odrl import model, text
from policies_odrl.algebra.boxes import Box, Choice, Proof
from policies_odrl.algebra.claims import Goal
from policies_odrl.algebra.forms import condition_form, flat, operands_of, rule_form, same_reference
from policies_odrl.evaluation.acts import COMPENSATED
from policies_odrl.evaluation.conditions import collections_of
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import Condition, Permission, Policy, Prohibition, Rule
from policies_odrl.reading.inventory import Reference
from policies_odrl.vocabulary import INCLUDED_IN, PROFILES, same_action

PARTS: Final = ("target", "assigner", "assignee")
BARE: Final[dict[str, Any]] = dict.fromkeys(PARTS)
REFERENCES: Final = {"target": model.AssetRef, "assignee": model.PartyRef}
ABOUT: Final = tuple(REFERENCES)  # the parts that decide whether a rule concerns a request
NAMED: Final = ("target", "assignee", "output")
SOMEBODY: Final = "did:example:somebody"  # who asks, where a rule is about anybody
SOMETHING: Final = "urn:example:something"
MAX_PAIRS: Final = 4096  # pairs of rules compared
MAX_WORK: Final = 50_000  # conditions of all pairs of rules
MAX_CONDITIONS: Final = 256  # conditions of one rule
MAX_NESTED: Final = 64  # conditions below one another
TOO_MANY: Final = "too many rules or conditions, or pairs of them, to compare"
_R = TypeVar("_R", bound=Rule)


def named(policy: Policy, rule: _R) -> _R:
    """Return a rule of a policy that names all that it is about."""
    return replace(rule, **{part: getattr(rule, part) or getattr(policy, part) for part in PARTS})


def asked_for(policy: Policy) -> list[tuple[str, Permission]]:
    """Return (JSON pointer, permission that names all it is about), granting or not."""
    return [(f"/permission/{i}", named(policy, rule)) for i, rule in enumerate(policy.permissions)]


def granting(policy: Policy) -> list[tuple[str, Permission]]:
    """Return the same of a policy that decides something (`evaluate.py`)."""
    return [] if any(model.incomplete(policy)) else asked_for(policy)


def unfolded(policy: Policy) -> Policy:
    """Return a policy whose rules name all that they are about, without what changes nothing.

    A duty below a rule stays as it is: what it does not name is the rule's, not the policy's.
    Prohibitions are left out where permissions win.
    """
    bans = () if policy.conflict is model.Conflict.PERM else policy.prohibitions
    return replace(
        policy,
        permissions=tuple(rule for _, rule in granting(policy)),
        prohibitions=tuple(named(policy, rule) for rule in bans),
        obligations=tuple(named(policy, rule) for rule in policy.obligations),
        **BARE,
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
        free = [found, None] if first else [found]
        if all(
            getattr(rule, part) in (free[:1] if isinstance(rule, Permission) else free)
            for rule in rules
        ):
            stated[part] = found
    gone = dict.fromkeys(stated)
    for name in ("permissions", "prohibitions", "obligations"):
        once: dict[object, Rule] = {}
        for rule in getattr(whole, name):
            bare = replace(rule, **gone)
            once.setdefault(rule_form(bare), bare)
        stated[name] = tuple(once.values())
    return replace(whole, **stated)


def conditions_of(rule: Rule) -> list[Condition]:
    """Return all that must hold for a rule: its constraints and every refinement."""
    chosen = (item.refinements for item in (rule.target, rule.assignee) if item is not None)
    groups = ((*rule.constraints, *rule.unread), rule.action.refinements, *chosen)
    return [item for group in groups for item in flat(group)]


def attributes(rule: Rule) -> Iterator[tuple[str, model.Action | Reference | Condition]]:
    """Yield what a rule says, one attribute at a time; not who grants, and not its duties."""
    yield "action", model.Action(rule.action.id)
    stated = ((part, getattr(rule, part)) for part in NAMED)
    yield from ((part, item) for part, item in stated if item is not None)
    yield from rule.functions
    for item in flat((*rule.constraints, *rule.action.refinements)):
        yield "condition", item


def subject(item: Condition) -> str:
    """Return what a condition is about: its left operand, or how its parts are joined."""
    return item.left if isinstance(item, model.Constraint) else item.connective.value


def collections_in(policy: Policy, part: str) -> Iterator[tuple[Permission, str]]:
    """Yield the permissions of a policy that are about collections, with the names of those."""
    for _, rule in asked_for(policy):
        item = getattr(rule, part)
        if item is not None and (item.collection or item.source):
            yield from ((rule, name) for name in (item.id, item.source) if name)


def reference_within(prover: Proof, asked: Reference, allowed: Reference) -> bool:
    """Return whether whatever one reference names, the other names too (IM 2.2.2, 2.3.2)."""
    if same_reference(asked, allowed):
        return True
    if (asked.id, asked.source) == (allowed.id, allowed.source):
        box = Box(asked.refinements)
        return all(prover.within(item, box) for item in allowed.refinements)
    chosen = bool(asked.source) and not asked.id
    return chosen and asked.source == allowed.id and not (allowed.source or allowed.refinements)


def narrower(
    prover: Proof, left: Reference | None, right: Reference | None
) -> tuple[Reference | None, ...]:
    """Return what two references have in common that can be written; empty where nothing can.

    They have where one is not stated, they are the same, or one is a choice out of the other's
    collection.
    """
    if right is None or (left is not None and reference_within(prover, left, right)):
        return (left,)
    return (right,) if left is None or reference_within(prover, right, left) else ()


def common_actions(mine: str, other: str, knowledge: Knowledge) -> tuple[str, ...]:
    """Return the broadest known actions that both actions include."""
    wider = knowledge.wider_actions
    left, right = same_action(mine), same_action(other)
    for narrow, wide in ((right, left), (left, right)):
        if wide in wider(narrow):
            return (narrow,)
    if not knowledge.actions:
        return ()  # the vocabulary includes no action in two
    both = {item for item in (*INCLUDED_IN, *knowledge.actions) if {left, right} <= wider(item)}
    return tuple(sorted(item for item in both if not (wider(item) - {item}) & both))


def differ(left: Reference | None, right: Reference | None) -> bool:
    """Return whether two references are both named, and not the same."""
    return left is not None and right is not None and not same_reference(left, right)


def pays_assigner(duty: model.Duty) -> bool:
    """Return whether who is compensated is the assigner, because a duty names nobody."""
    return any(COMPENSATED not in dict(item.functions) for item in (duty, *duty.consequences))


def too_large(left: Policy, right: Policy) -> bool:
    """Return whether two policies have too many rules or conditions to be compared."""
    mine, other = (
        [_count(_stated(it, rule)) for rule in (*it.permissions, *it.prohibitions)]
        for it in (left, right)
    )
    pairs = len(mine) * len(other)
    work = 2 * pairs + sum(mine) * len(other) + sum(other) * len(mine)
    return (
        pairs > MAX_PAIRS or work > MAX_WORK or any(it > MAX_CONDITIONS for it in (*mine, *other))
    )


def _stated(policy: Policy, rule: Rule) -> list[Condition]:
    chosen = (policy.target_of(rule), policy.assignee_of(rule))
    groups = (rule.constraints, rule.action.refinements, *(it.refinements for it in chosen if it))
    return [item for group in groups for item in group]


def _count(items: Sequence[Condition], depth: int = 1) -> int:
    """Return how many conditions there are, nested ones too; too many where they lie too deep."""
    if depth > MAX_NESTED:
        return MAX_CONDITIONS * len(items)
    nested = (item.operands for item in items if isinstance(item, model.LogicalConstraint))
    return len(items) + sum(_count(parts, depth + 1) for parts in nested)


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


# -- prohibitions --------------------------------------------------------------------------------
# A prohibition holds unless it is certainly not meant (`evaluate.py`). One of the offer is harmless
# only where the request's own terms make it False, or where one of the request holds whenever it
# does. What either policy calls a collection may hold what a prohibition names (`conditions.py`).


def box_of(prover: Proof, bans: Sequence[Prohibition], wanted: Permission) -> Box | None:
    """Return what a permission asks for, less what its policy prohibits; None: nothing is left."""
    extra: list[Choice] = []
    whole = Box(conditions_of(wanted))
    for ban in bans:
        if ban.remedies or not _always_meant(prover, ban, wanted):
            continue  # one with remedies says what follows where it is broken
        items = conditions_of(ban)
        if all(prover.within(item, whole) for item in items):
            return None
        extra.append(Choice(tuple((Goal(item, holds=False),) for item in items)))
    left = whole.joined(extra) if extra else whole
    return None if extra and prover.void(left) else left


def _always_meant(prover: Proof, ban: Prohibition, wanted: Permission) -> bool:
    """Return whether a prohibition is about every action that a permission of its policy allows."""
    about = [(getattr(ban, part), getattr(wanted, part)) for part in ABOUT]
    wider = prover.knowledge.wider_actions(wanted.action.id)
    return same_action(ban.action.id) in wider and all(
        mine is None or (theirs and same_reference(mine, theirs)) for mine, theirs in about
    )


def unsafe(
    prover: Proof, offer: Policy, request: Policy, asked: Sequence[tuple[Permission, Box]]
) -> list[int]:
    """Return the places of the prohibitions of an offer that may bear on what is asked for."""
    mine, theirs = collections_of(offer), collections_of(request)
    own, vague = unfolded(request).prohibitions, mine | theirs

    def avoided(ban: Prohibition, wanted: Permission, box: Box) -> bool:
        return (
            not related(ban, wanted.action.id, prover.knowledge)
            or any(apart(getattr(ban, part), getattr(wanted, part), vague) for part in ABOUT)
            or false_in(prover, conditions_of(ban), box)
        )

    return [
        index
        for index, ban in enumerate(unfolded(offer).prohibitions)
        if not any(_upheld(prover, ban, item, mine - theirs) for item in own)
        and not all(avoided(ban, *pair) for pair in asked)
    ]


def _upheld(prover: Proof, ban: Prohibition, own: Prohibition, vague: frozenset[str]) -> bool:
    """Return whether a prohibition of the request holds wherever the offer's does.

    What only the offer calls a collection (`vague`) may hold what the offer's names.
    """
    theirs = conditions_of(ban)
    forms = set(map(condition_form, theirs))

    def falls(item: Condition) -> bool:  # only where one and the same of theirs is False
        box = Box([Goal(item, holds=False)])
        return condition_form(item) in forms or any(prover.refuted(it, box) for it in theirs)

    return (
        _action_wider(ban.action.id, own.action.id, prover.knowledge)
        and set(map(rule_form, own.remedies)) == set(map(rule_form, ban.remedies))
        and all(_about_more(getattr(own, part), getattr(ban, part), vague) for part in ABOUT)
        and all(map(falls, conditions_of(own)))
    )


def _action_wider(ruled: str, own: str, knowledge: Knowledge) -> bool:
    """Return whether a prohibition of one action bears on all that one of another bears on.

    It does not where the other is included in two actions: one asked for by the name of the second
    includes the prohibited action, and has nothing to do with the first.
    """
    wider = knowledge.wider_actions
    mine, broader = same_action(own), wider(ruled)
    return mine in broader and all(mine in wider(item) or item in wider(mine) for item in broader)


def _about_more(mine: Reference | None, theirs: Reference | None, vague: frozenset[str]) -> bool:
    return mine is None or (
        theirs is not None
        and same_reference(mine, theirs)
        and vague <= {mine.id}
        and (mine.collection or not theirs.collection)  # who is in a thing is certain: nobody
    )


def false_in(prover: Proof, items: Sequence[Condition], box: Box) -> bool:
    """Return whether one of some conditions is proved False of all that satisfies a box."""
    if any(prover.refuted(item, box) for item in items):
        return True
    touched = frozenset().union(*(operands_of(item) for item in items))
    return prover.by_cases(touched, box, lambda case: false_in(prover, items, case))


def related(ban: Prohibition, asked: str, knowledge: Knowledge) -> bool:
    """Return whether a prohibition touches the action of a permission, or one that this covers."""
    ruled, wanted, wider = same_action(ban.action.id), same_action(asked), knowledge.wider_actions
    covered = (item for item in (*INCLUDED_IN, *knowledge.actions) if wanted in wider(item))
    covers = any(ruled in wider(item) for item in covered)
    return covers or touches(ruled, wanted, knowledge)


def touches(ruled: str, asked: str, knowledge: Knowledge) -> bool:
    """Return whether a prohibition of one action can be about a request for another.

    It can where the one asked for is the prohibited one, is included in it or covers it; and always
    where one of the two is not known (`conditions.py`).
    """
    wider = knowledge.wider_actions
    return (
        strange(ruled, asked, knowledge)
        or same_action(ruled) in wider(asked)
        or asked in wider(same_action(ruled))
    )


def strange(ruled: str, asked: str, knowledge: Knowledge) -> bool:
    """Return whether it is not known how an action stands to the one that is prohibited."""
    ban = same_action(ruled)
    return ban != asked and not (knowledge.known_action(ban) and knowledge.known_action(asked))


def apart(left: Reference | None, right: Reference | None, vague: frozenset[str]) -> bool:
    """Return whether two references are single things, not collections (`vague`), and differ."""
    if left is None or right is None or left.id == right.id:
        return False
    return not any(item.source or item.id in vague for item in (left, right))
