"""Small policies that are compared, and whether one grants a request: what such tests share."""

from __future__ import annotations

from typing import Any

from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Connective,
    Constraint,
    Facts,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Request,
    evaluate,
)
from policies_odrl.model import ODRL, XSD, Condition
from policies_odrl.vocabulary import DPV

DAY = "http://qudt.org/vocab/unit/DAY"
NEWS, REPORT = Iri("urn:news"), Iri("urn:report")
PLAIN, MANY = AssetRef("urn:c"), AssetRef("urn:c", collection=True)
PROVIDER, OTHER = PartyRef("urn:provider"), PartyRef("urn:other")
NOTHING = LogicalConstraint(Connective.AND, ())


def where(left: str, operator: str, *right: Any, **parts: Any) -> Constraint:
    name = left if ":" in left else ODRL + left
    return Constraint(name, Operator(operator), right, **parts)


def typed(text: str, kind: str = "string") -> Literal:
    return Literal(text, XSD + kind)


def purpose(name: str, operator: str = "isA", **parts: Any) -> Constraint:
    return where("purpose", operator, Iri(DPV + name), **parts)


def may(*items: Condition, act: str = "read", **parts: Any) -> Permission:
    return Permission(action=Action(act if ":" in act else ODRL + act), constraints=items, **parts)


def never(*items: Condition, act: str = "read", **parts: Any) -> Prohibition:
    return Prohibition(action=Action(act if ":" in act else ODRL + act), constraints=items, **parts)


def terms(*rules: Permission | Prohibition, **parts: Any) -> Policy:
    parts.setdefault("conflict", Conflict.PROHIBIT)
    return Policy(
        kind=parts.pop("kind", PolicyKind.OFFER),
        permissions=tuple(rule for rule in rules if isinstance(rule, Permission)),
        prohibitions=tuple(rule for rule in rules if isinstance(rule, Prohibition)),
        **parts,
    )


def granted(policy: Policy | None, facts: Facts | None = None, **asked: Any) -> bool:
    stated = {ODRL + name: value for name, value in asked.pop("values", {}).items()}
    request = Request(asked.pop("act", ODRL + "read"), facts=stated, **asked)
    known = facts or Facts()
    return policy is not None and evaluate(policy, request, known, tentative=True).granted
