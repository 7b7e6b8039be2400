"""Status lists of others: Bitstring Status List 1.0, section 3.2, and StatusList2021."""

from __future__ import annotations

import base64
import gzip
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connector.errors import (
    CredentialInvalid,
    CredentialRevoked,
    CredentialSuspended,
    MessageTooLarge,
    PeerUnreachable,
    PreauError,
    StatusListStale,
    StatusListTooShort,
    StatusMalformed,
    StatusOutOfRange,
    StatusRetrievalFailed,
    StatusVerificationFailed,
)
from connector.identity import bitstring
from connector.identity import credential as credentials
from connector.identity.credential import Credential
from connector.identity.dcp import credential as others
from connector.identity.dcp import status_entry, status_list
from connector.identity.dcp.status_entry import BITSTRING, STATUS_LIST_2021
from connector.identity.dcp.status_list import PublishedList
from connector.jsonld.canonical import b64url
from tests.support.contracts import AUTHORITY, NOW, PROVIDER, Space
from tests.support.each import over

SPACE = Space()
URL = "https://authority.example/status/3"
SUSPENSIONS = "https://authority.example/status/4"
BYTES = bitstring.MIN_BITS // 8
# Bitstring Status List 1.0, example 3, and StatusList2021, example 2: no bit is set.
EXAMPLE = "H4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA"


