"""A policy with its values in the one spelling that sentences use.

Rules: only right operands change, and only where their kind reads them: numbers become xsd:decimal
without exponent or sign of plus, times and durations get their own datatype; what they mean stays
the same. Everything else is left as it is.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from policies_odrl.model import XSD, XSD_STRING, Constraint, Literal, Policy, Value, each_constraint
from policies_odrl.values import Duration, Span, scalar
from policies_odrl.vocabulary import OPERANDS, Kind

MAX_DIGITS: Final = 40


def spelled(policy: Policy) -> Policy:
    """Return the policy with its values in one spelling.

    What it shares is what it states for all rules besides what it holds as a whole.
    """
    common = replace(
        policy.common,
        targets=tuple(item for item in policy.common.targets if item != policy.target),
        assigners=tuple(item for item in policy.common.assigners if item != policy.assigner),
        assignees=tuple(item for item in policy.common.assignees if item != policy.assignee),
    )
    return each_constraint(replace(policy, common=common), spelled_constraint)


def spelled_constraint(item: Constraint) -> Constraint:
    """Return a constraint with its values in one spelling."""
    operand = OPERANDS.get(item.left)
    if operand is None:
        return item
    return replace(item, right=tuple(_value(operand.kind, value) for value in item.right))


def _value(kind: Kind, value: Value) -> Value:
    found = scalar(kind, value)
    if found is None or not isinstance(value, Literal):
        return value
    text = value.lexical.strip()
    if isinstance(found, Decimal):
        plain = f"{found:f}"
        return Literal(plain, XSD + "decimal") if len(plain) <= MAX_DIGITS else value
    if isinstance(found, Span) and value.datatype in {XSD_STRING, XSD + "dateTimeStamp"}:
        return Literal(text, XSD + ("dateTime" if "T" in text else "date"))
    if isinstance(found, Duration):
        return Literal(text, XSD + "duration")
    return replace(value, lexical=text)
