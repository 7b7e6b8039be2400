"""What a policy is made of: rules with their duties, and their parts.

Rules: nothing is left out, whatever it hangs below: refinements of actions, assets and parties,
operands of logical constraints, duties of duties.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policies_odrl import model
from policies_odrl.knowledge import Knowledge
from policies_odrl.vocabulary import PREAU, PROFILE, PROFILES

Reference = model.AssetRef | model.PartyRef
Part = model.Action | Reference | model.Condition


def size(policy: model.Policy) -> tuple[int, int, int]:
    """Return how many rules, conditions and values of conditions a policy has.

    Duties count as rules, and the parts of logical constraints as conditions.
    """
    found = list(conditions_in(policy))
    values = sum(
        len(item.right) + len(item.reference)
        for item in found
        if isinstance(item, model.Constraint)
    )
    return sum(1 for _ in rules_of(policy)), len(found), values


def strange(policy: model.Policy, knowledge: Knowledge) -> Iterator[str]:
    """Yield the profiles, actions, left operands and properties of a policy that are not known.

    Terms of our profile are known where the policy declares it (IM 2.1: a profile MUST be stated).
    """
    yield from (name for name in policy.profiles if name not in PROFILES | knowledge.profiles)
    declared = PROFILE in policy.profiles
    rules = tuple(rules_of(policy))
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
    for rule in rules_of(policy):
        yield from conditions_of(rule)
    yield from _conditions(nested(_named(policy)))


def rules_of(policy: model.Policy) -> Iterator[model.Rule]:
    """Yield the rules of a policy and all duties below them."""
    return (rule for _, rule, _ in model.every_rule(policy))


def conditions_of(rule: model.Rule) -> Iterator[model.Condition]:
    """Yield the conditions of a rule itself, and all below them; not those of its duties."""
    return _conditions(_parts(rule))


def references_of(rule: model.Rule) -> tuple[Reference, ...]:
    """Return the assets and parties that a rule names itself."""
    return (*_named(rule), *(item for _, item in rule.functions))


def described(policy: model.Policy) -> tuple[tuple[str, model.Notes], ...]:
    """Return (what is described, its descriptions) of all parts of a policy.

    They have no part in equality, so that whoever checks that nothing was lost compares them too.
    A part is named by its class and its chief term.
    """
    found = [("policy", policy.metadata), *map(_described, nested(_named(policy)))]
    for rule in rules_of(policy):
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


def _named(part: model.Policy | model.Rule) -> tuple[Reference, ...]:
    output = part.output if isinstance(part, model.Rule) else None
    named = (part.target, part.assigner, part.assignee, output)
    return tuple(item for item in named if item is not None)


def _parts(rule: model.Rule) -> Iterator[Part]:
    return nested((*rule.constraints, *rule.unread, rule.action, *references_of(rule)))


def _conditions(parts: Iterable[Part]) -> Iterator[model.Condition]:
    return (item for item in parts if isinstance(item, model.Condition))


def _described(item: Part) -> tuple[str, model.Notes]:
    match item:
        case model.Constraint():
            chief = item.left
        case model.LogicalConstraint():
            chief = item.connective.value
        case model.Action():
            node = ((item.node, model.Iri(item.id)),) if item.node else ()
            return f"Action {item.id}", (*node, *item.notes)
        case _:
            chief = item.id or item.source
    return f"{type(item).__name__} {chief}", item.notes
