"""Messages of issuance of the Decentralized Claims Protocol, with what reads each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from connector.identity.dcp.issuance import (
    CredentialContainer,
    CredentialMessage,
    CredentialObject,
    CredentialOfferMessage,
    CredentialRequestMessage,
    CredentialStatus,
    IssuerMetadata,
    RequestStatus,
)

ISSUER = "did:web:authority.example"
HOLDER = "did:web:nord.example"
OTHER = "did:web:lab.example"
PIDS = ("urn:uuid:00000000-0000-4000-8000-00000000000a", "urn:uuid:1")
MEMBERSHIP = CredentialObject(
    id="urn:uuid:00000000-0000-4000-8000-00000000000c",
    credential_type="MembershipCredential",
    credential_schema="https://authority.example/schema.json",
    offer_reason="reissue",
    binding_methods=("did:web",),
    profile="vc20-bssl/jwt",
    issuance_policy={"id": "x", "input_descriptors": []},
)
SPARSE = CredentialObject(MEMBERSHIP.id)
CONTAINER = CredentialContainer("MembershipCredential", "a.b.c", "vc20-bssl/jwt")
METADATA = IssuerMetadata(ISSUER, (MEMBERSHIP,))
REQUEST = CredentialRequestMessage(PIDS[1], (MEMBERSHIP.id,))
GRANTED = CredentialMessage(*PIDS, (CONTAINER, replace(CONTAINER, credential_type="Other")))
REFUSED = CredentialMessage(*PIDS, rejection_reason="final approval not granted")
OFFER = CredentialOfferMessage(ISSUER, (MEMBERSHIP,))

Message = (
    CredentialRequestMessage
    | CredentialMessage
    | CredentialOfferMessage
    | CredentialStatus
    | IssuerMetadata
)
READERS: dict[str, Callable[[bytes], Message]] = {
    "CredentialRequestMessage": CredentialRequestMessage.read,
    "CredentialMessage": CredentialMessage.read,
    "CredentialOfferMessage": lambda data: CredentialOfferMessage.read(data, ISSUER),
    "CredentialStatus": CredentialStatus.read,
    "IssuerMetadata": lambda data: IssuerMetadata.read(data, ISSUER),
}
WRITTEN: list[Message] = [
    REQUEST,
    GRANTED,
    REFUSED,
    replace(REFUSED, rejection_reason=""),
    OFFER,
    CredentialStatus(*PIDS, RequestStatus.RECEIVED),
    CredentialStatus(*PIDS, RequestStatus.ISSUED),
    CredentialStatus(*PIDS, RequestStatus.REJECTED),
    METADATA,
    IssuerMetadata(ISSUER, ()),
]


def read(body: dict[str, Any]) -> Message:
    return READERS[body["type"]](json.dumps(body).encode())
