"""The prepared path: what is kept, what is judged anew, what is looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from policies_odrl import (
    AssetRef,
    Constraint,
    Facts,
    Iri,
    Literal,
    Operator,
    PartyRef,
    Permission,
    Quantity,
    Request,
    compile_policy,
    evaluate,
    knowledge,
)
from policies_odrl.evaluation import compiled as module
from policies_odrl.model import ODRL
from tests.support.each import over
from tests.support.small_policies import may, terms, typed, where
from tests.support.tables import rows

ALICE, BOOK = "urn:example:alice", "urn:example:book"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ASKED = Request(ODRL + "read", ALICE, BOOK)
PERCENT = ODRL + "percentage"


def named(*items: Constraint, target: str = BOOK) -> Permission:
    return may(*items, target=AssetRef(target), assignee=PartyRef(ALICE))


THREE = terms(named(where("percentage", "lteq", typed("3", "decimal"))))


@over("operator", [*Operator])
@rows("compiled", "bounds in time")
def test_bounds_in_time(operator: Operator, bound: Literal) -> None:
    rule = terms(named(where("dateTime", operator, bound)))
    compiled = compile_policy(rule, tentative=True)
    at = [{"hour": 12}, {"hour": 0}, {"hour": 11, "minute": 59}, {"day": 2, "hour": 0}]
    times = [None, *(NOON.replace(**parts) for parts in [*at, {"month": 5}])]
    for now, stated in product(times, ({}, {ODRL + "dateTime": (date(2026, 6, 1),)})):
        request, facts = replace(ASKED, facts=stated), Facts(now=now)
        assert (
            compiled.permits(request, facts)
            is evaluate(rule, request, facts, tentative=True).granted
        )


@over(
    ("given", "granted"),
    [
        ((3,), True), ((True,), False), ((Decimal("3.0"),), True), ((3.0,), True),
        ((float("nan"),), False), (("3",), True), ((typed("3.00", "decimal"),), True),
        ((Quantity(Decimal(3), "urn:unit"),), False), (([3],), False), ((3, 3), True),
        ((3, 4), False), ((), False),
    ],
)  # fmt: skip
def test_values_that_are_equal_but_not_the_same_are_kept_apart(
    given: Any, *, granted: bool
) -> None:
    compiled, facts = compile_policy(THREE, tentative=True), Facts(now=NOON)
    for value in (3, True, 3.0, Decimal(3)):  # answers that are kept beforehand
        compiled.permits(replace(ASKED, facts={PERCENT: (value,)}), facts)
    request = replace(ASKED, facts={PERCENT: given})
    assert compiled.permits(request, facts) is granted
    assert evaluate(THREE, request, facts, tentative=True).granted is granted


def test_no_more_answers_are_kept_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knowledge, "MOST_KEPT", 2)
    monkeypatch.setattr(module, "MOST_KEPT", 2)
    known = knowledge.Knowledge()
    compiled, facts = compile_policy(THREE, known, tentative=True), Facts(now=NOON, knowledge=known)
    for number in range(6):
        asked = replace(ASKED, facts={PERCENT: (number,)})
        assert compiled.permits(asked, facts) is (number <= 3)
        assert 0 < len(known.kept) <= 2
    long = "0" * 600 + "1"  # longer than what is read, and not kept
    assert not compiled.permits(replace(ASKED, facts={PERCENT: (long,)}), facts)
    assert not any(isinstance(key, tuple) and long in key for key in known.kept)
    for name in range(6):
        assert not compiled.permits(replace(ASKED, target=f"urn:{name}"), facts)
    assert len(compiled._kept) <= 2


def test_a_policy_that_decides_nothing_says_why() -> None:
    rule = terms(named(), profiles=("urn:example:profile",))
    assert not compile_policy(rule, tentative=True).permits(ASKED)
    assert "profile" in evaluate(rule, ASKED).reasons[0]
    assert compile_policy(rule, tentative=True).policy is rule


def test_other_knowledge_is_evaluated_whole() -> None:
    wide, narrow = "urn:example:wide", "urn:example:narrow"
    rule = terms(named(where("purpose", "isA", Iri(wide))))
    known = knowledge.Knowledge(broader={narrow: (wide,)})
    asked = replace(ASKED, facts={ODRL + "purpose": (Iri(narrow),)})
    facts = Facts(now=NOON, knowledge=known)
    assert compile_policy(rule, tentative=True).permits(asked, facts)
    assert compile_policy(rule, known, tentative=True).permits(asked, facts)
    assert not compile_policy(rule, known, tentative=True).permits(asked, Facts(now=NOON))


def test_only_rules_that_can_apply_are_looked_at() -> None:
    many = terms(*(named(target=f"urn:{number}") for number in range(200)))
    prepared, asked = compile_policy(many, tentative=True), replace(ASKED, target="urn:7")
    for members, looked_at in (({}, {7}), ({"urn:8": frozenset({"urn:7"})}, {7, 8})):
        found = prepared._applicable(asked, Facts(members=members))
        assert found is not None
        assert {place.path for place in found[0]} == {f"/permission/{at}" for at in looked_at}
