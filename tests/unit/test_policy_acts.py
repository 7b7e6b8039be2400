"""One act, one duty of one use; a use of a collection is one of each member."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from policies_odrl import (
    Action,
    Connective,
    Constraint,
    Decision,
    Duty,
    DutyState,
    Facts,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    Performed,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Request,
    evaluate,
)
from policies_odrl.evaluation.case import key_of
from policies_odrl.evaluation.state import (
    Usage,
    commit,
    open_agreement,
    release,
    reserve,
)
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import ODRL, XSD, Condition
from policies_odrl.vocabulary import Kind, Operand
from tests.support.uses import reserve_use

S = DutyState
READ, PAY, INFORM = ODRL + "read", ODRL + "compensate", ODRL + "inform"
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NOW = START + DAY * 100
ALICE, X, Y, WHOLE = (f"urn:example:{name}" for name in ("alice", "x", "y", "whole"))
ASK = Request(READ, ALICE, X)
HOLDS = {WHOLE: frozenset({X, Y})}


def limit(name: str, operator: str, value: str, kind: str = "duration") -> Constraint:
    return Constraint(ODRL + name, Operator(operator), (Literal(value, XSD + kind),))


def until(day: float, operator: str = "lteq") -> Constraint:
    return limit("dateTime", operator, (START + DAY * day).isoformat(), "dateTime")


def pay(*items: Condition, **more: object) -> Duty:
    return Duty(action=Action(PAY), constraints=items, **more)  # type: ignore[arg-type]  # fields of a duty


def policy(*duties: Duty, constraints: tuple[Condition, ...] = ()) -> Policy:
    rule = Permission(action=Action(READ), constraints=constraints, duties=duties)
    return Policy(kind=PolicyKind.SET, id="urn:example:p", permissions=(rule,))


def paid(day: float, action: str = PAY) -> Performed:
    return Performed(action, START + DAY * day, ALICE)


def used(*days: float, target: str = X) -> Usage:
    usage = open_agreement(Usage(), "urn:example:p", START)
    item = policy()
    key = key_of(item, item.permissions[0], "/permission/0", replace(ASK, target=target))
    for index, day in enumerate(days):
        usage = commit(reserve(usage, [key], f"t{index}", START + DAY * day), f"t{index}")
    return usage


def decide(item: Policy, *acts: Performed, **facts: object) -> Decision:
    known = Facts(**{"now": NOW, "performed": acts, **facts})  # type: ignore[arg-type]  # fields of facts
    return evaluate(item, ASK, known)


# -- one act is one instance ------------------------------------------------------------------


def test_an_act_is_told_twice_in_whatever_order_its_values_are() -> None:
    twice = policy(pay(limit("count", "gteq", "2", "integer")))
    one, two = Iri("urn:example:1"), Iri("urn:example:2")
    for values, answer in (((two, one), False), ((two,), True)):
        acts = [replace(paid(5), facts={PAY: held}) for held in ((one, two), values)]
        assert decide(twice, *acts, usage=used()).granted is answer


# -- consequences and remedies ----------------------------------------------------------------


@pytest.mark.parametrize("joined", [False, True])
def test_a_deadline_under_another_name_is_a_deadline(joined: bool) -> None:  # noqa: FBT001
    when = "urn:example:when"
    known = Operand(when, Kind.INSTANT, frozenset(), replaced_by=ODRL + "dateTime")
    knowledge = Knowledge(operands={when: known})
    end: Condition = replace(until(50), left=when)
    if joined:
        end = LogicalConstraint(Connective.OR, (end, end))
    item = policy(pay(end))
    assert not decide(item, knowledge=knowledge).granted
    assert decide(item, paid(40), now=START + DAY * 45, knowledge=knowledge).granted
    if not joined:
        assert decide(item, paid(40), knowledge=knowledge).granted
        assert decide(item, now=START, knowledge=knowledge).granted  # and may be done later


# -- counts and clocks ------------------------------------------------------------------------

ONCE = policy(constraints=(limit("count", "lteq", "1", "integer"),))


def may(target: str, usage: Usage, **facts: object) -> bool:
    known = Facts(now=NOW, usage=usage, members=HOLDS, **facts)  # type: ignore[arg-type]  # fields of facts
    return evaluate(ONCE, replace(ASK, target=target), known).granted


@pytest.mark.parametrize(
    ("before", "then", "answer"),
    [
        (WHOLE, X, False),
        (X, WHOLE, False),
        (WHOLE, WHOLE, False),
        (X, X, False),
        (X, Y, True),
        ("urn:example:z", WHOLE, True),
        (WHOLE, "urn:example:z", True),
    ],
)
def test_a_use_of_a_collection_is_one_of_each_member(before: str, then: str, answer: bool) -> None:  # noqa: FBT001
    assert may(then, used(9, target=before)) is answer
    facts = Facts(now=NOW, usage=used(), members=HOLDS)
    decision, usage = reserve_use(ONCE, replace(ASK, target=before), facts, "t")
    assert decision.granted
    assert may(then, usage) is answer
    assert may(then, release(usage, "t"))


def test_what_was_used_as_a_collection_stays_used_when_it_changes() -> None:
    facts = Facts(now=NOW, usage=used(), members=HOLDS)
    _, usage = reserve_use(ONCE, replace(ASK, target=WHOLE), facts, "t")
    later = Facts(now=NOW, usage=usage)
    assert not evaluate(ONCE, ASK, later).granted
    assert evaluate(ONCE, replace(ASK, target="urn:example:z"), later).granted


def test_many_collections_in_one_another_are_looked_through_once() -> None:
    names = [f"urn:example:c{index}" for index in range(600)]
    members = {outer: frozenset({inner}) for outer, inner in pairwise(names)}
    for usage, answer in ((used(), True), (used(9, target=names[300]), False)):
        known = Facts(now=NOW, usage=usage, members=members)
        assert evaluate(ONCE, replace(ASK, target=names[0]), known).granted is answer


# -- when a violation was, and what makes it good ----------------------------------------------


def test_a_prohibited_act_is_not_its_own_remedy() -> None:
    ban = Prohibition(action=Action(PAY), remedies=(pay(),))
    item = replace(policy(), prohibitions=(ban,))
    found = decide(item, paid(60), paid(60)).rules[-1].violations  # told twice, done once
    assert [[due.state for due in one.remedies] for one in found] == [[S.MISSING]]
    ban = Prohibition(action=Action(PAY), remedies=(Duty(action=Action(INFORM)),))
    item = replace(policy(), prohibitions=(ban,))
    assert decide(item, paid(60), paid(60), paid(61, INFORM)).due == ()
