"""What a document would lose under its contexts, found everywhere at once."""

from __future__ import annotations

from typing import Any

import pytest

from connector.jsonld.mending import mended
from policies_odrl.checking.written import MAX_LOSSES, losses, unsaid
from policies_odrl.errors import IllFormed
from policies_odrl.reading.writer import CONTEXTS
from tests.support.each import over
from tests.support.policies import nodes

W3C = "http://www.w3.org/ns/odrl.jsonld"


def policy(context: object = None, /, **members: Any) -> dict[str, Any]:
    contexts = list(CONTEXTS) if context is None else context
    rule = {"action": "odrl:read"}
    return {
        "@context": contexts,
        "@id": "urn:p",
        "@type": "Set",
        "target": "urn:data",
        "permission": [rule],
        **members,
    }


def places(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(item.code, item.path) for item in losses(document)}


def test_a_good_document_loses_nothing() -> None:
    assert losses(policy()) == ()
    assert losses(policy(W3C)) == ()
    assert losses(policy(**{"odrl:conflict": {"@id": "odrl:perm"}, "urn:x:note": "x"})) == ()
    assert unsaid(policy()) == ()


def test_everything_is_found_at_once() -> None:
    document = policy(
        remedy=[],
        colour="blue",
        permission=[
            {
                "action": "distrbute",
                "assigner": None,
                "constraint": [
                    {"leftOperand": "purpose", "operator": "eq", "rightOperand": "x"},
                    {"leftOperand": "purpsoe", "operator": "=", "rightOperand": {"@value": "y"}},
                    {"rdf:value": {"@id": "dpv:Marketing"}},
                ],
            }
        ],
    )
    constraint = "/permission/0/constraint"
    assert places(document) == {
        ("term-dropped", "/remedy"),
        ("term-dropped", "/colour"),
        ("term-relative", "/permission/0/action"),
        ("null-value", "/permission/0/assigner"),
        ("term-relative", f"{constraint}/0/leftOperand"),
        ("term-relative", f"{constraint}/1/leftOperand"),
        ("term-relative", f"{constraint}/1/operator"),
        ("undeclared-prefix", f"{constraint}/2/rdf:value"),
        ("undeclared-prefix", f"{constraint}/2/rdf:value/@id"),
    }
    with pytest.raises(IllFormed):
        nodes(document)
    fixes = {item.path: item.fix for item in losses(document)}
    assert fixes["/remedy"] == "write `odrl:remedy`"
    assert fixes["/colour"] == "write its full name, or remove it"
    assert fixes[f"{constraint}/1/leftOperand"] == "write `odrl:purpose`"


def test_only_what_is_certain_is_mended() -> None:
    document = policy(
        permission=[{"action": ["read", "raed"], "colour": 1, "target": "relative"}], remedy=None
    )
    found = losses(document)
    (rule,) = mended(document, found)["permission"]
    assert rule == {"action": ["odrl:read", "raed"], "colour": 1, "target": "relative"}


@over(
    ("context", "code"),
    [
        (["https://example.org/context"], "unknown-context"),
        ({"use": "urn:x:use"}, "inline-context"),
        ([*CONTEXTS, 5], "inline-context"),
    ],
)
def test_contexts_that_are_not_held(context: object, code: str) -> None:
    assert places(policy(context)) == {(code, "/@context")}


def test_a_document_without_context() -> None:
    assert places({"permission": []}) == {("missing-context", "")}


def test_aliases_of_keywords_are_names_too() -> None:
    good = policy(W3C, uid="urn:p")
    del good["@id"]
    assert losses(good) == ()
    assert places(good | {"uid": "relative"}) == {("relative-identifier", "/uid")}


def test_terms_that_the_wire_does_not_define() -> None:
    document = policy(W3C, conflict="prohibit", inheritFrom=[], permission=[{"action": "read"}] * 2)
    found = {(item.path, item.fix) for item in unsaid(document)}
    assert found == {
        ("/conflict", "write `odrl:conflict`"),
        ("/inheritFrom", "write `odrl:inheritFrom`"),
    }


def test_very_many_losses_are_cut_off() -> None:
    document = policy(**{f"x{at}": 1 for at in range(2 * MAX_LOSSES)})
    assert len(losses(document)) == MAX_LOSSES
