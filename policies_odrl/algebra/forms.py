"""Forms that are equal for parts of policies that say the same, however spelled and ordered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from policies_odrl import model
from policies_odrl.model import AssetRef, Operator, PartyRef
from policies_odrl.units import canonical, in_base
from policies_odrl.values import Duration, datatype_of, name, number, scalar
from policies_odrl.vocabulary import OPERANDS, Kind, Operand, same_action

_MEASURED = "measured"
SCALARS = frozenset({Kind.NUMBER, Kind.COUNT, Kind.INSTANT, Kind.DURATION, Kind.LEVEL})
LISTING = frozenset(
    {Operator.IS_ANY_OF, Operator.IS_NONE_OF, Operator.IS_ALL_OF, Operator.HAS_PART}
)


@lru_cache(maxsize=4096)  # a policy is compared with others again and again
def normal(item: model.Constraint) -> Hashable:
    """Return a form that is equal for constraints that say the same."""
    operand = OPERANDS.get(item.left)
    left = operand.replaced_by or operand.id if operand else item.left
    operator = item.operator
    concept = operand is not None and operand.kind is Kind.CONCEPT
    if concept and operator is Operator.IS_A and len(item.right) == 1:
        operator = Operator.IS_ANY_OF
    listed = [_normal_value(operand, value, item.unit) for value in item.right]
    values = tuple(listed) if malformed(item) else frozenset(listed)  # two equal ones are not one
    known = all(isinstance(value, tuple) and value[0] == _MEASURED for value in listed)
    unit = "" if listed and known else canonical(item.unit)
    return (left, operator, values, unit, tuple(sorted(item.reference)), item.status)


def malformed(item: model.Constraint) -> bool:
    """Return whether a constraint names no value, or several where its operator takes one."""
    if item.reference:
        return False
    return not item.right or (len(item.right) != 1 and item.operator not in LISTING)


def _normal_value(operand: Operand | None, value: model.Value, unit: str) -> Hashable:
    if operand is not None and operand.kind in SCALARS:
        amount = number(value) if unit else None
        known = in_base(amount, unit) if amount is not None else None
        if known is not None:
            return (_MEASURED, *known)
        found = scalar(operand.kind, value) or number(value)
        if isinstance(found, Duration) and not found.months and not unit:
            return (_MEASURED, "time", found.seconds)
        if found is not None:
            return found
    if operand is not None and operand.kind in {Kind.CONCEPT, Kind.PLACE}:
        return name(value)
    return (name(value), datatype_of(value))


def rule_form(rule: model.Rule) -> tuple[object, ...]:
    """Return a form that is equal for rules that say the same, collections of bans included."""
    named = (rule.target, rule.assignee) if isinstance(rule, model.Prohibition) else ()
    duties = tuple(
        (name, frozenset(rule_form(duty) for duty in items))
        for name, items in model.duties_below(rule)
    )
    return (
        type(rule).__name__,
        same_action(rule.action.id),
        frozenset(condition_form(item) for item in rule.action.refinements),
        *(reference_form(item) for item in (rule.target, rule.assigner, rule.assignee)),
        frozenset(condition_form(item) for item in flat(rule.constraints)),
        frozenset(condition_form(item) for item in rule.unread),
        reference_form(rule.output),
        frozenset((name, reference_form(party)) for name, party in rule.functions),
        duties,
        tuple(bool(item and item.collection) for item in named),
    )


def condition_form(item: model.Condition) -> Hashable:
    """Return a form that is equal for conditions that say the same."""
    if isinstance(item, model.Constraint):
        return normal(item)
    parts: Iterable[Hashable] = map(condition_form, item.operands)
    if item.connective is model.Connective.XONE:  # where two that are equal exclude one another
        parts = Counter(parts).items()
    ordered = item.connective is model.Connective.AND_SEQUENCE
    return (item.connective, tuple(parts) if ordered else frozenset(parts))


def operands_of(item: model.Condition) -> frozenset[str]:
    """Return the left operands that a condition speaks of."""
    if isinstance(item, model.Constraint):
        return frozenset({item.left})
    return frozenset().union(*map(operands_of, item.operands))


def same_reference(left: AssetRef | PartyRef, right: AssetRef | PartyRef) -> bool:
    """Return whether two references name the same assets or parties."""
    return reference_form(left) == reference_form(right)


def reference_form(item: AssetRef | PartyRef | None) -> tuple[object, ...] | None:
    """Return a form that is equal for references to the same; None for none."""
    if item is None:
        return None
    refinements = frozenset(condition_form(part) for part in item.refinements)
    return (item.id, item.source, refinements)


def flat(items: Sequence[model.Condition]) -> Iterator[model.Condition]:
    """Yield conditions with `and` taken apart, which joins as a list of constraints does.

    One that joins nothing stays: it never holds, while an empty list of constraints always does.
    """
    for item in items:
        if not isinstance(item, model.LogicalConstraint):
            yield item
        elif item.connective is model.Connective.AND and item.operands:
            yield from flat(item.operands)
        else:
            yield item


def without_ids(rule: model.Duty) -> model.Duty:
    """Return a duty without its own identifier, as one party's rendering of another's terms."""
    return replace(rule, id="", consequences=tuple(without_ids(item) for item in rule.consequences))


def opaque(policy: model.Policy) -> model.Policy:
    """Return a policy with what was not understood as constraints that nobody can decide.

    They stand beside those of a permission, and in place of all conditions of a prohibition,
    because they may lift any of these (`Rule.unread`). Duties stay: one is never done, whatever its
    conditions say.
    """
    if not any(rule.unread for rule in (*policy.permissions, *policy.prohibitions)):
        return policy
    permissions = (
        replace(rule, constraints=(*rule.constraints, *rule.unread), unread=())
        for rule in policy.permissions
    )
    bans = (_never_lifted(policy, it) if it.unread else it for it in policy.prohibitions)
    return replace(policy, permissions=tuple(permissions), prohibitions=tuple(bans))


def _never_lifted(policy: model.Policy, rule: model.Prohibition) -> model.Prohibition:
    target, assignee = policy.target_of(rule), policy.assignee_of(rule)
    return replace(
        rule,
        action=replace(rule.action, refinements=()),
        target=replace(target, refinements=()) if target else None,
        assignee=replace(assignee, refinements=()) if assignee else None,
        constraints=rule.unread,
        unread=(),
    )
