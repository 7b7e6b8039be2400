"""Services of DID documents: found in those of others, and written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connector.errors import ConfigurationInvalid, DidUnresolvable
from connector.identity import document as documents
from connector.identity.dcp import services
from connector.identity.dcp.services import Service
from tests.support.each import over
from tests.support.keys import MemorySigner

DID = "did:web:nord.example"
BASE = "https://nord.example/dcp"


def listing(*entries: Any) -> documents.DidDocument:
    return documents.read(json.dumps({"id": DID, "service": list(entries)}).encode(), DID)


def entry(endpoint: Any = BASE, type_: Any = "CredentialService") -> dict[str, Any]:
    return {"id": f"{DID}#x", "type": type_, "serviceEndpoint": endpoint}


@over(
    "entries",
    [
        [entry()],
        [entry(BASE + "/")],
        [entry(type_=["Other", "CredentialService"])],
        [entry([{"uri": BASE}, BASE])],
        [entry({"uri": "x"}), entry(type_="IssuerService"), entry("http://x.example"), entry()],
        [entry(), entry("https://else.example")],
        [{"type": 7}, {"serviceEndpoint": BASE}, entry()],
    ],
)
def test_endpoints_that_are_found(entries: list[Any]) -> None:
    assert services.endpoint(listing(*entries), Service.CREDENTIAL) == BASE


@over(
    "address",
    [
        "http://nord.example",
        "ftp://nord.example",
        "nord.example/dcp",
        "//nord.example/dcp",
        "https://",
        "https:///dcp",
        "https://[::1",
        "https://nord.example:x/",
        "https://user@nord.example/",
        "https://nord.example/?a=b",
        "https://nord.example/#a",
        "https://nord.example/ dcp",
        "https://nörd.example/",
        "https://nord.example/\n",
        "https://nord.example/" + "x" * 2048,
        "",
        7,
        None,
        {"uri": BASE},
        [],
    ],
)
def test_endpoints_that_are_not_usable(address: Any) -> None:
    with pytest.raises(DidUnresolvable, match=DID):
        services.endpoint(listing(entry(address)), Service.CREDENTIAL)
    assert services.endpoint(listing(entry(address), entry()), Service.CREDENTIAL) == BASE


def test_a_document_without_the_service() -> None:
    for document in (
        listing(),
        listing(entry()),
        documents.read(f'{{"id":"{DID}"}}'.encode(), DID),
    ):
        with pytest.raises(DidUnresolvable, match="lists no `IssuerService`"):
            services.endpoint(document, Service.ISSUER)


def test_schemes_are_the_caller_s() -> None:
    plain = listing(entry("http://nord.example"))
    assert services.endpoint(plain, Service.CREDENTIAL, schemes={"http"}) == "http://nord.example"


def test_several_services_of_a_type_are_legal_but_of_ours() -> None:
    two = listing(entry("https://a.example", "DataService"), entry(BASE, "DataService"))
    assert (
        services.endpoint(two, Service.DATA) == two.services["DataService"] == "https://a.example"
    )
    with pytest.raises(DidUnresolvable):
        listing(*[entry(BASE, "PreauPeer")] * 2)


BASES = dict.fromkeys(Service, BASE + "/")


def test_what_is_written_is_found() -> None:
    signer = MemorySigner(DID)
    endpoints, contexts = services.written(BASES), services.contexts(BASES)
    data = documents.build(signer, DID, services=endpoints, contexts=contexts)
    document = documents.read(data, DID)
    found = {service: services.endpoint(document, service) for service in Service}
    dsp = dict.fromkeys((Service.CATALOG, Service.DATA), BASE + "/catalog")
    assert found == dict.fromkeys(Service, BASE) | dsp
    assert services.written({Service.CATALOG: BASE + "/catalog"}) == {
        "CatalogService": BASE + "/catalog"
    }
    body = json.loads(data)
    assert body["@context"] == [*documents.CONTEXT, services.DCP, services.DSP]
    assert services.contexts(()) == ()


@over("base", ["http://nord.example", "nord.example", "https://nord.example/?a", ""])
def test_bases_that_are_not_written(base: str) -> None:
    assert services.written({Service.ISSUER: BASE}) == {"IssuerService": BASE}
    with pytest.raises(ConfigurationInvalid, match="IssuerService"):
        services.written({Service.ISSUER: base})
