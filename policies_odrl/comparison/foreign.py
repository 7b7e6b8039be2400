"""Is every word of a rendering its renderer's own?

Rules, assets, parties, identifiers and descriptions stand only where one of the own policies has
the very same. A value of a condition is own for that left operand, or was written anew by its kind.
All else is the other party's text, and is named without quoting it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from policies_odrl.comparison.rendering import kind_of, rendered, rule_rendered, value_anew
from policies_odrl.comparison.rules import named
from policies_odrl.comparison.whole import about, collections_in
from policies_odrl.model import (
    Action,
    Condition,
    Constraint,
    Duty,
    Notes,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Rule,
    Value,
)
from policies_odrl.reading.inventory import (
    Reference,
    conditions_of,
    described,
    nested,
    references_of,
    rules_of,
)
from policies_odrl.text import term
from policies_odrl.vocabulary import INCLUDED_IN, OPERANDS, PROFILES, same_action

_NOBODY: Final = Policy(kind=PolicyKind.SET)
_R = TypeVar("_R", Prohibition, Duty)


@dataclass(frozen=True, slots=True)
class _Own:
    rules: frozenset[Rule]
    atoms: frozenset[Condition]
    values: frozenset[tuple[str, Value]]
    names: frozenset[Reference]
    functions: frozenset[str]
    actions: frozenset[str]
    notes: frozenset[tuple[str, Notes]]
    texts: frozenset[str]


def foreign(rendering: Policy, *own: Policy) -> tuple[str, ...]:
    """Return which parts of a rendering are not in the words of `own`; empty when all are.

    Args:
        rendering: what was made of several policies, as a counter-offer.
        own: the policies of the one whose words it must be in.

    >>> from policies_odrl.model import ODRL, Action, AssetRef, PolicyKind
    >>> def may(target):
    ...     rule = Permission(action=Action(ODRL + "read"), target=AssetRef(target))
    ...     return Policy(kind=PolicyKind.OFFER, permissions=(rule,))
    >>> foreign(may("urn:a"), may("urn:a")), len(foreign(may("urn:b"), may("urn:a")))
    ((), 1)
    """
    mine = _own(own)
    found: list[str] = []
    for path, rule in rendering.rules():
        if isinstance(rule, Permission):
            found.extend(f"{line} at `{path}`" for line in _permission(rule, mine))
        elif not _is_own(rendering, rule, mine):
            name = type(rule).__name__.lower()
            found.append(f"the {name} at `{path}` is not one of the provider's")
    if any(notes and (part, notes) not in mine.notes for part, notes in described(rendering)):
        found.append("a description that is not the provider's")
    if not all(_named_by(mine, item) for item in _whole_names(rendering)):
        found.append("an asset or party of the whole policy that is not named by the provider")
    if not _texts(rendering) <= mine.texts:
        found.append("an identifier or profile that is not the provider's")
    return tuple(dict.fromkeys(found))


def _whole_names(policy: Policy) -> frozenset[Reference]:
    whole = (policy.target, policy.assigner, policy.assignee)
    return frozenset(item for item in whole if item is not None)


def _texts(policy: Policy) -> frozenset[str]:
    """Return the names that a policy states, but those of its parts' meaning, known without it."""
    found = {policy.id, policy.replaced_by, policy.timestamp, *policy.inherits}
    found.update(item for item in policy.profiles if item not in PROFILES)
    for rule in rules_of(policy):
        found.update((rule.id, rule.origin))
        found.update(item.id for item in conditions_of(rule))
    for item in _whole_names(policy):
        found.update(part.id for part in nested(item.refinements))
    return frozenset(found) - {""}


def _is_own(rendering: Policy, rule: Rule, mine: _Own) -> bool:
    """Return whether a prohibition or obligation is own, wherever what it is about is stated.

    One about all things may be about those that the rendering is about.
    """
    about = _about(rendering, rule)
    return rule in mine.rules or any(
        _plain(own) == _plain(rule)
        and all(
            stated == item or (stated is None and item in mine.names)
            for stated, item in zip(_about(_NOBODY, own), about, strict=True)
        )
        for own in mine.rules
    )


def _about(policy: Policy, rule: Rule) -> tuple[Reference | None, ...]:
    return policy.target_of(rule), policy.assigner_of(rule), policy.assignee_of(rule)


def _plain(rule: Rule) -> Rule:
    return replace(rule, target=None, assigner=None, assignee=None)


def _permission(rule: Permission, mine: _Own) -> Iterator[str]:
    if rule.action.id not in mine.actions and rule.action.id not in INCLUDED_IN:
        yield "an action that is not one of the provider's"
    if any(duty not in mine.rules for duty in rule.duties):
        yield "a duty that is not one of the provider's"
    if not all(_named_by(mine, item) for item in references_of(rule)):
        yield "an asset or party that is not named by the provider"
    if any(name not in mine.functions for name, _ in rule.functions):
        yield "a party function that is not one of the provider's"
    for item in nested((*rule.constraints, *rule.action.refinements)):
        if isinstance(item, Constraint) and not _in_own_words(item, mine):
            yield f"a value of `{term(item.left)}` that is neither known nor the provider's"


def _named_by(mine: _Own, item: Reference) -> bool:
    """Return whether an asset or party is own; whether it is called a collection is no word."""
    return item in mine.names or replace(item, collection=False) in mine.names


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
    stated = [
        *(rule_rendered(item) for p in policies for item in _both(p, p.prohibitions)),
        *(rule_rendered(item) for p in policies for item in _both(p, p.obligations)),
        *(rule_rendered(d) for p in policies for r in p.permissions for d in r.duties),
        *(item for policy in policies for item in _remembered(policy)),
    ]
    atoms = frozenset(
        rendered(item) for rule in rules for item in conditions_of(rule) if _atomic(item)
    )
    return _Own(
        rules=frozenset(stated),
        atoms=atoms,
        values=frozenset(
            (item.left, value)
            for item in atoms
            if isinstance(item, Constraint)
            for value in item.right
        ),
        names=frozenset(item for rule in rules for item in references_of(rule)).union(
            *(_whole_names(policy) for policy in policies)
        ),
        functions=frozenset(name for rule in rules for name, _ in rule.functions),
        actions=frozenset(same_action(rule.action.id) for rule in rules),
        notes=frozenset(pair for policy in policies for pair in described(policy)),
        texts=frozenset().union(*(_texts(policy) for policy in policies)),
    )


def _both(policy: Policy, rules: Sequence[_R]) -> Iterator[_R]:
    """Yield rules as they stand, and with what the whole policy names written into them.

    Who grants plays no part (`counter.py`).
    """
    for rule in rules:
        yield from (rule, named(replace(policy, assigner=None), rule))


def _remembered(policy: Policy) -> Iterator[Prohibition]:
    """Yield the prohibitions that keep in mind a collection of which a permission was left out."""
    for part in ("target", "assignee"):
        for rule, name in collections_in(policy, part):
            yield about(Prohibition(action=Action(rule.action.id)), part, name)


def _atomic(item: Condition) -> bool:
    return isinstance(item, Constraint)
