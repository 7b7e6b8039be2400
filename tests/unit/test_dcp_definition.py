"""Presentation definitions: which credentials answer one, and what of one is not understood."""

from __future__ import annotations

from typing import Any

import pytest

from connector.errors import Malformed, NotSupported
from connector.identity.credential import Credential
from connector.identity.dcp import definition
from connector.identity.dcp.credential import Held, Profile
from connector.identity.reading import Kind
from connector.jsonld.canonical import canonical
from tests.support.each import over

DOCUMENT = {
    "type": ["VerifiableCredential", "MembershipCredential"],
    "issuer": {"id": "did:web:a.example"},
    "credentialSubject": [{"id": "did:web:b.example", "level": 3, "active": True, "a.b": "c"}],
}


def held(name: str, profile: Profile = Profile.VC20, **changes: Any) -> Held:
    document = {**DOCUMENT, **changes}
    types = frozenset(document["type"])
    credential = Credential(name, types, "did:web:a", {}, "did:web:b", None, None, None, document)
    return Held(f"{name}.x.y", profile, credential)


def asked(*fields: Any, **more: Any) -> definition.Definition:
    descriptor = {"id": "d", "constraints": {"fields": list(fields)}}
    body = {"id": "x", "input_descriptors": [descriptor], **more}
    return definition.read(Kind("definition", Malformed, 1 << 16).opened(canonical(body)))


def field(path: str, **more: Any) -> dict[str, Any]:
    return {"path": [path], **more}


def answers(*fields: Any) -> bool:
    return bool(asked(*fields).chosen([held("m")]))


@over(
    "path, condition, holds",
    [
        ("$.type", {"type": "string", "pattern": "MembershipCredential"}, True),
        ("$.vc.type", {"type": "string", "pattern": "^MembershipCredential$"}, True),
        ("$.type", {"type": "string", "pattern": "Membership"}, True),
        ("$.type", {"pattern": "^Membership$"}, False),
        ("$.type", {"pattern": "^Credential"}, False),
        ("$.type", {"pattern": "Credential$"}, True),
        ("$.type", {"type": "array", "contains": {"const": "MembershipCredential"}}, True),
        ("$.type", {"type": "array", "contains": {"const": "Other"}}, False),
        ("$.type[*]", {"const": "VerifiableCredential"}, True),
        ("$.type[1]", {"const": "VerifiableCredential"}, False),
        ("$.type[7]", None, False),
        ("$.issuer.id", {"enum": ["did:web:a.example", "x"]}, True),
        ("$['issuer']['id']", {"const": "did:web:a.example"}, True),
        ("$.issuer", {"type": "object"}, True),
        ("$.credentialSubject[0].level", {"type": "integer", "const": 3}, True),
        ("$.credentialSubject[*].level", {"type": "number"}, True),
        ("$.credentialSubject[0].active", {"type": "boolean"}, True),
        ("$.credentialSubject[0].active", {"type": "integer"}, False),
        ("$.credentialSubject[0].level", {"pattern": "3"}, False),
        ("$.credentialSubject[0]['a.b']", {"pattern": "c"}, True),
        ("$.issuer.id", {"pattern": "a\\.example"}, True),
        ("$.issuer", {"contains": {"const": 1}}, False),
        ("$.nothing", None, False),
        ("$.type.x", None, False),
    ],
)
def test_conditions(path: str, condition: Any, holds: bool) -> None:  # noqa: FBT001  a parameter
    more = {} if condition is None else {"filter": condition}
    assert answers(field(path, **more)) is holds


def test_the_first_path_with_a_value_counts_and_a_field_may_be_missing() -> None:
    assert answers({"path": ["$.nothing", "$.issuer.id"], "filter": {"const": "did:web:a.example"}})
    assert answers(field("$.nothing", optional=True))
    assert not answers(field("$.nothing", optional=True), field("$.nothing"))
    single = {"id": "d", "constraints": {"fields": field("$.type")}}
    assert asked(input_descriptors=[single]).chosen([held("m")])


def test_all_of_a_definition_is_answered_or_nothing() -> None:
    member = {"id": "m", "constraints": {"fields": [field("$.type")]}}
    other = {"id": "o", "constraints": {"fields": [field("$.colour")]}}
    assert asked(input_descriptors=[member]).chosen([held("m"), held("n")])["m"][1:]
    assert asked(input_descriptors=[member, other]).chosen([held("m")]) == {}


def test_the_submission_says_where() -> None:
    known = asked(field("$.type"))
    presented = [held("m"), held("n"), held("o", Profile.VC11)]
    told = definition.submission(known, known.chosen(presented), presented, "urn:s")
    assert (told["id"], told["definition_id"]) == ("urn:s", "x")
    assert [(each["path"], each["path_nested"]["path"]) for each in told["descriptor_map"]] == [
        ("$.presentation[0]", "$.verifiableCredential[0]"),
        ("$.presentation[0]", "$.verifiableCredential[1]"),
        ("$.presentation[1]", "$.vp.verifiableCredential[0]"),
    ]


@over(
    "what, change",
    [
        ("`submission_requirements`", {"submission_requirements": []}),
        ("`frame`", {"frame": {}}),
        ("`limit_disclosure`", {"constraints": {"fields": [], "limit_disclosure": "required"}}),
        ("`group`", {"group": ["A"]}),
        ("`predicate`", field("$.a", predicate="required")),
        ("chain of names", field("$..type")),
        ("chain of names", field("$.a[?(@.b)]")),
        ("chain of names", field("type")),
        ("`minLength`", field("$.a", filter={"minLength": 3})),
        ("not a literal", field("$.a", filter={"pattern": "(a+)+$"})),
        ("not a literal", field("$.a", filter={"pattern": "a|b"})),
        ("this type", field("$.a", filter={"type": "null"})),
        ("beside another", field("$.a", filter={"contains": {"const": 1}, "const": [1]})),
        ("`not`", field("$.a", filter={"contains": {"not": {}}})),
    ],
)
def test_what_is_not_understood(what: str, change: dict[str, Any]) -> None:
    whole, part = field("$.a"), {"id": "d", "constraints": {"fields": [field("$.a")]}}
    fields, more = (change, {}) if "path" in change else (whole, change)
    if "constraints" in change or "group" in change:
        more = {"input_descriptors": [{**part, **change}]}
    with pytest.raises(NotSupported, match=what):
        asked(fields, **more)


@over(
    "more",
    [
        {"input_descriptors": []},
        {"input_descriptors": [{"id": "d"}]},
        {"input_descriptors": [{"id": "d", "constraints": {"fields": []}}]},
        {"input_descriptors": [{"id": "d", "constraints": {"fields": [{}]}}]},
        {"input_descriptors": [{"id": "d", "constraints": {"fields": [field("$.a")]}}] * 2},
        {"id": None},
        {"input_descriptors": [{"id": "d", "constraints": {"fields": [field("$.a", filter=[])]}}]},
        {
            "input_descriptors": [
                {"id": "d", "constraints": {"fields": [field("$.a", filter={"type": []})]}}
            ]
        },
    ],
)
def test_what_is_no_definition(more: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        asked(**more)
