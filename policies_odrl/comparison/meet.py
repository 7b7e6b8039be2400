"""The meet of policies: the greatest one under all of them, in the first one's words.

Collections that share members only by evidence count as disjoint, because ODRL cannot write what
they share: then the meet grants less, never more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from policies_odrl import model
from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.algebra.forms import flat, malformed, opaque, rule_form
from policies_odrl.comparison import rules
from policies_odrl.comparison.wording import joined, rendered
from policies_odrl.errors import LimitExceeded
from policies_odrl.evaluation.acts import COMPENSATED
from policies_odrl.evaluation.conditions import collections_of
from policies_odrl.evaluation.evaluate import unusable
from policies_odrl.evaluation.request import Mode
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import Condition, Conflict, Constraint, Permission, Policy, Prohibition
from policies_odrl.values import name
from policies_odrl.vocabulary import Kind


def meet(left: Policy, right: Policy, knowledge: Knowledge = NOTHING_MORE) -> Policy | None:
    """Return the policy that grants just what both grant, or None when that is nothing.

    It is an Offer without identifier. A policy that grants nothing by itself (replaced, inheriting,
    of an unknown profile) has nothing in common with any.

    Raises:
        LimitExceeded: the policies have too many rules or conditions.
    """
    if any(unusable(it, knowledge, Mode.W3C, tentative=True) for it in (left, right)):
        return None
    left, right = opaque(left), opaque(right)
    if rules.too_large(left, right):
        raise LimitExceeded("the policies have too many rules or conditions to be compared")
    prover = Proof(knowledge=knowledge)
    mine, other = rules.unfolded(left), rules.unfolded(right)
    common = (met(prover, *pair) for pair in product(mine.permissions, other.permissions))
    bans = (*mine.prohibitions, *other.prohibitions)
    found = {
        rule_form(rule): rule
        for rules_met in common
        for rule in rules_met
        if rules.box_of(prover, bans, rule) is not None
    }
    if not found:
        return None
    return whole_of(tuple(found.values()), (left, right), knowledge)


def met(prover: Proof, mine: Permission, other: Permission) -> tuple[Permission, ...]:
    """Return what two permissions have in common, if anything; who grants is as in the first."""
    if not compatible(prover, mine, other):
        return ()
    named: dict[str, Any] = {
        part: rules.narrower(prover, getattr(mine, part), getattr(other, part))[0]
        for part in rules.NAMED
    }
    duties = other.duties
    if other.assigner and rules.differ(mine.assigner, other.assigner):
        duties = tuple(_paid_to(other.assigner, duty) for duty in duties)
    made = Permission(
        action=mine.action,
        assigner=mine.assigner or other.assigner,
        constraints=_tightest((*mine.constraints, *other.constraints), prover),
        functions=tuple(dict.fromkeys((*mine.functions, *other.functions))),
        duties=joined(mine.duties, duties),
        **named,
    )
    refinements = _tightest((*mine.action.refinements, *other.action.refinements), prover)
    return tuple(
        replace(made, action=model.Action(action, refinements))
        for action in rules.common_actions(mine.action.id, other.action.id, prover.knowledge)
    )


def compatible(prover: Proof, mine: Permission, other: Permission) -> bool:
    """Return whether two permissions have something in common, or at least may."""
    if not rules.common_actions(mine.action.id, other.action.id, prover.knowledge) or not all(
        rules.narrower(prover, getattr(mine, part), getattr(other, part)) for part in rules.NAMED
    ):
        return False
    stated = (item for rule in (mine, other) for _, item in rules.attributes(rule))
    items = [rendered(item) for item in stated if isinstance(item, Condition)]
    kept = _lists_met(items, prover.knowledge)
    return kept is not None and not prover.void(Box(kept))


def _paid_to(payee: model.PartyRef, duty: model.Duty) -> model.Duty:
    """Return a duty that says whom it compensates: its assigner, where it names nobody."""
    named = COMPENSATED in dict(duty.functions)
    functions = duty.functions if named else (*duty.functions, (COMPENSATED, payee))
    consequences = tuple(_paid_to(payee, item) for item in duty.consequences)
    return replace(duty, functions=functions, consequences=consequences)


def _tightest(items: Sequence[Condition], prover: Proof) -> tuple[Condition, ...]:
    """Return conditions that may hold together, without what follows from the rest."""
    known = [rendered(item) for item in flat(items)]
    places = {what: place for place, what in enumerate(dict.fromkeys(map(rules.subject, known)))}
    kept = list(dict.fromkeys(_lists_met(known, prover.knowledge) or known))
    for item in reversed(kept):
        about = {rules.subject(item), *model.Connective}  # one operand, or what joins several
        alone = isinstance(item, Constraint)
        near = (it for it in kept if not alone or rules.subject(it) in about)
        having = [other for other in near if other is not item]
        if not prover.pay(1 + len(having)):
            break  # what is not left out changes nothing
        if having and prover.within(item, Box(having)):
            kept = [other for other in kept if other is not item]
    return tuple(sorted(kept, key=lambda item: places[rules.subject(item)]))


def _lists_met(items: Iterable[Condition], knowledge: Knowledge) -> list[Condition] | None:
    """Return conditions with the concepts of several lists met; None when none is left.

    Proofs stand beside one another, so that each list of them stays (`Operand.evidence`).
    """
    kept: dict[str | int, Condition] = {}
    for place, item in enumerate(items):
        listing = isinstance(item, Constraint) and _lists_concepts(item, knowledge)
        key = rules.subject(item) if listing else place
        first = kept.get(key)
        if isinstance(first, Constraint) and isinstance(item, Constraint):
            both = _below(first, knowledge) & _below(item, knowledge)
            widest = [it for it in sorted(both) if not (knowledge.above(it) - {it}) & both]
            if not widest:
                return None
            right = tuple(map(model.Iri, widest))
            kept[key] = replace(first, operator=model.Operator.IS_ANY_OF, right=right)
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
        and item.operator in {model.Operator.IS_A, model.Operator.IS_ANY_OF}
        and not (item.reference or item.unit)  # no concept has a unit
        and not malformed(item)
        and all(knowledge.knows(name(value) or "") for value in item.right)
    )


# -- a policy that is made of several ------------------------------------------------------------
# A prohibition of a single thing bears on a collection that may hold it, and only a rule can say
# that something is a collection (IM 2.2.2, 2.3.2). So what a source calls a collection stays one,
# and what is added to say so never grants more.


def whole_of(
    permissions: Sequence[Permission],
    sources: Sequence[Policy],
    knowledge: Knowledge,
    first: Policy | None = None,
) -> Policy:
    """Return an offer of permissions, with the prohibitions and obligations of all sources.

    The permissions name all that they are about. What is stated for all rules, and the strategy,
    are those of the first policy; without one, what the rules name alike, and the strictest.
    """
    sides = [rules.unfolded(policy) for policy in sources]
    made = Policy(
        kind=model.PolicyKind.OFFER,
        permissions=tuple(permissions),
        prohibitions=joined(*(side.prohibitions for side in sides)),
        obligations=joined(*(side.obligations for side in sides)),
        profiles=tuple(dict.fromkeys(name for side in sides for name in side.profiles)),
        conflict=_strategy(sides, first) if permissions else None,
    )
    if not made.prohibitions:
        return rules.folded(made, first)
    names = frozenset().union(*map(collections_of, sources))
    counting = [policy for policy, side in zip(sources, sides, strict=True) if side.prohibitions]
    lost = _lost_collections(_calling(made, names), counting, knowledge)
    kept = replace(made, prohibitions=joined(made.prohibitions, lost))
    return _calling(rules.folded(kept, first), names)


def _strategy(sides: Sequence[Policy], first: Policy | None) -> Conflict | None:
    """Return `perm` only where no side prohibits anything: those of `perm` lose their bans."""
    counting = [side.conflict for side in sides if side.prohibitions]
    if first and (first.conflict is not Conflict.PERM or not counting):
        return first.conflict
    if counting:
        return next((it for it in counting if it is not Conflict.PROHIBIT), Conflict.PROHIBIT)
    stated = {side.conflict for side in sides}
    return stated.pop() if len(stated) == 1 else None


def _calling(whole: Policy, names: frozenset[str]) -> Policy:
    """Return a policy whose permissions call a collection what has one of some names."""

    def called(part: Any) -> dict[str, Any]:
        named = ((name, getattr(part, name)) for name in rules.ABOUT)
        return {
            name: replace(item, collection=True)
            for name, item in named
            if item is not None and not item.source and item.id in names
        }

    permissions = tuple(replace(rule, **called(rule)) for rule in whole.permissions)
    return replace(whole, permissions=permissions, **called(whole))


def _lost_collections(
    whole: Policy, sources: Sequence[Policy], knowledge: Knowledge
) -> Iterator[Prohibition]:
    """Yield prohibitions that still name the collections of which no permission is left.

    They are of what was permitted of the collection, where nothing like it is granted any more, so
    that it takes nothing away; else of what is prohibited of the single thing, which grants less.
    """
    known = set(collections_of(whole))
    granted = {rule.action.id for rule in whole.permissions}
    for part in rules.ABOUT:
        about = [(rule.action.id, getattr(rule, part)) for rule in whole.permissions]
        many = [act for act, item in about if item is None or item.collection or item.source]
        bans = [
            ban
            for ban in whole.prohibitions  # of a thing that a permission of many may hold
            if getattr(ban, part) and any(rules.related(ban, act, knowledge) for act in many)
        ]
        pairs = (pair for policy in sources for pair in rules.collections_in(policy, part))
        for rule, group in pairs if bans else ():
            if group not in known:
                known.add(group)
                free = Prohibition(action=model.Action(rule.action.id))
                ban = bans[0] if any(rules.related(free, it, knowledge) for it in granted) else free
                collection: Any = rules.REFERENCES[part](group, collection=True)
                yield replace(ban, **{part: collection})


@dataclass(frozen=True, slots=True)
class Layer:
    """What one of authority, charter, offer or negotiated terms allows, inheritance resolved."""

    name: str  # who states it, in one word
    policy: Policy


@dataclass(frozen=True, slots=True)
class Layered:
    """What several layers grant together; true where that is anything."""

    policy: Policy
    empty_at: str = ""  # the layer with which nothing was left

    def __bool__(self) -> bool:
        return bool(self.policy.permissions)


def layer(*layers: Layer, knowledge: Knowledge = NOTHING_MORE) -> Layered:
    """Return what several layers grant together: the strictest wins, and no layer grants nothing.

    The order, from the outermost, decides the words and not what is granted.

    Raises:
        LimitExceeded: too many rules or conditions to be compared.
    """
    whole = opaque(layers[0].policy) if layers else Policy(kind=model.PolicyKind.OFFER)
    for item in layers:
        found = meet(whole, item.policy, knowledge)
        if found is None:  # it grants nothing, but still prohibits and obliges
            nothing = whole_of((), [opaque(it.policy) for it in layers], knowledge)
            return Layered(nothing, item.name)
        whole = found
    return Layered(whole)
