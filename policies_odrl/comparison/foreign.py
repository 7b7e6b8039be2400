"""Is every word of a rendering its renderer's own?

Rules, assets, parties, identifiers and descriptions stand only where one of the own policies has
the very same. A value of a condition is own for that left operand, or was written anew by its kind.
All else is the other party's text, and is named without quoting it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from policies_odrl.comparison.rendering import kind_of, rendered, rule_rendered, value_anew
from policies_odrl.comparison.rules import PARTS, named
from policies_odrl.comparison.whole import about, collections_in
from policies_odrl.model import (
    Action,
    Constraint,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Rule,
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
_Word = tuple[str, object]  # what sort of word it is, and the word


def foreign(rendering: Policy, *own: Policy) -> tuple[str, ...]:
    """Return which parts of a rendering are not in the words of `own`; empty when all are.

    Args:
        rendering: what was made of several policies, as a counter-offer.
        own: the policies of the one whose words it must be in.

    >>> from policies_odrl.model import ODRL, AssetRef
    >>> def may(target):
    ...     rule = Permission(action=Action(ODRL + "read"), target=AssetRef(target))
    ...     return Policy(kind=PolicyKind.OFFER, permissions=(rule,))
    >>> foreign(may("urn:a"), may("urn:a")), len(foreign(may("urn:b"), may("urn:a")))
    ((), 1)
    """
    mine = frozenset(word for policy in own for word in (*_said(policy), *_ruled(policy)))
    found: list[str] = []
    for path, rule in rendering.rules():
        if isinstance(rule, Permission):
            found.extend(f"{line} at `{path}`" for line in _permission(rule, mine))
        elif not _is_own(rendering, rule, mine):
            name = type(rule).__name__.lower()
            found.append(f"the {name} at `{path}` is not one of the provider's")
    whole = [word for word in _said(rendering) if word not in mine]
    if any(sort == "note" for sort, _ in whole):
        found.append("a description that is not the provider's")
    if not all(_named_by(mine, item) for item in _whole_names(rendering)):
        found.append("an asset or party of the whole policy that is not named by the provider")
    if any(sort == "text" for sort, _ in whole):
        found.append("an identifier or profile that is not the provider's")
    return tuple(dict.fromkeys(found))


def _said(policy: Policy) -> Iterator[_Word]:
    """Yield the words of a policy, but those of its parts' meaning that are known without it."""
    texts = [policy.id, policy.replaced_by, policy.timestamp, *policy.inherits]
    texts += [item for item in policy.profiles if item not in PROFILES]
    for rule in rules_of(policy):
        texts += [rule.id, rule.origin]
        yield "action", same_action(rule.action.id)
        yield from (("function", name) for name, _ in rule.functions)
        yield from (("name", item) for item in references_of(rule))
        for item in conditions_of(rule):
            texts.append(item.id)
            if isinstance(item, Constraint):
                stated = rendered(item)
                yield "condition", stated
                if isinstance(stated, Constraint):
                    yield from (("value", (stated.left, value)) for value in stated.right)
    for whole in _whole_names(policy):
        yield "name", whole
        texts += [part.id for part in nested(whole.refinements)]
    yield from (("note", pair) for pair in described(policy) if pair[1])
    yield from (("text", text) for text in texts if text)


def _ruled(policy: Policy) -> Iterator[_Word]:
    """Yield the prohibitions, obligations and duties of a policy, as what is made of it says them.

    Bans and obligations stand as they are or with what the whole policy names; who grants plays no
    part. A collection of which a permission was left out is named by a prohibition.
    """
    free = replace(policy, assigner=None)
    for ban in policy.prohibitions:
        yield from (("rule", rule_rendered(rule)) for rule in (ban, named(free, ban)))
    for duty in policy.obligations:
        yield from (("rule", rule_rendered(rule)) for rule in (duty, named(free, duty)))
    for permission in policy.permissions:
        yield from (("rule", rule_rendered(duty)) for duty in permission.duties)
    for part in ("target", "assignee"):
        for rule, name in collections_in(policy, part):
            yield "rule", about(Prohibition(action=Action(rule.action.id)), part, name)


def _whole_names(policy: Policy) -> list[Reference]:
    return [item for part in PARTS if (item := getattr(policy, part)) is not None]


def _is_own(rendering: Policy, rule: Rule, mine: frozenset[_Word]) -> bool:
    """Return whether a prohibition or obligation is own, wherever what it is about is stated.

    One about all things may be about those that the rendering is about.
    """
    asked = _about(rendering, rule)
    return ("rule", rule) in mine or any(
        isinstance(own, Rule)
        and _plain(own) == _plain(rule)
        and all(
            stated == item or (stated is None and ("name", item) in mine)
            for stated, item in zip(_about(_NOBODY, own), asked, strict=True)
        )
        for sort, own in mine
        if sort == "rule"
    )


def _about(policy: Policy, rule: Rule) -> tuple[Reference | None, ...]:
    return policy.target_of(rule), policy.assigner_of(rule), policy.assignee_of(rule)


def _plain(rule: Rule) -> Rule:
    return replace(rule, target=None, assigner=None, assignee=None)


def _permission(rule: Permission, mine: frozenset[_Word]) -> Iterator[str]:
    if ("action", rule.action.id) not in mine and rule.action.id not in INCLUDED_IN:
        yield "an action that is not one of the provider's"
    if any(("rule", duty) not in mine for duty in rule.duties):
        yield "a duty that is not one of the provider's"
    if not all(_named_by(mine, item) for item in references_of(rule)):
        yield "an asset or party that is not named by the provider"
    if any(("function", name) not in mine for name, _ in rule.functions):
        yield "a party function that is not one of the provider's"
    for item in nested((*rule.constraints, *rule.action.refinements)):
        if isinstance(item, Constraint) and not _in_own_words(item, mine):
            yield f"a value of `{term(item.left)}` that is neither known nor the provider's"


def _named_by(mine: frozenset[_Word], item: Reference) -> bool:
    """Return whether an asset or party is own; whether it is called a collection is no word."""
    return ("name", item) in mine or ("name", replace(item, collection=False)) in mine


def _in_own_words(item: Constraint, mine: frozenset[_Word]) -> bool:
    if ("condition", item) in mine:
        return True
    if item.unit or item.datatype or item.reference or item.status or item.id:
        return False
    kind = kind_of(item.left)
    return item.left in OPERANDS and all(
        ("value", (item.left, value)) in mine or value_anew(kind, value) == value
        for value in item.right
    )
