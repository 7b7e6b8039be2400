"""A message of each type of the Dataspace Protocol, with what writes and reads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connector.errors import CapExceeded, PolicyInvalid
from connector.jsonld.canonical import canonical, sha256_hex
from connector.protocol import messages as m
from connector.protocol import transfer_messages as t
from connector.protocol.dsp import (
    catalog,
    catalog_request,
    data_address,
    faults,
    negotiation,
    transfer,
    versions,
)
from connector.protocol.dsp.negotiation import Negotiated
from connector.protocol.dsp.policies import Policies
from connector.protocol.dsp.transfer import Transferred

P, C, ONE = "urn:uuid:p", "urn:uuid:c", "urn:uuid:1"
OFFER, DATASET, CALLBACK = "urn:offer:1", "urn:dataset:1", "https://lab.example/dsp/2025-1"
USE: Final = {"permission": [{"action": "use"}]}
TERMS = canonical({"@id": OFFER, "@type": "Offer", **USE})
AGREED = {
    "@id": "urn:agreement:1",
    "@type": "Agreement",
    "target": DATASET,
    "assigner": "did:web:school.example",
    "assignee": "did:web:lab.example",
    "timestamp": "2026-11-29T03:00:00Z",
    **USE,
}
PLAN: Final = {"version": 1, "steps": ["deliver"]}
DIGEST = sha256_hex(canonical(PLAN))
DOCUMENT = canonical({"agreement": AGREED, "plan": PLAN})
LINE = m.CoverageLine("/permission/0/action", "use", "checked", "facts", "offer")
SERVICE = catalog.DataService("urn:service:1", "https://school.example/dsp/2025-1")
SHOWN = m.Dataset(
    DATASET,
    "a.b.c",
    (
        m.CatalogOffer(OFFER, TERMS, (LINE,), "contract", "d.e.f"),
        m.CatalogOffer("urn:offer:2", TERMS.replace(b":1", b":2"), ()),
    ),
)
PAGE = m.Catalog("did:web:school.example", "g.h.i", (SHOWN,))
WAYS: Final = (data_address.PULL, "example:CSV")
ADDRESS = data_address.of_access(
    t.TransferAccess("https://school.example/data/x", "a.b.c", 600, "school.example:8444")
)


def _to_dsp(policy: bytes, *, kind: str) -> dict[str, Any]:
    assert kind in ("catalog", "message")
    return dict(json.loads(policy))


def _from_dsp(body: Mapping[str, Any], *, kind: str, contexts: Sequence[str]) -> bytes:
    assert kind in ("catalog", "message")
    assert contexts
    if "unknown" in body:
        raise PolicyInvalid("profile `unknown` is not known here")
    return canonical(body)


AS_THEY_STAND: Final = Policies(_to_dsp, _from_dsp)  # terms as JSON, to look at what is around them


@dataclass(frozen=True, slots=True)
class Sample:
    """A message.

    Attributes:
        schema: name of the file of its schema, without its ending.
        value: what is written.
        write: returns the body.
        read: returns the value of a body.
    """

    schema: str
    value: Any
    write: Callable[[Any], dict[str, Any]]
    read: Callable[[bytes], Any]

    @property
    def body(self) -> dict[str, Any]:
        return self.write(self.value)

    def __str__(self) -> str:
        return f"{self.schema} {self.value!r}"


def _negotiated(schema: str, message: Any, **more: Any) -> Sample:
    return Sample(
        schema,
        Negotiated(message, **more),
        lambda value: negotiation.write(value, AS_THEY_STAND),
        lambda data: negotiation.read(data, AS_THEY_STAND),
    )


def _transferred(schema: str, message: Any, **more: Any) -> Sample:
    return Sample(schema, Transferred(message, **more), transfer.write, transfer.read)


def _fault(schema: str, kind: str, *pids: str) -> Sample:
    value = faults.of(kind, CapExceeded("the cap is reached", hint="ask for less"), *pids)
    return Sample(schema, value, faults.write, lambda data: faults.read(data, kind))


def _catalog(value: catalog.Catalog) -> Sample:
    return Sample(
        "catalog",
        value,
        lambda one: catalog.write(one, AS_THEY_STAND),
        lambda data: catalog.read(data, AS_THEY_STAND),
    )


def _asked(*words: Any, offset: int = 0) -> Sample:
    return Sample(
        "catalog-request-message",
        catalog_request.CatalogRequest(m.CatalogRequestMessage("", *words), offset),
        catalog_request.write,
        catalog_request.read,
    )


_REQUEST = ("contract-request-message", "contract-offer-message")
_EVENT, _OVER = "contract-negotiation-event-message", "contract-negotiation-termination-message"
_VERIFIED, _CONCLUDED = "contract-agreement-verification-message", "contract-agreement-message"
SAMPLES: Final[Sequence[Sample]] = (
    _asked(),
    _asked(10, "école, 2d degré", "FR-44", "research", "consent", offset=20),
    Sample(
        "dataset-request-message",
        m.DatasetRequestMessage(DATASET),
        catalog_request.write_dataset,
        catalog_request.read_dataset,
    ),
    _catalog(catalog.of_page(PAGE, "urn:catalog:1", SERVICE, WAYS)),
    _catalog(catalog.Catalog("urn:catalog:2", "did:web:school.example")),
    _catalog(
        catalog.Catalog(
            "urn:catalog:3",
            "did:web:school.example",
            catalogs=(
                catalog.Catalog(
                    "urn:catalog:4",
                    services=(SERVICE,),
                    distributions=(catalog.Distribution("example:Catalog", SERVICE.id),),
                ),
            ),
        )
    ),
    Sample(
        "dataset",
        catalog.Dataset(
            m.Dataset("urn:dataset:2", "", SHOWN.offers[1:]),
            (catalog.Distribution(data_address.PULL, SERVICE, SHOWN.offers[:1]),),
        ),
        lambda one: catalog.write_dataset(one, AS_THEY_STAND),
        lambda data: catalog.read_dataset(data, AS_THEY_STAND),
    ),
    _fault("catalog-error", faults.CATALOG),
    _negotiated(
        _REQUEST[0],
        m.ContractRequestMessage(ONE, C, "", OFFER, DATASET, TERMS),
        callback=CALLBACK,
    ),
    _negotiated(_REQUEST[0], m.ContractRequestMessage(ONE, C, P, OFFER, DATASET, TERMS)),
    _negotiated(
        _REQUEST[1],
        m.ContractOfferMessage(ONE, P, "", OFFER, DATASET, TERMS),
        callback=CALLBACK,
    ),
    _negotiated(
        _REQUEST[1],
        m.ContractOfferMessage(ONE, P, C, OFFER, DATASET, TERMS, ("too much ε", "too long")),
    ),
    _negotiated(
        _CONCLUDED,
        m.ContractAgreementMessage(ONE, P, C, DOCUMENT, "h..s", "r.r.r"),
        policy=canonical(AGREED),
        plan_digest=DIGEST,
    ),
    _negotiated(
        _CONCLUDED,
        m.ContractAgreementMessage(ONE, P, C, b"", ""),
        policy=canonical(AGREED),
    ),
    _negotiated(_VERIFIED, m.ContractAgreementVerificationMessage(ONE, P, C, "h..s")),
    _negotiated(_EVENT, m.ContractNegotiationEventMessage(ONE, P, C, "ACCEPTED")),
    _negotiated(_EVENT, m.ContractNegotiationEventMessage(ONE, P, C, "FINALIZED", "h.p.s")),
    _negotiated(_OVER, m.ContractNegotiationTerminationMessage(ONE, P, C, "", ())),
    _negotiated(
        _OVER,
        m.ContractNegotiationTerminationMessage(ONE, P, C, "CAP_EXCEEDED", ("why", "é"), "s.s.s"),
    ),
    Sample(
        "contract-negotiation",
        m.ContractNegotiation(P, C, "AGREED", awaits=True),
        negotiation.write_state,
        negotiation.read_state,
    ),
    _fault("contract-negotiation-error", faults.NEGOTIATION, P, C),
    _fault("contract-negotiation-error", faults.NEGOTIATION, "", C),
    _transferred(
        "transfer-request-message",
        t.TransferRequestMessage(ONE, C, "urn:agreement:1", "urn:extract:1"),
        callback=CALLBACK,
        format=data_address.PULL,
    ),
    _transferred(
        "transfer-request-message",
        t.TransferRequestMessage(ONE, C, "urn:agreement:1", ""),
        callback=CALLBACK,
        format="example:HTTP_PUSH",
        address=ADDRESS,
    ),
    _transferred(
        "transfer-start-message", t.TransferStartMessage(ONE, P, C, "h.p.s"), address=ADDRESS
    ),
    _transferred("transfer-start-message", t.TransferStartMessage(ONE, P, C)),
    _transferred(
        "transfer-suspension-message",
        t.TransferSuspensionMessage(ONE, P, C, "DUTY_OWED", ("a pause",)),
    ),
    _transferred("transfer-completion-message", t.TransferCompletionMessage(ONE, P, C, "h.p.s")),
    _transferred(
        "transfer-termination-message", t.TransferTerminationMessage(ONE, P, C, "", ("over",))
    ),
    Sample(
        "transfer-process",
        t.TransferProcess(P, C, "STARTED"),
        transfer.write_state,
        transfer.read_state,
    ),
    _fault("transfer-error", faults.TRANSFER, P, C),
    Sample(
        "protocol-version",
        (
            versions.Version("2025-1", "/dsp/2025-1", "did:web", "urn:service:1"),
            versions.Version(
                "2025-1", "/dcp", auth=versions.Auth("DCP", "1.0", ("vc20-bssl/jwt",))
            ),
        ),
        versions.write,
        versions.read,
    ),
)


def octets(body: Any) -> bytes:
    """Return a body as it travels."""
    return json.dumps(body).encode()
