"""Requests and facts in JSON, and requests out of ODRL Request policies."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings

from policies_odrl import (
    Action,
    AssetRef,
    Connective,
    Constraint,
    Facts,
    IllFormed,
    Iri,
    Literal,
    LogicalConstraint,
    OdrlError,
    Operator,
    PartyRef,
    Performed,
    Prohibition,
    Quantity,
    Request,
    facts_from,
    request_from,
)
from policies_odrl.evaluation.deontic import DutyState
from policies_odrl.model import ODRL, XSD
from policies_odrl.simulation.situation import request_of
from policies_odrl.vocabulary import DPV, PREAU, expanded, prefixed
from tests.support.choices import Choices, Make, any_text, chosen
from tests.support.each import over
from tests.support.policies import amount, one_rule, purpose
from tests.support.tables import rows

EURO = "http://qudt.org/vocab/currency/EUR"
GOOD_REQUEST: dict[str, Any] = {
    "action": "odrl:read",
    "assignee": "did:web:a.example",
    "target": "urn:example:data",
    "values": {
        "odrl:purpose": ["dpv:AcademicResearch", "dpv:PublicBenefit"],
        "preau:epsilon": 2.5,
        "odrl:count": 3,
        "odrl:version": "two",
        "odrl:payAmount": {"value": 5, "unit": "currency:EUR"},
        "odrl:language": {"iri": "urn:example:fr"},
        "odrl:dateTime": {"value": "2027-01-01", "type": "xsd:date"},
        "urn:example:size": 1,
    },
}
GOOD_FACTS: dict[str, Any] = {
    "now": "2026-12-01T10:00:00+01:00",
    "values": {"odrl:count": 4},
    "members": {"urn:example:class": ["did:web:a.example"], "urn:example:none": []},
    "performed": [
        {
            "action": "odrl:compensate",
            "at": "2026-11-30T09:00:00Z",
            "party": "did:web:a.example",
            "target": "urn:example:data",
            "values": {"odrl:payAmount": 5},
        },
        {"action": "odrl:delete", "at": "2026-11-30T09:00:00Z"},
    ],
    "recorded": {"urn:example:duty": "fulfilled"},
    "broader": {"urn:example:thesis": ["dpv:AcademicResearch"]},
    "wholes": {"urn:example:lyon": "urn:example:france"},
    "events": {"urn:example:term": ["2026-09-01T00:00:00Z", "2026-12-18T00:00:00Z"]},
    "references": {"https://a.example/limit": [5, "dpv:Marketing"]},
}


def test_a_request_is_read() -> None:
    assert request_from(GOOD_REQUEST) == Request(
        ODRL + "read",
        "did:web:a.example",
        "urn:example:data",
        {
            ODRL + "purpose": (Iri(DPV + "AcademicResearch"), Iri(DPV + "PublicBenefit")),
            PREAU + "epsilon": (Decimal("2.5"),),
            ODRL + "count": (Decimal(3),),
            ODRL + "version": ("two",),
            ODRL + "payAmount": (Quantity(Decimal(5), EURO),),
            ODRL + "language": (Iri("urn:example:fr"),),
            ODRL + "dateTime": (Literal("2027-01-01", XSD + "date"),),
            "urn:example:size": (Decimal(1),),
        },
    )
    assert request_from({"action": "urn:example:fly"}) == Request("urn:example:fly")
    assert request_from({"action": "odrl:pay"}).action == ODRL + "pay"


def test_facts_are_read() -> None:
    found = facts_from(GOOD_FACTS)
    assert found.now == datetime(2026, 12, 1, 9, tzinfo=UTC)
    assert found.values == {ODRL + "count": (Decimal(4),)}
    assert found.members == {
        "urn:example:class": frozenset({"did:web:a.example"}),
        "urn:example:none": frozenset(),
    }
    at = datetime(2026, 11, 30, 9, tzinfo=UTC)
    assert found.performed == (
        Performed(
            ODRL + "compensate",
            at,
            "did:web:a.example",
            "urn:example:data",
            {ODRL + "payAmount": (Decimal(5),)},
        ),
        Performed(ODRL + "delete", at),
    )
    assert found.recorded == {"urn:example:duty": DutyState.FULFILLED}
    assert found.knowledge.broader == {"urn:example:thesis": (DPV + "AcademicResearch",)}
    assert found.knowledge.wholes == {"urn:example:lyon": ("urn:example:france",)}
    assert found.knowledge.events["urn:example:term"][0] == datetime(2026, 9, 1, tzinfo=UTC)
    assert found.knowledge.references == {
        "https://a.example/limit": (Decimal(5), Iri(DPV + "Marketing"))
    }
    assert facts_from({}) == Facts()


BAD_REQUESTS = [
    ([], IllFormed, "a JSON object was expected", "/"),
    ({}, IllFormed, "an action is missing", "/"),
    ({"action": "odrl:raed"}, IllFormed, "did you mean `odrl:read`?", "/action"),
    ({"action": "odrl:qqqq"}, IllFormed, "`odrl:qqqq` is not known", "/action"),
    ({"action": "read"}, IllFormed, "neither a prefixed name nor an absolute IRI", "/action"),
    ({"action": ""}, IllFormed, "`` is neither", "/action"),
    ({"action": 3}, IllFormed, "`3` is neither", "/action"),
    ({"action": "foo:bar"}, IllFormed, "`foo:bar` is neither", "/action"),
    ({"action": "odrl:read", "vaules": {}}, IllFormed, "did you mean `values`?", "/"),
    ({"action": "odrl:read", "target": "x y"}, IllFormed, "neither", "/target"),
    ({"action": "odrl:read", "assignee": None}, IllFormed, "neither", "/assignee"),
    ({"action": "odrl:read", "values": []}, IllFormed, "a JSON object", "/values"),
    ({"action": "odrl:read", "values": {"odrl:purpos": 1}}, IllFormed, "odrl:purpose", "/values"),
]


@over(("document", "kind", "reason", "place"), BAD_REQUESTS)
def test_a_bad_request_is_refused_with_its_place(
    document: object, kind: type[OdrlError], reason: str, place: str
) -> None:
    with pytest.raises(kind) as caught:
        request_from(document)
    assert reason in caught.value.reason
    assert caught.value.node == place


@rows("situation", "a bad value is refused with its place")
def test_a_bad_value_is_refused_with_its_place(value: object, reason: str) -> None:
    with pytest.raises(OdrlError) as caught:
        request_from({"action": "odrl:read", "values": {"odrl:count": value}})
    assert reason in caught.value.reason
    assert caught.value.node == "/values/odrl:count"


def test_a_key_that_is_no_text_is_refused() -> None:
    with pytest.raises(IllFormed, match="`1` means nothing here"):
        facts_from({1: 2})


@rows("situation", "bad facts are refused with their place")
def test_bad_facts_are_refused_with_their_place(document: object, reason: str, place: str) -> None:
    with pytest.raises(OdrlError) as caught:
        facts_from(document)
    assert reason in caught.value.reason
    assert caught.value.node == place


KEYS = ["action", "now", "values", "members", "odrl:count", "urn:x:a", "unit"]
PLAIN: list[Make[object]] = [
    lambda pick: pick.one([None, False, True, 0, 1, -1, 0.0, 0.5, -1e300, float("nan")]),
    lambda pick: pick.one([float("inf"), -float("inf"), 2**63, -(2**64), 10**400, ""]),
    lambda pick: any_text(pick, 12),
]


def json_value(pick: Choices, depth: int = 3) -> object:
    kind = pick.below(4) if depth else 0
    inner: Make[object] = partial(json_value, depth=depth - 1)
    if kind == 1:
        return [*pick.some(inner, range(4))]
    if kind:
        return {key: inner(pick) for key in pick.several(KEYS, range(4))}
    return pick.one(PLAIN)(pick)


@settings(max_examples=150, deadline=None)
@given(chosen(json_value, 192))
def test_any_json_is_read_or_refused(value: object) -> None:
    for read in (request_from, facts_from):
        with suppress(OdrlError):
            assert isinstance(read(value), Request | Facts)


def test_an_odrl_request_states_values() -> None:
    paid = replace(amount(ODRL + "payAmount", "5"), unit=EURO)
    policy = one_rule(
        "read",
        purpose("Marketing", operator="isA"),
        amount("epsilon", "3"),
        paid,
        Constraint(ODRL + "version", Operator.IS_ALL_OF, (Literal("1"), Literal("2"))),
        kind="Request",
    )
    policy = replace(policy, assignee=PartyRef("did:web:a.example"), target=AssetRef("urn:x:data"))
    assert request_of(policy) == Request(
        ODRL + "read",
        "did:web:a.example",
        "urn:x:data",
        {
            ODRL + "purpose": (Iri(DPV + "Marketing"),),
            PREAU + "epsilon": (Literal("3", XSD + "decimal"),),
            ODRL + "payAmount": (Quantity(Decimal(5), EURO),),
            ODRL + "version": (Literal("1"), Literal("2")),
        },
    )
    bare = request_of(one_rule("read", replace(paid, right=(Literal("much"),))))
    assert bare.facts == {ODRL + "payAmount": (Literal("much"),)}


@over(
    ("item", "reason"),
    [
        (purpose("Marketing", operator="isNoneOf"), "one value of `odrl:purpose`"),
        (purpose("Marketing", "PublicBenefit"), "one value of `odrl:purpose`"),
        (amount("epsilon", "3", "lt"), "one value of `preau:epsilon`"),
        (
            Constraint(ODRL + "version", Operator.EQ, (), reference=("urn:x:v",)),
            "one value of `odrl:version`",
        ),
        (LogicalConstraint(Connective.OR, (amount("epsilon", "3"),)), "no logical constraint"),
    ],
)
def test_conditions_that_are_no_values_are_refused(
    item: Constraint | LogicalConstraint, reason: str
) -> None:
    with pytest.raises(IllFormed, match=reason):
        request_of(one_rule("read", item, kind="Request"))


def test_a_request_asks_for_one_thing() -> None:
    policy = one_rule("read", purpose("Marketing", operator="isA"))
    twice = replace(policy, permissions=policy.permissions * 2)
    banned = replace(policy, prohibitions=(Prohibition(action=Action(ODRL + "read")),))
    for bad in (twice, banned, replace(policy, permissions=())):
        with pytest.raises(IllFormed, match="exactly one permission"):
            request_of(bad)
    both = one_rule("read", *(policy.permissions[0].constraints * 2))
    with pytest.raises(IllFormed, match="one value"):
        request_of(both)


@rows("situation", "names are expanded")
def test_names_are_expanded(name: str, iri: str) -> None:
    assert expanded(name) == iri


def test_names_are_shortened_where_there_is_a_prefix() -> None:
    assert prefixed(ODRL + "read") == "odrl:read"
    assert prefixed(ODRL) == ODRL
    assert prefixed("urn:x") == "urn:x"
