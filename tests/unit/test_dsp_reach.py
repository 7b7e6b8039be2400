"""Whose words a policy uses, and what a message of the Dataspace Protocol would lose."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Malformed, MessageTooLarge, PolicyInvalid
from connector.jsonld.dsp_policy import to_dsp
from connector.jsonld.dsp_shape import PROTOCOL
from connector.jsonld.loss import dropped
from connector.jsonld.policy import policy_bytes
from connector.jsonld.profiles import Profiles, profile
from connector.jsonld.reach import terms
from policies_odrl import (
    Action,
    Constraint,
    Iri,
    Literal,
    Operator,
    PartyRef,
)
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import DCT, DPV, PREAU
from tests.support.dsp_offers import FEW, Body, message_of, reference, with_rule
from tests.support.each import over
from tests.support.policies import one_rule

ROOT = Path(__file__).parents[2]


def test_each_term_says_who_understands_it() -> None:
    paid = replace(FEW, left=ODRL + "payAmount", unit="http://qudt.org/vocab/currency/EUR")
    purposes = Constraint(
        ODRL + "purpose",
        Operator.IS_ANY_OF,
        (Iri(DPV + "AcademicResearch"), Iri(DPV + "Marketing"), Literal("text")),
    )
    narrowed = PartyRef(source="urn:example:all", collection=True, refinements=(FEW,))
    policy = replace(
        one_rule("use", paid, purposes, Constraint(PREAU + "x", Operator.EQ, (Iri("did:web:a"),))),
        assignee=narrowed,
        metadata=((DCT + "title", Literal("of no account")),),
    )
    found = [(it.pointer, it.iri, it.anybody) for it in terms(policy)]
    assert found == [
        ("/assignee/odrl:source", ODRL + "source", False),
        ("/assignee/odrl:refinement", ODRL + "refinement", False),
        ("/assignee/odrl:refinement/0/leftOperand", ODRL + "count", False),
        ("/permission/0/action", ODRL + "use", True),
        ("/permission/0/constraint/0/leftOperand", ODRL + "payAmount", False),
        ("/permission/0/constraint/0/odrl:unit", "http://qudt.org/vocab/currency/EUR", False),
        ("/permission/0/constraint/1/leftOperand", ODRL + "purpose", False),
        ("/permission/0/constraint/1/rightOperand/0", DPV + "AcademicResearch", False),
        ("/permission/0/constraint/1/rightOperand/1", DPV + "Marketing", False),
        ("/permission/0/constraint/2/leftOperand", PREAU + "x", False),
    ]
    by_pointer = {it.pointer: it for it in terms(policy)}
    assert by_pointer["/permission/0/action"].vocabulary == PROTOCOL
    purpose = by_pointer["/permission/0/constraint/1/rightOperand/0"]
    assert (purpose.vocabulary, purpose.labels["fr"]) == (DPV, "recherche universitaire")
    with pytest.raises(PolicyInvalid):
        terms(replace(policy, permissions=()))


def test_terms_of_a_profile_are_called_as_it_calls_them() -> None:
    file = ROOT / "examples/catena-x/profile.ttl"
    known = Profiles((profile("catena-x", file.read_bytes()),))
    left = "https://w3id.org/catenax/policy/Membership"
    policy = one_rule("read", Constraint(left, Operator.EQ, (Literal("active"),)))
    refined = with_rule(action=Action(ODRL + "read", (FEW,)))
    found = {it.iri: it for it in terms(policy, known)}[left]
    assert found.vocabulary in known.files[0].knowledge.profiles
    assert found.labels["en"]
    assert {it.iri: it for it in terms(policy)}[left].vocabulary == ""
    assert "/permission/0/action/rdf:value" not in {it.pointer for it in terms(refined)}


LOST: dict[str, tuple[Callable[[Body], Any], tuple[str, ...]]] = {
    "nothing": (dict, ()),
    "a bare operand": (
        lambda it: it["permission"][0]["constraint"][0].update(leftOperand="dateTime"),
        ("/offer/permission/0/constraint/0/leftOperand",),
    ),
    "a word that nobody defines, with all below": (
        lambda it: it["permission"][0].update({"a/b~": [{"refinement": [{"x": 1}]}]}),
        ("/offer/permission/0/a~1b~0",),
    ),
    "a prefix of ours": (
        lambda it: it["permission"][0].update(action="preau:train"),
        ("/offer/permission/0/action",),
    ),
    "nothing as a value": (
        lambda it: it["permission"].append(None),
        ("/offer/permission/1",),
    ),
    "a class": (lambda it: it.update({"@type": "Bid"}), ("/offer/@type",)),
    "a relative identifier": (lambda it: it.update({"@id": "bid"}), ("/offer/@id",)),
    "a relative target": (lambda it: it.update(target="asset"), ("/offer/target",)),
    "values, their types and names in lists": (
        lambda it: it["permission"][0]["constraint"][0].update(
            rightOperand={"@list": [{"@value": "3", "@type": "integer"}]},
        ),
        ("/offer/permission/0/constraint/0/rightOperand",),
    ),
    "a member that is null": (lambda it: it.update(profile=None), ("/offer/profile",)),
}


@over("change, pointers", LOST.values(), LOST)
def test_what_a_message_would_lose_is_named(
    change: Callable[[Body], Any], pointers: tuple[str, ...]
) -> None:
    body: Body = json.loads(
        json.dumps(to_dsp(policy_bytes(with_rule(constraints=(FEW,))), kind="message"))
    )
    change(body)
    assert dropped(message_of(body)) == pointers


def test_what_is_no_json_ld_is_not_judged() -> None:
    with pytest.raises(Malformed):
        dropped({"@type": 1})
    with pytest.raises(MessageTooLarge):
        dropped({"@id": "urn:a", "https://a.example/b": [{"@value": "x"}] * 41_000})


@pytest.mark.reference
def test_the_specifications_examples_lose_their_bare_operands() -> None:
    for part in ("negotiation", "transfer", "catalog"):
        for file in sorted(reference("dsp", "examples", part).glob("*.json")):
            found = dropped(json.loads(file.read_text("utf-8")))
            assert {it.rpartition("/")[2] for it in found} <= {"leftOperand", "@id"}, file
