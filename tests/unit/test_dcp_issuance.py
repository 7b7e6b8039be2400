"""DCP 1.0, section 6: messages of issuance, and requests at an issuer."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from connector.errors import (
    ConfigurationInvalid,
    IllegalMessage,
    Malformed,
    NotFound,
    OfferUnknown,
    PreauError,
    RequestDiffers,
)
from connector.identity.dcp import issuing
from connector.identity.dcp.issuance import (
    CredentialOfferMessage,
    CredentialRequestMessage,
    CredentialStatus,
    IssuerMetadata,
    RequestStatus,
)
from connector.identity.dcp.issuing import Request
from connector.identity.dcp.message import CONTEXT
from tests.support.dcp import (
    CONTAINER,
    GRANTED,
    HOLDER,
    ISSUER,
    MEMBERSHIP,
    METADATA,
    OFFER,
    OTHER,
    PIDS,
    READERS,
    REFUSED,
    REQUEST,
    SPARSE,
    WRITTEN,
    Message,
    read,
)
from tests.support.each import over

RECEIVED, ISSUED, REJECTED = RequestStatus


@over("message", WRITTEN)
def test_what_is_written_is_read(message: Message) -> None:
    """Also where there are members that nobody here knows."""
    body = message.body()
    assert read(body) == message
    assert (
        read({**body, "urn:x": {"y": [1]}, "@context": ["https://x.example/", CONTEXT]}) == message
    )


OFFERED = OFFER.body()["credentials"][0]
HELD = CONTAINER.body()


@over(
    "message, change, at",
    [
        (REQUEST, {"@context": CONTEXT}, "/@context"),
        (REQUEST, {"@context": ["https://w3id.org/dspace-dcp/v0.8/dcp.jsonld"]}, "/@context"),
        (REQUEST, {"@context": [CONTEXT, {"holderPid": "urn:x"}]}, "/@context/1"),
        (REQUEST, {"@context": [CONTEXT] * 17}, "/@context"),
        (REQUEST, {"holderPid": ...}, "/holderPid"),
        (REQUEST, {"holderPid": None}, "/holderPid"),
        (REQUEST, {"holderPid": ""}, "/holderPid"),
        (REQUEST, {"holderPid": "a\nb"}, "/holderPid"),
        (REQUEST, {"holderPid": "x" * 513}, "/holderPid"),
        (REQUEST, {"credentials": ...}, "/credentials"),
        (REQUEST, {"credentials": []}, "/credentials"),
        (REQUEST, {"credentials": ["urn:x"]}, "/credentials/0"),
        (REQUEST, {"credentials": [{"id": "urn:x"}, {"id": 7}]}, "/credentials/1/id"),
        (REQUEST, {"credentials": [{"id": "urn:x"}] * 2}, "/credentials"),
        (REQUEST, {"credentials": [{"id": f"urn:x:{n}"} for n in range(65)]}, "/credentials"),
        (GRANTED, {"issuerPid": ...}, "/issuerPid"),
        (GRANTED, {"holderPid": ...}, "/holderPid"),
        (GRANTED, {"status": "INVALID_STATUS"}, "/status"),
        (GRANTED, {"status": "RECEIVED"}, "/status"),
        (GRANTED, {"status": "issued"}, "/status"),
        (GRANTED, {"status": "REJECTED"}, "/status"),
        (GRANTED, {"credentials": ...}, "/status"),
        (GRANTED, {"credentials": None}, "/status"),
        (GRANTED, {"credentials": []}, "/status"),
        (GRANTED, {"credentials": HELD}, "/credentials"),
        (GRANTED, {"credentials": [{**HELD, "payload": {}}]}, "/credentials/0/payload"),
        (GRANTED, {"credentials": [{**HELD, "payload": "x" * 262_145}]}, "/credentials/0/payload"),
        (GRANTED, {"credentials": [{**HELD, "format": 1}]}, "/credentials/0/format"),
        (GRANTED, {"credentials": [HELD] * 65}, "/credentials"),
        (REFUSED, {"rejectionReason": 1}, "/rejectionReason"),
        (REFUSED, {"rejectionReason": "x" * 4097}, "/rejectionReason"),
        (REFUSED, {"status": "ISSUED"}, "/status"),
        (OFFER, {"issuer": None}, "/issuer"),
        (OFFER, {"issuer": OTHER}, "/issuer"),
        (OFFER, {"credentials": []}, "/credentials"),
        (OFFER, {"credentials": [{}]}, "/credentials/0/id"),
        (OFFER, {"credentials": [{**OFFERED, "type": "Other"}]}, "/credentials/0/type"),
        (OFFER, {"credentials": [{"id": "urn:x", "profile": "p"}]}, "/credentials/0/type"),
        (OFFER, {"credentials": [{**OFFERED, "profile": 1}]}, "/credentials/0/profile"),
        (OFFER, {"credentials": [{**OFFERED, "bindingMethods": "did:web"}]}, "bindingMethods"),
        (OFFER, {"credentials": [{**OFFERED, "bindingMethods": [""]}]}, "bindingMethods/0"),
        (OFFER, {"credentials": [{**OFFERED, "issuancePolicy": []}]}, "issuancePolicy"),
        (METADATA, {"issuer": OTHER}, "/issuer"),
        (METADATA, {"credentialsSupported": {}}, "/credentialsSupported"),
        (CredentialStatus(*PIDS, ISSUED), {"status": "PENDING"}, "/status"),
        (CredentialStatus(*PIDS, ISSUED), {"holderPid": ...}, "/holderPid"),
    ],
)
def test_messages_that_are_refused(message: Message, change: dict[str, Any], at: str) -> None:
    body = message.body()
    kind = body["type"]
    assert read(body) == message
    body |= change
    with pytest.raises(Malformed) as refused:
        read({name: value for name, value in body.items() if value is not ...})
    assert refused.value.reason.startswith(f"{kind} ")
    assert at in refused.value.reason


@over("data", [b"", b"[]", b"x", b'{"a":1,"a":1}', b"\xff", b"[" * 70 + b"]" * 70])
def test_what_is_no_message(data: bytes) -> None:
    for reader in READERS.values():
        with pytest.raises(Malformed):
            reader(data)


def test_a_message_is_of_its_own_type() -> None:
    for name, reader in READERS.items():
        for message in WRITTEN:
            if message.body()["type"] != name:
                with pytest.raises(Malformed):
                    reader(json.dumps(message.body()).encode())


@over(
    "message, change",
    [
        (GRANTED, {"rejectionReason": None}),
        (replace(REFUSED, rejection_reason=""), {"rejectionReason": ""}),
        (replace(REFUSED, rejection_reason=""), {"credentials": None}),
        (REFUSED, {"credentials": []}),
        (IssuerMetadata(ISSUER, ()), {"credentialsSupported": None}),
        (
            CredentialOfferMessage(ISSUER, (replace(MEMBERSHIP, credential_schema=""),)),
            {"credentials": [{**OFFERED, "credentialSchema": None}]},
        ),
        (
            CredentialOfferMessage(ISSUER, (replace(MEMBERSHIP, issuance_policy={}),)),
            {"credentials": [{**OFFERED, "issuancePolicy": {}}]},
        ),
        (CredentialOfferMessage(ISSUER, (SPARSE,)), {"credentials": [{"id": SPARSE.id}]}),
    ],
)
def test_what_others_leave_out_or_empty(message: Message, change: dict[str, Any]) -> None:
    assert read({**message.body(), **change}) == message


def test_metadata_of_others_may_state_less() -> None:
    body = {**METADATA.body(), "credentialsSupported": [{**OFFERED, "credentialSchema": None}]}
    assert read(body) == IssuerMetadata(ISSUER, (replace(MEMBERSHIP, credential_schema=""),))


def test_sparse_offers_are_completed_from_the_metadata() -> None:
    whole = replace(MEMBERSHIP, id="urn:uuid:2")
    offer = CredentialOfferMessage(ISSUER, (SPARSE, whole))
    assert offer.sparse
    assert not OFFER.sparse
    assert offer.completed(METADATA).credentials == (MEMBERSHIP, whole)
    for lacking in (IssuerMetadata(ISSUER, (whole,)), IssuerMetadata(ISSUER, (SPARSE,))):
        with pytest.raises(Malformed, match="/credentials/0/id"):
            offer.completed(lacking)


@over(
    "name", ["credential_type", "credential_schema", "offer_reason", "binding_methods", "profile"]
)
def test_metadata_states_all_of_a_credential(name: str) -> None:
    lacking = replace(MEMBERSHIP, **{name: type(getattr(MEMBERSHIP, name))()})
    with pytest.raises(ConfigurationInvalid, match=MEMBERSHIP.id):
        IssuerMetadata(ISSUER, (lacking,)).body()


# An issuer's requests


def received(message: CredentialRequestMessage, *earlier: Request, holder: str = HOLDER) -> Request:
    offered = (MEMBERSHIP.id, "urn:uuid:2") if holder == HOLDER else ("urn:uuid:3",)
    return issuing.received(message, holder, offered, earlier, PIDS[0])


OPEN = Request(PIDS[0], HOLDER, PIDS[1], (MEMBERSHIP.id,))


def test_the_states_of_a_request_are_those_of_the_specification() -> None:
    ends = {"ISSUED", "REJECTED"}
    assert {"RECEIVED": ends, "ISSUED": set(), "REJECTED": set()} == issuing.TRANSITIONS


def test_each_state_and_step() -> None:
    for state in RequestStatus:
        for step in RequestStatus:
            request = replace(OPEN, status=state)
            if state is RECEIVED and step is not RECEIVED:
                assert issuing.ended(request, step, "why").status is step
            else:
                with pytest.raises(IllegalMessage):
                    issuing.ended(request, step)


def test_a_request_is_received() -> None:
    assert received(REQUEST) == OPEN
    assert received(REQUEST, replace(OPEN, holder_pid="urn:x", credentials=("urn:y",))) == OPEN


@over(
    "message, holder",
    [
        (replace(REQUEST, credentials=("urn:none",)), HOLDER),
        (replace(REQUEST, credentials=(MEMBERSHIP.id, "urn:uuid:3")), HOLDER),
        (REQUEST, OTHER),
    ],
)
def test_what_is_not_offered_to_a_holder(message: CredentialRequestMessage, holder: str) -> None:
    with pytest.raises(OfferUnknown):
        received(message, holder=holder)
    assert received(replace(message, credentials=("urn:uuid:3",)), holder=OTHER).holder == OTHER


def test_a_repeated_request_is_the_open_one() -> None:
    known = replace(OPEN, issuer_pid="urn:first")
    assert received(REQUEST, known) is known
    other = replace(REQUEST, credentials=("urn:uuid:2",))
    with pytest.raises(RequestDiffers) as refused:
        received(other, known)
    assert refused.value.hint
    for ended in (ISSUED, REJECTED):
        assert received(REQUEST, replace(known, status=ended)) == OPEN
        assert received(other, replace(known, status=ended)).credentials == other.credentials
    assert received(REQUEST, replace(known, holder=OTHER)) == OPEN


def test_only_the_holder_learns_of_a_request() -> None:
    assert issuing.disclosed(OPEN, PIDS[0], HOLDER) == CredentialStatus(*PIDS, RECEIVED)
    refusals = []
    for request, caller in ((OPEN, OTHER), (None, OTHER), (None, HOLDER)):
        with pytest.raises(NotFound) as refused:
            issuing.disclosed(request, PIDS[0], caller)
        refusals.append(refused.value.reason)
    assert len(set(refusals)) == 1


def test_a_request_is_answered_as_a_whole() -> None:
    two = replace(OPEN, credentials=(MEMBERSHIP.id, "urn:uuid:2"))
    other = replace(CONTAINER, credential_type="Other")
    both = {"urn:uuid:2": other, MEMBERSHIP.id: CONTAINER}
    found = issuing.answer(issuing.ended(two, ISSUED), both)
    assert (found.status, found.credentials) == (ISSUED, (CONTAINER, other))
    rejected = issuing.answer(issuing.ended(two, REJECTED, "no"), {})
    assert (rejected.status, rejected.rejection_reason) == (REJECTED, "no")


@over(
    "status, issued",
    [
        (RECEIVED, {MEMBERSHIP.id: CONTAINER}),
        (ISSUED, {}),
        (ISSUED, {"urn:uuid:2": CONTAINER}),
        (ISSUED, {MEMBERSHIP.id: CONTAINER, "urn:uuid:2": CONTAINER}),
        (REJECTED, {MEMBERSHIP.id: CONTAINER}),
    ],
)
def test_answers_that_are_none(status: RequestStatus, issued: dict[str, Any]) -> None:
    with pytest.raises(PreauError) as refused:
        issuing.answer(replace(OPEN, status=status), issued)
    assert refused.value.code == "ILLEGAL_MESSAGE"
