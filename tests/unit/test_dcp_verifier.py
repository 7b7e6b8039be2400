"""The verifier of DCP: who is believed, and each token that is not, with its reason."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain.space import MEMBERSHIP_SCOPE, Space
from connector.errors import (
    CredentialInvalid,
    CredentialRevoked,
    MembershipRequired,
    SpaceUnstated,
    StatusRetrievalFailed,
    TokenInvalid,
    TokenMismatch,
    TokenMissing,
    TokenReplayed,
    Untrusted,
    UntrustedIssuer,
)
from connector.identity import certificate, jws
from connector.identity import did as dids
from connector.identity.dcp import access, presentation, query, self_issued
from connector.identity.dcp import credential as dcp_credentials
from connector.jsonld.canonical import canonical
from connector.ports import Answer
from connector.services.membership import dealing, onboard
from tests.support.claims import (
    AUTHORITY,
    HOLDER,
    LIST,
    PLAIN,
    QUERY,
    VERIFIER,
    Claims,
    Connection,
    membership,
    refused,
)
from tests.support.doubles import NOON
from tests.support.keys import ForeignSigner, MemoryEcSigner, MemorySigner, forged

AT = int(NOON.timestamp())
LEAF, OTHER_LEAF = (certificate.make_authority(name, NOON, 9)[0] for name in ("a", "b"))


@pytest.fixture
def world(tmp_path: Path) -> Claims:
    return Claims(tmp_path)


def claims(world: Claims, **changes: Any) -> dict[str, Any]:
    now = world.clock.now()
    stated = {
        "iss": HOLDER,
        "sub": HOLDER,
        "aud": VERIFIER,
        "jti": world.holder.ids.new(),
        "iat": AT,
        "exp": AT + 300,
        "token": access.make(world.signers[HOLDER], HOLDER, VERIFIER, [MEMBERSHIP_SCOPE], now),
        **changes,
    }
    return {name: value for name, value in stated.items() if value is not None}


def header(**changes: Any) -> dict[str, Any]:
    return {"alg": "EdDSA", "kid": f"{HOLDER}#key-1", "typ": "JWT", **changes}


# --- believing -----------------------------------------------------------------------------------


def test_a_member_is_believed_and_known_from_then_on(world: Claims) -> None:
    found = world.judged()
    assert (found.did, found.name, found.grpc_endpoint) == (HOLDER, "Lycée Nord", "")
    assert found.membership == world.membership
    with world.verifier.store.read() as tx:
        assert tx.participants.get(HOLDER) == found
        assert [entry.kind for entry in tx.audit.entries()][-1] == "participant.admitted"


def test_who_is_known_is_not_asked_again_also_after_a_restart(world: Claims) -> None:
    world.judged()
    world.judged()
    world.restart()
    world.web.down = {"authority.example"}
    world.judged()
    assert world.queries() == 1
    world.web.down = set()
    world.later(hours=1)
    world.judged()
    assert world.queries() == 2


def test_a_new_question_is_asked(world: Claims) -> None:
    """Another space asks by other scopes: what answered the first does not answer these."""
    world.judged()
    settings = world.verifier.settings
    other = Space(AUTHORITY, (AUTHORITY,), (MEMBERSHIP_SCOPE, MEMBERSHIP_SCOPE + ":read"))
    object.__setattr__(settings, "spaces", (other,))
    world.judged()
    assert world.queries() == 2


def test_a_holder_is_dealt_with_in_the_space_that_was_chosen(world: Claims) -> None:
    there, here = Space(VERIFIER, (VERIFIER,)), Space(AUTHORITY, (AUTHORITY,), name="here")
    object.__setattr__(world.verifier.settings, "spaces", (there, here))
    assert dealing.choose(world.verifier, HOLDER, there).space == VERIFIER  # before it ever called
    refused(world, UntrustedIssuer, "is not a trusted issuer")
    assert dealing.choose(world.verifier, HOLDER, here).space == AUTHORITY
    believed = world.judged()
    assert (believed.space, believed.elsewhere) == (AUTHORITY, ())
    assert onboard.judge(world.verifier, HOLDER) == believed
    left = dealing.choose(world.verifier, HOLDER, there)
    assert left.shown(AUTHORITY) == believed.membership  # contracts there are judged by it
    assert onboard.judge(world.verifier, HOLDER, here)
    with pytest.raises(MembershipRequired):
        onboard.judge(world.verifier, HOLDER)


@pytest.mark.parametrize("name", ["ES256", "ES384", "RS256", "PS256"])
def test_holders_and_issuers_have_keys_of_many_kinds(tmp_path: Path, name: str) -> None:
    """The issuer is one of other software: its key is named by a relative and embedded method."""
    maker: Callable[[str], Any] = (
        MemoryEcSigner if name == "ES256" else lambda did: ForeignSigner(did, name)
    )
    issuer = maker(AUTHORITY)
    world = Claims(tmp_path)
    method = {
        "id": "#key-1",
        "type": "JsonWebKey2020",
        "controller": AUTHORITY,
        "publicKeyJwk": dict(issuer.public_jwk),
    }
    served = canonical({"id": AUTHORITY, "assertionMethod": [method]})
    world.web.pages[dids.document_url(AUTHORITY)] = lambda: served
    document = dict(dcp_credentials.unverified(world.membership).credential.document)
    del document["credentialStatus"]
    world.membership = forged(issuer, document, header(alg=name, kid=issuer.key_id, typ="vc+jwt"))
    assert world.judged().did == HOLDER


def test_keys_that_were_rotated_are_looked_up(world: Claims) -> None:
    world.judged()
    world.signers[HOLDER] = MemorySigner(HOLDER, "key-2")
    world.holder = world.node(HOLDER)
    world.calling = type(world.calling)(world.holder, world.judging)
    refused(world, TokenInvalid, "no such key")  # looked at just now
    world.later(seconds=31)
    # They are not those of the membership, which states its member's keys.
    refused(world, CredentialInvalid, "are not the member's")


def test_who_is_blocked_stays_so(world: Claims) -> None:
    known = world.judged()
    with world.verifier.store.write() as tx:
        tx.participants.put(type(known)(**{**_fields(known), "blocked": "misuse"}))
    refused(world, Untrusted, "blocked by the operator")


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


def test_a_stranger_is_dealt_with_in_the_only_space_that_believes_it(world: Claims) -> None:
    here, there = Space(AUTHORITY, (AUTHORITY,)), Space(VERIFIER, (VERIFIER,), name="there")
    for spaces, chosen in (((there, here), AUTHORITY), ((here, replace(here, id="urn:x")), "")):
        object.__setattr__(world.verifier.settings, "spaces", spaces)
        if chosen:
            assert world.judged().space == chosen
            with world.verifier.store.write() as tx:
                tx.participants.remove(HOLDER)
    world.membership = membership(world, credentialSubject={"id": HOLDER})
    with pytest.raises(SpaceUnstated):
        world.judged()
    object.__setattr__(world.verifier.settings, "spaces", (there,))
    refused(world, UntrustedIssuer, "is not a trusted issuer")


def test_who_is_known_by_dcp_alone_is_judged_by_what_is_kept(world: Claims) -> None:
    """As a peer is whom this node calls, and as the operator sees it."""
    world.judged()
    world.web.fetched.clear()
    assert onboard.judge(world.verifier, HOLDER).did == HOLDER
    assert world.web.fetched == []
    world.revoke()
    world.later(minutes=6)
    world.judging.statuses.refresh()
    with pytest.raises(CredentialRevoked):
        onboard.judge(world.verifier, HOLDER)
    assert onboard.refresh(world.verifier) == [HOLDER]


def test_lists_are_kept_fresh_and_dropped_when_they_are_over(world: Claims) -> None:
    world.judged()
    world.judging.statuses.refresh()
    assert world.web.fetched.count(LIST) == 1
    world.later(minutes=6)
    world.judging.statuses.refresh()
    assert world.web.fetched.count(LIST) == 2
    del world.web.pages[LIST]
    world.later(hours=25)
    with pytest.raises(StatusRetrievalFailed):
        onboard.judge(world.verifier, HOLDER)
    world.judging.refresh()
    with world.verifier.store.read() as tx:
        assert tx.published_copies.find() == tx.presented.find() == []
    with pytest.raises(StatusRetrievalFailed):
        onboard.judge(world.verifier, HOLDER)


def test_an_issuer_that_the_space_trusts_no_longer_is_not_believed_of_the_kept(
    world: Claims,
) -> None:
    world.judged()
    object.__setattr__(world.verifier.settings, "spaces", (Space(AUTHORITY, (VERIFIER,)),))
    with pytest.raises(UntrustedIssuer):
        onboard.judge(world.verifier, HOLDER)


def test_the_document_of_who_is_known_by_dcp_is_fetched_anew(world: Claims) -> None:
    world.judged()
    world.later(days=3)
    found = onboard.reacquaint(world.verifier, HOLDER)
    assert found.refreshed_at == world.clock.now()
    content = json.loads(world.document(HOLDER))
    content["alsoKnownAs"] = ["https://nord.example"]
    world.web.pages[dids.document_url(HOLDER)] = lambda: canonical(content)
    assert onboard.reacquaint(world.verifier, HOLDER).document == canonical(content)


# --- tokens --------------------------------------------------------------------------------------


def test_no_token(world: Claims) -> None:
    for header_value in (" ", "Basic x"):
        with pytest.raises(TokenMissing):
            world.judged(header_value)
    assert world.judged().did == HOLDER


def test_wrong_key_relationship(world: Claims) -> None:
    own = world.web.pages[dids.document_url(HOLDER)]
    content = json.loads(world.document(HOLDER))
    content["capabilityInvocation"] = []
    world.web.pages[dids.document_url(HOLDER)] = lambda: canonical(content)
    refused(world, TokenInvalid, "does not use its key for `capabilityInvocation`")
    world.web.pages[dids.document_url(HOLDER)] = own
    world.later(seconds=31)
    assert world.judged().did == HOLDER


def test_key_of_another_did(world: Claims) -> None:
    kid = f"{AUTHORITY}#key-1"
    token = forged(world.signers[AUTHORITY], claims(world), header(kid=kid))
    refused(world, TokenInvalid, "a key of another DID", token)
    assert world.judged().did == HOLDER


def test_algorithm_confusion_and_none(world: Claims) -> None:
    class Confused:
        def sign(self, payload: bytes) -> bytes:
            public = world.signers[HOLDER].public_jwk["x"]
            return hmac.digest(public.encode(), payload, "sha512")

    for name in ("HS256", "ES256", "RS256"):
        token = forged(Confused(), claims(world), header(alg=name))  # type: ignore[arg-type]
        refused(world, TokenInvalid, "not the one of the key", token)
    for name in ("none", "None"):
        unsigned = forged(world.signers[HOLDER], claims(world), header(alg=name))
        refused(world, TokenInvalid, "is not signed", unsigned)
        refused(world, TokenInvalid, "is not signed", unsigned.rpartition(".")[0] + ".")
    assert world.judged().did == HOLDER


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c"])
def test_header_supplied_keys(world: Claims, member: str) -> None:
    thief = MemorySigner(HOLDER)
    values = {"jwk": dict(thief.public_jwk), "x5c": ["AAAA"]}
    stated = {member: values.get(member, "https://thief.example/keys")}
    token = forged(thief, claims(world), header(**stated))
    refused(world, TokenInvalid, f"contains a key of its own (`{member}`)", token)
    assert world.judged().did == HOLDER
    assert not any("thief" in url for url in world.web.fetched)


def test_cross_type_tokens(world: Claims) -> None:
    """What the holder signed for another purpose is no ID token, and the reverse."""
    held = dcp_credentials.unverified(world.membership)
    (shown,) = presentation.make(
        *(world.signers[HOLDER], HOLDER, VERIFIER, [held], world.holder.ids.new, NOON)
    )
    granted = access.make(world.signers[HOLDER], HOLDER, VERIFIER, [MEMBERSHIP_SCOPE], NOON)
    for token in (shown, world.membership, granted):
        refused(world, TokenInvalid, "is a token of another type (`typ`)", token)
    typed = forged(world.signers[HOLDER], claims(world, vp={}), header())
    refused(world, TokenInvalid, "/vp: is allowed in a token of another kind only", typed)
    own = world.web.answering[QUERY]
    world.web.answering[QUERY] = lambda _body, _headers: Answer(
        200, canonical(query.response([world.header().removeprefix("Bearer ")]))
    )
    refused(world, CredentialInvalid, "presentation /@context: is missing")
    world.web.answering[QUERY] = own
    assert world.judged().did == HOLDER


def test_duplicate_keys(world: Claims) -> None:
    """Readers of another make would take the first of the two."""
    for member in ("aud", "sub"):
        said = canonical(claims(world))
        twice = said[:-1] + b',"' + member.encode() + b'":"' + HOLDER.encode() + b'"}'
        token = jws.sign_compact(world.signers[HOLDER], twice, "JWT", header())
        refused(world, TokenInvalid, "has a member twice", token)
    assert world.judged().did == HOLDER


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": AUTHORITY}, "for another verifier"),
        ({"aud": [VERIFIER, AUTHORITY]}, "for another verifier, or for several"),
        ({"exp": AT - 100, "iat": AT - 300}, "expired"),
        ({"iat": AT + 100, "exp": AT + 300}, "not valid before"),
        ({"nbf": AT + 100}, "not valid before"),
        ({"exp": AT + 301}, "lifetime is not between"),
        ({"exp": None}, "is missing"),
        ({"jti": None}, "must be"),
        ({"sub": VERIFIER}, "differ"),
        ({"token": None}, "contains no access token"),
    ],
    ids=lambda each: str(each)[:40],
)
def test_claims_that_are_refused(world: Claims, changes: dict[str, Any], reason: str) -> None:
    refused(
        world,
        TokenInvalid,
        reason,
        forged(world.signers[HOLDER], claims(world, **changes), header()),
    )
    assert world.judged(f"Bearer {forged(world.signers[HOLDER], claims(world), header())}")


def test_nothing_is_fetched_for_a_token_that_is_for_another(world: Claims) -> None:
    world.web.fetched.clear()
    for changes in ({"aud": AUTHORITY}, {"exp": AT - 100, "iat": AT - 300}):
        stated = claims(world, iss="did:web:prey.example", sub="did:web:prey.example", **changes)
        refused(world, TokenInvalid, "", forged(world.signers[HOLDER], stated, header()))
    assert world.web.fetched == []


def test_replayed_also_after_a_restart(world: Claims) -> None:
    shown = world.header()
    world.judged(shown)
    for _ in range(2):
        with pytest.raises(TokenReplayed):
            world.judged(shown)
        world.restart()
    assert world.judged().did == HOLDER


def test_a_token_on_another_tls_connection(world: Claims) -> None:
    def bound() -> str:
        token = self_issued.make(
            *(world.signers[HOLDER], HOLDER, VERIFIER, world.holder.ids.new(), NOON),
            access_token=claims(world)["token"],
            leaf_pem=LEAF,
        )
        return f"Bearer {token}"

    for connection, reason in (
        (Connection(OTHER_LEAF), "made for another certificate"),
        (PLAIN, "bound to a certificate, and none was shown"),
    ):
        with pytest.raises(TokenMismatch, match=reason):
            world.judged(bound(), connection)
    assert world.judged(bound(), Connection(LEAF)).did == HOLDER
    assert world.judged(world.header(), Connection(OTHER_LEAF)).did == HOLDER  # it binds nothing
