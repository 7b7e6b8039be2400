"""The meet of two policies: the greatest one under both.

A common permission carries every condition of both, in the first one's words. Of two conditions of
which one entails the other, only the stricter stays; two lists of known concepts become one list of
what lies under both. Collections that share members only by evidence count as disjoint, because
ODRL cannot write what they share: then the meet grants less, never more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Final

from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.algebra.forms import flat, malformed, opaque, rule_form, same_reference
from policies_odrl.comparison.rendering import joined, rendered
from policies_odrl.comparison.rules import (
    agree,
    common_actions,
    reference_within,
    subject,
    unfolded,
)
from policies_odrl.comparison.whole import whole_of
from policies_odrl.errors import LimitExceeded
from policies_odrl.evaluation.acts import COMPENSATED
from policies_odrl.evaluation.evaluate import unusable
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import (
    Action,
    Condition,
    Conflict,
    Constraint,
    Duty,
    Iri,
    Operator,
    PartyRef,
    Permission,
    Policy,
)
from policies_odrl.reading.inventory import nested
from policies_odrl.values import name
from policies_odrl.vocabulary import Kind

MAX_WORK: Final = 50_000  # conditions of all pairs of permissions that are met


def meet(left: Policy, right: Policy, knowledge: Knowledge = NOTHING_MORE) -> Policy | None:
    """Return the policy that grants just what both grant, or None when that is nothing.

    It is an Offer without identifier. A policy that grants nothing by itself (replaced, inheriting,
    of an unknown profile) has nothing in common with any.

    Args:
        left: one policy; inheritance must be resolved.
        right: the other.
        knowledge: terms and hierarchies beyond the built-in ones.

    Raises:
        LimitExceeded: more than `MAX_WORK` conditions of all pairs of permissions.

    >>> from policies_odrl.model import ODRL, PolicyKind
    >>> def may(action):
    ...     rule = Permission(action=Action(ODRL + action))
    ...     return Policy(kind=PolicyKind.SET, permissions=(rule,))
    >>> meet(may("use"), may("read")).permissions[0].action.id
    'http://www.w3.org/ns/odrl/2/read'
    >>> meet(may("print"), may("read")) is None
    True
    """
    profiles = knowledge.profiles
    if any(unusable(it, tentative=True, profiles=profiles) for it in (left, right)):
        return None
    if work(left, right) > MAX_WORK:
        raise LimitExceeded("more than {limit} conditions of pairs of permissions", limit=MAX_WORK)
    prover = Proof(knowledge=knowledge)
    left, right = opaque(left), opaque(right)
    mine, other = unfolded(left), unfolded(right)
    pairs = product(mine.permissions, other.permissions)
    found = {rule_form(rule): rule for one, two in pairs for rule in met(prover, one, two)}
    if not found:
        return None
    return whole_of(tuple(found.values()), (left, right), _strategy(mine, other), knowledge)


def _strategy(left: Policy, right: Policy) -> Conflict | None:
    """Return the strategy of those that prohibit something; the default where one has that."""
    stated = [policy.conflict for policy in (left, right) if policy.prohibitions]
    if not stated:
        return left.conflict if left.conflict is right.conflict else None
    plain = [item for item in stated if item is not Conflict.PROHIBIT]
    return plain[0] if plain else Conflict.PROHIBIT


def work(left: Policy, right: Policy) -> int:
    """Return how many conditions are read to meet all permissions of two policies."""
    mine, other = (
        [1 + sum(1 for _ in nested((*it.constraints, *it.action.refinements))) for it in rules]
        for rules in (left.permissions, right.permissions)
    )
    return sum(mine) * max(1, len(other)) + sum(other) * max(1, len(mine))


def met(prover: Proof, mine: Permission, other: Permission) -> tuple[Permission, ...]:
    """Return what two permissions have in common: one, several or no permission.

    Who grants has no part in what is granted, so that the first one's assigner stays.
    """
    about: dict[str, Any] = {}
    for part in ("target", "assignee", "output"):
        one, two = getattr(mine, part), getattr(other, part)
        if not agree(prover, one, two):
            return ()
        first = two is None or (one is not None and reference_within(prover, one, two))
        about[part] = one if first else two
    constraints = tightest([*mine.constraints, *other.constraints], prover)
    refinements = tightest([*mine.action.refinements, *other.action.refinements], prover)
    if constraints is None or refinements is None:
        return ()
    if refinements and prover.apart(Box([*constraints, *refinements])):
        return ()
    return tuple(
        Permission(
            action=Action(action, refinements),
            assigner=mine.assigner or other.assigner,
            constraints=constraints,
            functions=tuple(dict.fromkeys((*mine.functions, *other.functions))),
            duties=joined(mine.duties, _duties_under(mine, other)),
            **about,
        )
        for action in common_actions(mine.action.id, other.action.id, prover.knowledge)
    )


def _duties_under(mine: Permission, other: Permission) -> tuple[Duty, ...]:
    """Return the other's duties, for a permission that the first one's assigner grants.

    They say whom they compensate, because that is the assigner where a duty names nobody.
    """
    payee = other.assigner
    if mine.assigner is None or payee is None or same_reference(mine.assigner, payee):
        return other.duties
    return tuple(_paid_to(payee, duty) for duty in other.duties)


def _paid_to(payee: PartyRef, duty: Duty) -> Duty:
    functions = duty.functions
    if COMPENSATED not in dict(functions):
        functions = (*functions, (COMPENSATED, payee))
    consequences = tuple(_paid_to(payee, item) for item in duty.consequences)
    return replace(duty, functions=functions, consequences=consequences)


# -- conditions ----------------------------------------------------------------------------------


def tightest(items: Sequence[Condition], prover: Proof) -> tuple[Condition, ...] | None:
    """Return conditions without what follows from the rest, or None when nothing satisfies all."""
    known = [rendered(item) for item in flat(items)]
    places = {what: place for place, what in enumerate(dict.fromkeys(map(subject, known)))}
    kept = concepts_met(known, prover.knowledge)
    if kept is None or prover.apart(Box(kept)):
        return None
    groups: dict[str, list[Condition]] = {}
    for item in (kept := list(dict.fromkeys(kept))):
        groups.setdefault(_operand(item), []).append(item)
    for item in reversed(kept):
        key = _operand(item)
        near = (groups[key], groups.get("", ())) if key else groups.values()
        having = [other for group in near for other in group if other is not item]
        if not prover.pay(1 + len(having)):
            break  # what is not left out changes nothing
        if having and prover.within(item, Box(having)):
            groups[key] = [other for other in groups[key] if other is not item]
    left = (item for group in groups.values() for item in group)
    return tuple(sorted(left, key=lambda item: places[subject(item)]))


def _operand(item: Condition) -> str:
    """Return the operand of which alone others could prove a condition; empty: all of them."""
    return item.left if isinstance(item, Constraint) else ""


def together(items: Sequence[Condition], prover: Proof) -> bool:
    """Return whether conditions may hold together."""
    kept = concepts_met(items, prover.knowledge)
    return kept is not None and not prover.apart(Box(kept))


def concepts_met(items: Sequence[Condition], knowledge: Knowledge) -> list[Condition] | None:
    """Return conditions with the concepts of several lists met; None when none is left."""
    lists: dict[str | int, list[Condition]] = {}
    for place, item in enumerate(items):
        listing = isinstance(item, Constraint) and _lists_concepts(item, knowledge)
        lists.setdefault(subject(item) if listing else place, []).append(item)
    kept = [_one_list(group, knowledge) for group in lists.values()]
    found = [item for item in kept if item is not None]
    return found if len(found) == len(kept) else None


def _one_list(items: Sequence[Condition], knowledge: Knowledge) -> Condition | None:
    """Return several lists of concepts as one of what lies under all; None where nothing does."""
    if len(items) == 1:
        return items[0]
    lists = [item for item in items if isinstance(item, Constraint)]
    both = frozenset.intersection(*(_below(item, knowledge) for item in lists))
    widest = tuple(Iri(it) for it in sorted(both) if not (knowledge.above(it) - {it}) & both)
    return replace(lists[0], operator=Operator.IS_ANY_OF, right=widest) if both else None


def _below(item: Constraint, knowledge: Knowledge) -> frozenset[str]:
    return frozenset().union(*(knowledge.below(name(value) or "") for value in item.right))


def _lists_concepts(item: Constraint, knowledge: Knowledge) -> bool:
    operand = knowledge.operand(item.left)
    return (
        operand is not None
        and operand.kind is Kind.CONCEPT
        and not operand.evidence  # proofs stand beside one another: each list may have its own
        and item.operator in {Operator.IS_A, Operator.IS_ANY_OF}
        and not (item.reference or item.unit)  # no concept has a unit
        and not malformed(item)
        and all(knowledge.knows(name(value) or "") for value in item.right)
    )
