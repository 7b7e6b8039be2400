"""What a policy is made of, counted and listed: rules with their duties, and conditions.

Rules: nothing is left out, whatever it hangs below: refinements of actions, assets and parties,
operands of logical constraints, duties of duties.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies_odrl.knowledge import Knowledge
from policies_odrl.model import (
    AssetRef,
    Condition,
    Constraint,
    Iri,
    LogicalConstraint,
    Notes,
    PartyRef,
    Policy,
    Rule,
    duties_below,
)
from policies_odrl.vocabulary import PREAU, PROFILE, PROFILES

Reference = AssetRef | PartyRef


def size(policy: Policy) -> tuple[int, int, int]:
    """Return how many rules, conditions and values of conditions a policy has.

    Duties count as rules, and the parts of logical constraints as conditions.

    >>> from policies_odrl.model import ODRL, Action, Iri, Operator, Permission, PolicyKind
    >>> purpose = Constraint(ODRL + "purpose", Operator.EQ, (Iri("urn:a"),))
    >>> reading = Permission(action=Action(ODRL + "read"), constraints=(purpose,))
    >>> size(Policy(kind=PolicyKind.SET, permissions=(reading,)))
    (1, 1, 1)
    """
    found = list(conditions_in(policy))
    values = sum(
        len(item.right) + len(item.reference) for item in found if isinstance(item, Constraint)
    )
    return sum(1 for _ in rules_of(policy)), len(found), values


def strange(policy: Policy, knowledge: Knowledge) -> Iterator[str]:
    """Yield the profiles, actions, left operands and properties of a policy that are not known.

    Terms of our profile are known where the policy declares it (IM 2.1: a profile MUST be stated).

    Args:
        policy: as it was read.
        knowledge: terms beyond those of ODRL and of our profile.
    """
    yield from (name for name in policy.profiles if name not in PROFILES | knowledge.profiles)
    declared = PROFILE in policy.profiles
    rules = tuple(rules_of(policy))
    actions = [rule.action.id for rule in rules] + [item.id for item in policy.common.actions]
    for name in actions:
        if not knowledge.known_action(name) or (name.startswith(PREAU) and not declared):
            yield name
    shared = () if rules else policy.common.unread  # which rules hold already
    for item in (*shared, *conditions_in(policy)):
        if isinstance(item, Constraint) and (
            knowledge.operand(item.left) is None or (item.left.startswith(PREAU) and not declared)
        ):
            yield item.left


def conditions_in(policy: Policy) -> Iterator[Condition]:
    """Yield all conditions of a policy, whatever they hang below."""
    for rule in rules_of(policy):
        yield from conditions_of(rule)
    for item in (policy.target, policy.assigner, policy.assignee):
        yield from nested(item.refinements) if item is not None else ()


def rules_of(policy: Policy) -> Iterator[Rule]:
    """Yield the rules of a policy and all duties below them."""
    stack = [rule for _, rule in policy.rules()]
    while stack:
        rule = stack.pop()
        yield rule
        stack.extend(duty for _, duties in duties_below(rule) for duty in duties)


def conditions_of(rule: Rule) -> Iterator[Condition]:
    """Yield the conditions of a rule itself, and all below them; not those of its duties."""
    yield from nested(rule.constraints)
    yield from rule.unread
    yield from nested(rule.action.refinements)
    for item in references_of(rule):
        yield from nested(item.refinements)


def references_of(rule: Rule) -> tuple[Reference, ...]:
    """Return the assets and parties that a rule names itself."""
    named = (rule.target, rule.assigner, rule.assignee, rule.output)
    return (*(item for item in named if item is not None), *(item for _, item in rule.functions))


def described(policy: Policy) -> tuple[tuple[str, Notes], ...]:
    """Return (what is described, its descriptions) of all parts of a policy, in order of the parts.

    They have no part in equality, so that whoever checks that nothing was lost compares them too.
    A part is named by its class and its chief term.
    """
    whole = [item for item in (policy.target, policy.assigner, policy.assignee) if item is not None]
    found = [("policy", policy.metadata), *(pair for item in whole for pair in _reference(item))]
    for rule in rules_of(policy):
        action = rule.action
        node = ((action.node, Iri(action.id)),) if action.node else ()
        found.append((f"{type(rule).__name__} {action.id}", rule.notes))
        found.append((f"Action {action.id}", (*node, *action.notes)))
        found.extend(pair for item in references_of(rule) for pair in _reference(item))
        parts = (*nested(rule.constraints), *nested(action.refinements))
        found.extend(_condition(item) for item in parts)
    return tuple(found)


def _reference(item: Reference) -> Iterator[tuple[str, Notes]]:
    yield f"{type(item).__name__} {item.id or item.source}", item.notes
    for part in nested(item.refinements):
        yield _condition(part)


def _condition(item: Condition) -> tuple[str, Notes]:
    chief = item.left if isinstance(item, Constraint) else item.connective.value
    return f"{type(item).__name__} {chief}", item.notes


def nested(items: tuple[Condition, ...]) -> Iterator[Condition]:
    """Yield conditions and all below them."""
    stack = list(items)
    while stack:
        item = stack.pop()
        yield item
        if isinstance(item, LogicalConstraint):
            stack.extend(item.operands)
