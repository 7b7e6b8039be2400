"""The verifier of DCP: presentations, credentials and status lists that are refused, and why."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.errors import (
    AddressForbidden,
    CredentialExpired,
    CredentialInvalid,
    CredentialRevoked,
    DidUnresolvable,
    PeerUnreachable,
    PreauError,
    StatusListTooShort,
    StatusMalformed,
    StatusOutOfRange,
    StatusRetrievalFailed,
    StatusVerificationFailed,
    Untrusted,
    UntrustedIssuer,
)
from connector.identity import credential as credentials
from connector.identity import did as dids
from connector.identity import status
from connector.identity.credential import VCDM
from connector.identity.dcp import credential as dcp_credentials
from connector.identity.dcp import presentation, query
from connector.identity.dcp.credential import Held
from connector.jsonld.canonical import b64url, canonical
from connector.ports import Answer
from connector.services.credentials import resolving, statuses, verifying
from tests.support.claims import (
    AUTHORITY,
    HOLDER,
    LIST,
    QUERY,
    VERIFIER,
    Claims,
    membership,
    refused,
)
from tests.support.doubles import NOON, settings_for_tests
from tests.support.keys import MemorySigner


@pytest.fixture
def world(tmp_path: Path) -> Claims:
    return Claims(tmp_path)


def test_a_revoked_credential_inside_a_cached_presentation(world: Claims) -> None:
    world.judged()
    world.revoke()
    assert world.judged().did == HOLDER  # until the list is looked at again
    world.later(seconds=world.verifier.settings.status_refresh_seconds)
    refused(world, CredentialRevoked, "revoked")
    world.web.down = {"holder.example"}  # so that it cannot be asked for a newer credential
    refused(world, CredentialRevoked, "revoked")


def test_an_expired_credential_inside_a_cached_presentation(world: Claims) -> None:
    lasting = world.membership
    world.membership = membership(world, validUntil="2026-11-24T12:10:00Z")
    world.judged()
    world.later(minutes=11)
    refused(world, CredentialExpired, "")
    world.membership = lasting  # it was renewed meanwhile
    assert world.judged().membership == lasting


def test_an_issuer_that_is_trusted_no_longer(world: Claims) -> None:
    world.judged()
    trusted = settings_for_tests(
        world.verifier.settings.home, VERIFIER, trusted_issuers=("did:web:other.example",)
    )
    object.__setattr__(world.verifier.settings, "spaces", trusted.spaces)
    refused(world, UntrustedIssuer, "is not a trusted issuer")


def test_status_list_unreachable(world: Claims) -> None:
    pages = world.web.pages
    away = {url: page for url, page in pages.items() if url != LIST}
    world.web.pages = away
    refused(world, StatusRetrievalFailed, "cannot be fetched")
    world.web.pages = pages
    world.judged()
    world.web.pages = away
    world.later(minutes=6)
    assert world.judged().did == HOLDER  # the list that is kept answers until its own end
    world.later(hours=24)
    refused(world, StatusRetrievalFailed, "")


def test_a_list_that_cannot_be_had_is_not_asked_for_with_every_call(world: Claims) -> None:
    world.judged()
    del world.web.pages[LIST]
    world.later(minutes=6)
    for _ in range(3):
        world.judged()
    assert world.web.fetched.count(LIST) == 2


@pytest.mark.parametrize("later", [0, 1])
def test_a_list_never_goes_back(world: Claims, later: int) -> None:
    old = world.web.pages[LIST]()
    world.revoke()
    world.later(minutes=6)
    refused(world, CredentialRevoked, "")
    world.later(minutes=6)
    if later:  # made anew, but without what was revoked
        with world.issuer.store.write() as tx:
            kept = tx.status_lists.get(LIST)
            assert kept is not None
            now = world.clock.now()
            fresh = status.build(
                *(world.signers[AUTHORITY], AUTHORITY, LIST, []),
                valid_from=now,
                valid_until=now + timedelta(hours=1),
            )
            old = fresh.encode()
    world.web.pages[LIST] = lambda: old
    with pytest.raises(Untrusted):
        world.judged()


def listed(world: Claims, **subject: Any) -> bytes:
    document = dict(credentials.unverified_credential(world.web.pages[LIST]().decode()).document)
    document["credentialSubject"] = {**document["credentialSubject"], **subject}
    return credentials.issue(world.signers[AUTHORITY], document).encode()


def packed(size: int) -> str:
    return "u" + b64url(gzip.compress(bytes(size), mtime=0))


@pytest.mark.parametrize(
    ("subject", "error", "reason"),
    [
        ({"encodedList": packed(9 << 20)}, StatusMalformed, "more than 8388608 bytes"),
        ({"encodedList": packed(1 << 10)}, StatusListTooShort, "8192 entries"),
        ({"encodedList": "uAAAA"}, StatusMalformed, "not gzip"),
        ({"statusPurpose": "suspension"}, StatusVerificationFailed, "not for purpose"),
        ({"statusSize": 2}, StatusVerificationFailed, "`statusSize` 2 is not understood"),
        ({"type": "Other"}, StatusMalformed, "must be `BitstringStatusList`"),
    ],
    ids=["gzip bomb", "too short", "no gzip", "another purpose", "two bits", "no list"],
)
def test_status_lists_that_are_refused(
    world: Claims, subject: dict[str, Any], error: type[PreauError], reason: str
) -> None:
    made = listed(world, **subject)
    good = world.web.pages[LIST]
    world.web.pages[LIST] = lambda: made
    refused(world, error, reason)
    world.web.pages[LIST] = good
    world.later(minutes=6)
    assert world.judged().did == HOLDER


def entry(**changes: Any) -> dict[str, Any]:
    plain = {
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": "0",
        "statusListCredential": LIST,
    }
    return {"credentialStatus": {**plain, **changes}}


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        (entry(statusListIndex="999999999"), StatusOutOfRange, "outside of the list"),
        (entry(statusListCredential="status/1"), StatusMalformed, "must be a URL of a host"),
        (entry(statusPurpose="message"), StatusVerificationFailed, "is not understood"),
        (entry(statusListCredential="https://no.example"), StatusRetrievalFailed, "be fetched"),
        ({"credentialSubject": {"id": VERIFIER}}, CredentialInvalid, "is not the presentation's"),
        ({"@context": ["https://thief.example/v2", VCDM]}, CredentialInvalid, "must begin with"),
        ({"@context": [{"issuer": "@id"}]}, CredentialInvalid, "must begin with"),
        ({"@context": VCDM}, CredentialInvalid, "must be a list"),
        ({"type": ["VerifiableCredential", "Other"]}, CredentialInvalid, "was presented"),
        ({"validUntil": "2026-11-24T11:00:00Z"}, CredentialExpired, "expired at"),
        ({"validFrom": "2026-11-24T13:00:00Z"}, CredentialExpired, "not valid before"),
        ({"validFrom": "yesterday"}, CredentialInvalid, "must be a time with its offset"),
        ({"issuer": "authority.example"}, CredentialInvalid, "must be an absolute IRI"),
        ({"issuer": VERIFIER}, UntrustedIssuer, "is not a trusted issuer"),
        ({"credentialSubject": {"id": HOLDER, "space": VERIFIER}}, CredentialInvalid, "another sp"),
        ({"credentialSubject": {"id": HOLDER, "keyThumbprint": ["x"]}}, CredentialInvalid, "keys"),
    ],
    ids=[
        *("index out of range", "relative IRI", "another purpose", "no list there"),
        *(
            "another subject",
            "context injection",
            "context in line",
            "context as text",
            "another type",
        ),
        *("expired", "future", "no time", "relative issuer", "untrusted issuer"),
        *("another space", "another key"),
    ],
)
def test_credentials_that_are_refused(
    world: Claims, changes: dict[str, Any], error: type[PreauError], reason: str
) -> None:
    held = dcp_credentials.unverified(world.membership)
    shown = replace(held, token=membership(world, **changes))
    own = world.web.answering[QUERY]
    world.web.answering[QUERY] = presents(world, HOLDER, shown)
    refused(world, error, reason)
    world.web.answering[QUERY] = own
    assert world.judged().did == HOLDER
    assert not any("thief" in url for url in world.web.fetched)


def test_a_credential_that_its_issuer_did_not_sign(world: Claims) -> None:
    own, world.membership = world.membership, membership(world, signer=MemorySigner(AUTHORITY))
    refused(world, CredentialInvalid, "does not verify")
    world.membership = own
    assert world.judged().did == HOLDER


def presents(world: Claims, did: str, held: Held) -> Callable[..., Answer]:
    """A Credential Service that presents what it wants."""

    def answer(_body: bytes | None, _headers: Any) -> Answer:
        signer, ids, now = world.signers[did], world.holder.ids.new, world.clock.now()
        made = presentation.make(signer, did, VERIFIER, [held], ids, now)
        return Answer(200, canonical(query.response(made)))

    return answer


def test_a_status_in_several_lists_and_none(world: Claims) -> None:
    first = entry()["credentialStatus"]
    suspension = "https://authority.example/lists/2"
    marked = status.build(
        *(world.signers[AUTHORITY], AUTHORITY, suspension, [7]),
        valid_from=NOON,
        valid_until=NOON + timedelta(hours=1),
    )
    document = dict(credentials.unverified_credential(marked).document)
    document["credentialSubject"] = {**document["credentialSubject"], "statusPurpose": "suspension"}
    suspended = credentials.issue(world.signers[AUTHORITY], document).encode()
    world.web.pages[suspension] = lambda: suspended
    second = {**first, "statusPurpose": "suspension", "statusListCredential": suspension}
    for index, code in (("7", "CREDENTIAL_SUSPENDED"), ("8", "")):
        stated = [first, {**second, "statusListIndex": index}]
        world.membership = membership(world, credentialStatus=stated)
        if code:
            with pytest.raises(Untrusted) as found:
                world.judged()
            assert found.value.code == code
        else:
            world.judged()
    world.later(hours=1, minutes=1)
    world.membership = membership(world, credentialStatus=None)
    assert world.judged().did == HOLDER


# Blank nodes that each name each other: canonicalised, they take a minute (RDFC 1.0 section 7).
BLANK = [f"_:b{number}" for number in range(9)]
GRAPH: dict[str, Any] = {
    "@context": [VCDM, {"p": {"@id": "urn:p", "@type": "@id"}}],
    "id": "urn:x",
    "type": "VerifiablePresentation",
    "p": [{"id": each, "p": [other for other in BLANK if other != each]} for each in BLANK],
    "proof": {"type": "DataIntegrityProof", "cryptosuite": "eddsa-rdfc-2022", "proofValue": "z1"},
}


def deep(levels: int) -> bytes:
    inside = b"[" * levels + b"]" * levels
    return b'{"@context":["https://w3id.org/dspace-dcp/v1.0/dcp.jsonld"],"x":' + inside + b"}"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(200, deep(100_000)), "nested deeper than 64"),
        (Answer(200, deep(100)), "nested deeper than 64"),
        (Answer(200, b'{"type":"x","type":"PresentationResponseMessage"}'), "has a member twice"),
        (Answer(200, gzip.compress(bytes(1 << 22)), {"content-encoding": "gzip"}), "compresses"),
        (Answer(200, canonical(query.response([GRAPH]))), "only what is secured as a JWT is read"),  # type: ignore[list-item]  # as others might
        (Answer(200, canonical(query.response([]))), "must have 1 to 16 elements"),
        (Answer(200, canonical({**query.response(["x"]), "@context": ["urn:x"]})), "must name"),
        (Answer(200, b""), "not well-formed JSON"),
        (Answer(403, b"{}"), "status 403"),
        (Answer(500, b"{}"), "status 500"),
    ],
    ids=[
        *("depth bomb", "deep", "duplicate keys", "compressed", "hostile graph"),
        *("nothing presented", "another context", "nothing", "refused", "broken"),
    ],
)
def test_answers_of_a_credential_service_that_are_refused(
    world: Claims, answer: Answer, reason: str
) -> None:
    own = world.web.answering[QUERY]
    world.web.answering[QUERY] = lambda _body, _headers: answer
    refused(world, CredentialInvalid, reason)
    world.web.answering[QUERY] = own
    assert world.judged().did == HOLDER


def test_a_presentation_of_another(world: Claims) -> None:
    held, own = dcp_credentials.unverified(world.membership), world.web.answering[QUERY]
    world.web.answering[QUERY] = presents(world, VERIFIER, held)
    refused(world, CredentialInvalid, "key of another DID")
    world.web.answering[QUERY] = own
    assert world.judged().did == HOLDER


def test_documents_that_cannot_be_had(world: Claims) -> None:
    good = world.web.pages[dids.document_url(HOLDER)]

    def fails() -> bytes:
        raise error("no")

    for error in (PeerUnreachable, AddressForbidden):
        world.web.pages[dids.document_url(HOLDER)] = fails
        refused(world, AddressForbidden if error is AddressForbidden else DidUnresolvable, "")
    content = json.loads(good())
    for endpoint in ("/dcp", "http://holder.example/dcp", "https://holder.example/dcp?x"):
        content["service"] = [{"type": "CredentialService", "serviceEndpoint": endpoint}]
        served = canonical(content)
        world.web.pages[dids.document_url(HOLDER)] = lambda served=served: served
        world.later(minutes=11)
        refused(world, DidUnresolvable, "")
    world.web.pages[dids.document_url(HOLDER)] = good
    world.later(minutes=11)
    assert world.judged().did == HOLDER


def test_few_are_looked_at_at_once(world: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "WAIT_SECONDS", 0.01)
    places = world.judging._places
    for _ in range(verifying.AT_ONCE):
        places.acquire()
    with pytest.raises(PreauError) as found:
        world.judged()
    assert found.value.code == "TOO_MANY_REQUESTS"
    places.release()
    assert world.judged().did == HOLDER


def test_what_is_kept_is_bounded(world: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolving, "MOST", 1)
    monkeypatch.setattr(statuses, "_TRIED", 0)
    world.judged()
    assert len(world.authenticator.documents._kept) == 1
    world.authenticator.documents.of(VERIFIER)
    assert list(world.authenticator.documents._kept) == [VERIFIER]
