"""Presentation queries and their answers; what scopes name, and what an access token bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import CredentialInvalid, Malformed, NotSupported, ScopeForbidden, status
from connector.identity.credential import Credential
from connector.identity.dcp import query, scopes
from connector.identity.dcp.credential import Held, Profile
from connector.identity.dcp.message import CONTEXT
from connector.identity.dcp.scopes import Naming, Scope
from tests.support.each import over

TYPE, ID = (f"org.eclipse.dspace.dcp.vc.{each}" for each in ("type", "id"))
MEMBER = Scope(Naming.TYPE, "MembershipCredential")
DEFINITION = {"id": "1", "input_descriptors": []}


def asked(message: dict[str, Any], **changes: Any) -> tuple[Scope, ...]:
    stated = {name: value for name, value in (message | changes).items() if value is not ...}
    return query.read_query(json.dumps(stated).encode())


MESSAGE = query.query([f"{TYPE}:MembershipCredential", f"{ID}:urn:uuid:1"])


def test_round_trip() -> None:
    assert asked(MESSAGE) == (MEMBER, Scope(Naming.ID, "urn:uuid:1"))
    data = json.dumps(query.response(["a.b.c"])).encode()
    assert query.read_response(data) == ("a.b.c",)


@over(
    "scope, found",
    [
        (f"{TYPE}:MembershipCredential", MEMBER),
        (f"{TYPE}:MembershipCredential:read", MEMBER),
        (f"{TYPE}:https://x.example/v1#Member", Scope(Naming.TYPE, "https://x.example/v1#Member")),
        (f"{ID}:urn:uuid:1:read", Scope(Naming.ID, "urn:uuid:1")),
    ],
)
def test_scopes(scope: str, found: Scope) -> None:
    assert asked(MESSAGE, scope=[scope]) == (found,)


def test_a_space_may_name_aliases_of_its_own() -> None:
    data = json.dumps(query.query(["org.x.vc.type:MembershipCredential:read"])).encode()
    assert query.read_query(data, {"org.x.vc.type": Naming.TYPE}) == (MEMBER,)
    with pytest.raises(Malformed, match="/scope/0: must begin with"):
        query.read_query(data)


@over(
    "reason, change",
    [
        ("/scope/0: must begin with `org.eclipse", {"scope": ["presentation1"]}),
        ("/scope/0: must begin with", {"scope": [f"x{TYPE}:A"]}),
        ("/scope/0: names no type or id", {"scope": [f"{TYPE}:"]}),
        ("/scope/0: names no type or id", {"scope": [TYPE]}),
        ("/scope/0: names no type or id", {"scope": [f"{TYPE}:read"]}),
        ("/scope/0: names no type or id", {"scope": [f"{TYPE}:A B"]}),
        ("/scope/1: must be a text", {"scope": [f"{TYPE}:A", 1]}),
        ("/scope/0: must have 1 to 512", {"scope": [f"{TYPE}:{'A' * 600}"]}),
        ("/scope: must have 1 to 64 elements", {"scope": []}),
        ("/scope: must have 1 to 64 elements", {"scope": [f"{TYPE}:A"] * 65}),
        ("/scope: must be a list", {"scope": f"{TYPE}:A"}),
        ("either `scope` or", {"scope": ...}),
        ("either `scope` or", {"scope": None}),
        ("either `scope` or", {"presentationDefinition": DEFINITION}),
        ("must be an object", {"scope": ..., "presentationDefinition": []}),
        ("/presentationDefinition/id: is missing", {"scope": ..., "presentationDefinition": {}}),
        ("/type: must be `PresentationQuery", {"type": "PresentationResponseMessage"}),
        ("/type: is missing", {"type": ...}),
        ("/@context: is missing", {"@context": ...}),
        ("/@context: must be a list", {"@context": CONTEXT}),
        ("/@context: must name", {"@context": ["https://w3id.org/tractusx-trust/v0.8"]}),
        ("/@context/1: must be a text", {"@context": [CONTEXT, {"scope": "x:y"}]}),
    ],
)
def test_queries_that_are_refused(reason: str, change: dict[str, Any]) -> None:
    with pytest.raises(Malformed, match=reason):
        asked(MESSAGE, **change)


@over(
    "change",
    [
        {"more": {"any": [1]}},
        {"@context": ["https://x.example", CONTEXT]},
        {"presentationDefinition": None},
    ],
)
def test_queries_with_more_are_read(change: dict[str, Any]) -> None:
    assert MEMBER in asked(MESSAGE, **change)


def test_presentation_definitions_that_are_not_understood() -> None:
    with pytest.raises(NotSupported) as caught:
        asked(MESSAGE, scope=..., presentationDefinition={**DEFINITION, "frame": {}})
    assert status(caught.value.code)[1] == 501


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"type":1,"type":2}', b"[" * 100, b"\xff"])
def test_no_message_at_all(data: bytes) -> None:
    for read in (query.read_query, query.read_response):
        with pytest.raises(Malformed):
            read(data)


def test_large_queries_are_refused() -> None:
    with pytest.raises(Malformed, match="over the limit"):
        query.read_query(b" " * (query.MAX_QUERY_BYTES + 1))


def test_nothing_is_asked_that_others_would_refuse() -> None:
    for wrong in ([], ["x" * 600], ["a\nb"]):
        with pytest.raises(Malformed, match="/scope"):
            query.query(wrong)


ENVELOPED = {
    "@context": "https://www.w3.org/ns/credentials/v2",
    "type": ["EnvelopedVerifiablePresentation"],
    "id": "data:application/vp+jwt,a.b.c",
}


def test_presentations_may_be_enveloped_in_objects() -> None:
    message = query.response([]) | {"presentation": [ENVELOPED, "d.e.f"], "more": 1}
    assert query.read_response(json.dumps(message).encode()) == ("a.b.c", "d.e.f")


@over(
    "reason, presentation",
    [
        ("/presentation: must have 1 to 16", []),
        ("/presentation: must have 1 to 16", ["a.b.c"] * 17),
        ("/presentation: must be a list", "a.b.c"),
        ("/presentation/0: must be an object", [1]),
        ("/presentation/0: must have 1 to", [""]),
        ("/presentation/0/type: must be `Envel", [ENVELOPED | {"type": "VerifiablePresentation"}]),
        ("/presentation/0/id: must begin", [ENVELOPED | {"id": "https://x.example"}]),
        ("/presentation/0/id: is missing", [{"type": "EnvelopedVerifiablePresentation"}]),
    ],
)
def test_answers_that_are_refused(reason: str, presentation: Any) -> None:
    message = query.response([]) | {"presentation": presentation}
    with pytest.raises(Malformed, match=reason):
        query.read_response(json.dumps(message).encode())


def kept(identifier: str, *types: str) -> Held:
    named = frozenset(("VerifiableCredential", *types))
    said = Credential(identifier, named, "did:web:a", {}, "did:web:b", None, None, None, {})
    return Held(identifier, Profile.VC20, said)


HELD = [kept("urn:1", "MembershipCredential"), kept("urn:2", "Secret"), kept("urn:3", "A", "B")]
SCOPES = st.sampled_from(
    [Scope(Naming.TYPE, each) for each in ("MembershipCredential", "Secret", "A", "B", "C")]
    + [Scope(Naming.TYPE, "VerifiableCredential"), Scope(Naming.TYPE, "member")]
    + [Scope(Naming.ID, f"urn:{number}") for number in range(1, 5)]
)


def test_an_access_token_bounds_what_may_be_asked() -> None:
    secret = Scope(Naming.TYPE, "Secret")
    scopes.check_granted([MEMBER], [MEMBER, secret])
    assert scopes.answering(HELD, [MEMBER], [MEMBER, secret]) == (HELD[0],)
    for granted in ([MEMBER], []):
        with pytest.raises(ScopeForbidden, match="type `Secret`"):
            scopes.check_granted([*granted, secret], granted)
    assert scopes.answering(HELD, [MEMBER, secret], [MEMBER]) == (HELD[0],)


def test_what_is_not_granted_is_refused_whether_or_not_it_is_held() -> None:
    reasons = []
    for name in ("Secret", "Unheld"):
        with pytest.raises(ScopeForbidden) as caught:
            scopes.check_granted([Scope(Naming.TYPE, name)], [MEMBER])
        reasons.append(caught.value.reason.replace(name, ""))
    assert len(set(reasons)) == 1


def test_another_alias_is_no_way_round() -> None:
    by_id = Scope(Naming.ID, "urn:2")
    assert scopes.answering(HELD, [by_id], [MEMBER]) == ()
    assert scopes.answering(HELD, [by_id], [by_id]) == (HELD[1],)
    everything = Scope(Naming.TYPE, "VerifiableCredential")
    assert scopes.answering(HELD, [everything], [MEMBER]) == (HELD[0],)


@settings(max_examples=60)
@given(st.lists(SCOPES), st.lists(SCOPES))
def test_nothing_leaves_that_was_not_both_asked_and_granted(
    wanted: list[Scope], granted: list[Scope]
) -> None:
    found = scopes.answering(HELD, wanted, granted)
    assert found == scopes.answering(HELD, granted, wanted)
    for each in HELD:
        named = [any(scope.names(each.credential) for scope in by) for by in (wanted, granted)]
        assert (each in found) is all(named)


def test_what_was_asked_must_be_presented() -> None:
    scopes.check_answered([MEMBER], HELD)
    with pytest.raises(CredentialInvalid, match="no credential of type `C` was presented"):
        scopes.check_answered([MEMBER, Scope(Naming.TYPE, "C")], HELD)
