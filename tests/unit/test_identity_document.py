from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from connector.errors import DidUnresolvable
from connector.identity import certificate
from connector.identity import document as documents
from connector.identity import key as keys
from connector.identity.key import Relationship
from connector.jsonld.canonical import canonical, sha256_hex
from tests.support.contracts import NOW
from tests.support.each import over
from tests.support.keys import MemoryEcSigner, MemorySigner

DID = "did:web:localhost%3A8443"
SIGNER = MemorySigner(DID)
CAS = [certificate.make_authority(f"CA {number}", NOW, 365)[0] for number in (1, 2)]
SERVICES = {"PreauPeer": "grpcs://localhost:50051", "PreauFirstContact": "https://localhost/x"}
DATA = documents.build(SIGNER, DID, CAS, SERVICES)


def spoiled(change: Callable[[dict[str, Any]], Any]) -> bytes:
    content = json.loads(DATA)
    change(content)
    return canonical(content)


EMBEDDED: dict[str, Any] = {
    "id": DID + "#key-2",
    "type": "JsonWebKey2020",
    "controller": DID,
    "publicKeyJwk": dict(MemoryEcSigner(DID).public_jwk),
}


def refused(data: bytes) -> None:
    with pytest.raises(DidUnresolvable):
        documents.read(data, DID)


def test_round_trip() -> None:
    document = documents.read(DATA, DID)
    assert document.did == DID
    assert document.digest == sha256_hex(DATA)
    assert document.data == DATA
    assert document.tls_authorities == tuple(CAS)
    assert dict(document.services) == SERVICES
    assert document.keys.keys() == {DID + "#key-1", DID + "#tls-ca-1", DID + "#tls-ca-2"}
    for relationship in Relationship:
        assert document.keys_for(relationship) == {SIGNER.key_id}
    assert document.thumbprints() == {keys.thumbprint(SIGNER.public_jwk)}


def test_a_document_without_authorities_and_services() -> None:
    document = documents.read(documents.build(SIGNER, DID), DID)
    assert document.tls_authorities == ()
    assert document.services == {}


def test_members_that_we_do_not_know_do_not_matter() -> None:
    def change(content: dict[str, Any]) -> None:
        content["alsoKnownAs"] = ["https://nord.example"]
        content["keyAgreement"] = [{"type": "whatever"}]
        content["service"].append({"id": "#x", "type": ["A", "B"], "serviceEndpoint": {}})
        content["verificationMethod"].append(
            {
                "id": DID + "#other",
                "type": "JsonWebKey",
                "controller": DID,
                "publicKeyJwk": {"kty": "EC", "crv": "secp256k1", "x": "x", "y": "y"},
            }
        )
        content["assertionMethod"].append(DID + "#other")

    document = documents.read(spoiled(change), DID)
    assert document.assertion == {SIGNER.key_id}
    assert dict(document.services) == SERVICES


@over("data", [b"", b"[]", b"{", b'{"id":"a","id":"b"}', b"\xff", b"{}"])
def test_no_document_at_all(data: bytes) -> None:
    refused(data)


def test_another_did() -> None:
    with pytest.raises(DidUnresolvable):
        documents.read(DATA, "did:web:localhost%3A8444")
    with pytest.raises(DidUnresolvable):
        documents.read(DATA, "did:key:x")


def test_size_is_bounded() -> None:
    refused(spoiled(lambda content: content.update(x="x" * documents.MAX_BYTES)))


@over(
    "change",
    [
        {"id": DID + "#key-9"},  # then the relationships list an unknown key
        {"id": "#tls-ca-1"},
        {"id": "did:web:else.example#key-1"},
        {"id": None},
        {"id": DID + "#tls-ca-1"},
        {"controller": "did:web:else.example"},
        {"controller": None},
        {"publicKeyJwk": {**SIGNER.public_jwk, "d": "secret"}},
        {"publicKeyJwk": {**SIGNER.public_jwk, "x": "AA"}},
    ],
)
def test_keys_that_are_refused(change: dict[str, Any]) -> None:
    refused(spoiled(lambda content: content["verificationMethod"][0].update(change)))


