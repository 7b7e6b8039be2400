"""Whose words: rules as a policy that is made of two states them, and what of it is not one's own.

Numbers, moments and known concepts are written anew, and identifiers are left out, so that no text
of the other party comes in through them. What else is not the renderer's own is named, not quoted.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, TypeVar

from policies_odrl import model
from policies_odrl.algebra.forms import malformed, opaque, rule_form, without_ids
from policies_odrl.comparison import rules
from policies_odrl.concepts import concepts
from policies_odrl.model import Condition, Constraint, Policy, Rule, every_rule
from policies_odrl.reading import inventory
from policies_odrl.text import instant, term
from policies_odrl.values import name, number, span, step
from policies_odrl.vocabulary import INCLUDED_IN, OPERANDS, PROFILES, Kind, same_action

_FOREIGN: Final = {
    "action": "an action that is not one of the provider's",
    "rule": "a duty that is not one of the provider's",
    "name": "an asset or party that is not named by the provider",
    "function": "a party function that is not one of the provider's",
    "note": "a description that is not the provider's",
    "text": "an identifier or profile that is not the provider's",
}
_R = TypeVar("_R", model.Prohibition, model.Duty)
_Word = tuple[str, Any]  # what sort of word it is, and the word


def rendered(item: Condition) -> Condition:
    """Return a condition in the one spelling of its values, without identifiers."""
    if isinstance(item, model.LogicalConstraint):
        return model.LogicalConstraint(item.connective, tuple(map(rendered, item.operands)))
    return _rendered(item)


@lru_cache(maxsize=4096)  # one object, so that what is known of it is found again
def _rendered(item: Constraint) -> Constraint:
    operand = OPERANDS.get(item.left)
    left = (operand.replaced_by if operand else "") or item.left
    right = tuple(_anew(item.left, value) or value for value in item.right)
    if not malformed(item):  # where one value is taken, two equal ones are not that one
        right = tuple(dict.fromkeys(right))
    return replace(item, id="", left=left, right=right, datatype="", notes=())


def joined(*groups: Iterable[_R]) -> tuple[_R, ...]:
    """Return the rules of several policies in one spelling; what a policy says again is one."""
    found: list[_R] = []
    known: set[object] = set()
    for group in groups:  # of one policy, which may say a thing twice
        added = [rule for rule in group if rule_form(rule) not in known]
        known.update(map(rule_form, added))
        found += added
    return tuple(map(_rule_rendered, found))


def _rule_rendered(rule: Any) -> Any:
    constraints = tuple(map(rendered, rule.constraints))
    if isinstance(rule, model.Duty):
        return replace(without_ids(rule), constraints=constraints)
    remedies = tuple(map(without_ids, rule.remedies))
    return replace(rule, id="", constraints=constraints, remedies=remedies)


def _anew(left: str, value: model.Value) -> model.Value | None:
    """Return a number, a moment, a step or a known concept in its one spelling, or None."""
    kind = OPERANDS[left].kind if left in OPERANDS else Kind.IDENTITY
    if kind in {Kind.NUMBER, Kind.COUNT} and (amount := number(value)) is not None:
        digits = format(amount, "f")
        plain = digits.rstrip("0").rstrip(".") if "." in digits else digits
        return model.Literal(plain, model.XSD + "decimal")
    if kind is Kind.INSTANT and (found := span(value)) is not None:
        if found.start == found.end:
            return model.Literal(instant(found.start), model.XSD + "dateTime")
        day, _, zone = found.start.isoformat().partition("T00:00:00")  # midnight of its zone
        return model.Literal(day + zone.replace("+00:00", "Z"), model.XSD + "date")
    known = name(value)
    own = known in concepts() if kind is Kind.CONCEPT else kind is Kind.LEVEL and step(value)
    return model.Iri(str(known)) if own else None


def foreign(rendering: Policy, *own: Policy, terms: Container[str] = ()) -> tuple[str, ...]:
    """Return which parts of a rendering are not in the words of `own`; empty when all are.

    Rules, assets, parties, identifiers and descriptions stand only where one of the own policies
    has the very same. A value of a condition is own for that left operand, written anew, or a term.
    """
    mine = {word for policy in map(opaque, own) for word in _said(policy)}
    stated = [word for sort, word in mine if sort == "condition"]
    mine |= {("value", (word.left, value)) for word in stated for value in word.right}
    used = (it for it in inventory.conditions_in(rendering) if isinstance(it, Constraint))
    named = ((it.left, value) for it in used for value in it.right if isinstance(value, model.Iri))
    mine |= {("value", (left, value)) for left, value in named if value.value in terms}
    found: list[str] = []
    for path, rule in rendering.rules():
        if isinstance(rule, model.Permission):
            words = (*_words(rule), *(("rule", duty) for duty in rule.duties))
            found += [f"{_told(*it)} at `{path}`" for it in words if not _is_own(*it, mine)]
        elif not _ruled_alike(rendering, rule, mine):
            kind = type(rule).__name__.lower()
            found.append(f"the {kind} at `{path}` is not one of the provider's")
    found += [_told(*it) for it in _whole(rendering) if not _is_own(*it, mine)]
    return tuple(dict.fromkeys(found))


def _words(rule: Rule) -> Iterator[_Word]:
    """Yield the words of one rule, but those of its duties."""
    yield "action", same_action(rule.action.id)
    yield from (("function", name) for name, _ in rule.functions)
    yield from (("name", item) for item in inventory.references_of(rule))
    for item in inventory.nested((*rule.constraints, *rule.action.refinements)):
        if isinstance(item, Constraint):
            yield "condition", item


def _whole(policy: Policy) -> Iterator[_Word]:
    """Yield the words of a whole policy, and the identifiers and descriptions of all its parts."""
    texts = [policy.id, policy.replaced_by, policy.timestamp, *policy.inherits]
    texts += [item for item in policy.profiles if item not in PROFILES]
    texts += [text for _, rule, _ in every_rule(policy) for text in (rule.id, rule.origin)]
    texts += [item.id for item in inventory.conditions_in(policy)]
    yield from (("text", text) for text in texts if text)
    yield from (("note", pair) for pair in inventory.described(policy) if pair[1])
    stated = (getattr(policy, part) for part in rules.PARTS)
    yield from (("name", item) for item in stated if item is not None)


def _said(policy: Policy) -> Iterator[_Word]:
    """Yield all words of a policy, and its rules as what is made of it says them.

    Bans and obligations stand as they are or with what the whole policy names; who grants plays no
    part. A collection of which a permission was left out is named by a prohibition.
    """
    yield from _whole(policy)
    for _, rule, _ in every_rule(policy):
        for sort, word in _words(rule):
            yield sort, rendered(word) if sort == "condition" else word
    free = replace(policy, assigner=None)
    for _, stated in policy.rules():
        if isinstance(stated, model.Permission):
            yield from (("rule", _rule_rendered(duty)) for duty in stated.duties)
        else:
            yield from (("rule", _rule_rendered(it)) for it in (stated, rules.named(free, stated)))
    for part in rules.ABOUT:
        for rule, item in rules.collections_in(policy, part):
            named_by: dict[str, Any] = {part: rules.REFERENCES[part](item, collection=True)}
            yield "rule", model.Prohibition(action=model.Action(rule.action.id), **named_by)


def _is_own(sort: str, word: Any, mine: set[_Word]) -> bool:
    if (sort, word) in mine:
        return True
    if sort == "name":  # whether something is called a collection is no word
        return ("name", replace(word, collection=False)) in mine
    if sort != "condition":
        return sort == "action" and word in INCLUDED_IN
    more = word.unit or word.datatype or word.reference or word.status or word.id
    if more or word.left not in OPERANDS:
        return False
    stated = ((word.left, value) for value in word.right)
    return all(("value", it) in mine or _anew(*it) == it[1] for it in stated)


def _told(sort: str, word: Any) -> str:
    if sort == "condition":
        return f"a value of `{term(word.left)}` that is neither known nor the provider's"
    return _FOREIGN[sort]


def _ruled_alike(rendering: Policy, rule: Rule, mine: set[_Word]) -> bool:
    """Return whether a ban or obligation is own, or one about all things of which it names one."""
    whole = rules.named(rendering, rule)

    def about(own: Rule, part: str) -> bool:
        stated, asked = getattr(own, part), getattr(whole, part)
        return stated == asked or (stated is None and ("name", asked) in mine)

    bare = replace(rule, **rules.BARE)
    return ("rule", rule) in mine or any(
        replace(own, **rules.BARE) == bare and all(about(own, part) for part in rules.PARTS)
        for sort, own in mine
        if sort == "rule"
    )
