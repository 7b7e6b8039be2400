"""Is every word of a rendering its renderer's own?

Rules: prohibitions, obligations, duties, assets, parties and party functions stand only where one
of the own policies has the very same, and so do descriptions, which equality does not see; a value
of a condition is either own for that left operand, or was written anew by its kind (a number, a
moment, a purpose that the vocabulary knows). All else is the other party's text, and is named
without quoting it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from policies_odrl.comparison.rendering import (
    duty_rendered,
    kind_of,
    prohibition_rendered,
    rendered,
    value_anew,
)
from policies_odrl.model import Condition, Constraint, Notes, Permission, Policy, Rule, Value
from policies_odrl.reading.inventory import (
    Reference,
    conditions_of,
    described,
    nested,
    references_of,
    rules_of,
)
from policies_odrl.text import term
from policies_odrl.vocabulary import INCLUDED_IN, OPERANDS, same_action


@dataclass(frozen=True, slots=True)
class _Own:
    rules: frozenset[Rule]
    atoms: frozenset[Condition]
    values: frozenset[tuple[str, Value]]
    names: frozenset[Reference]
    functions: frozenset[str]
    actions: frozenset[str]
    notes: frozenset[tuple[str, Notes]]


def foreign(rendering: Policy, *own: Policy) -> tuple[str, ...]:
    """Return which parts of a rendering are not in the words of `own`; empty when all are.

    Args:
        rendering: what `narrow` or `meet` made.
        own: the policies of the one whose words it must be in.
    """
    mine = _own(own)
    found: list[str] = []
    for path, rule in rendering.rules():
        if isinstance(rule, Permission):
            found.extend(f"{line} at `{path}`" for line in _permission(rule, mine))
        elif rule not in mine.rules:
            name = type(rule).__name__.lower()
            found.append(f"the {name} at `{path}` is not one of the provider's")
    if any(notes and (part, notes) not in mine.notes for part, notes in described(rendering)):
        found.append("a description that is not the provider's")
    return tuple(dict.fromkeys(found))


def _permission(rule: Permission, mine: _Own) -> Iterator[str]:
    if rule.action.id not in mine.actions and rule.action.id not in INCLUDED_IN:
        yield "an action that is not one of the provider's"
    if any(duty not in mine.rules for duty in rule.duties):
        yield "a duty that is not one of the provider's"
    if any(item not in mine.names for item in references_of(rule)):
        yield "an asset or party that is not named by the provider"
    if any(name not in mine.functions for name, _ in rule.functions):
        yield "a party function that is not one of the provider's"
    for item in nested((*rule.constraints, *rule.action.refinements)):
        if isinstance(item, Constraint) and not _in_own_words(item, mine):
            yield f"a value of `{term(item.left)}` that is neither known nor the provider's"


def _in_own_words(item: Constraint, mine: _Own) -> bool:
    if item in mine.atoms:
        return True
    if item.unit or item.datatype or item.reference or item.status or item.id:
        return False
    kind = kind_of(item.left)
    return item.left in OPERANDS and all(
        (item.left, value) in mine.values or value_anew(kind, value) == value
        for value in item.right
    )


def _own(policies: tuple[Policy, ...]) -> _Own:
    rules = [rule for policy in policies for rule in rules_of(policy)]
    atoms = frozenset(
        rendered(item) for rule in rules for item in conditions_of(rule) if _atomic(item)
    )
    return _Own(
        rules=frozenset(
            [
                *(prohibition_rendered(item) for p in policies for item in p.prohibitions),
                *(duty_rendered(item) for p in policies for item in p.obligations),
                *(duty_rendered(d) for p in policies for r in p.permissions for d in r.duties),
            ]
        ),
        atoms=atoms,
        values=frozenset(
            (item.left, value)
            for item in atoms
            if isinstance(item, Constraint)
            for value in item.right
        ),
        names=frozenset(item for rule in rules for item in references_of(rule)),
        functions=frozenset(name for rule in rules for name, _ in rule.functions),
        actions=frozenset(same_action(rule.action.id) for rule in rules),
        notes=frozenset(pair for policy in policies for pair in described(policy)),
    )


def _atomic(item: Condition) -> bool:
    return isinstance(item, Constraint)
