from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connector.errors import CredentialExpired, CredentialInvalid
from connector.identity import credential as credentials
from connector.identity import jws
from connector.jsonld.canonical import canonical
from tests.support.contracts import AUTHORITY, NOW, PROVIDER, Space, stranger
from tests.support.each import over

SPACE = Space()
MEMBER = stranger(PROVIDER)


def issued(**changes: Any) -> str:
    document = {
        "@context": [credentials.VCDM],
        "id": "urn:uuid:1",
        "type": ["VerifiableCredential", "Something"],
        "issuer": AUTHORITY,
        "validFrom": "2026-11-24T14:00:00Z",
        "validUntil": "2026-11-24T16:00:00Z",
        "credentialSubject": {"id": PROVIDER},
        **changes,
    }
    stated = {name: value for name, value in document.items() if value is not None}
    return credentials.issue(SPACE.signer, stated)


def test_membership_round_trip() -> None:
    found = credentials.verify(SPACE.membership(MEMBER, index=94), SPACE.document)
    assert found.types == {"VerifiableCredential", "MembershipCredential"}
    assert (found.issuer, found.subject_id) == (AUTHORITY, PROVIDER)
    assert found.status == credentials.StatusEntry("revocation", 94, SPACE.status_url)
    assert found.subject["keyThumbprint"] == sorted(MEMBER.document.thumbprints())
    assert found.document["@context"][0] == credentials.VCDM
    assert found.id not in ("", found.subject_id)


def test_headers_are_those_of_vc_jose_cose() -> None:
    header = jws.unverified_header(SPACE.membership(MEMBER))
    assert (header["typ"], header["cty"], header["alg"]) == ("vc+jwt", "vc", "Ed25519")


@over(
    "change",
    [
        {},
        {"issuer": {"id": AUTHORITY, "name": "x"}},
        {"type": "VerifiableCredential"},
        {"id": None},
        {"validFrom": None, "validUntil": None},
        {"iss": AUTHORITY, "sub": PROVIDER, "exp": 1795536000, "nbf": 1795528800},
        {"unknown": {"kept": True}},
        {"credentialSubject": {"name": "without id"}},
    ],
)
def test_credentials_that_are_read(change: dict[str, Any]) -> None:
    found = credentials.verify(issued(**change), SPACE.document)
    assert found.issuer == AUTHORITY
    assert credentials.unverified_issuer(issued(**change)) == AUTHORITY


@over(
    "change",
    [
        {"vc": {}},
        {"vp": {}},
        {"@context": "https://www.w3.org/ns/credentials/v2"},
        {"@context": ["https://www.w3.org/2018/credentials/v1"]},
        {"@context": []},
        {"@context": None},
        {"type": ["Something"]},
        {"type": None},
        {"type": [1]},
        {"type": {}},
        {"issuer": "did:web:else.example"},
        {"issuer": None},
        {"issuer": {"name": "x"}},
        {"issuer": 1},
        {"id": 1},
        {"credentialSubject": None},
        {"credentialSubject": [{"id": PROVIDER}]},
        {"credentialSubject": {"id": 1}},
        {"validFrom": "2026-11-24"},
        {"validUntil": "2026-11-24T16:00:00+00:00"},
        {"validUntil": "2026-13-24T16:00:00Z"},
        {"validUntil": 1795536000},
        {"iss": "did:web:else.example"},
        {"sub": "did:web:else.example"},
        {"exp": 1795536001},
        {"nbf": 0},
        {"validUntil": None, "exp": 1795536000},
        {"credentialStatus": {"type": "StatusList2021Entry"}},
        {"credentialStatus": []},
        {"credentialStatus": "x"},
    ],
)
def test_credentials_that_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(CredentialInvalid):
        credentials.verify(issued(**change), SPACE.document)


STATUS = {
    "type": "BitstringStatusListEntry",
    "statusPurpose": "revocation",
    "statusListIndex": "7",
    "statusListCredential": "https://authority.example/status/1",
}


@pytest.mark.parametrize("change", [{}, {"statusSize": 1}, {"id": "urn:x"}])
def test_status_entries_that_are_read(change: dict[str, Any]) -> None:
    found = credentials.verify(issued(credentialStatus={**STATUS, **change}), SPACE.document)
    assert found.status is not None
    assert found.status.index == 7


@over(
    "change",
    [
        {"statusListIndex": 7},
        {"statusListIndex": "-7"},
        {"statusListIndex": "7.0"},
        {"statusListIndex": ""},
        {"statusListIndex": "٧"},
        {"statusListIndex": "9" * 40},
        {"statusListCredential": ""},
        {"statusListCredential": 1},
        {"statusPurpose": 1},
        {"statusSize": 2},
    ],
)
def test_status_entries_that_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(CredentialInvalid):
        credentials.verify(issued(credentialStatus={**STATUS, **change}), SPACE.document)


def test_another_issuer_s_signature() -> None:
    with pytest.raises(CredentialInvalid):
        credentials.verify(issued(), Space().document)


@pytest.mark.parametrize(
    ("typ", "cty"), [("vc+jwt", ""), ("vc+ld+jwt", "vc"), ("JWT", "vc"), ("vc+jwt", "vp")]
)
def test_other_media_types(typ: str, cty: str) -> None:
    document = SPACE.document
    payload = jws.unverified_payload(issued())
    extra = {"cty": cty} if cty else {}
    token = jws.sign_compact(SPACE.signer, payload, typ, extra)
    with pytest.raises(CredentialInvalid):
        credentials.verify(token, document)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 300_000])
def test_no_credential_at_all(token: str) -> None:
    with pytest.raises(CredentialInvalid):
        credentials.verify(token, SPACE.document)
    with pytest.raises(CredentialInvalid):
        credentials.unverified_issuer(token)


def test_unverified_issuer_of_no_credential() -> None:
    token = jws.sign_compact(SPACE.signer, canonical({"iss": AUTHORITY}), "vc+jwt")
    with pytest.raises(CredentialInvalid):
        credentials.unverified_issuer(token)


def test_the_same_token_is_parsed_once_and_refused_each_time() -> None:
    token = issued()
    assert credentials.unverified_credential(token) is credentials.unverified_credential(token)
    for broken in ("a.b.c", "\ud800.b.c", ""):
        for _ in range(2):
            with pytest.raises(CredentialInvalid):
                credentials.unverified_credential(broken)


def test_period() -> None:
    found = credentials.verify(issued(), SPACE.document)
    credentials.check_period(found, NOW)
    credentials.check_period(found, NOW - timedelta(hours=1))
    for at in (NOW - timedelta(hours=1, seconds=1), NOW + timedelta(hours=1)):
        with pytest.raises(CredentialExpired):
            credentials.check_period(found, at)
    endless = credentials.verify(issued(validFrom=None, validUntil=None), SPACE.document)
    credentials.check_period(endless, NOW)
