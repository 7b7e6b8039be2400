"""Conditions and rules in one spelling, as a policy that is made of two states them.

Numbers, moments and known concepts are written anew, and identifiers are left out, so that no text
of the other party comes in through them. All other values stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from policies_odrl.algebra.forms import malformed, rule_form, without_ids
from policies_odrl.concepts import concepts
from policies_odrl.model import (
    XSD,
    Condition,
    Constraint,
    Duty,
    Iri,
    Literal,
    LogicalConstraint,
    Prohibition,
    Value,
)
from policies_odrl.text import instant
from policies_odrl.values import Span, name, number, span, step
from policies_odrl.vocabulary import OPERANDS, Kind

_R = TypeVar("_R", Prohibition, Duty)


def rendered(item: Condition) -> Condition:
    """Return a condition in the one spelling of its values, without identifiers."""
    if isinstance(item, LogicalConstraint):
        return LogicalConstraint(item.connective, all_rendered(item.operands))
    return _rendered(item)


@lru_cache(maxsize=4096)  # one object, so that what is known of it is found again
def _rendered(item: Constraint) -> Constraint:
    operand = OPERANDS.get(item.left)
    kind = kind_of(item.left)
    left = (operand.replaced_by if operand else "") or item.left
    right = tuple(value_anew(kind, value) or value for value in item.right)
    if not malformed(item):  # where one value is taken, two equal ones are not that one
        right = tuple(dict.fromkeys(right))
    return replace(item, id="", left=left, right=right, datatype="", notes=())


def all_rendered(items: Sequence[Condition]) -> tuple[Condition, ...]:
    """Return conditions in one spelling, in order."""
    return tuple(rendered(item) for item in items)


def rule_rendered(rule: _R) -> _R:
    """Return a prohibition, obligation or duty in one spelling."""
    constraints = all_rendered(rule.constraints)
    if isinstance(rule, Duty):
        return replace(without_ids(rule), constraints=constraints)
    remedies = tuple(without_ids(duty) for duty in rule.remedies)
    return replace(rule, id="", constraints=constraints, remedies=remedies)


def joined(*groups: Iterable[_R]) -> tuple[_R, ...]:
    """Return the rules of several policies in one spelling; what a policy says again is one."""
    found: list[_R] = []
    known: set[object] = set()
    for group in groups:
        added = [rule for rule in group if rule_form(rule) not in known]
        known.update(map(rule_form, added))
        found += added
    return tuple(map(rule_rendered, found))


def kind_of(left: str) -> Kind:
    """Return what kind of values a left operand has; names, where it is not known."""
    operand = OPERANDS.get(left)
    return operand.kind if operand else Kind.IDENTITY


def value_anew(kind: Kind, value: Value) -> Value | None:
    """Return a number, a moment, a step or a known concept in its one spelling, or None."""
    if kind in {Kind.NUMBER, Kind.COUNT} and (amount := number(value)) is not None:
        return Literal(_plain(amount), XSD + "decimal")
    if kind is Kind.INSTANT and (found := span(value)) is not None:
        return _moment(found)
    known = name(value)
    if kind is Kind.CONCEPT and known in concepts():
        return Iri(str(known))
    if kind is Kind.LEVEL and step(value) is not None:
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
