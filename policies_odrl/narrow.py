"""The greatest terms under two policies, in the first one's words.

Rules: a narrowed permission carries every condition of both, so that it never permits more than
either; of two conditions of which one follows from the other, only the stricter stays; values are
written anew in one spelling and identifiers are left out, so that no text of the other party is
contracted. A permission that nothing could satisfy is dropped; None when none is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from policies_odrl.compare import contains
from policies_odrl.forms import flat, rule_form, without_ids
from policies_odrl.model import (
    XSD,
    Action,
    AssetRef,
    Condition,
    Conflict,
    Constraint,
    Duty,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Rule,
    Value,
)
from policies_odrl.proof import Proof, disjoint
from policies_odrl.text import instant
from policies_odrl.values import Span, name, number, span
from policies_odrl.vocabulary import (
    OPERANDS,
    Kind,
    purposes,
    same_action,
    wider_actions,
    wider_purposes,
)

MAX_RULES = 64


def narrow(offer: Policy, request: Policy, reserve: Policy | None = None) -> Policy | None:
    """Return the terms to contract, in the provider's words, or None when they are outside.

    Args:
        offer: what the provider published.
        request: what the consumer asks for; it must lie within the offer or within the reserve.
        reserve: the provider's private limits; None when only the offer counts.
    """
    for limits in (offer, reserve):
        if limits is not None and contains(limits, request):
            return meet(limits, request)
    return None


def meet(offer: Policy, request: Policy) -> Policy | None:
    """Return the greatest offer under both, or None when they have nothing in common.

    Class Offer, no identifier; what holds for the whole policy (target, parties, conflict strategy)
    is the first policy's.
    """
    if len(offer.permissions) * len(request.permissions) > MAX_RULES:
        return None
    if not _compatible(offer, request):
        return None
    prover = Proof()
    permissions = tuple(
        rule
        for mine in offer.permissions
        for other in request.permissions
        if (rule := _permission(prover, mine, other)) is not None
    )
    if not permissions:
        return None
    return Policy(
        kind=PolicyKind.OFFER,
        permissions=_distinct(permissions),
        prohibitions=_joined(offer.prohibitions, request.prohibitions),
        obligations=_joined_duties(offer.obligations, request.obligations),
        profiles=tuple(dict.fromkeys((*offer.profiles, *request.profiles))),
        conflict=_stricter(offer, request),
        target=offer.target,
        assigner=offer.assigner,
        assignee=offer.assignee,
    )


def tightest(items: Sequence[Condition], prover: Proof) -> tuple[Condition, ...] | None:
    """Return conditions without what follows from the rest, or None when nothing satisfies all."""
    known = [rendered(item) for item in flat(items)]
    places: dict[str, int] = {}
    for item in known:
        places.setdefault(_subject(item), len(places))
    kept = _concepts_met(known)
    if kept is None or disjoint(kept):
        return None
    for item in reversed(kept[:]):
        rest = [other for other in kept if other is not item]
        if rest and prover.follows(item, rest):
            kept = rest
    return tuple(sorted(kept, key=lambda item: places[_subject(item)]))


def _subject(item: Condition) -> str:
    return item.left if isinstance(item, Constraint) else item.connective.value


def _compatible(offer: Policy, request: Policy) -> bool:
    pairs = (
        (offer.target, request.target),
        (offer.assigner, request.assigner),
        (offer.assignee, request.assignee),
    )
    return all(mine is None or other is None or mine.id == other.id for mine, other in pairs)


def _stricter(offer: Policy, request: Policy) -> Conflict | None:
    """`perm` only where both say so: otherwise one party's prohibitions would be overridden."""
    if offer.conflict is Conflict.PERM and request.conflict is not Conflict.PERM:
        return request.conflict if request.prohibitions else offer.conflict
    return offer.conflict


def _permission(prover: Proof, mine: Permission, other: Permission) -> Permission | None:
    action = _action(prover, mine, other)
    constraints = tightest([*mine.constraints, *other.constraints], prover)
    if action is None or constraints is None or not _agree(mine, other):
        return None
    if disjoint([*constraints, *action.refinements]):
        return None
    return Permission(
        action=action,
        target=mine.target or other.target,
        assigner=mine.assigner or other.assigner,
        assignee=mine.assignee or other.assignee,
        constraints=constraints,
        output=mine.output or other.output,
        functions=tuple(dict.fromkeys((*mine.functions, *other.functions))),
        duties=_joined_duties(mine.duties, other.duties),
    )


def _agree(mine: Rule, other: Rule) -> bool:
    pairs: tuple[tuple[AssetRef | PartyRef | None, AssetRef | PartyRef | None], ...] = (
        (mine.target, other.target),
        (mine.assigner, other.assigner),
        (mine.assignee, other.assignee),
        (mine.output, other.output),
    )
    return all(left is None or right is None or left == right for left, right in pairs)


