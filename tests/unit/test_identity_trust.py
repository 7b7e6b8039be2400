from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connector.domain.participant import StatusList
from connector.errors import (
    CredentialExpired,
    CredentialInvalid,
    CredentialRevoked,
    DidUnresolvable,
    StatusListStale,
    UntrustedIssuer,
)
from connector.identity import certificate, trust
from connector.identity import credential as credentials
from connector.identity import document as documents
from connector.identity.trust import AllOf, Claim, InPeriod, IssuedBy
from connector.jsonld.canonical import canonical
from tests.support.contracts import AUTHORITY, CONSUMER, NOW, PROVIDER, Space, stranger
from tests.support.each import over
from tests.support.keys import MemorySigner

SPACE = Space()
MEMBER = SPACE.admit(stranger(PROVIDER))
LISTS = SPACE.cached(SPACE.status_list())


def judged(credential: str = MEMBER.membership, **changes: Any) -> trust.MembershipFacts:
    values: dict[str, Any] = {
        "holder": MEMBER.document,
        "issuers": {AUTHORITY: SPACE.data},
        "status_lists": LISTS,
        "trusted_issuers": (AUTHORITY,),
        "space": AUTHORITY,
        "now": NOW,
        **changes,
    }
    return trust.judge_membership(credential, **values)


def test_a_member() -> None:
    facts = judged()
    assert (facts.did, facts.issuer, facts.space, facts.role) == (
        PROVIDER,
        AUTHORITY,
        AUTHORITY,
        "member",
    )
    assert facts.valid_until == NOW + timedelta(days=30)


def test_an_untrusted_issuer() -> None:
    rogue = Space(did="did:web:else.example")
    own = rogue.admit(stranger(PROVIDER))
    with pytest.raises(UntrustedIssuer):
        judged(own.membership, holder=own.document, issuers={rogue.did: rogue.data})
    with pytest.raises(UntrustedIssuer):
        judged(trusted_issuers=())


def test_an_issuer_that_only_has_the_name() -> None:
    """Signed by a stranger who writes the authority's DID into the credential."""
    rogue = Space()
    with pytest.raises(CredentialInvalid):
        judged(rogue.membership(MEMBER))


def test_issuer_s_document_is_needed_and_must_be_sound() -> None:
    with pytest.raises(UntrustedIssuer):
        judged(issuers={})
    with pytest.raises(DidUnresolvable):
        judged(issuers={AUTHORITY: b"{}"})


def test_another_s_membership() -> None:
    with pytest.raises(CredentialInvalid):
        judged(holder=stranger(CONSUMER).document)


def test_another_space() -> None:
    with pytest.raises(CredentialInvalid):
        judged(space="did:web:else.example")
    with pytest.raises(CredentialInvalid):
        judged(SPACE.membership(MEMBER, space="did:web:else.example"))
    with pytest.raises(CredentialInvalid):
        judged(SPACE.membership(MEMBER, space=""), space="")


def test_another_kind_of_credential() -> None:
    """The authority signs status lists and descriptions too; they admit nobody."""
    with pytest.raises(CredentialInvalid):
        judged(SPACE.status_list())


def test_period() -> None:
    day = timedelta(days=1)
    for change in (
        {"valid_until": NOW},
        {"valid_from": NOW + timedelta(seconds=1)},
        {"valid_from": NOW - 2 * day, "valid_until": NOW - day},
    ):
        with pytest.raises(CredentialExpired):
            judged(SPACE.membership(MEMBER, **change))
    judged(SPACE.membership(MEMBER, valid_until=NOW + timedelta(seconds=1)))


def changed(**changes: Any) -> str:
    found = credentials.verify(MEMBER.membership, SPACE.document)
    document = {**found.document, **changes}
    stated = {name: value for name, value in document.items() if value is not None}
    return credentials.issue(SPACE.signer, stated)


@pytest.mark.parametrize(
    "change",
    [
        {"validFrom": None},
        {"validUntil": None},
        {"credentialStatus": None},
        {"type": ["VerifiableCredential"]},
    ],
)
def test_memberships_that_leave_something_out(change: dict[str, Any]) -> None:
    assert judged(changed()).did == PROVIDER
    with pytest.raises(CredentialInvalid):
        judged(changed(**change))


