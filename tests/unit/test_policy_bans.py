"""A ban holds under whatever name, action or party it is written, each with a good twin."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import pytest

from policies_odrl.errors import IllFormed
from policies_odrl.evaluation.compiled import compile_policy
from policies_odrl.evaluation.evaluate import evaluate
from policies_odrl.evaluation.request import Facts, Performed, Request
from policies_odrl.evaluation.state import Usage
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import (
    ODRL,
    RDF_JSON,
    XSD,
    Action,
    AssetRef,
    Condition,
    Conflict,
    Connective,
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
)
from policies_odrl.reading.load import load
from policies_odrl.values import name
from policies_odrl.vocabulary import ALLOWED, Kind, Operand
from tests.support.tables import rows

READ = ODRL + "read"
TRAIN = "urn:example:train"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def about(left: str, operator: Operator, *right: Iri | Literal) -> Constraint:
    return Constraint(ODRL + left, operator, right)


def policy(*rules: Permission | Prohibition) -> Policy:
    return Policy(
        kind=PolicyKind.SET,
        id="urn:example:policy",
        permissions=tuple(item for item in rules if isinstance(item, Permission)),
        prohibitions=tuple(item for item in rules if isinstance(item, Prohibition)),
        conflict=Conflict.PROHIBIT,
    )


def may(*items: Condition, **more: object) -> Permission:
    return Permission(action=Action(READ), constraints=items, **more)  # type: ignore[arg-type]  # fields of the rule


def ban(*items: Condition, action: str = READ, target: AssetRef | None = None) -> Prohibition:
    return Prohibition(action=Action(action), constraints=items, target=target)


def asked(target: str | None = None, **facts: object) -> Request:
    stated = {ODRL + left: (value,) for left, value in facts.items()}
    return Request(READ, target=target, facts=stated)  # type: ignore[arg-type]  # strange values are the point


def granted(item: Policy, request: Request, facts: Facts) -> bool:
    """Return what both ways of evaluating say."""
    whole = evaluate(item, request, facts).granted
    assert compile_policy(item, facts.knowledge).permits(request, facts) is whole
    assert compile_policy(item, facts.knowledge).decide(request, facts).granted is whole
    return whole


@rows("bans", "a name written otherwise does not lift a ban")
@pytest.mark.parametrize("operator", [Operator.EQ, Operator.IS_ANY_OF])
def test_a_name_written_otherwise_does_not_lift_a_ban(
    left: str, bound: Iri | Literal, value: object, operator: Operator
) -> None:
    item = about(left, operator, bound)
    assert not granted(policy(may(), ban(item)), asked(None, **{left: value}), Facts())
    assert not granted(policy(may(item)), asked(None, **{left: value}), Facts())
    assert granted(policy(may(), ban(item)), asked(**{left: "other"}), Facts())


@pytest.mark.parametrize("value", ["fr", "FR", "fr-CA", "fr_fr"])
def test_a_language_holds_its_regions(value: str) -> None:
    french = about("language", Operator.IS_ANY_OF, Literal("fr"))
    assert granted(policy(may(french)), asked(language=value), Facts())
    assert not granted(policy(may(), ban(french)), asked(language=value), Facts())
    assert not granted(policy(may(french)), asked(language="frr"), Facts())
    assert granted(policy(may(), ban(french)), asked(language="frr"), Facts())


@pytest.mark.parametrize("value", [None, [], float("nan"), Decimal("sNaN"), b"a", object()])
@pytest.mark.parametrize("operator", [Operator.IS_NONE_OF, Operator.NEQ])
def test_what_is_no_name_is_not_another_name(value: object, operator: Operator) -> None:
    assert name(value) is None  # type: ignore[arg-type]  # strange values are the point
    other = policy(may(about("version", operator, Literal("2"))))
    assert not granted(other, asked(version=value), Facts())
    assert granted(other, asked(version="3"), Facts())
    assert granted(other, asked(version=10**400), Facts())


def test_a_ban_on_an_action_that_is_not_known_is_not_lifted() -> None:
    item = policy(may(), ban(action=TRAIN))
    assert not granted(item, asked(), Facts())
    assert granted(item, asked(), Facts(knowledge=Knowledge(actions={TRAIN: (ODRL + "print",)})))


@pytest.mark.parametrize("connective", Connective)
def test_a_logical_constraint_without_parts_says_nothing(connective: Connective) -> None:
    empty = LogicalConstraint(connective, ())
    full = LogicalConstraint(connective, (about("version", Operator.EQ, Literal("2")),))
    assert not granted(policy(may(empty)), asked(version="2"), Facts())
    assert not granted(policy(may(), ban(empty)), asked(version="2"), Facts())
    if connective is not Connective.AND_SEQUENCE:
        assert granted(policy(may(full)), asked(version="2"), Facts())


def test_a_ban_on_a_party_without_a_name_is_not_lifted() -> None:
    request = Request(READ, "urn:example:bob")
    for name_of, answer in (("", False), ("urn:example:bob", False), ("urn:example:al", True)):
        banned = Prohibition(action=Action(READ), assignee=PartyRef(name_of))
        assert granted(policy(may(), banned), request, Facts()) is answer


@pytest.mark.parametrize(("left", "operator"), [("version", "isAnyOf"), ("spatial", "isPartOf")])
@pytest.mark.parametrize("value", [None, "", float("nan")])
def test_what_is_no_name_is_nothing_among_others(left: str, operator: str, value: object) -> None:
    item = policy(may(about(left, Operator(operator), Iri("urn:example:a"))))
    for values, answer in (
        (("urn:example:a",), True),
        ((value,), False),
        (("urn:example:a", value), False),
    ):
        request = Request(READ, facts={ODRL + left: values})  # type: ignore[dict-item]  # strange values are the point
        assert granted(item, request, Facts()) is answer


def test_a_remedy_is_due_whatever_is_asked_for() -> None:
    remedy = Duty(action=Action(ODRL + "compensate"))
    banned = Prohibition(action=Action(ODRL + "print"), remedies=(remedy,))
    item, act = policy(may(), banned), Performed(ODRL + "print", NOW)
    for facts, due in ((Facts(now=NOW, performed=(act,)), 1), (Facts(now=NOW), 0)):
        assert len(evaluate(item, asked(), facts).due) == due
        assert compile_policy(item).decide(asked(), facts).due == evaluate(item, asked(), facts).due


def replaced(kind: Kind, **newer: str) -> Knowledge:
    """Operands of one kind, each with the one that stands for it today."""
    return Knowledge(
        operands={
            f"urn:example:{old}": Operand(f"urn:example:{old}", kind, ALLOWED[kind], new)
            for old, new in newer.items()
        }
    )


def test_a_name_replaced_twice_is_one_operand() -> None:
    knowledge = replaced(
        Kind.IDENTITY,
        a="urn:example:b",
        b="urn:example:c",
        c="",
        x="urn:example:y",
        y="urn:example:x",
    )
    facts = Facts(values={"urn:example:c": ("bad",)}, knowledge=knowledge)
    fine = Constraint("urn:example:a", Operator.EQ, (Literal("ok"),))
    claim = Request(READ, facts={"urn:example:a": ("ok",)})
    assert not granted(policy(may(fine)), claim, facts)
    assert granted(policy(may(fine)), claim, Facts(knowledge=knowledge))
    circle = Constraint("urn:example:x", Operator.EQ, (Literal("ok"),))
    claim = Request(READ, facts={"urn:example:y": ("ok",)})
    assert granted(policy(may(circle)), claim, Facts(knowledge=knowledge))


def test_an_operand_that_stands_for_a_count_is_kept_account_of() -> None:
    knowledge = replaced(Kind.COUNT, uses=ODRL + "count")
    five = Constraint("urn:example:uses", Operator.LTEQ, (Literal("5", XSD + "integer"),))
    claim = Request(READ, facts={"urn:example:uses": (0,)})
    kept = Facts(now=NOW, usage=Usage(), knowledge=knowledge)
    assert not granted(policy(may(five)), claim, kept)
    assert granted(policy(may(five)), claim, Facts(now=NOW, knowledge=knowledge))


@pytest.mark.parametrize("met", [True, False])
@pytest.mark.parametrize("compiled", [True, False])
def test_what_was_not_understood_lifts_no_ban(*, met: bool, compiled: bool) -> None:
    said = Constraint("urn:example:unless", Operator.EQ, (Literal("{}", RDF_JSON),))
    false = about("resolution", Operator.EQ, Literal("7", XSD + "decimal"))
    request = Request(READ, facts={ODRL + "resolution": (Decimal(7 if met else 8),)})

    def granted(*rules: Permission | Prohibition) -> bool:
        whole = policy(*rules)
        ready = compile_policy(whole)
        return (ready.decide if compiled else partial(evaluate, whole))(request).granted

    ban = Prohibition(action=Action(READ), constraints=(false,))
    assert granted(may(), ban) is not met
    assert not granted(may(), replace(ban, unread=(said,)))
    assert granted(may(), replace(ban, unread=(said,), action=Action(ODRL + "print")))
    assert not granted(may(unread=(said,)))
    duty = Duty(action=Action(ODRL + "inform"), constraints=(false,))
    assert granted(may(duties=(duty,))) is not met  # not owed, and so not in the way
    assert not granted(may(duties=(replace(duty, unread=(said,)),)))


def test_what_was_not_understood_makes_no_violation() -> None:
    said = Constraint("urn:example:unless", Operator.EQ, (Literal("{}", RDF_JSON),))
    ban = Prohibition(action=Action(READ))
    facts = Facts(now=NOW, performed=(Performed(READ, NOW),))
    found = [
        evaluate(policy(may(), rule), Request(READ), facts).rules[1].violations
        for rule in (ban, replace(ban, unread=(said,)))
    ]
    assert list(map(len, found)) == [1, 0]


@pytest.mark.parametrize("kind", ["assignee", "target"])
@pytest.mark.parametrize("written", ["[ ]", '"three of them"', "[ <urn:example:about> 3 ]"])
def test_who_cannot_be_told_is_granted_nothing_and_may_be_meant_by_a_ban(
    kind: str, written: str
) -> None:
    def granted(reference: str, ban: str = "") -> bool:
        rule = f"[ odrl:action odrl:read ; odrl:{kind} {reference} ]"
        free = f"odrl:permission [ odrl:action odrl:use ] ; odrl:prohibition {rule} ."
        rules = free if ban else f"odrl:permission {rule} ."
        whole = load(f"@prefix odrl: <{ODRL}> . <urn:p> a odrl:Set ; {rules}")
        request = Request(READ, "urn:example:it", "urn:example:it")
        decided = evaluate(whole, request).granted
        assert compile_policy(whole).permits(request) is decided
        return decided

    assert granted("<urn:example:it>")
    assert granted("<urn:example:other>", ban="of another")
    assert not granted(written)
    assert not granted(written, ban="of somebody")
    with pytest.raises(IllFormed):
        granted(f"{written}, <urn:example:other>", ban="of some and another")
