"""The meet of policies: the greatest one under all of them.

A common permission carries every condition of both, in the first one's words. Of two conditions of
which one entails the other, only the stricter stays; two lists of known concepts become one list of
what lies under both. Collections that share members only by evidence count as disjoint, because
ODRL cannot write what they share: then the meet grants less, never more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final

from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.algebra.forms import flat, malformed, opaque, rule_form, same_reference
from policies_odrl.comparison.rules import (
    common_actions,
    narrower,
    refuse_too_large,
    subject,
    unfolded,
)
from policies_odrl.comparison.whole import whole_of
from policies_odrl.comparison.wording import joined, rendered
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
    PolicyKind,
)
from policies_odrl.values import name
from policies_odrl.vocabulary import Kind

NAMED: Final = ("target", "assignee", "output")


def meet(left: Policy, right: Policy, knowledge: Knowledge = NOTHING_MORE) -> Policy | None:
    """Return the policy that grants just what both grant, or None when that is nothing.

    It is an Offer without identifier. A policy that grants nothing by itself (replaced, inheriting,
    of an unknown profile) has nothing in common with any.

    Raises:
        LimitExceeded: the policies have too many rules or conditions.
    """
    profiles = knowledge.profiles
    if any(unusable(it, tentative=True, profiles=profiles) for it in (left, right)):
        return None
    left, right = opaque(left), opaque(right)
    refuse_too_large(left, right)
    prover = Proof(knowledge=knowledge)
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


def met(prover: Proof, mine: Permission, other: Permission) -> tuple[Permission, ...]:
    """Return what two permissions have in common: one, several or no permission.

    Who grants has no part in what is granted, so that the first one's assigner stays.
    """
    if not compatible(prover, mine, other):
        return ()
    named: dict[str, Any] = {
        part: narrower(prover, getattr(mine, part), getattr(other, part))[0] for part in NAMED
    }
    made = Permission(
        action=mine.action,
        assigner=mine.assigner or other.assigner,
        constraints=_tightest((*mine.constraints, *other.constraints), prover),
        functions=tuple(dict.fromkeys((*mine.functions, *other.functions))),
        duties=joined(mine.duties, _duties_under(mine, other)),
        **named,
    )
    refinements = _tightest((*mine.action.refinements, *other.action.refinements), prover)
    return tuple(
        replace(made, action=Action(action, refinements))
        for action in common_actions(mine.action.id, other.action.id, prover.knowledge)
    )


def compatible(prover: Proof, mine: Permission, other: Permission) -> bool:
    """Return whether two permissions have something in common, or at least may."""
    if not common_actions(mine.action.id, other.action.id, prover.knowledge) or not all(
        narrower(prover, getattr(mine, part), getattr(other, part)) for part in NAMED
    ):
        return False
    groups = ((*rule.constraints, *rule.action.refinements) for rule in (mine, other))
    items = (rendered(item) for group in groups for item in flat(group))
    kept = _lists_met(items, prover.knowledge)
    return kept is not None and not prover.apart(Box(kept))


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


def _tightest(items: Sequence[Condition], prover: Proof) -> tuple[Condition, ...]:
    """Return conditions that may hold together, without what follows from the rest."""
    known = [rendered(item) for item in flat(items)]
    places = {what: place for place, what in enumerate(dict.fromkeys(map(subject, known)))}
    kept = list(dict.fromkeys(_lists_met(known, prover.knowledge) or ()))
    groups: dict[str, list[Condition]] = {}
    for item in kept:
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


def _lists_met(items: Iterable[Condition], knowledge: Knowledge) -> list[Condition] | None:
    """Return conditions with the concepts of several lists met; None when none is left.

    Proofs stand beside one another, so that each list of them stays (`Operand.evidence`).
    """
    kept: dict[str | int, Condition] = {}
    for place, item in enumerate(items):
        listing = isinstance(item, Constraint) and _lists_concepts(item, knowledge)
        key = subject(item) if listing else place
        first = kept.get(key)
        if isinstance(first, Constraint) and isinstance(item, Constraint):
            both = _below(first, knowledge) & _below(item, knowledge)
            widest = tuple(
                Iri(it) for it in sorted(both) if not (knowledge.above(it) - {it}) & both
            )
            if not widest:
                return None
            kept[key] = replace(first, operator=Operator.IS_ANY_OF, right=widest)
        else:
            kept[key] = item
    return list(kept.values())


def _below(item: Constraint, knowledge: Knowledge) -> frozenset[str]:
    return frozenset().union(*(knowledge.below(name(value) or "") for value in item.right))


def _lists_concepts(item: Constraint, knowledge: Knowledge) -> bool:
    operand = knowledge.operand(item.left)
    return (
        operand is not None
        and operand.kind is Kind.CONCEPT
        and not operand.evidence
        and item.operator in {Operator.IS_A, Operator.IS_ANY_OF}
        and not (item.reference or item.unit)  # no concept has a unit
        and not malformed(item)
        and all(knowledge.knows(name(value) or "") for value in item.right)
    )


# -- layers --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of conditions: authority, charter, offer or negotiated terms.

    Attributes:
        name: who states it, in one word.
        policy: what it allows; inheritance must be resolved.
    """

    name: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class Layered:
    """Several layers as one policy.

    Attributes:
        policy: what all layers grant; without permissions when that is nothing.
        empty_at: name of the layer with which nothing was left; empty otherwise.
    """

    policy: Policy
    empty_at: str = ""

    def __bool__(self) -> bool:
        return bool(self.policy.permissions)


def layer(*layers: Layer, knowledge: Knowledge = NOTHING_MORE) -> Layered:
    """Return what several layers grant together: the strictest wins, and no layer grants nothing.

    Args:
        layers: from the outermost; the order decides the words, not what is granted.
        knowledge: terms and hierarchies beyond the built-in ones.

    Raises:
        LimitExceeded: too many rules or conditions to be compared.
    """
    if not layers:
        return Layered(Policy(kind=PolicyKind.OFFER))
    whole = opaque(layers[0].policy)
    for item in layers:
        found = meet(whole, item.policy, knowledge)
        if found is None:  # it grants nothing, but still prohibits and obliges
            nothing = whole_of((), [opaque(it.policy) for it in layers], None, knowledge)
            return Layered(nothing, item.name)
        whole = found
    return Layered(whole)
