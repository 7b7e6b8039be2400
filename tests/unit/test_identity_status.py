from __future__ import annotations

import gzip
from datetime import timedelta
from typing import Any

import pytest

from connector.errors import CredentialInvalid, CredentialRevoked, StatusListStale
from connector.identity import credential as credentials
from connector.identity import jws, status
from connector.identity.credential import StatusEntry
from connector.jsonld.canonical import b64url, parse_object, unb64url
from tests.support.contracts import AUTHORITY, NOW, Space
from tests.support.each import over

SPACE = Space()


def entry(index: int = 5, **changes: Any) -> StatusEntry:
    values: dict[str, Any] = {"purpose": "revocation", "index": index, "url": SPACE.status_url}
    return StatusEntry(**(values | changes))


def packed(bits: bytes) -> str:
    return "u" + b64url(gzip.compress(bits))


def issued(subject: dict[str, Any] | None = None, **changes: Any) -> str:
    document = {
        "@context": [credentials.VCDM],
        "id": SPACE.status_url,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": AUTHORITY,
        "validFrom": "2026-11-24T14:00:00Z",
        "validUntil": "2026-11-25T14:00:00Z",
        "credentialSubject": {
            "type": "BitstringStatusList",
            "statusPurpose": "revocation",
            "encodedList": packed(bytes(16_384)),
            **(subject or {}),
        },
        **changes,
    }
    return credentials.issue(
        SPACE.signer, {name: value for name, value in document.items() if value is not None}
    )


@over("revoked", [0, 1, 7, 8, 131_071, 131_072, 200_001])
def test_exactly_the_revoked_are_revoked(revoked: int) -> None:
    token = SPACE.status_list(revoked)
    with pytest.raises(CredentialRevoked):
        status.check(entry(revoked), token, SPACE.document, NOW)
    for near in (revoked - 1, revoked + 1):
        if 0 <= near < 131_072:
            status.check(entry(near), token, SPACE.document, NOW)
    assert status.unverified_set(token) == {revoked}


def test_bit_order_is_that_of_the_specification() -> None:
    """Index 0 is the left-most bit (Bitstring Status List 1.0, section 3.2)."""
    token = issued({"encodedList": packed(b"\x80" + bytes(16_383))})
    assert status.read(token, SPACE.document).is_set(0)
    assert not status.read(token, SPACE.document).is_set(7)


def test_lists_hide_their_members() -> None:
    found = status.read(SPACE.status_list(), SPACE.document)
    assert len(found.bits) * 8 == 131_072
    subject = parse_object(jws.unverified_payload(SPACE.status_list(3)))["credentialSubject"]
    assert len(gzip.decompress(unb64url(subject["encodedList"][1:]))) == 16_384
    assert SPACE.status_list(3) == SPACE.status_list(3)


@pytest.mark.parametrize("index", [131_072, 1 << 32, -1])
def test_index_outside_the_list(index: int) -> None:
    with pytest.raises(CredentialInvalid):
        status.check(entry(index), SPACE.status_list(), SPACE.document, NOW)


def test_a_list_answers_until_its_end_only() -> None:
    token = SPACE.status_list()
    status.check(entry(), token, SPACE.document, NOW + timedelta(hours=22, minutes=59))
    with pytest.raises(StatusListStale):
        status.check(entry(), token, SPACE.document, NOW + timedelta(hours=23))
    status.check(entry(), token, SPACE.document, NOW - timedelta(hours=1, seconds=59))
    with pytest.raises(StatusListStale):
        status.check(entry(), token, SPACE.document, NOW - timedelta(hours=1, seconds=61))


def test_stale_comes_before_revoked() -> None:
    """An old list says nothing, not even no."""
    with pytest.raises(StatusListStale):
        status.check(entry(), SPACE.status_list(5), SPACE.document, NOW + timedelta(days=2))


def test_another_list_of_the_issuer() -> None:
    other = entry(url=SPACE.status_url + "0")
    with pytest.raises(CredentialInvalid):
        status.check(other, SPACE.status_list(), SPACE.document, NOW)


def test_another_issuer_s_list() -> None:
    """Also one that calls itself by the same name."""
    for other in (Space(), Space(did="did:web:else.example")):
        with pytest.raises(CredentialInvalid):
            status.check(entry(), other.status_list(), SPACE.document, NOW)


def test_purpose_must_match() -> None:
    suspended = issued({"statusPurpose": "suspension"})
    with pytest.raises(CredentialInvalid):
        status.check(entry(), suspended, SPACE.document, NOW)
    with pytest.raises(CredentialInvalid):
        status.check(entry(purpose="suspension"), suspended, SPACE.document, NOW)
    with pytest.raises(CredentialInvalid):
        status.check(entry(purpose="suspension"), SPACE.status_list(), SPACE.document, NOW)


def test_a_plain_list_is_read() -> None:
    status.check(entry(), issued(), SPACE.document, NOW)
    status.check(entry(), issued({"statusSize": 1}), SPACE.document, NOW)


@over(
    "subject",
    [
        {"type": "StatusList2021"},
        {"type": None},
        {"statusSize": 2},
        {"statusPurpose": None},
        {"statusPurpose": ["revocation"]},
        {"encodedList": None},
        {"encodedList": ""},
        {"encodedList": "u"},
        {"encodedList": "u!"},
        {"encodedList": "z" + packed(bytes(16_384))[1:]},
        {"encodedList": packed(bytes(16_384)) + "="},
        {"encodedList": packed(bytes(16_384))[:-8]},
        {"encodedList": packed(bytes(16_383))},
        {"encodedList": packed(bytes(8 * 1024 * 1024 + 1))},
        {"encodedList": "u" + b64url(gzip.compress(bytes(16_384)) * 2)},
        {"encodedList": "u" + b64url(bytes(16_384))},
    ],
)
def test_lists_that_are_refused(subject: dict[str, Any]) -> None:
    with pytest.raises(CredentialInvalid):
        status.check(entry(), issued(subject), SPACE.document, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"type": ["VerifiableCredential"]},
        {"validFrom": None},
        {"validUntil": None},
        {"id": None},
    ],
)
def test_list_credentials_that_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(CredentialInvalid):
        status.check(entry(), issued(**change), SPACE.document, NOW)


def test_the_largest_list_is_read() -> None:
    token = issued({"encodedList": packed(bytes(8 * 1024 * 1024))})
    assert not status.read(token, SPACE.document).is_set(1 << 25)


@pytest.mark.parametrize("token", ["", "x", "a.b.c"])
def test_own_list_that_cannot_be_read(token: str) -> None:
    with pytest.raises(CredentialInvalid):
        status.unverified_set(token)


def test_own_list_that_is_no_list() -> None:
    for subject in ({"encodedList": 1}, {"encodedList": "x"}):
        with pytest.raises(CredentialInvalid):
            status.unverified_set(issued(subject))
    with pytest.raises(CredentialInvalid):
        status.unverified_set(issued(credentialSubject=[]))
