"""A ban holds whatever odd name or value is given, each with a good twin."""

from __future__ import annotations

from decimal import Decimal

from policies_odrl import (
    Connective,
    Facts,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Policy,
    Request,
    compile_policy,
    evaluate,
)
from policies_odrl.model import ODRL
from policies_odrl.values import name
from tests.support.each import over
from tests.support.small_policies import may, never, terms, where
from tests.support.tables import rows


def asked(target: str | None = None, **facts: object) -> Request:
    stated = {ODRL + left: (value,) for left, value in facts.items()}
    return Request(ODRL + "read", target=target, facts=stated)  # type: ignore[arg-type]  # strange values are the point


def decided(item: Policy, request: Request, facts: Facts) -> bool:
    """Return what both ways of evaluating say."""
    whole = evaluate(item, request, facts, tentative=True).granted
    quick = compile_policy(item, facts.knowledge, tentative=True)
    assert quick.permits(request, facts) is whole
    return whole


@rows("bans", "a name written otherwise does not lift a ban")
@over("operator", [Operator.EQ, Operator.IS_ANY_OF])
def test_a_name_written_otherwise_does_not_lift_a_ban(
    left: str, bound: Iri | Literal, value: object, operator: Operator
) -> None:
    item = where(left, operator, bound)
    assert not decided(terms(may(), never(item)), asked(None, **{left: value}), Facts())
    assert not decided(terms(may(item)), asked(None, **{left: value}), Facts())
    assert decided(terms(may(), never(item)), asked(**{left: "other"}), Facts())


@over("value", [None, [], float("nan"), Decimal("sNaN"), b"a", object()])
@over("operator", [Operator.IS_NONE_OF, Operator.NEQ])
def test_what_is_no_name_is_not_another_name(value: object, operator: Operator) -> None:
    assert name(value) is None  # type: ignore[arg-type]  # strange values are the point
    other = terms(may(where("version", operator, Literal("2"))))
    assert not decided(other, asked(version=value), Facts())
    assert decided(other, asked(version="3"), Facts())
    assert decided(other, asked(version=10**400), Facts())


@over("connective", Connective)
def test_a_logical_constraint_without_parts_says_nothing(connective: Connective) -> None:
    empty = LogicalConstraint(connective, ())
    full = LogicalConstraint(connective, (where("version", "eq", Literal("2")),))
    assert not decided(terms(may(empty)), asked(version="2"), Facts())
    assert not decided(terms(may(), never(empty)), asked(version="2"), Facts())
    if connective is not Connective.AND_SEQUENCE:
        assert decided(terms(may(full)), asked(version="2"), Facts())


def test_a_ban_on_a_party_without_a_name_is_not_lifted() -> None:
    request = Request(ODRL + "read", "urn:example:bob")
    for name_of, answer in (("", False), ("urn:example:bob", False), ("urn:example:al", True)):
        banned = never(assignee=PartyRef(name_of))
        assert decided(terms(may(), banned), request, Facts()) is answer


@over(("left", "operator"), [("version", "isAnyOf"), ("spatial", "isPartOf")])
@over("value", [None, "", float("nan")])
def test_what_is_no_name_is_nothing_among_others(left: str, operator: str, value: object) -> None:
    item = terms(may(where(left, operator, Iri("urn:example:a"))))
    for values, answer in (
        (("urn:example:a",), True),
        ((value,), False),
        (("urn:example:a", value), False),
    ):
        request = Request(ODRL + "read", facts={ODRL + left: values})  # type: ignore[dict-item]  # strange values are the point
        assert decided(item, request, Facts()) is answer
