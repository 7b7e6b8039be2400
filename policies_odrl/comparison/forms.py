"""Forms that are equal for parts of policies that say the same, however spelled and ordered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from policies_odrl.comparison.regions import normal
from policies_odrl.model import (
    AssetRef,
    Condition,
    Connective,
    Constraint,
    Duty,
    LogicalConstraint,
    PartyRef,
    Prohibition,
    Rule,
    duties_below,
)
from policies_odrl.vocabulary import same_action


def rule_form(rule: Rule) -> tuple[object, ...]:
    """Return a form that is equal for rules that say the same."""
    duties = tuple(
        (name, frozenset(rule_form(duty) for duty in items)) for name, items in duties_below(rule)
    )
    return (
        type(rule).__name__,
        same_action(rule.action.id),
        frozenset(condition_form(item) for item in rule.action.refinements),
        *(reference_form(item) for item in (rule.target, rule.assigner, rule.assignee)),
        frozenset(condition_form(item) for item in flat(rule.constraints)),
        reference_form(rule.output),
        frozenset((name, reference_form(party)) for name, party in rule.functions),
        duties,
        _collections(rule) if isinstance(rule, Prohibition) else (),
    )


def _collections(rule: Prohibition) -> tuple[bool, ...]:
    """Return which references name collections: whether one can be ruled out depends on it."""
    named = (rule.target, rule.assignee)
    return tuple(item is not None and item.collection for item in named)


def condition_form(item: Condition) -> tuple[object, ...]:
    """Return a form that is equal for conditions that say the same."""
    if isinstance(item, Constraint):
        return normal(item)
    parts = [condition_form(part) for part in item.operands]
    if item.connective in {Connective.AND, Connective.OR}:
        return (item.connective, frozenset(parts))
    if item.connective is Connective.XONE:
        return (item.connective, frozenset(Counter(parts).items()))
    return (item.connective, tuple(parts))


def same_reference(left: AssetRef | PartyRef, right: AssetRef | PartyRef) -> bool:
    """Return whether two references name the same assets or parties."""
    return reference_form(left) == reference_form(right)


def reference_form(item: AssetRef | PartyRef | None) -> tuple[object, ...] | None:
    """Return a form that is equal for references to the same; None for none."""
    if item is None:
        return None
    refinements = frozenset(condition_form(part) for part in item.refinements)
    return (item.id, item.source, refinements)


def flat(items: Sequence[Condition]) -> Iterator[Condition]:
    """Yield conditions with `and` taken apart, which joins as a list of constraints does.

    One that joins nothing stays: it never holds, while an empty list of constraints always does.
    """
    for item in items:
        if not isinstance(item, LogicalConstraint):
            yield item
        elif item.connective is Connective.AND and item.operands:
            yield from flat(item.operands)
        else:
            yield item


def without_ids(rule: Duty) -> Duty:
    """Return a duty without its own identifier, as one party's rendering of another's terms."""
    return replace(rule, id="", consequences=tuple(without_ids(item) for item in rule.consequences))
