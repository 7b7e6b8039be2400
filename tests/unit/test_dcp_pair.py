"""Holder and verifier of DCP: both ends of one flow (section 5.1), and no network between them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from connector.errors import (
    CredentialInvalid,
    CredentialRevoked,
    PreauError,
    ScopeForbidden,
    StatusRetrievalFailed,
    UntrustedIssuer,
)
from connector.identity import credential as credentials
from connector.identity import document as documents
from connector.identity.dcp import credential as dcp_credentials
from connector.identity.dcp import presentation, query, scopes, self_issued, status_list
from connector.identity.dcp.credential import VCDM_11, Held, Profile
from connector.identity.dcp.scopes import Scope
from connector.identity.document import DidDocument
from connector.identity.trust import AllOf, Claim, IssuedBy
from connector.jsonld.canonical import b64url
from tests.support.contracts import AUTHORITY, CONSUMER, NOW, PROVIDER
from tests.support.keys import MemoryEcSigner, MemorySigner

MEMBER, SECRET = (f"org.eclipse.dspace.dcp.vc.type:{name}:read" for name in ("Member", "Secret"))
LIST = "https://authority.example/lists/1"
ISSUER, HOLDER = MemoryEcSigner(AUTHORITY), MemoryEcSigner(CONSUMER)
VERIFIER = MemorySigner(PROVIDER)
DOCUMENTS = {
    each.did: documents.read(documents.build(each, each.did), each.did)
    for each in (ISSUER, HOLDER, VERIFIER)
}
NUMBERS = count()


def issued(profile: Profile, name: str) -> Held:
    model = "Bitstring" if profile is Profile.VC20 else ""
    entry = {
        "type": "BitstringStatusListEntry" if model else "StatusList2021Entry",
        "statusPurpose": "revocation",
        "statusListIndex": "7",
        "statusListCredential": LIST,
    }
    shared = {
        "id": f"urn:{name}",
        "type": ["VerifiableCredential", name],
        "issuer": AUTHORITY,
        "credentialSubject": {"id": CONSUMER},
        "credentialStatus": entry,
    }
    return dcp_credentials.verify(signed(profile, shared), DOCUMENTS[AUTHORITY])


def signed(profile: Profile, document: dict[str, Any]) -> str:
    if profile is Profile.VC20:
        return credentials.issue(ISSUER, {"@context": [credentials.VCDM], **document})
    times = {"issuanceDate": "2026-11-24T14:00:00Z"}
    return dcp_credentials.issue_vc11(ISSUER, {"@context": [VCDM_11], **times, **document})


def published(profile: Profile, *revoked: int) -> bytes:
    """A status list of the mechanism that a profile has."""
    bits = bytearray(16 * 1024)
    for index in revoked:
        bits[index // 8] |= 0x80 >> index % 8
    name = "BitstringStatusList" if profile is Profile.VC20 else "StatusList2021"
    subject = {
        "type": name,
        "statusPurpose": "revocation",
        "encodedList": "u" + b64url(gzip.compress(bytes(bits))),
    }
    shared = {
        "id": LIST,
        "type": ["VerifiableCredential", f"{name}Credential"],
        "issuer": AUTHORITY,
        "credentialSubject": subject,
    }
    return signed(profile, shared).encode()


@dataclass
class Holder:
    """A Credential Service: what it holds, and what its access tokens grant."""

    held: list[Held]
    granted: dict[str, tuple[str, list[Scope]]] = field(default_factory=dict)

    def id_token(self, *granted: str) -> str:
        access = f"access-{next(NUMBERS)}"
        message = json.dumps(query.query(granted)).encode()
        self.granted[access] = (PROVIDER, list(query.read_query(message)))
        jti = f"urn:{next(NUMBERS)}"
        return self_issued.make(HOLDER, CONSUMER, PROVIDER, jti, NOW, access_token=access)

    def answer(self, token: str, message: bytes) -> bytes:
        caller = self_issued.unverified_issuer(token)
        found = self_issued.check(token, DOCUMENTS[caller], CONSUMER, NOW)
        bearer, granted = self.granted[found.access_token]
        assert bearer == found.issuer
        asked = query.read_query(message)
        scopes.check_granted(asked, granted)
        chosen = scopes.answering(self.held, asked, granted)
        made = presentation.make(
            HOLDER, CONSUMER, found.issuer, chosen, lambda: f"urn:{next(NUMBERS)}", NOW
        )
        return json.dumps(query.response(made)).encode()


@dataclass(frozen=True)
class Stands:
    """The status of a credential, asked of its issuer's lists."""

    fetch: Callable[[str], bytes]

    def check(self, claim: Claim) -> None:
        def verify(token: str) -> credentials.Credential:
            return dcp_credentials.verify(token, DOCUMENTS[AUTHORITY]).credential

        status_list.check(
            claim.credential,
            lambda url: status_list.fetched(url, self.fetch, verify),
            claim.now,
            stated=True,
        )