@over(
    "change",
    [
        {"assertionMethod": {}},
        {"assertionMethod": [1]},
        {"assertionMethod": [{"id": DID + "#key-2"}]},
        {"assertionMethod": ["#key-9"]},
        {"assertionMethod": [EMBEDDED], "authentication": [EMBEDDED["id"]]},
        {"assertionMethod": [EMBEDDED, EMBEDDED]},
        {"assertionMethod": [{**EMBEDDED, "id": SIGNER.key_id}]},
        {"assertionMethod": [{**EMBEDDED, "controller": "did:web:else.example"}]},
        {"authentication": [DID + "#key-2"]},
        {"capabilityInvocation": "x"},
        {"verificationMethod": {}},
        {"verificationMethod": [1]},
        {"verificationMethod": [{}] * 33},
        {"service": "x"},
        {"service": [{}] * 33},
        {"service": [{"type": "PreauPeer", "serviceEndpoint": "a"}] * 2},
    ],
)
def test_shapes_that_are_refused(change: dict[str, Any]) -> None:
    refused(spoiled(lambda content: content.update(change)))


def test_keys_that_stand_whole_or_by_relative_reference() -> None:
    """DID Core, sections 3.2.2 and 5.3."""

    def change(content: dict[str, Any]) -> None:
        content["verificationMethod"][0]["id"] = "#key-1"
        content["assertionMethod"] = ["#key-1", {**EMBEDDED, "id": "#key-2"}]

    document = documents.read(spoiled(change), DID)
    assert document.assertion == {SIGNER.key_id, DID + "#key-2"}
    assert document.authentication == document.invocation == {SIGNER.key_id}
    assert document.keys[DID + "#key-2"]["crv"] == "P-256"


def test_a_key_may_show_a_certificate_without_being_an_authority() -> None:
    def change(content: dict[str, Any]) -> None:
        shown = {**EMBEDDED["publicKeyJwk"], "x5c": [certificate.der_base64(FOREIGN)]}
        content["verificationMethod"].append({**EMBEDDED, "publicKeyJwk": shown})

    document = documents.read(spoiled(change), DID)
    assert EMBEDDED["id"] in document.keys
    assert len(document.tls_authorities) == len(CAS)


def test_a_relationship_that_is_absent_is_empty() -> None:
    document = documents.read(spoiled(lambda content: content.pop("authentication")), DID)
    assert document.authentication == frozenset()


def authority(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["verificationMethod"][1]
    return found


FOREIGN = certificate.make_authority("foreign", NOW, 365)[0]
LEAF = certificate.issue_leaf(
    *certificate.make_authority("CA", NOW, 365), DID, "localhost", NOW, 3600
)[0]


@over(
    "change",
    [
        lambda ca: ca.pop("attestation"),
        lambda ca: ca.update(attestation=1),
        lambda ca: ca.update(attestation="a.b.c"),
        lambda ca: ca["publicKeyJwk"].update(x5c=[]),
        lambda ca: ca["publicKeyJwk"].update(x5c="x"),
        lambda ca: ca["publicKeyJwk"].update(x5c=[1]),
        lambda ca: ca["publicKeyJwk"].update(x5c=["!"]),
        lambda ca: ca["publicKeyJwk"].update(x5c=["AAAA"]),
        lambda ca: ca["publicKeyJwk"].update(x5c=ca["publicKeyJwk"]["x5c"] * 2),
        lambda ca: ca["publicKeyJwk"].update(x5c=[certificate.der_base64(FOREIGN)]),
        lambda ca: ca["publicKeyJwk"].update(x5c=[certificate.der_base64(LEAF)]),
    ],
)
def test_authorities_that_are_refused(change: Callable[[dict[str, Any]], Any]) -> None:
    refused(spoiled(lambda content: change(authority(content))))


def test_a_taken_over_host_cannot_add_an_authority() -> None:
    """Whoever serves the document but lacks the key can neither attest nor reuse a statement."""
    own = MemorySigner(DID)
    forged = json.loads(documents.build(own, DID, [FOREIGN]))["verificationMethod"][1]
    refused(spoiled(lambda content: content["verificationMethod"].__setitem__(1, forged)))
    stolen = json.loads(DATA)["verificationMethod"][2]["attestation"]
    refused(spoiled(lambda content: authority(content).update(attestation=stolen)))


def test_an_authority_attested_for_another_did() -> None:
    """The same key under two DIDs: a statement for one does not serve the other."""
    other = documents.build(SIGNER, "did:web:else.example", CAS)
    stolen = json.loads(other)["verificationMethod"][1]["attestation"]
    refused(spoiled(lambda content: authority(content).update(attestation=stolen)))


def test_number_of_authorities_is_bounded() -> None:
    many = [certificate.make_authority("CA", NOW, 365)[0] for _ in range(9)]
    assert len(documents.read(documents.build(SIGNER, DID, many[:8]), DID).tls_authorities) == 8
    refused(documents.build(SIGNER, DID, many))