@over("stated", [None, "x", [], ["x"], [None]])
def test_keys_that_are_not_stated(stated: Any) -> None:
    found = credentials.verify(MEMBER.membership, SPACE.document)
    with pytest.raises(CredentialInvalid):
        judged(changed(credentialSubject={**found.subject, "keyThumbprint": stated}))


def test_a_taken_over_host() -> None:
    """Who controls the host but not the key serves another document for the same DID."""
    thief = MemorySigner(PROVIDER)
    authority = certificate.make_authority("CA", NOW, 30)[0]
    alone = documents.read(documents.build(thief, PROVIDER, [authority]), PROVIDER)
    with pytest.raises(CredentialInvalid):
        judged(holder=alone)
    beside = json.loads(documents.build(MemorySigner(PROVIDER, "key-2"), PROVIDER))
    both = json.loads(MEMBER.data)
    both["verificationMethod"] += beside["verificationMethod"]
    both["capabilityInvocation"] = beside["capabilityInvocation"]
    with pytest.raises(CredentialInvalid):
        judged(holder=documents.read(canonical(both), PROVIDER))


def test_a_document_without_keys_in_use() -> None:
    content = json.loads(documents.build(MEMBER.signer, PROVIDER))
    for name in ("assertionMethod", "authentication", "capabilityInvocation"):
        content[name] = []
    with pytest.raises(CredentialInvalid):
        judged(holder=documents.read(canonical(content), PROVIDER))


def test_two_keys_while_one_is_replaced() -> None:
    new = MemorySigner(PROVIDER, "key-2")
    beside = json.loads(documents.build(new, PROVIDER))
    both = json.loads(MEMBER.data)
    both["verificationMethod"] += beside["verificationMethod"]
    both["assertionMethod"] += beside["assertionMethod"]
    member = replace(MEMBER, data=canonical(both))
    assert judged(SPACE.membership(member), holder=member.document).did == PROVIDER
    with pytest.raises(CredentialInvalid):
        judged(holder=member.document)


def test_revoked() -> None:
    with pytest.raises(CredentialRevoked):
        judged(status_lists=SPACE.cached(SPACE.status_list(0)))
    judged(status_lists=SPACE.cached(SPACE.status_list(1)))


def test_status_list_must_be_at_hand_and_current() -> None:
    with pytest.raises(StatusListStale):
        judged(status_lists={})
    old = SPACE.status_list(valid_until=NOW - timedelta(seconds=1))
    with pytest.raises(StatusListStale):
        judged(status_lists=SPACE.cached(old))


def test_what_the_cache_says_of_a_list_does_not_count() -> None:
    """The list's own, signed `validUntil` decides."""
    old = SPACE.status_list(valid_until=NOW - timedelta(seconds=1))
    flattering = StatusList(SPACE.status_url, old, NOW + timedelta(days=9), NOW)
    with pytest.raises(StatusListStale):
        judged(status_lists={SPACE.status_url: flattering})


def test_a_status_list_of_another_issuer() -> None:
    with pytest.raises(CredentialInvalid):
        judged(status_lists=SPACE.cached(Space().status_list()))


def claim() -> Claim:
    verified = credentials.verify(MEMBER.membership, SPACE.document)
    return Claim(verified, SPACE.document, MEMBER.document, NOW)


def test_an_empty_list_of_policies_never_passes() -> None:
    with pytest.raises(CredentialInvalid):
        AllOf(()).check(claim())
    AllOf((InPeriod(),)).check(claim())


def test_every_policy_must_pass() -> None:
    with pytest.raises(UntrustedIssuer):
        AllOf((InPeriod(), IssuedBy(("did:web:else.example",)))).check(claim())
    AllOf((InPeriod(), IssuedBy((AUTHORITY,)))).check(claim())


def test_status_address() -> None:
    assert trust.status_url(MEMBER.membership, SPACE.document) == SPACE.status_url
    assert trust.status_url(changed(credentialStatus=None), SPACE.document) == ""
    with pytest.raises(CredentialInvalid):
        trust.status_url(MEMBER.membership, Space().document)


def test_facts_need_an_end() -> None:
    endless = credentials.verify(changed(validUntil=None), SPACE.document)
    with pytest.raises(CredentialInvalid):
        trust.facts(endless)


@pytest.mark.parametrize("credential", ["", "x", "a.b.c"])
def test_no_credential_at_all(credential: str) -> None:
    with pytest.raises(CredentialInvalid):
        judged(credential)