def issuers(did: str) -> DidDocument:
    if did != AUTHORITY:
        raise UntrustedIssuer(f"`{did}` is not a trusted issuer")
    return DOCUMENTS[did]


def verified(
    holder: Holder, token: str, wanted: list[str], fetch: Callable[[str], bytes]
) -> list[presentation.Presentation]:
    """What a verifier does with a request that brings an ID token."""
    caller = self_issued.check(token, DOCUMENTS[CONSUMER], PROVIDER, NOW)
    own = self_issued.make(
        *(VERIFIER, PROVIDER, caller.issuer, f"urn:{next(NUMBERS)}", NOW),
        access_token=caller.access_token,
    )
    message = json.dumps(query.query(wanted)).encode()
    policy = AllOf((IssuedBy((AUTHORITY,)), Stands(fetch)))
    found = [
        presentation.check(each, DOCUMENTS[CONSUMER], PROVIDER, NOW, issuers=issuers, policy=policy)
        for each in query.read_response(holder.answer(own, message))
    ]
    presented = [each for one in found for each in one.credentials]
    scopes.check_answered(query.read_query(message), presented)
    return found


@pytest.mark.parametrize("profile", Profile)
def test_a_holder_presents_what_a_verifier_asks(profile: Profile) -> None:
    holder = Holder([issued(profile, "Member"), issued(profile, "Secret")])
    (found,) = verified(holder, holder.id_token(MEMBER), [MEMBER], lambda _: published(profile))
    assert found.profile is profile
    assert [each.credential.id for each in found.credentials] == ["urn:Member"]


def test_two_data_models_come_in_two_presentations() -> None:
    holder = Holder([issued(Profile.VC20, "Member"), issued(Profile.VC11, "Secret")])
    lists = iter([published(Profile.VC20), published(Profile.VC11)])
    token = holder.id_token(MEMBER, SECRET)
    found = verified(holder, token, [MEMBER, SECRET], lambda _: next(lists))
    assert [each.profile for each in found] == list(Profile)


@pytest.mark.parametrize("profile", Profile)
def test_what_a_verifier_does_not_believe(profile: Profile) -> None:
    holder = Holder([issued(profile, "Member")])

    def refused(error: type[PreauError], wanted: str, fetch: Callable[[str], bytes]) -> None:
        with pytest.raises(error):
            verified(holder, holder.id_token(MEMBER), [wanted], fetch)

    def away(_url: str) -> bytes:
        raise StatusRetrievalFailed("no route")

    assert verified(holder, holder.id_token(MEMBER), [MEMBER], lambda _: published(profile))
    refused(CredentialRevoked, MEMBER, lambda _: published(profile, 7))
    refused(StatusRetrievalFailed, MEMBER, away)
    refused(CredentialInvalid, MEMBER, lambda _: b"no list")
    other = Profile.VC11 if profile is Profile.VC20 else Profile.VC20
    refused(CredentialInvalid, MEMBER, lambda _: published(other))
    refused(ScopeForbidden, SECRET, lambda _: published(profile))