def _action(prover: Proof, mine: Permission, other: Permission) -> Action | None:
    if same_action(mine.action.id) in wider_actions(other.action.id):
        name_ = other.action.id
    elif same_action(other.action.id) in wider_actions(mine.action.id):
        name_ = mine.action.id
    else:
        return None
    refinements = tightest([*mine.action.refinements, *other.action.refinements], prover)
    return None if refinements is None else Action(same_action(name_), refinements)


def _joined(mine: Sequence[Prohibition], other: Sequence[Prohibition]) -> tuple[Prohibition, ...]:
    known = {rule_form(rule) for rule in mine}
    added = [rule for rule in other if rule_form(rule) not in known]
    return tuple(prohibition_rendered(rule) for rule in (*mine, *added))


def _joined_duties(mine: Sequence[Duty], other: Sequence[Duty]) -> tuple[Duty, ...]:
    known = {rule_form(rule) for rule in mine}
    added = [rule for rule in other if rule_form(rule) not in known]
    return tuple(duty_rendered(rule) for rule in (*mine, *added))


def prohibition_rendered(rule: Prohibition) -> Prohibition:
    """Return a prohibition as a narrowed policy states it."""
    return replace(
        rule,
        id="",
        constraints=_all_rendered(rule.constraints),
        remedies=tuple(without_ids(duty) for duty in rule.remedies),
    )


def duty_rendered(rule: Duty) -> Duty:
    """Return a duty as a narrowed policy states it."""
    return replace(without_ids(rule), constraints=_all_rendered(rule.constraints))


def _distinct(rules: Sequence[Permission]) -> tuple[Permission, ...]:
    return tuple({rule_form(rule): rule for rule in rules}.values())


def _concepts_met(items: list[Condition]) -> list[Condition] | None:
    """Return conditions with the purposes of several lists met; None when none is left."""
    positive = [item for item in items if isinstance(item, Constraint) and _lists_concepts(item)]
    if len(positive) < 2:  # noqa: PLR2004 - one list meets nothing
        return items
    first = positive[0]
    met = _known_names(first)
    for item in positive[1:]:
        met = _met(met, _known_names(item))
    if not met:
        return None
    merged = replace(
        first, operator=Operator.IS_ANY_OF, right=tuple(Iri(item) for item in sorted(met))
    )
    return [
        merged if item is first else item for item in items if item is first or item not in positive
    ]


def _lists_concepts(item: Constraint) -> bool:
    operand = OPERANDS.get(item.left)
    return (
        operand is not None
        and operand.kind is Kind.CONCEPT
        and item.operator in {Operator.IS_A, Operator.IS_ANY_OF}
        and all(name(value) in purposes() for value in item.right)
    )


def _known_names(item: Constraint) -> frozenset[str]:
    return frozenset(found for value in item.right if (found := name(value)) is not None)


def _met(left: frozenset[str], right: frozenset[str]) -> frozenset[str]:
    """Return the broadest purposes that lie under one of `left` and one of `right`."""
    below = {
        item for item in purposes() if wider_purposes(item) & left and wider_purposes(item) & right
    }
    return frozenset(item for item in below if not (wider_purposes(item) - {item}) & below)


def _all_rendered(items: Sequence[Condition]) -> tuple[Condition, ...]:
    return tuple(rendered(item) for item in items)


def rendered(item: Condition) -> Condition:
    """Return a condition in the one spelling of its values, without identifiers."""
    if isinstance(item, LogicalConstraint):
        return LogicalConstraint(item.connective, _all_rendered(item.operands))
    operand = OPERANDS.get(item.left)
    kind = kind_of(item.left)
    left = (operand.replaced_by if operand else "") or item.left
    right = tuple(dict.fromkeys(value_anew(kind, value) or value for value in item.right))
    return replace(item, id="", left=left, right=right, datatype="")


def kind_of(left: str) -> Kind:
    """Return what kind of values a left operand has; names, where it is not known."""
    operand = OPERANDS.get(left)
    return operand.kind if operand else Kind.IDENTITY


def value_anew(kind: Kind, value: Value) -> Value | None:
    """Return a number, a moment or a known purpose in its one spelling; None for other values."""
    if kind in {Kind.NUMBER, Kind.COUNT} and (amount := number(value)) is not None:
        return Literal(_plain(amount), XSD + "decimal")
    if kind is Kind.INSTANT and (found := span(value)) is not None:
        return _moment(found)
    if kind is Kind.CONCEPT and (known := name(value)) in purposes():
        return Iri(str(known))
    return None


def _moment(found: Span) -> Literal:
    if found.start == found.end:
        return Literal(instant(found.start), XSD + "dateTime")
    text = found.start.isoformat()  # a whole day, which begins at midnight of its zone
    zone = text[len("2027-01-01T00:00:00") :].replace("+00:00", "Z")
    return Literal(text[: len("2027-01-01")] + zone, XSD + "date")


def _plain(amount: Decimal) -> str:
    digits = format(amount, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
