"""What a policy is made of: rules with their duties, and all parts, whatever they hang below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policies_odrl import model
from policies_odrl.knowledge import Knowledge
from policies_odrl.vocabulary import PREAU, PROFILE, PROFILES

Reference = model.AssetRef | model.PartyRef
Part = model.Action | Reference | model.Condition


def size(policy: model.Policy) -> tuple[int, int, int]:
    """Return how many rules and duties, conditions at any depth, and values a policy has."""
    found = list(conditions_in(policy))
    atoms = [item for item in found if isinstance(item, model.Constraint)]
    values = sum(len(item.right) + len(item.reference) for item in atoms)
    return sum(1 for _ in model.every_rule(policy)), len(found), values


def strange(policy: model.Policy, knowledge: Knowledge) -> Iterator[str]:
    """Yield the profiles, actions, left operands and properties of a policy that are not known.

    Terms of our profile are known where the policy declares it (IM 2.1: a profile MUST be stated).
    """
    yield from (name for name in policy.profiles if name not in PROFILES | knowledge.profiles)
    declared = PROFILE in policy.profiles
    rules = [rule for _, rule, _ in model.every_rule(policy)]
    for action in (*(rule.action for rule in rules), *policy.common.actions):
        name = action.id
        if not knowledge.known_action(name) or (name.startswith(PREAU) and not declared):
            yield name
    shared = () if rules else policy.common.unread  # which rules hold already
    for item in (*shared, *conditions_in(policy)):
        if isinstance(item, model.Constraint) and (
            knowledge.operand(item.left) is None or (item.left.startswith(PREAU) and not declared)
        ):
            yield item.left


def conditions_in(policy: model.Policy) -> Iterator[model.Condition]:
    """Yield all conditions of a policy, whatever they hang below."""
    owners: list[model.Policy | model.Rule] = [it for _, it, _ in model.every_rule(policy)]
    parts = (item for owner in (*owners, policy) for item in _parts(owner))
    return (item for item in parts if isinstance(item, model.Condition))


def references_of(owner: model.Policy | model.Rule) -> tuple[Reference, ...]:
    """Return the assets and parties that a rule names, or a policy for all its rules."""
    named = [owner.target, owner.assigner, owner.assignee]
    if isinstance(owner, model.Rule):
        named += [owner.output, *(item for _, item in owner.functions)]
    return tuple(item for item in named if item is not None)


def described(policy: model.Policy) -> tuple[tuple[str, model.Notes], ...]:
    """Return (what is described, its descriptions) of all parts of a policy.

    They have no part in equality, so that whoever checks that nothing was lost compares them too.
    A part is named by its class and its chief term.
    """
    found = [("policy", policy.metadata), *map(_described, _parts(policy))]
    for _, rule, _ in model.every_rule(policy):
        found.append((f"{type(rule).__name__} {rule.action.id}", rule.notes))
        found.extend(map(_described, _parts(rule)))
    return tuple(found)


def nested(items: Iterable[Part]) -> Iterator[Part]:
    """Yield parts and all below them, in their order."""
    stack = [*items][::-1]
    while stack:
        item = stack.pop()
        yield item
        if isinstance(item, model.LogicalConstraint):
            stack.extend(reversed(item.operands))
        elif not isinstance(item, model.Constraint):
            stack.extend(reversed(item.refinements))


def _parts(owner: model.Policy | model.Rule) -> Iterator[Part]:
    own = (*owner.constraints, *owner.unread, owner.action) if isinstance(owner, model.Rule) else ()
    return nested((*own, *references_of(owner)))


def _described(item: Part) -> tuple[str, model.Notes]:
    notes = item.notes
    match item:
        case model.Constraint():
            chief = item.left
        case model.LogicalConstraint():
            chief = item.connective.value
        case model.Action():
            chief = item.id
            notes = (*(((item.node, model.Iri(item.id)),) if item.node else ()), *notes)
        case _:
            chief = item.id or item.source
    return f"{type(item).__name__} {chief}", notes