def marking(*indices: int, size: int = BYTES) -> bytes:
    bits = bytearray(size)
    for index in indices:
        bits[index // 8] |= 0x80 >> index % 8
    return bytes(bits)


def packed(bits: bytes) -> str:
    return "u" + b64url(gzip.compress(bits))


def entry(index: int = 7, **changes: Any) -> dict[str, Any]:
    stated = {
        "id": f"{URL}#{index}",
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": str(index),
        "statusListCredential": URL,
        **changes,
    }
    return {name: value for name, value in stated.items() if value is not ...}


def stating(*entries: Any) -> Credential:
    """A credential that verified, with a status."""
    document: dict[str, Any] = {"credentialSubject": {"id": PROVIDER}}
    if entries:
        document["credentialStatus"] = entries[0] if len(entries) == 1 else list(entries)
    return Credential(
        *("", frozenset({"VerifiableCredential"}), AUTHORITY, {}, PROVIDER),
        *(None, None, None, document),
    )


def published(subject: dict[str, Any] | None = None, **changes: Any) -> Credential:
    """A list credential that verified."""
    stated = {
        "type": "BitstringStatusList",
        "statusPurpose": "revocation",
        "encodedList": packed(marking(7)),
        **(subject or {}),
    }
    stated = {name: value for name, value in stated.items() if value is not ...}
    values: dict[str, Any] = {
        "id": URL,
        "types": frozenset({"VerifiableCredential", "BitstringStatusListCredential"}),
        "issuer": AUTHORITY,
        "subject": stated,
        "subject_id": "",
        "valid_from": NOW - timedelta(hours=1),
        "valid_until": NOW + timedelta(hours=1),
        "status": None,
        "document": {"credentialSubject": stated},
    }
    return Credential(**(values | changes))


def old(encoded: str, **changes: Any) -> Credential:
    """A StatusList2021."""
    types = frozenset({"VerifiableCredential", "StatusList2021Credential"})
    subject = {"type": "StatusList2021", "encodedList": encoded, **changes}
    return published(subject, types=types)


def judged(credential: Credential, *lists: Credential, stated: bool = True, **reading: Any) -> None:
    at = {each.id: status_list.read(each, each.id, **reading) for each in lists}
    status_list.check(credential, at.__getitem__, NOW, stated=stated)


def test_a_credential_stands_or_is_revoked() -> None:
    for index in (0, 6, 8, bitstring.MIN_BITS - 1):
        judged(stating(entry(index)), published())
        with pytest.raises(CredentialRevoked):
            judged(stating(entry(index)), published({"encodedList": packed(marking(index))}))
    with pytest.raises(CredentialRevoked):
        judged(stating(entry()), published())


def test_the_published_example_is_read() -> None:
    for index in (0, 94567, 131071):
        judged(stating(entry(index)), published({"encodedList": "u" + EXAMPLE}))
        judged(stating(entry(index, type="StatusList2021Entry")), old(EXAMPLE))


def suspensions(*indices: int) -> Credential:
    subject = {"statusPurpose": "suspension", "encodedList": packed(marking(*indices))}
    return published(subject, id=SUSPENSIONS)


def test_several_entries_of_a_credential() -> None:
    """Each is asked; revoked, which is for good, is said before suspended."""
    suspended = entry(9, statusPurpose="suspension", statusListCredential=SUSPENSIONS)
    both = stating(suspended, entry(7))
    judged(stating(suspended, entry(8)), published(), suspensions())
    with pytest.raises(CredentialSuspended):
        judged(stating(suspended, entry(8)), published(), suspensions(9))
    for marked in (suspensions(), suspensions(9)):
        with pytest.raises(CredentialRevoked):
            judged(both, published(), marked)
    one = published({"statusPurpose": ["revocation", "suspension", "urn:else"]})
    with pytest.raises(CredentialSuspended):
        judged(stating(entry(7, statusPurpose="suspension")), one)
    judged(stating(entry(6, statusPurpose="suspension")), one)


def test_a_status_of_one_bit_may_say_so() -> None:
    judged(stating(entry(6, statusSize=1)), published({"statusSize": 1}))
    with pytest.raises(CredentialRevoked):
        judged(stating(entry(7, statusSize=1)), published({"statusSize": 1}))


def test_a_refresh_takes_nothing_away() -> None:
    """Its list is not even fetched (section 2.1)."""
    judged(stating(entry(7, statusPurpose="refresh")))
    with pytest.raises(CredentialRevoked):
        judged(stating(entry(7, statusPurpose="refresh"), entry(7)), published())


def test_whether_a_status_must_be_stated_is_the_caller_s() -> None:
    for none in (stating(), stating(None), stating([])):
        judged(none, stated=False)
        with pytest.raises(StatusVerificationFailed):
            judged(none)


@over(
    "change, refusal, at",
    [
        ({"type": ...}, StatusMalformed, "/credentialStatus/type"),
        ({"type": ["BitstringStatusListEntry"]}, StatusMalformed, "/credentialStatus/type"),
        ({"type": "SomeStatus"}, StatusVerificationFailed, "`SomeStatus`"),
        ({"statusPurpose": ...}, StatusMalformed, "/credentialStatus/statusPurpose"),
        ({"statusPurpose": ["revocation"]}, StatusMalformed, "statusPurpose"),
        ({"statusPurpose": "message"}, StatusVerificationFailed, "`message`"),
        ({"statusPurpose": "Revocation"}, StatusVerificationFailed, "`Revocation`"),
        ({"statusSize": 2}, StatusVerificationFailed, "`statusSize` 2"),
        ({"statusSize": 0}, StatusMalformed, "statusSize"),
        ({"statusSize": "1"}, StatusMalformed, "statusSize"),
        ({"statusListIndex": ...}, StatusMalformed, "statusListIndex"),
        ({"statusListIndex": 7}, StatusMalformed, "statusListIndex"),
        ({"statusListIndex": "-7"}, StatusMalformed, "statusListIndex"),
        ({"statusListIndex": "7.0"}, StatusMalformed, "statusListIndex"),
        ({"statusListIndex": "٧"}, StatusMalformed, "statusListIndex"),
        ({"statusListIndex": "0x7"}, StatusMalformed, "statusListIndex"),
        ({"statusListIndex": "9" * 513}, StatusMalformed, "statusListIndex"),
        ({"statusListIndex": "131072"}, StatusOutOfRange, "index"),
        ({"statusListIndex": "9" * 512}, StatusOutOfRange, "index"),
        ({"statusListCredential": ...}, StatusMalformed, "statusListCredential"),
        ({"statusListCredential": "status/3"}, StatusMalformed, "statusListCredential"),
        ({"statusListCredential": "https://a@b.example/"}, StatusMalformed, "user"),
        ({"type": "StatusList2021Entry"}, StatusVerificationFailed, "StatusList2021Credential"),
        ({"statusPurpose": "suspension"}, StatusVerificationFailed, "`suspension`"),
    ],
)
def test_entries_that_are_refused(
    change: dict[str, Any], refusal: type[PreauError], at: str
) -> None:
    judged(stating(entry(6)), published())
    with pytest.raises(refusal, match=at) as refused:
        judged(stating(entry(6, **change)), published())
    assert type(refused.value) is refusal


@over("status", ["x", 0, [None], [entry()] * 17, {}])
def test_statuses_that_are_none(status: Any) -> None:
    with pytest.raises(StatusMalformed, match="/credentialStatus"):
        status_entry.read({"credentialStatus": status})
    assert len(status_entry.read({"credentialStatus": [entry()] * 16})) == 16


def test_each_of_several_entries_is_read() -> None:
    with pytest.raises(StatusMalformed, match="/credentialStatus/1/statusListIndex"):
        judged(stating(entry(6), entry(6, statusListIndex="x")), published())


BOMB = b64url(gzip.compress(bytes(8 * bitstring.MAX_BYTES), compresslevel=1))


@over(
    "change, refusal, at",
    [
        ({"type": "StatusList2021"}, StatusMalformed, "/credentialSubject/type"),
        ({"type": ...}, StatusMalformed, "/credentialSubject/type"),
        ({"statusPurpose": ...}, StatusMalformed, "/credentialSubject/statusPurpose"),
        ({"statusPurpose": []}, StatusMalformed, "/credentialSubject/statusPurpose"),
        ({"statusPurpose": [7]}, StatusMalformed, "/credentialSubject/statusPurpose/0"),
        ({"statusPurpose": ["x"] * 17}, StatusMalformed, "/credentialSubject/statusPurpose"),
        ({"statusSize": 4}, StatusVerificationFailed, "`statusSize` 4"),
        ({"ttl": -1}, StatusMalformed, "/credentialSubject/ttl"),
        ({"ttl": "300000"}, StatusMalformed, "/credentialSubject/ttl"),
        ({"encodedList": ...}, StatusMalformed, "/credentialSubject/encodedList"),
        ({"encodedList": ""}, StatusMalformed, "Multibase"),
        ({"encodedList": EXAMPLE}, StatusMalformed, "Multibase"),
        ({"encodedList": "z" + EXAMPLE}, StatusMalformed, "Multibase"),
        ({"encodedList": "u"}, StatusMalformed, "truncated"),
        ({"encodedList": "u!"}, StatusMalformed, "base64url"),
        ({"encodedList": "u" + EXAMPLE + "="}, StatusMalformed, "base64url"),
        ({"encodedList": "u" + EXAMPLE[:-8]}, StatusMalformed, "truncated"),
        ({"encodedList": "u" + b64url(bytes(64))}, StatusMalformed, "not gzip"),
        (
            {"encodedList": "u" + b64url(gzip.compress(b"") * 2)},
            StatusMalformed,
            "followed by other data",
        ),
        ({"encodedList": "u" + BOMB}, StatusMalformed, "8388608 bytes"),
        ({"encodedList": packed(bytes(BYTES - 1))}, StatusListTooShort, "131064 entries"),
        ({"statusPurpose": "suspension"}, StatusVerificationFailed, "`revocation`"),
    ],
)
def test_lists_that_are_refused(change: dict[str, Any], refusal: type[PreauError], at: str) -> None:
    judged(stating(entry(6)), published())
    with pytest.raises(refusal, match=at) as refused:
        judged(stating(entry(6)), published(change))
    assert type(refused.value) is refusal


def test_a_bomb_takes_no_more_memory_than_the_largest_list() -> None:
    largest = packed(bytes(bitstring.MAX_BYTES))  # of the eight that the bomb would take
    tracemalloc.start()
    try:
        assert len(status_list.read(published({"encodedList": largest}), URL).bits) == 1 << 23
        tracemalloc.reset_peak()
        with pytest.raises(StatusMalformed):
            status_list.read(published({"encodedList": "u" + BOMB}), URL)
        assert tracemalloc.get_traced_memory()[1] < 4 * bitstring.MAX_BYTES
    finally:
        tracemalloc.stop()


@over(
    "change, refusal",
    [
        ({"types": frozenset({"VerifiableCredential"})}, StatusMalformed),
        ({"issuer": PROVIDER}, StatusVerificationFailed),
        ({"valid_until": NOW}, StatusListStale),
        ({"valid_from": NOW + timedelta(seconds=61)}, StatusListStale),
    ],
)
def test_list_credentials_that_are_refused(
    change: dict[str, Any], refusal: type[PreauError]
) -> None:
    judged(stating(entry(6)), published())
    with pytest.raises(refusal):
        judged(stating(entry(6)), published(**change))


def test_a_list_is_known_by_its_address() -> None:
    """An `id` that is an address must be this one; others name the credential (section 2.2)."""
    for identifier in (URL, "", "urn:uuid:1", "5b8f"):
        assert status_list.read(published(id=identifier), URL).url == URL
    with pytest.raises(StatusVerificationFailed):
        status_list.read(published(id=SUSPENSIONS), URL)
    found = status_list.read(published(id=""), SUSPENSIONS)
    with pytest.raises(StatusVerificationFailed):
        status_list.check(stating(entry(6)), lambda _: found, NOW, stated=True)


def test_the_fewest_entries_are_the_space_s() -> None:
    short = published({"encodedList": packed(marking(7, size=2048))})
    with pytest.raises(CredentialRevoked):
        judged(stating(entry(7)), short, least=16_384)
    with pytest.raises(StatusListTooShort):
        judged(stating(entry(6)), short, least=16_385)
    with pytest.raises(StatusOutOfRange):
        judged(stating(entry(16_384)), short, least=16_384)


def test_a_list_without_end_is_kept_for_a_while_only() -> None:
    """`ttl` says when to look again, `validUntil` until when it answers (DCP 1.0, profiles)."""
    day, hour, minute = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
    endless = status_list.read(published(valid_from=None, valid_until=None), URL)
    ends = status_list.read(published({"ttl": 60_000}), URL)
    assert endless.keep_until(NOW, day) == endless.refresh_at(NOW, day) == NOW + day
    assert ends.keep_until(NOW, day) == NOW + hour
    assert ends.refresh_at(NOW, day) == NOW + minute
    assert ends.keep_until(NOW, minute / 2) == ends.refresh_at(NOW, minute / 2) == NOW + minute / 2
    long = replace(ends, ttl=timedelta(days=9999))
    assert long.refresh_at(NOW, day) == NOW + hour
    at = dict.fromkeys([URL], endless)
    status_list.check(stating(entry(6)), at.__getitem__, NOW + 999 * day, stated=True)


@over("spelling", ["base64url", "base64", "unpadded", "Multibase"])
def test_status_list_2021_in_each_spelling_of_base64(spelling: str) -> None:
    data = gzip.compress(marking(7), compresslevel=1)
    plain = base64.b64encode(data).decode()
    encoded = {
        "base64url": base64.urlsafe_b64encode(data).decode(),
        "base64": plain,
        "unpadded": plain.rstrip("="),
        "Multibase": "u" + b64url(data),
    }[spelling]
    judged(stating(entry(6, type="StatusList2021Entry")), old(encoded))
    with pytest.raises(CredentialRevoked):
        judged(stating(entry(7, type="StatusList2021Entry")), old(encoded))
    for broken in (encoded[:-8], "!" + encoded, ""):
        with pytest.raises(StatusMalformed):
            old_list(broken)


def old_list(encoded: str) -> PublishedList:
    return status_list.read(old(encoded), URL)


def test_mechanisms_do_not_mix() -> None:
    with pytest.raises(StatusVerificationFailed):
        judged(stating(entry(6)), old(EXAMPLE))
    with pytest.raises(StatusMalformed):
        old_list(EXAMPLE).purposes and status_list.read(old(EXAMPLE, statusPurpose=["x"]), URL)
    assert {BITSTRING.entry, STATUS_LIST_2021.entry} == {
        "BitstringStatusListEntry",
        "StatusList2021Entry",
    }


# Fetching


def verify(token: str) -> Credential:
    return credentials.verify(token, SPACE.document)


def served(data: bytes) -> Callable[[str], bytes]:
    return {SPACE.status_url: data}.__getitem__


def stands(credential: Credential, found: PublishedList) -> bool:
    try:
        status_list.check(credential, lambda _: found, NOW, stated=True)
    except CredentialRevoked:
        return False
    return True


def test_a_list_of_our_own_is_fetched_and_read() -> None:
    data = SPACE.status_list(7).encode() + b"\n"
    found = status_list.fetched(SPACE.status_url, served(data), verify)
    assert (found.issuer, found.model, found.purposes) == (AUTHORITY, BITSTRING, {"revocation"})
    for index, standing in ((6, True), (7, False)):
        own = stating(entry(index, statusListCredential=SPACE.status_url))
        assert stands(own, found) is standing


def test_a_list_of_the_older_data_model_is_fetched_and_read() -> None:
    """As others write it: a claim `vc`, a time with a fraction, no end."""
    document = {
        "@context": ["https://www.w3.org/2018/credentials/v1"],
        "id": "5b8f",
        "type": ["VerifiableCredential", "StatusList2021Credential"],
        "issuer": {"id": AUTHORITY},
        "issuanceDate": "2026-11-24T14:00:00.123456+01:00",
        "credentialSubject": {
            "id": "5b8f",
            "type": "StatusList2021",
            "statusPurpose": "revocation",
            "encodedList": packed(marking(7)),
        },
    }
    token = others.issue_vc11(SPACE.signer, document)

    def verified(token: str) -> Credential:
        return others.verify(token, SPACE.document).credential

    found = status_list.fetched(SPACE.status_url, served(token.encode()), verified)
    assert (found.model, found.valid_until) == (STATUS_LIST_2021, None)
    for index, standing in ((6, True), (7, False)):
        held = stating(
            entry(index, type=STATUS_LIST_2021.entry, statusListCredential=SPACE.status_url)
        )
        assert stands(held, found) is standing


@over("cause", [PeerUnreachable("x", retry_after=3.0), MessageTooLarge("x", retry_after=3.0)])
def test_a_list_that_cannot_be_fetched(cause: PreauError) -> None:
    def fetch(_: str) -> bytes:
        raise cause

    with pytest.raises(StatusRetrievalFailed) as refused:
        status_list.fetched(SPACE.status_url, fetch, verify)
    assert refused.value.__cause__ is cause
    assert refused.value.retry_after == 3.0


@over(
    "data",
    [
        b"",
        b"\xff",
        b"{}",
        b"a.b.c",
        SPACE.status_list()[:-1].encode(),
        Space().status_list().encode(),
        b"x" * 300_000,
    ],
)
def test_a_list_that_does_not_verify(data: bytes) -> None:
    status_list.fetched(SPACE.status_url, served(SPACE.status_list().encode()), verify)
    with pytest.raises(StatusVerificationFailed):
        status_list.fetched(SPACE.status_url, served(data), verify)


def test_the_names_are_those_of_the_specification() -> None:
    named = {
        StatusRetrievalFailed: "STATUS_RETRIEVAL_ERROR",
        StatusVerificationFailed: "STATUS_VERIFICATION_ERROR",
        StatusListTooShort: "STATUS_LIST_LENGTH_ERROR",
        StatusOutOfRange: "RANGE_ERROR",
        StatusMalformed: "MALFORMED_VALUE_ERROR",
    }
    assert {kind: kind.code for kind in named} == named
    assert not issubclass(CredentialSuspended, CredentialInvalid)
