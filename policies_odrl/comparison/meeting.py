"""What two permissions have in common, in the first one's words.

Rules: the common permission carries every condition of both, so that it never permits more than
either; of two conditions of which one follows from the other, only the stricter stays; two lists of
known concepts become one list of what lies under both. None where it is proved that nothing could
satisfy it. Two references have something in common where they are the same, or where one is a
choice out of the other's collection; ODRL has no way to write other intersections. Who grants has
no part in what is granted: the first one's assigner stays. Where the other has another one, its
duties say whom they compensate, because that is the assigner where a duty names nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.algebra.forms import flat, malformed, rule_form, same_reference
from policies_odrl.comparison.fit import Reference, reference_within
from policies_odrl.comparison.rendering import duty_rendered, prohibition_rendered, rendered
from policies_odrl.evaluation.acts import COMPENSATED
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import (
    Action,
    AssetRef,
    Condition,
    Constraint,
    Duty,
    Iri,
    Operator,
    PartyRef,
    Permission,
    Policy,
    Prohibition,
)
from policies_odrl.reading.inventory import nested
from policies_odrl.values import name
from policies_odrl.vocabulary import INCLUDED_IN, Kind, same_action

_Ref = TypeVar("_Ref", AssetRef, PartyRef)


MAX_WORK: Final = 50_000  # conditions of all pairs of permissions that are met


@dataclass(frozen=True, slots=True)
class Frame:
    """Whom and what a common permission is for.

    Attributes:
        target: asset; None: any.
        assigner: party; None: any.
        assignee: party; None: any.
        output: asset made; None: none.
    """

    target: AssetRef | None
    assigner: PartyRef | None
    assignee: PartyRef | None
    output: AssetRef | None


def met(prover: Proof, mine: Permission, other: Permission) -> tuple[Permission, ...]:
    """Return what two permissions have in common: one, several or no permission."""
    frame = framed(prover, mine, other)
    constraints = tightest([*mine.constraints, *other.constraints], prover)
    refinements = tightest([*mine.action.refinements, *other.action.refinements], prover)
    if frame is None or constraints is None or refinements is None:
        return ()
    if prover.apart(Box([*constraints, *refinements])):
        return ()
    return tuple(
        Permission(
            action=Action(action, refinements),
            target=frame.target,
            assigner=frame.assigner,
            assignee=frame.assignee,
            constraints=constraints,
            output=frame.output,
            functions=tuple(dict.fromkeys((*mine.functions, *other.functions))),
            duties=joined_duties(mine.duties, _duties_under(mine, other)),
        )
        for action in common_actions(mine.action.id, other.action.id, prover.knowledge)
    )


def work(left: Policy, right: Policy) -> int:
    """Return how many conditions are read to meet all permissions of two policies."""
    mine, other = ([_conditions(rule) for rule in it.permissions] for it in (left, right))
    return sum(mine) * max(1, len(other)) + sum(other) * max(1, len(mine))


def framed(prover: Proof, mine: Permission, other: Permission) -> Frame | None:
    """Return whom and what both are for, or None when that is nobody or nothing."""
    pairs: tuple[tuple[Reference | None, Reference | None], ...] = (
        (mine.target, other.target),
        (mine.assignee, other.assignee),
        (mine.output, other.output),
    )
    if not all(agree(prover, left, right) for left, right in pairs):
        return None
    return Frame(
        _narrower(prover, mine.target, other.target),
        mine.assigner or other.assigner,
        _narrower(prover, mine.assignee, other.assignee),
        _narrower(prover, mine.output, other.output),
    )


def agree(prover: Proof, left: Reference | None, right: Reference | None) -> bool:
    """Return whether two references have something in common that can be written."""
    if left is None or right is None:
        return True
    return reference_within(prover, left, right) or reference_within(prover, right, left)


def _narrower(prover: Proof, left: _Ref | None, right: _Ref | None) -> _Ref | None:
    if left is None or right is None:
        return left or right
    return left if reference_within(prover, left, right) else right


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


def tightest(items: Sequence[Condition], prover: Proof) -> tuple[Condition, ...] | None:
    """Return conditions without what follows from the rest, or None when nothing satisfies all."""
    known = [rendered(item) for item in flat(items)]
    places: dict[str, int] = {}
    for item in known:
        places.setdefault(subject(item), len(places))
    kept = concepts_met(known, prover.knowledge)
    if kept is None or prover.apart(Box(kept)):
        return None
    for item in reversed(kept[:]):
        rest = [other for other in kept if other is not item]
        if not prover.pay(len(rest)):
            break  # what is not left out changes nothing
        if rest and prover.within(item, Box(_about(item, rest))):
            kept = rest
    return tuple(sorted(kept, key=lambda item: places[subject(item)]))


def subject(item: Condition) -> str:
    """Return what a condition is about: its left operand, or how its parts are joined."""
    return item.left if isinstance(item, Constraint) else item.connective.value


def concepts_met(items: list[Condition], knowledge: Knowledge) -> list[Condition] | None:
    """Return conditions with the concepts of several lists met; None when none is left."""
    lists: dict[str, list[Constraint]] = {}
    for item in items:
        if isinstance(item, Constraint) and _lists_concepts(item, knowledge):
            lists.setdefault(item.left, []).append(item)
    merged: dict[int, Condition] = {}
    gone: set[int] = set()
    for first, *others in lists.values():
        if not others:
            continue
        found = _names(first)
        for item in others:
            found = _under_both(found, _names(item), knowledge)
        if not found:
            return None
        right = tuple(Iri(item) for item in sorted(found))
        merged[id(first)] = replace(first, operator=Operator.IS_ANY_OF, right=right)
        gone.update(id(item) for item in others)
    return [merged.get(id(item), item) for item in items if id(item) not in gone]


def joined(mine: Sequence[Prohibition], other: Sequence[Prohibition]) -> tuple[Prohibition, ...]:
    """Return the prohibitions of both, each once."""
    known = {rule_form(rule) for rule in mine}
    added = [rule for rule in other if rule_form(rule) not in known]
    return tuple(prohibition_rendered(rule) for rule in (*mine, *added))


def joined_duties(mine: Sequence[Duty], other: Sequence[Duty]) -> tuple[Duty, ...]:
    """Return the duties of both, each once."""
    known = {rule_form(rule) for rule in mine}
    added = [rule for rule in other if rule_form(rule) not in known]
    return tuple(duty_rendered(rule) for rule in (*mine, *added))


def _duties_under(mine: Permission, other: Permission) -> tuple[Duty, ...]:
    """Return the other's duties, for a permission that the first one's assigner grants."""
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


def distinct(rules: Sequence[Permission]) -> tuple[Permission, ...]:
    """Return permissions, each once."""
    return tuple({rule_form(rule): rule for rule in rules}.values())


def _conditions(rule: Permission) -> int:
    return 1 + sum(1 for _ in nested((*rule.constraints, *rule.action.refinements)))


def _about(item: Condition, rest: list[Condition]) -> list[Condition]:
    """Return what could prove a condition: what is about the same, and what is joined."""
    if not isinstance(item, Constraint):
        return rest
    return [it for it in rest if not isinstance(it, Constraint) or it.left == item.left]


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


def _names(item: Constraint) -> frozenset[str]:
    return frozenset(found for value in item.right if (found := name(value)) is not None)


def _under_both(
    left: frozenset[str], right: frozenset[str], knowledge: Knowledge
) -> frozenset[str]:
    """Return the broadest concepts that lie under one of `left` and one of `right`."""
    mine = frozenset().union(*(knowledge.below(item) for item in left))
    both = mine.intersection(frozenset().union(*(knowledge.below(item) for item in right)))
    return frozenset(item for item in both if not (knowledge.above(item) - {item}) & both)
