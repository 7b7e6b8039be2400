"""Presentations and credentials of both data models: what is taken, and each refusal."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from connector.errors import (
    CredentialExpired,
    CredentialInvalid,
    CredentialRevoked,
    PreauError,
    UntrustedIssuer,
)
from connector.identity import credential as credentials
from connector.identity import document as documents
from connector.identity import jws
from connector.identity.dcp import credential as others
from connector.identity.dcp import presentation, self_issued
from connector.identity.dcp.credential import VCDM_11, Held, Profile
from connector.identity.document import DidDocument
from connector.identity.trust import AllOf, Claim, IssuedBy
from connector.jsonld.canonical import canonical, parse_object
from tests.support.contracts import AUTHORITY, CONSUMER, NOW, PROVIDER
from tests.support.each import over
from tests.support.keys import MemoryEcSigner, MemorySigner, forged

ISSUER = MemoryEcSigner(AUTHORITY)
HOLDER = MemorySigner(CONSUMER)
STRANGER = MemorySigner(PROVIDER)
VERIFIER = PROVIDER
AT = int(NOW.timestamp())


def document_of(signer: Any, **changes: Any) -> DidDocument:
    content = parse_object(documents.build(signer, signer.did)) | changes
    return documents.read(canonical(content), signer.did)


DOCUMENTS = {each.did: document_of(each) for each in (ISSUER, HOLDER)}
TRUSTED = AllOf((IssuedBy((AUTHORITY,)),))


def issuers(did: str) -> DidDocument:
    if did not in DOCUMENTS:
        raise UntrustedIssuer("not one that is asked")
    return DOCUMENTS[did]


def stated(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def vc20(**changes: Any) -> dict[str, Any]:
    given = {
        "@context": [credentials.VCDM],
        "id": "urn:uuid:20",
        "type": ["VerifiableCredential", "MembershipCredential"],
        "issuer": AUTHORITY,
        "validFrom": "2026-11-24T14:00:00.123456789Z",
        "validUntil": "2026-11-24T17:00:00+01:00",
        "credentialSubject": {"id": CONSUMER, "name": "Lab"},
    }
    return stated(**given | changes)


def vc11(**changes: Any) -> dict[str, Any]:
    given = {
        "@context": [VCDM_11],
        "id": "urn:uuid:11",
        "type": ["VerifiableCredential", "MembershipCredential"],
        "issuer": AUTHORITY,
        "issuanceDate": "2026-11-24T14:00:00.5Z",
        "credentialSubject": {"id": CONSUMER},
    }
    return stated(**given | changes)


HEADER = {"alg": "ES256", "kid": ISSUER.key_id}


def signed20(signer: Any = ISSUER, **changes: Any) -> str:
    head = HEADER if signer is ISSUER else jws.unverified_header(jws.sign_compact(signer, b"x", ""))
    return forged(signer, vc20(**changes), {"alg": head["alg"], "kid": signer.key_id})


def signed11(claims: dict[str, Any] | None = None, **changes: Any) -> str:
    own = {"iss": AUTHORITY, "sub": CONSUMER, "nbf": AT - 60, "exp": AT + 300, "jti": "urn:other"}
    whole = stated(**own | (claims or {}), vc=vc11(**changes))
    return forged(ISSUER, whole, HEADER | {"typ": "JWT"})


def held(*tokens: str) -> list[Held]:
    return [others.unverified(token) for token in tokens]


def made(*tokens: str) -> list[str]:
    numbers = count()
    found = presentation.make(
        HOLDER, CONSUMER, VERIFIER, held(*tokens), lambda: f"urn:{next(numbers)}", NOW
    )
    return list(found)


def checked(token: str, **changes: Any) -> presentation.Presentation:
    values: dict[str, Any] = {
        "holder": DOCUMENTS[CONSUMER],
        "audience": VERIFIER,
        "now": NOW,
        "issuers": issuers,
        "policy": TRUSTED,
        **changes,
    }
    return presentation.check(token, **values)


def refused(
    reason: str, token: str, error: type[PreauError] = CredentialInvalid, **changes: Any
) -> None:
    with pytest.raises(error, match=reason):
        checked(token, **changes)


def test_round_trip_of_both_profiles() -> None:
    """Credentials of two data models go in two presentations (appendix A.2.1)."""
    tokens = made(signed20(), signed11(), signed20(id="urn:uuid:21"))
    found = [checked(token) for token in tokens]
    assert [each.profile for each in found] == [Profile.VC20, Profile.VC11]
    assert [len(each.credentials) for each in found] == [2, 1]
    assert {each.holder for each in found} == {CONSUMER}
    assert found[0].credentials[0].credential.subject["name"] == "Lab"
    assert found[0].credentials[0].token not in repr(found)
    assert made() == []


def test_presentations_are_written_as_the_data_models_say() -> None:
    inside = signed20()
    two, one = made(inside, signed11())
    header = {"alg": "EdDSA", "kid": HOLDER.key_id}
    assert jws.unverified_header(two) == {**header, "typ": "vp+jwt"}
    assert jws.unverified_header(one) == {**header, "typ": "JWT"}
    claims = parse_object(jws.unverified_payload(two))
    assert claims["verifiableCredential"][0]["id"] == f"data:application/vc+jwt,{inside}"
    assert "vp" not in claims
    assert parse_object(jws.unverified_payload(one))["vp"]["type"] == ["VerifiablePresentation"]
    for each in (two, one):
        said = parse_object(jws.unverified_payload(each))
        life = said["exp"] - said["iat"]
        assert (said["iss"], said["aud"], life) == (CONSUMER, VERIFIER, 300)


def test_credentials_that_this_node_issues_are_of_the_profiles() -> None:
    own = credentials.issue(ISSUER, vc20())
    assert others.verify(own, DOCUMENTS[AUTHORITY]).profile is Profile.VC20
    token = others.issue_vc11(ISSUER, vc11(expirationDate="2026-11-24T16:00:00Z"))
    found = others.verify(token, DOCUMENTS[AUTHORITY]).credential
    assert (found.id, found.subject_id) == ("urn:uuid:11", CONSUMER)
    claims = parse_object(jws.unverified_payload(token))
    assert claims["exp"] - claims["nbf"] == 7200
    assert checked(made(own, token)[1]).profile is Profile.VC11
    with pytest.raises(CredentialInvalid, match="issuanceDate: is missing"):
        others.issue_vc11(ISSUER, vc11(issuanceDate=None))


@over(
    "token",
    [
        signed20(),
        signed20(validFrom=None, validUntil=None, id=None),
        signed20(credentialSubject=[{"id": CONSUMER}]),
        signed20(issuer={"id": AUTHORITY, "name": "x"}),
        signed20(iss=AUTHORITY, sub=CONSUMER, exp=AT + 10, jti="x", iat=AT),
        signed20(credentialStatus=[{"type": "BitstringStatusListEntry"}, {"type": "x"}]),
        signed11(),
        signed11(expirationDate=None, credentialStatus={"type": "StatusList2021Entry"}),
        signed11({"sub": None, "iss": None, "exp": None, "nbf": None}),
        signed11(type="VerifiableCredential"),
    ],
)
def test_credentials_of_others_that_are_taken(token: str) -> None:
    (found,) = checked(made(token)[0]).credentials
    assert (found.token, found.credential.issuer) == (token, AUTHORITY)


def test_what_a_credential_says_is_kept_whole() -> None:
    """Statuses, and what is not known here, are read by others."""
    status = [{"type": "BitstringStatusListEntry"}, {"type": "unknown"}]
    for token in (signed20(credentialStatus=status, x=1), signed11(credentialStatus=status, x=1)):
        found = others.verify(token, DOCUMENTS[AUTHORITY]).credential
        assert (found.document["credentialStatus"], found.document["x"]) == (status, 1)


@over(
    "reason, token",
    [
        ("/type: must name", signed20(type=["MembershipCredential"])),
        ("/@context: must begin with", signed20(**{"@context": [VCDM_11]})),
        ("/@context: must be a list", signed20(**{"@context": credentials.VCDM})),
        ("/issuer: must be a text", signed20(issuer=7)),
        ("/issuer/id: must be a text", signed20(issuer={})),
        ("/credentialSubject: must have 1 to 1", signed20(credentialSubject=[{}, {}])),
        ("/credentialSubject: must be an object", signed20(credentialSubject="x")),
        ("/validFrom: must be a time", signed20(validFrom="2026-11-24T14:00:00")),
        ("/validUntil: must be a time", signed20(validUntil="9999-12-31T23:59:59-14:00")),
        ("/validUntil: must be a time", signed20(validUntil="2026-02-30T00:00:00Z")),
        ("/iss: contradicts the issuer", signed20(iss=CONSUMER)),
        ("/sub: contradicts the subject", signed20(sub=PROVIDER)),
        ("/vp: is allowed in a presentation only", signed20(vp={})),
        ("/vc/issuanceDate: is missing", signed11(issuanceDate=None)),
        ("/vc/@context: must begin with", signed11(**{"@context": [credentials.VCDM]})),
        ("/iss: contradicts the issuer", signed11({"iss": PROVIDER})),
        ("/sub: contradicts the subject", signed11({"sub": PROVIDER})),
        ("/exp: must be a number", signed11({"exp": "x"})),
    ],
)
def test_credentials_of_others_that_are_refused(reason: str, token: str) -> None:
    with pytest.raises(CredentialInvalid, match=reason):
        others.verify(token, DOCUMENTS[AUTHORITY])
    with pytest.raises(CredentialInvalid, match=reason):
        others.unverified(token)


@over(
    "reason, token",
    [
        ("expired at", signed20(validUntil="2026-11-24T15:00:00Z")),
        ("not valid before", signed20(validFrom="2026-11-24T15:00:30.000001Z")),
        ("expired at", signed20(exp=AT)),
        ("not valid before", signed20(nbf=AT + 31)),
        ("expired at", signed11(expirationDate="2026-11-24T14:59:59Z")),
        ("not valid before", signed11(issuanceDate="2026-11-24T16:00:00Z")),
        ("expired at", signed11({"exp": AT})),
        ("not valid before", signed11({"nbf": AT + 31})),
    ],
)
def test_credentials_outside_their_narrower_period(reason: str, token: str) -> None:
    refused(reason, made(token)[0], CredentialExpired)


def test_whose_credentials() -> None:
    fitting = made(signed20())[0]
    assert checked(fitting).holder == CONSUMER
    elsewhere = signed20(credentialSubject={"id": PROVIDER})
    refused("the subject of a credential is not", made(elsewhere)[0])
    refused("the subject of a credential is not", made(signed20(credentialSubject={"x": 1}))[0])
    refused("not one that is asked", made(signed20(STRANGER, issuer=PROVIDER))[0], UntrustedIssuer)
    own = forged(HOLDER, vc20(issuer=CONSUMER), {"alg": "EdDSA", "kid": HOLDER.key_id})
    refused("is not a trusted issuer", made(own)[0], UntrustedIssuer)
    another = signed20(MemoryEcSigner(AUTHORITY))
    refused("does not verify", made(another)[0])
    wrong = forged(HOLDER, vc20(), {"alg": "EdDSA", "kid": HOLDER.key_id})
    refused("a key of another DID", made(wrong)[0])
    unlisted = {**DOCUMENTS, AUTHORITY: document_of(ISSUER, assertionMethod=[])}
    refused("`assertionMethod`", fitting, issuers=unlisted.__getitem__)


def test_a_credential_of_the_holder_s_own_key_is_not_its_issuer_s() -> None:
    """Signed rightly by the DID that is asked for, and issued by another."""
    token = forged(ISSUER, vc20(issuer=CONSUMER), HEADER)
    with pytest.raises(CredentialInvalid, match="not signed by its issuer"):
        others.verify(token, DOCUMENTS[AUTHORITY])


@dataclass(frozen=True)
class Revoked:
    """A status that was looked up elsewhere."""

    by: str

    def check(self, claim: Claim) -> None:
        if claim.credential.id == self.by:
            raise CredentialRevoked("revoked")


def test_what_was_checked_is_judged_again() -> None:
    token = made(signed20(), signed20(id="urn:uuid:21"))[0]
    found, holder = checked(token), DOCUMENTS[CONSUMER]
    presentation.judge(found, holder, NOW, issuers=issuers, policy=TRUSTED)
    revoked = AllOf((IssuedBy((AUTHORITY,)), Revoked("urn:uuid:21")))
    refused("revoked", token, CredentialRevoked, policy=revoked)
    with pytest.raises(CredentialRevoked):
        presentation.judge(found, holder, NOW, issuers=issuers, policy=revoked)
    later = NOW + timedelta(hours=2)
    with pytest.raises(CredentialExpired):
        presentation.judge(found, holder, later, issuers=issuers, policy=TRUSTED)
    with pytest.raises(UntrustedIssuer):
        presentation.judge(found, holder, NOW, issuers=issuers, policy=AllOf((IssuedBy(()),)))
    with pytest.raises(CredentialInvalid, match="no condition"):
        presentation.judge(found, holder, NOW, issuers=issuers, policy=AllOf(()))


def claims_of(profile: Profile) -> dict[str, Any]:
    token = made(signed20() if profile is Profile.VC20 else signed11())[0]
    return parse_object(jws.unverified_payload(token))


def altered(profile: Profile, change: Callable[[dict[str, Any]], Any], **header: Any) -> str:
    claims = copy.deepcopy(claims_of(profile))
    change(claims)
    head = {"alg": "EdDSA", "kid": HOLDER.key_id, "typ": "JWT", **header}
    return forged(HOLDER, claims, head)


def with_(**changes: Any) -> Callable[[dict[str, Any]], None]:
    def change(claims: dict[str, Any]) -> None:
        claims.update(changes)
        for name, value in changes.items():
            if value is None:
                del claims[name]

    return change


def in_vp(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda claims: with_(**changes)(claims["vp"])


VC20, VC11 = Profile.VC20, Profile.VC11
ENVELOPE = {"@context": credentials.VCDM, "type": "EnvelopedVerifiableCredential"}


@over(
    "profile, change",
    [
        (VC20, with_()),
        (VC20, with_(aud=[VERIFIER])),
        (VC20, with_(iss=None, sub=None, jti=None, iat=None, nbf=None, exp=None)),
        (VC20, with_(type="VerifiablePresentation", holder={"id": CONSUMER}, more=1)),
        (VC20, lambda c: c.update(verifiableCredential=c["verifiableCredential"][0])),
        (VC11, with_()),
        (VC11, in_vp(**{"@context": None}, context=[VCDM_11, "https://x.example"], holder=None)),
        (VC11, in_vp(type="VerifiablePresentation", verifiableCredential=signed11())),
        (VC11, with_(nbf=AT + 30, iat=AT + 30, exp=AT - 29)),
    ],
)
def test_presentations_of_others_that_are_taken(profile: Profile, change: Any) -> None:
    assert checked(altered(profile, change)).profile is profile


@over(
    "reason, profile, change",
    [
        ("another verifier, or for several", VC20, with_(aud=CONSUMER)),
        ("another verifier, or for several", VC20, with_(aud=None)),
        ("another verifier, or for several", VC11, with_(aud=[VERIFIER, CONSUMER])),
        ("/iss: must be the holder", VC20, with_(iss=PROVIDER)),
        ("/iss: must be the holder", VC11, with_(iss=PROVIDER)),
        ("/iss: is missing", VC11, with_(iss=None)),
        ("/sub: must be the holder", VC11, with_(sub=PROVIDER)),
        ("/holder: must be the DID that signed it", VC20, with_(holder=PROVIDER)),
        ("/vp/holder: must be the DID that signed it", VC11, in_vp(holder=PROVIDER)),
        ("/holder: is missing", VC20, with_(holder=None)),
        ("/@context: is missing", VC20, with_(**{"@context": None})),
        ("/@context: must begin with", VC20, with_(**{"@context": [VCDM_11]})),
        ("/vp/@context: must begin with", VC11, in_vp(**{"@context": [credentials.VCDM]})),
        ("/type: must name", VC20, with_(type=["Other"])),
        ("/vp/type: is missing", VC11, in_vp(type=None)),
        ("/vp: must be an object", VC11, with_(vp=[])),
        ("/verifiableCredential: is missing", VC20, with_(verifiableCredential=None)),
        ("must have 1 to 32 elements", VC20, with_(verifiableCredential=[])),
        ("must have 1 to 32 elements", VC11, in_vp(verifiableCredential=[signed11()] * 33)),
        ("not secured as profile `vc20", VC20, with_(verifiableCredential=[signed20()])),
        ("not secured as profile `vc11", VC11, in_vp(verifiableCredential=[vc11()])),
        ("must be `EnvelopedVerifiableC", VC20, with_(verifiableCredential=[vc20()])),
        (
            "must begin with `data:application/vc",
            VC20,
            with_(verifiableCredential=[{**ENVELOPE, "id": f"data:text/plain,{signed20()}"}]),
        ),
        (
            "is of profile `vc20-bssl/jwt`, and holds a credential of `vc11-sl2021/jwt`",
            VC20,
            with_(
                verifiableCredential=[{**ENVELOPE, "id": f"data:application/vc+jwt,{signed11()}"}]
            ),
        ),
        (
            "is of profile `vc11-sl2021/jwt`, and holds a credential of `vc20-bssl/jwt`",
            VC11,
            in_vp(verifiableCredential=[signed11(), signed20()]),
        ),
        ("/exp: must be a number", VC11, with_(exp="x")),
    ],
)
def test_presentations_of_others_that_are_refused(
    reason: str, profile: Profile, change: Any
) -> None:
    refused(reason, altered(profile, change))


@over(
    "reason, change",
    [
        ("not valid before", with_(nbf=AT + 31)),
        ("not valid before", with_(iat=AT + 31)),
        ("presentation expired at", with_(exp=AT - 30)),
    ],
)
def test_presentations_outside_their_time(reason: str, change: Any) -> None:
    for profile in Profile:
        refused(reason, altered(profile, change), CredentialExpired)


def test_an_answer_need_not_say_whom_it_is_for() -> None:
    token = altered(VC20, with_(aud=None))
    assert checked(token, answered=True).holder == CONSUMER
    refused("another verifier", altered(VC20, with_(aud=CONSUMER)), answered=True)


def test_who_signed_a_presentation() -> None:
    token = made(signed20())[0]
    assert checked(token).holder == CONSUMER
    unlisted = document_of(HOLDER, authentication=[])
    refused("does not use its key for `authentication`", token, holder=unlisted)
    refused("a key of another DID", token, holder=document_of(STRANGER))
    refused("does not verify", token, holder=document_of(MemorySigner(CONSUMER)))
    for reason, header in (
        ("is not signed", {"alg": "none"}),
        ("algorithm is not the one", {"alg": "ES256"}),
        ("a key of its own", {"jwk": dict(HOLDER.public_jwk)}),
        ("another type .`typ`", {"typ": "vc+jwt"}),
        ("another type .`cty`", {"cty": "vc"}),
    ):
        refused(reason, altered(VC20, with_(), **header))


def test_tokens_of_one_kind_never_pass_for_another() -> None:
    token = self_issued.make(HOLDER, CONSUMER, VERIFIER, "1", NOW)
    refused("/@context: is missing", token)
    with pytest.raises(CredentialInvalid):
        others.verify(token, DOCUMENTS[CONSUMER])
    for each in made(signed20(), signed11()):
        with pytest.raises(PreauError, match=r"another kind|another type"):
            self_issued.check(each, DOCUMENTS[CONSUMER], VERIFIER, NOW)
        with pytest.raises(CredentialInvalid):
            others.verify(each, DOCUMENTS[CONSUMER])


def test_a_presentation_in_a_token_that_envelops_it() -> None:
    """As some implementations answer; the outer token is signed, and not made for anybody."""
    inner = altered(VC20, with_(aud=None))
    outer = {
        "@context": [credentials.VCDM],
        "type": "EnvelopedVerifiablePresentation",
        "id": f"data:application/vp+jwt,{inner}",
    }
    head = {"alg": "EdDSA", "kid": HOLDER.key_id}
    assert checked(forged(HOLDER, outer, head), answered=True).holder == CONSUMER
    refused("does not verify", forged(MemorySigner(CONSUMER), outer, head), answered=True)
    nested = outer | {"id": f"data:application/vp+jwt,{forged(HOLDER, outer, head)}"}
    refused("/holder: is missing", forged(HOLDER, nested, head), answered=True)
    refused("must begin with", forged(HOLDER, outer | {"id": inner}, head), answered=True)
