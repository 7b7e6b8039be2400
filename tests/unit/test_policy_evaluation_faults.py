"""Answers that once let through what is prohibited or cannot be known, each with a good twin."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from policies_odrl.evaluation.compiled import compile_policy
from policies_odrl.evaluation.evaluate import evaluate
from policies_odrl.evaluation.request import DATE_TIME, Facts, Performed, Request
from policies_odrl.evaluation.state import Usage
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import (
    ODRL,
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
from policies_odrl.values import name
from policies_odrl.vocabulary import ALLOWED, Kind, Operand

READ = ODRL + "read"
TRAIN = "urn:example:train"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
EARLY = Literal("2020-01-01T00:00:00Z", XSD + "dateTime")
LATE = Literal("2030-01-01T00:00:00Z", XSD + "dateTime")


def literal_of(moment: str) -> Literal:
    return Literal(moment, XSD + "dateTime")


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


def test_a_caller_does_not_choose_the_time() -> None:
    until = policy(may(about("dateTime", Operator.LT, EARLY)))
    claim = asked(dateTime="2019-01-01T00:00:00Z")
    assert not granted(until, claim, Facts())
    assert not granted(until, claim, Facts(now=NOW))
    assert granted(until, claim, Facts(now=datetime(2019, 1, 1, tzinfo=UTC)))
    assert granted(until, asked(), Facts(values={DATE_TIME: ("2019-01-01T00:00:00Z",)}))


@pytest.mark.parametrize("left", ["device", "system", "systemDevice"])
@pytest.mark.parametrize("known", ["device", "system", "systemDevice"])
def test_the_node_s_facts_win_under_any_name(left: str, known: str) -> None:
    fits = policy(may(about(left, Operator.EQ, Iri("urn:example:a"))))
    for claimed in ("device", "system", "systemDevice"):
        claim = Request(READ, facts={ODRL + claimed: ("urn:example:a",)})
        assert not granted(fits, claim, Facts(values={ODRL + known: ("urn:example:b",)}))
        assert granted(fits, claim, Facts(values={ODRL + known: ("urn:example:a",)}))
        assert granted(fits, claim, Facts())


@pytest.mark.parametrize(
    ("left", "bound", "value"),
    [
        ("version", Literal("2.0", XSD + "decimal"), 2),
        ("version", Literal("2.0", XSD + "decimal"), "2"),
        ("version", Literal("a", "urn:example:x"), Literal("b", "urn:example:y")),
        ("version", Literal("true", XSD + "boolean"), True),
        ("version", Literal("true", XSD + "boolean"), "TRUE"),
        ("version", Literal("true", XSD + "boolean"), "1"),
        ("version", Literal("beta"), "beta "),
        ("language", Literal("fr"), "FR"),
        ("language", Literal("fr"), "fr-FR"),
        ("language", Literal("fr"), "FR_fr"),
        ("recipient", Iri("urn:example:a"), "URN:example:A"),
        ("recipient", Iri("urn:example:a"), "urn:example:%61"),
        ("recipient", Literal("caf\u00e9"), "cafe\u0301"),
        ("recipient", Iri("urn:example:a"), "urn:example:a\u200b"),
        ("recipient", Literal("a b"), "a \t b\n"),
        ("version", literal_of("2026-01-01T00:00:00Z"), "2026-01-01T01:00:00+01:00"),
        ("version", literal_of("2026-01-01T00:00:00Z"), literal_of("2025-12-31T23:00:00-01:00")),
        ("version", Literal("P1D", XSD + "duration"), Literal("PT24H", XSD + "duration")),
    ],
)
@pytest.mark.parametrize("operator", [Operator.EQ, Operator.IS_ANY_OF])
def test_a_name_written_otherwise_does_not_lift_a_ban(
    left: str, bound: Iri | Literal, value: object, operator: Operator
) -> None:
    item = about(left, operator, bound)
    assert not granted(policy(may(), ban(item)), asked(None, **{left: value}), Facts())
    assert not granted(policy(may(item)), asked(None, **{left: value}), Facts())
    assert granted(policy(may(), ban(item)), asked(**{left: "other"}), Facts())


@pytest.mark.parametrize("value", [None, [], float("nan"), Decimal("sNaN"), b"a", object()])
@pytest.mark.parametrize("operator", [Operator.IS_NONE_OF, Operator.NEQ])
def test_what_is_no_name_is_not_another_name(value: object, operator: Operator) -> None:
    assert name(value) is None  # type: ignore[arg-type]  # strange values are the point
    other = policy(may(about("version", operator, Literal("2"))))
    assert not granted(other, asked(version=value), Facts())
    assert granted(other, asked(version="3"), Facts())
    assert granted(other, asked(version=10**400), Facts())


def test_a_duty_after_use_whose_deadline_has_passed_is_violated() -> None:
    after = about("event", Operator.GT, Iri(ODRL + "policyUsage"))
    pay = Action(ODRL + "compensate")
    for bound, answer in ((EARLY, False), (LATE, True)):
        duty = Duty(action=pay, constraints=(after, about("dateTime", Operator.LT, bound)))
        assert granted(policy(may(duties=(duty,))), asked(), Facts(now=NOW)) is answer


def test_a_duty_that_opens_after_its_end_is_violated() -> None:
    opens = about("dateTime", Operator.GT, LATE)
    pay = Action(ODRL + "compensate")
    for items, answer in (
        ((opens, about("dateTime", Operator.LT, EARLY)), False),
        ((opens, about("dateTime", Operator.LT, literal_of("2028-01-01T00:00:00Z"))), False),
        ((opens, about("dateTime", Operator.LT, literal_of("2032-01-01T00:00:00Z"))), True),
        ((opens,), True),
    ):
        duty = Duty(action=pay, constraints=items)
        assert granted(policy(may(duties=(duty,))), asked(), Facts(now=NOW)) is answer


def test_a_request_for_a_collection_with_a_prohibited_member_is_refused() -> None:
    whole = AssetRef("urn:example:c", collection=True)
    item = policy(may(target=whole), ban(target=AssetRef("urn:example:x")))
    members = {"urn:example:c": frozenset({"urn:example:x"})}
    assert not granted(item, asked("urn:example:c"), Facts(members=members))
    members = {"urn:example:c": frozenset({"urn:example:y"})}
    assert granted(item, asked("urn:example:c"), Facts(members=members))


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


def test_an_act_later_than_now_fulfils_nothing() -> None:
    item = policy(may(duties=(Duty(action=Action(ODRL + "compensate")),)))
    for year, answer in ((2027, False), (2025, True)):
        act = Performed(ODRL + "compensate", datetime(year, 1, 1, tzinfo=UTC))
        assert granted(item, asked(), Facts(now=NOW, performed=(act,))) is answer


@pytest.mark.parametrize("left", ["meteredTime", "elapsedTime", "delayPeriod"])
def test_a_negative_length_is_not_short(left: str) -> None:
    item = policy(may(about(left, Operator.LTEQ, Literal("P1D", XSD + "duration"))))
    assert not granted(item, asked(**{left: "-P9D"}), Facts())
    assert granted(item, asked(**{left: "PT1H"}), Facts())


def test_a_count_below_none_or_beyond_measure_is_no_count() -> None:
    item = policy(may(about("count", Operator.LTEQ, Literal("1e30", XSD + "double"))))
    for value, answer in ((-1, False), (Decimal("1e30"), False), (1, True)):
        assert granted(item, asked(count=value), Facts()) is answer
    begun = Usage(started={"urn:example:policy": NOW})
    for seed, answer in (("1e30", False), ("-5", False), ("5", True)):
        bound = Literal("1e30", XSD + "double")
        count = Constraint(ODRL + "count", Operator.LTEQ, (bound,), status=Literal(seed))
        assert granted(policy(may(count)), asked(), Facts(usage=begun)) is answer


BOX, SMALLER, THING = "urn:example:box", "urn:example:smaller", "urn:example:thing"
WHOLE = AssetRef(BOX, collection=True)


@pytest.mark.parametrize("named", [WHOLE, AssetRef("", source=BOX), AssetRef(THING, source=BOX)])
def test_what_the_policy_calls_a_collection_may_hold_what_is_prohibited(named: AssetRef) -> None:
    item = policy(may(), may(target=named), ban(target=AssetRef("urn:example:other")))
    assert not granted(item, asked(BOX), Facts())
    assert granted(item, asked("urn:example:single"), Facts())
    assert granted(policy(may(), may(target=named)), asked(BOX), Facts())
    known = {BOX: frozenset({"urn:example:member"})}
    assert granted(item, asked(BOX), Facts(members=known))


def test_the_same_for_parties() -> None:
    group, alice = PartyRef(BOX, collection=True), PartyRef("urn:example:alice")
    ban_alice = Prohibition(action=Action(READ), assignee=alice)
    item = policy(may(assignee=group), ban_alice)
    request = Request(READ, BOX)
    assert not granted(item, request, Facts())
    assert granted(item, request, Facts(members={BOX: frozenset({"urn:example:bob"})}))


def test_what_a_member_holds_is_held_too() -> None:
    members = {BOX: frozenset({SMALLER}), SMALLER: frozenset({THING})}
    known = Facts(members=members)
    assert not granted(policy(may(), ban(target=WHOLE)), asked(THING), known)
    assert granted(policy(may(), ban(target=WHOLE)), asked("urn:example:other"), known)
    assert granted(policy(may(target=WHOLE)), asked(THING), known)
    inner = policy(may(target=WHOLE), ban(target=AssetRef(THING)))
    assert not granted(inner, asked(BOX), known)
    assert granted(inner, asked(BOX), Facts(members={**members, SMALLER: frozenset()}))


def test_collections_that_hold_one_another_come_to_an_end() -> None:
    circle = {BOX: frozenset({SMALLER}), SMALLER: frozenset({BOX, THING})}
    item = policy(may(), ban(target=WHOLE))
    assert not granted(item, asked(THING), Facts(members=circle))
    assert not granted(item, asked(SMALLER), Facts(members=circle))
    assert granted(item, asked("urn:example:other"), Facts(members=circle))


def test_a_ban_on_a_party_without_a_name_is_not_lifted() -> None:
    request = Request(READ, "urn:example:bob")
    for name_of, answer in (("", False), ("urn:example:bob", False), ("urn:example:al", True)):
        banned = Prohibition(action=Action(READ), assignee=PartyRef(name_of))
        assert granted(policy(may(), banned), request, Facts()) is answer


def test_an_unknown_name_may_be_of_a_class_that_is_known() -> None:
    knowledge = Knowledge(
        broader={"urn:example:acme": ("urn:example:vendor",), "urn:example:lab": ()}
    )
    other = policy(may(about("recipient", Operator.IS_NONE_OF, Iri("urn:example:vendor"))))
    facts = Facts(knowledge=knowledge)
    assert not granted(other, asked(recipient="urn:example:unknown"), facts)
    assert not granted(other, asked(recipient="urn:example:acme"), facts)
    assert granted(other, asked(recipient="urn:example:lab"), facts)
    assert granted(other, asked(recipient="urn:example:unknown"), Facts())


@pytest.mark.parametrize("operator", [Operator.IS_PART_OF, Operator.HAS_PART])
def test_a_kind_of_a_place_is_no_part_of_it(operator: Operator) -> None:
    pair = ("urn:example:inner", "urn:example:outer")
    value, bound = pair if operator is Operator.IS_PART_OF else pair[::-1]
    item = policy(may(about("spatial", operator, Iri(bound))))
    tie = {pair[0]: (pair[1],)}
    assert not granted(item, asked(spatial=value), Facts(knowledge=Knowledge(broader=tie)))
    assert granted(item, asked(spatial=value), Facts(knowledge=Knowledge(wholes=tie)))
    assert granted(item, asked(spatial=bound), Facts(knowledge=Knowledge()))
    is_a = policy(may(about("spatial", Operator.IS_A, Iri(pair[1]))))
    assert granted(is_a, asked(spatial=pair[0]), Facts(knowledge=Knowledge(broader=tie)))


def test_datatypes_that_differ_count_for_each_value() -> None:
    for datatype, answer in (("urn:example:z", False), ("urn:example:x", True)):
        listed = (Literal("a", "urn:example:x"), Literal("c", datatype))
        item = policy(may(), ban(about("version", Operator.IS_ALL_OF, *listed)))
        stated = (listed[0], Literal("b", "urn:example:x"))
        assert granted(item, Request(READ, facts={ODRL + "version": stated}), Facts()) is answer
        assert not granted(item, Request(READ, facts={ODRL + "version": listed}), Facts())


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


def test_a_count_is_a_whole_number() -> None:
    item = policy(may(about("count", Operator.LTEQ, Literal("5", XSD + "integer"))))
    for value, answer in ((Decimal("0.5"), False), (Decimal("4.0"), True), (5, False)):
        assert granted(item, asked(), Facts(values={ODRL + "count": (value,)})) is answer


def test_a_remedy_is_due_whatever_is_asked_for() -> None:
    remedy = Duty(action=Action(ODRL + "compensate"))
    banned = Prohibition(action=Action(ODRL + "print"), remedies=(remedy,))
    item, act = policy(may(), banned), Performed(ODRL + "print", NOW)
    for facts, due in ((Facts(now=NOW, performed=(act,)), 1), (Facts(now=NOW), 0)):
        assert len(evaluate(item, asked(), facts).due) == due
        assert compile_policy(item).decide(asked(), facts).due == evaluate(item, asked(), facts).due


def test_a_request_under_two_names_says_both() -> None:
    bad = policy(may(), ban(about("device", Operator.EQ, Iri("urn:example:bad"))))
    good, other = ("urn:example:good",), ("urn:example:bad",)
    both = {ODRL + "device": good, ODRL + "systemDevice": other}
    assert not granted(bad, Request(READ, facts=both), Facts())
    assert not granted(bad, asked(), Facts(values=both))
    assert granted(bad, Request(READ, facts=dict.fromkeys(both, good)), Facts())


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
