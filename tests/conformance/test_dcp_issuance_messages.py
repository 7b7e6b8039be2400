"""Messages of DCP's issuance, and services of DID documents, against what is published."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import pytest
from pyld import jsonld
from pyld.context_resolver import ContextResolver

from connector.errors import Malformed
from connector.identity import document as documents
from connector.identity.dcp import services
from connector.identity.dcp.issuance import (
    CredentialContainer,
    CredentialMessage,
    CredentialRequestMessage,
    CredentialStatus,
    IssuerMetadata,
    RequestStatus,
)
from connector.identity.dcp.message import CONTEXT
from connector.identity.dcp.services import Service
from tests.support.dcp import ISSUER, OFFER, READERS, WRITTEN, Message, read
from tests.support.each import over
from tests.support.schemas import faults

pytestmark = pytest.mark.reference
REFERENCE = Path(os.environ.get("PREAU_REFERENCE", "/nowhere"))
FOLDER = REFERENCE / "dcp"
SCHEMAS: Final = {
    "CredentialRequestMessage": "credential-request-message-schema.json",
    "CredentialMessage": "credential-message-schema.json",
    "CredentialOfferMessage": "credential-offer-message-schema.json",
    "CredentialStatus": "credential-status-schema.json",
    "IssuerMetadata": "issuer-metadata-schema.json",
}
# What the prose allows and the schema does not: sections 6.5.1 and 6.7.1.
_ALLOWED: Final = {"rejectionReason": (None,), "credentialsSupported": (None, ...)}


def example(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((FOLDER / "examples" / name).read_bytes())
    return body


@over("message", WRITTEN)
def test_what_is_written_validates(message: Message) -> None:
    body = message.body()
    assert faults(FOLDER / "schemas", SCHEMAS[body["type"]], body) == []


@over("message", WRITTEN)
def test_what_a_schema_refuses_is_refused(message: Message) -> None:
    """Each member, left out or of another form."""
    body, refused = message.body(), 0
    schema = SCHEMAS[body["type"]]
    for name in body:
        for wrong in (..., None, 1, True, "", "x", [], [1], ["x"], [{}], {}):
            spoilt = {key: each for key, each in (body | {name: wrong}).items() if each is not ...}
            if wrong in _ALLOWED.get(name, ()) or not faults(FOLDER / "schemas", schema, spoilt):
                continue
            refused += 1
            with pytest.raises(Malformed):
                READERS[body["type"]](json.dumps(spoilt).encode())
    assert refused > len(body)


@over("message", WRITTEN)
def test_the_context_drops_nothing_of_what_is_written(message: Message) -> None:
    """But for `status` of a CredentialMessage, which the context makes a relative IRI."""
    context = json.loads((FOLDER / "contexts" / "dcp.jsonld").read_bytes())

    def load(url: str, _options: Any = None) -> dict[str, Any]:
        assert url == CONTEXT
        return {"document": context, "documentUrl": url, "contextUrl": None}

    dropped: list[str] = []
    body = message.body()
    (found,) = jsonld.expand(
        body,
        {"documentLoader": load, "contextResolver": ContextResolver({}, load), "base": None},
        on_property_dropped=lambda name, *_, **__: dropped.append(str(name)),
    )
    assert dropped == []
    names = {name.rpartition("/")[2].rpartition("#")[2] for name in found} - {"@type"}
    assert names == set(body) - {"@context", "type"}
    relative = [iri for iri in iris(found) if ":" not in iri]
    assert relative == ([body["status"]] if body["type"] == "CredentialMessage" else [])


def iris(node: Any) -> list[str]:
    """All that expanded JSON-LD names; JSON literals are not looked into."""
    if isinstance(node, list):
        return [iri for each in node for iri in iris(each)]
    if not isinstance(node, dict) or node.get("@type") == "@json":
        return []
    own = [node["@id"]] if "@id" in node else []
    own += node["@type"] if isinstance(node.get("@type"), list) else []
    return own + [iri for name, each in node.items() if name[0] != "@" for iri in iris(each)]


def test_the_published_messages_of_issuance_are_read() -> None:
    found = {
        name: read(example(f"issuance/{name}.json") | {"issuer": ISSUER})
        for name in (
            *("credential-request-message", "credential-message", "credential-message-rejected"),
            *("credential-status", "credential-offer-message", "issuer-metadata"),
        )
    }
    assert found["credential-request-message"] == CredentialRequestMessage(
        "holderPid",
        ("d5c77b0e-7f4e-4fd5-8c5f-28b5fc3f96d1", "c0f81e68-6d35-4f9d-bc04-51e511b2e46c"),
    )
    assert found["credential-message"] == CredentialMessage(
        "issuerPid",
        "holderPid",
        (
            CredentialContainer("MembershipCredential", "<JWT-STRING>", "jwt"),
            CredentialContainer("OrganizationCredential", "<LD-Object>", "json-ld"),
        ),
    )
    rejected = CredentialMessage("issuerPid", "holderPid", (), "final approval not granted")
    assert found["credential-message-rejected"] == rejected
    received = CredentialStatus("issuerPid", "holderPid", RequestStatus.RECEIVED)
    assert found["credential-status"] == received
    offer, metadata = found["credential-offer-message"], found["issuer-metadata"]
    assert isinstance(metadata, IssuerMetadata)
    assert (
        offer.body()["credentials"]
        == example("issuance/credential-offer-message.json")["credentials"]
    )
    assert (
        metadata.body()["credentialsSupported"]
        == example("issuance/issuer-metadata.json")["credentialsSupported"]
    )


def test_the_published_credential_object_is_read() -> None:
    alone = example("issuance/credential-object.json")
    del alone["@context"]
    assert read({**OFFER.body(), "credentials": [alone]}).body()["credentials"] == [alone]


def listed(entry: dict[str, Any]) -> documents.DidDocument:
    body = {"id": ISSUER, "service": [entry]}
    return documents.read(json.dumps(body).encode(), ISSUER)


def test_services_of_dsp_validate_and_the_published_ones_are_found() -> None:
    dsp = REFERENCE / "dsp"
    found = {}
    for service, name in (
        (Service.CATALOG, "catalogservice-did-service.json"),
        (Service.DATA, "dataservice-did-service.json"),
    ):
        published = json.loads((dsp / "examples" / "common" / name).read_bytes())
        found[service] = services.endpoint(listed(published), service)
        own = services.written({service: "https://nord.example/dsp"})[service]
        entry = {"id": f"{ISSUER}#x", "type": service.value, "serviceEndpoint": own}
        assert faults(dsp / "schemas", "did-service-schema.json", entry) == []
    assert found == {
        Service.CATALOG: "https://bar.example.com/some/path/catalog",
        Service.DATA: "https://bar.example.com/some/path/.well-known/dspace-version",
    }
