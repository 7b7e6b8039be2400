"""One sound document of each kind that is signed, and how it is read back.

`content` is what is signed; `read` signs other content as its owner would and reads it, so that a
refusal is the reader's own and never the signature's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from connector.domain.catalog.dataset import Column, ColumnClass
from connector.domain.contract.notice import Act, Notice
from connector.domain.layer import LayerKind
from connector.domain.log.audit import Head
from connector.domain.log.merkle import EMPTY_ROOT
from connector.enforcement import plan as plans
from connector.enforcement.steps import registry
from connector.errors import AgreementTampered, EvidenceInvalid, PreauError
from connector.identity import agreement as agreements
from connector.identity import bundle as bundles
from connector.identity import card, epoch, jws, layer, status, succession, token
from connector.identity import checkpoint as checkpoints
from connector.identity import credential as credentials
from connector.identity import document as documents
from connector.identity.dcp import credential as dcp_credentials
from connector.identity.dcp import presentation, self_issued
from connector.identity.descriptions.dataset_facts import read_facts
from connector.identity.descriptions.description import describe_dataset
from connector.identity.evidence.verdict import Standing
from connector.identity.receipts import job_receipts, receipt, round_receipt
from connector.identity.receipts.round_receipt import RoundReceipt
from connector.identity.statements import notice as notices
from connector.identity.trust import IssuedBy
from connector.jsonld.canonical import canonical, parse_object, sha256_hex
from federated import ManifestInvalid
from federated import job as jobs
from federated.privacy.rule import ADD_OR_REMOVE_ONE, Accounting, Rule
from federated.reading import Member
from tests.support.contracts import (
    AGREEMENT,
    CONSUMER,
    DIGEST,
    NOW,
    PROVIDER,
    Space,
    contract,
    stranger,
)
from tests.support.evidence import evidence_of, sealed
from tests.support.keys import MemorySigner
from tests.support.stored import dataset
from tests.support.training_rig import document as manifest


@dataclass(frozen=True)
class Kind:
    """A kind of signed document.

    Attributes:
        content: of a sound one.
        read: signs and reads other content.
        fault: what a reader may raise.
        left_out: pointers of members that need not be there; `*` is any one step.
        others: pointers of objects that may have members that we do not know.
        open: pointers of members that this reader leaves to others, with all below.
        numbers: pointers of members that are numbers, with or without a fraction.
        empty: pointers of members that null leaves out.
    """

    content: dict[str, Any]
    read: Callable[[dict[str, Any]], object]
    fault: type[Exception] = PreauError
    left_out: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    empty: frozenset[str] = frozenset()


SPACE = Space()
GIVER, TAKER = SPACE.admit(stranger(PROVIDER)), SPACE.admit(stranger(CONSUMER))
CONTRACT = contract(GIVER, TAKER)
TEMPLATE = layer.build(
    {"@type": "Set"},
    kind=LayerKind.AUTHORITY,
    issuer=SPACE.did,
    identifier="urn:template",
    version=1,
    personal=True,
    published=NOW,
)
MODEL = b"weights"
NEXT = MemorySigner(PROVIDER, "key-2")


def _bytes(content: dict[str, Any]) -> bytes:
    """Return other than canonical JSON: 1.0 stays 1.0."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _signed(content: dict[str, Any], typ: str, signer: MemorySigner = GIVER.signer) -> str:
    return jws.sign_compact(signer, _bytes(content), typ)


def _stated(text: str) -> dict[str, Any]:
    return parse_object(jws.unverified_payload(text))


def _credential(content: dict[str, Any]) -> str:
    return jws.sign_compact(SPACE.signer, _bytes(content), credentials.TYPE, {"cty": "vc"})


def _bundle(content: dict[str, Any]) -> object:
    return bundles.read(_bytes({**content, "seal": "x"}))


def _card(content: dict[str, Any]) -> object:
    return card.read(_bytes(content), GIVER.document, MODEL)


def _token(content: dict[str, Any]) -> object:
    text = _signed(content, token.TYPE)
    return token.check(text, GIVER.document, CONSUMER, "/m", b"body", GIVER.leaf, NOW)


def _self_issued(content: dict[str, Any]) -> object:
    text = _signed(content, self_issued.TYPE)
    return self_issued.check(text, GIVER.document, CONSUMER, NOW, leaf_pem=GIVER.leaf)


def _presentation() -> dict[str, Any]:
    held = [dcp_credentials.unverified(GIVER.membership)]
    (made,) = presentation.make(GIVER.signer, PROVIDER, CONSUMER, held, lambda: "urn:p", NOW)
    return _stated(made)


def _presented(content: dict[str, Any]) -> object:
    return presentation.check(
        _signed(content, "vp+jwt"),
        GIVER.document,
        CONSUMER,
        NOW,
        issuers=lambda _did: SPACE.document,
        policy=IssuedBy((SPACE.did,)),
    )


def _vc11() -> dict[str, Any]:
    document = {
        "@context": [dcp_credentials.VCDM_11],
        "id": "urn:c",
        "type": ["VerifiableCredential"],
        "issuer": SPACE.did,
        "issuanceDate": "2026-11-24T14:00:00Z",
        "expirationDate": "2026-11-24T16:00:00Z",
        "credentialSubject": {"id": PROVIDER, "role": "member"},
    }
    return _stated(dcp_credentials.issue_vc11(SPACE.signer, document))


def _notice() -> dict[str, Any]:
    made = Notice(AGREEMENT, PROVIDER, 1, Act.SUSPENDED, "a check", "", NOW)
    return _stated(notices.make(GIVER.signer, made, DIGEST))


def _epoch() -> dict[str, Any]:
    note = checkpoints.make(GIVER.signer, PROVIDER, Head(2, 0, EMPTY_ROOT), 0)
    head = Head(1, 3, bytes.fromhex(DIGEST))
    return _stated(epoch.make(GIVER.signer, PROVIDER, 2, head, note))


def _round() -> dict[str, Any]:
    versions = (("numpy", "2.0"),)
    made = RoundReceipt("urn:j", DIGEST, 1, PROVIDER, DIGEST, DIGEST, versions, ADD_OR_REMOVE_ONE)
    return _stated(round_receipt.sign(GIVER.signer, made))


def _model_card() -> dict[str, Any]:
    stated = {"lead": PROVIDER, "model": {"sha256": sha256_hex(MODEL)}}
    return parse_object(card.seal(GIVER.signer, stated))


AGREED = agreements.read(CONTRACT.data)
JOB = manifest(
    lead=TAKER.did,
    contracts=[
        {
            "site": PROVIDER,
            "agreement": AGREED.id,
            "digest": AGREED.digest,
            "receipt": CONTRACT.receipt,
            "dataset": AGREED.dataset.id,
            "population": 100,
        }
    ],
    quorum=1,
    rounds=1,
)


def _job_receipts() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the receipts of a job of one round, and what its card says."""
    data = canonical(JOB)
    versions, digest = {"numpy": "2.0"}, sha256_hex(data)
    made = RoundReceipt(JOB["job"], digest, 1, PROVIDER, DIGEST, DIGEST, (("numpy", "2.0"),), "a")
    token = round_receipt.sign(GIVER.signer, made)
    signature = jws.sign_detached(TAKER.signer, data, job_receipts.MANIFEST_TYPE)
    file = job_receipts.build(data, signature, [[token]], {PROVIDER: [GIVER.data]})
    names = {"receipts": [sha256_hex(token.encode())], "sent": [DIGEST]}
    site = {"site": PROVIDER, "rounds": 1, "spent": {"rounds": 1}, "source": []}
    site |= {"ran": [{"recipe": DIGEST, "versions": versions}]}
    site |= {"documents": [GIVER.document.digest]}
    history = [{"round": 1, "answered": [PROVIDER], **names}]
    return parse_object(file), {"manifest": digest, "sites": [site], "history": history}


RECEIPTS, CARD = _job_receipts()


def _read_receipts(file: dict[str, Any], card: dict[str, Any]) -> object:
    part = job_receipts.verify(_bytes(file), card, TAKER.document)
    if part.standing is Standing.FAILED:
        raise EvidenceInvalid(part.finding)
    return part


def _content_of_bundle() -> dict[str, Any]:
    content = parse_object(sealed(evidence_of(CONTRACT, SPACE), GIVER))
    del content["seal"]
    return content


def _pointers(*pointers: str) -> frozenset[str]:
    return frozenset(pointers)


def _dataset() -> dict[str, Any]:
    column = Column("score", ColumnClass.SENSITIVE, "number", "of a test")
    described = replace(dataset("urn:d", ""), columns=(column,))
    return describe_dataset(described, PROVIDER, Accounting(Rule.SUMS))


def _agreement(content: dict[str, Any]) -> None:
    """Read all of an agreement, its plan and the steps of it too."""

    def refusal(pointer: str, fault: str) -> AgreementTampered:
        return AgreementTampered(f"plan {pointer}: {fault}")

    plan = agreements.read(_bytes(content)).plan
    assert plan is not None
    for use in plans.read(Member(dict(plan), refusal)).uses:
        for step in use.steps:
            registry.typed(step)


DOCUMENTS = {
    "agreement": Kind(
        parse_object(CONTRACT.data),
        _agreement,
        left_out=_pointers("/accounting"),
        others=_pointers("/agreement"),
        open=_pointers("/agreement/@context", "/agreement/permission"),
    ),
    "receipt": Kind(
        _stated(CONTRACT.receipt),
        lambda content: receipt.read_receipt(_signed(content, receipt.TYPE), GIVER.document),
        left_out=_pointers("/accounting"),
    ),
    "evidence": Kind(
        _content_of_bundle(),
        _bundle,
        left_out=_pointers("/authorities/*", "/layers/*", "/statusLists/*"),
        others=_pointers("/authorities", "/statusLists"),
    ),
    "card": Kind(_model_card(), _card),
    "job receipts": Kind(RECEIPTS, lambda content: _read_receipts(content, CARD)),
    "card beside receipts": Kind(
        CARD,
        lambda content: _read_receipts(RECEIPTS, content),
        others=_pointers("", "/history/0", "/sites/0", "/sites/0/spent"),
    ),
    "membership": Kind(
        _stated(GIVER.membership),
        lambda content: credentials.verify(_credential(content), SPACE.document),
        left_out=_pointers(
            *("/id", "/validFrom", "/validUntil", "/credentialStatus", "/credentialSubject/id")
        ),
        others=_pointers("", "/credentialStatus", "/credentialSubject"),
        open=_pointers(
            *("/@context/1", "/credentialStatus/id", "/credentialSubject/name"),
            *("/credentialSubject/role", "/credentialSubject/space"),
            "/credentialSubject/keyThumbprint",
        ),
    ),
    "template": Kind(
        parse_object(TEMPLATE),
        lambda content: layer.read(_bytes(content)),
        others=_pointers("/policy"),
        open=_pointers("/policy/@type"),
    ),
    "status list": Kind(
        _stated(SPACE.status_list(3, templates=[DIGEST])),
        lambda content: status.read(_credential(content), SPACE.document),
        left_out=_pointers("/id", "/credentialSubject/id", "/credentialSubject/preau:templates"),
        others=_pointers("", "/credentialSubject"),
    ),
    "dataset": Kind(
        _dataset(),
        read_facts,
        left_out=_pointers(
            *(f"/preau:governance/{name}" for name in ("dpv:hasPurpose", "dpv:hasLegalBasis")),
            *(f"/preau:governance/{name}" for name in ("preau:retention", "dct:spatial")),
            *(f"/preau:governance/{name}" for name in ("preau:cap", "preau:accounting")),
            "/preau:governance/preau:column/@list/*/dct:description",
        ),
        others=_pointers(
            *("", "/dct:publisher", "/preau:governance", "/preau:governance/*"),
            "/preau:governance/preau:column/@list/*",
        ),
        open=_pointers(
            *("/type", "/schema:name", "/gx:copyrightOwnedBy", "/gx:license"),
            *("/gx:resourcePolicy", "/preau:governance/id", "/preau:governance/type"),
            "/preau:governance/preau:retention/@type",
        ),
        numbers=_pointers("/preau:governance/preau:cap/*"),
    ),
    "DID document": Kind(
        parse_object(GIVER.data),
        lambda content: documents.read(_bytes(content), PROVIDER),
        left_out=_pointers("/authentication", "/capabilityInvocation", "/service"),
        others=_pointers("", "/verificationMethod/*"),
        open=_pointers(
            *("/@context", "/verificationMethod/*/publicKeyJwk", "/verificationMethod/*/type")
        ),
    ),
    "epoch record": Kind(
        _epoch(), lambda content: epoch.verify(_signed(content, epoch.TYPE), GIVER.document, NOW)
    ),
    "notice": Kind(
        _notice(), lambda content: notices.verify(_signed(content, notices.TYPE), GIVER.document)
    ),
    "round receipt": Kind(
        _round(),
        lambda content: round_receipt.read(_signed(content, round_receipt.TYPE), GIVER.document),
        left_out=_pointers("/versions/*"),
        others=_pointers("/versions"),
    ),
    "next key": Kind(
        _stated(succession.make(GIVER.signer, PROVIDER, NEXT.key_id, NEXT.public_jwk, NOW)),
        lambda content: succession.read(
            _signed(content, succession.TYPE), PROVIDER, GIVER.document.keys
        ),
        others=_pointers("/key"),
    ),
    "call token": Kind(
        _stated(
            token.make(GIVER.signer, PROVIDER, CONSUMER, "/m", b"body", GIVER.leaf, "urn:t", NOW)
        ),
        _token,
        others=_pointers(""),
    ),
    "self-issued ID token": Kind(
        _stated(
            self_issued.make(
                *(GIVER.signer, PROVIDER, CONSUMER, "urn:t", NOW),
                access_token="opaque",
                leaf_pem=GIVER.leaf,
            )
        ),
        _self_issued,
        left_out=_pointers("/cnf", "/token"),
        others=_pointers(""),
        numbers=_pointers("/iat", "/exp"),
    ),
    "presentation": Kind(
        _presentation(),
        _presented,
        left_out=_pointers("/iss", "/sub", "/iat", "/nbf", "/exp"),
        others=_pointers("", "/verifiableCredential/*"),
        open=_pointers("/jti", "/verifiableCredential/*/@context"),
        numbers=_pointers("/iat", "/nbf", "/exp"),
    ),
    "credential of VCDM 1.1": Kind(
        _vc11(),
        lambda content: dcp_credentials.verify(
            _signed(content, "JWT", SPACE.signer), SPACE.document
        ),
        left_out=_pointers("/iss", "/sub", "/nbf", "/exp", "/vc/id", "/vc/expirationDate"),
        others=_pointers("", "/vc", "/vc/credentialSubject"),
        open=_pointers("/jti", "/vc/credentialSubject"),
        numbers=_pointers("/nbf", "/exp"),
        empty=_pointers("/vc/expirationDate"),
    ),
    "manifest": Kind(
        manifest(),
        lambda content: jobs.parse(_bytes(content)),
        fault=ManifestInvalid,
        numbers=_pointers(
            *("/features/*/low", "/features/*/high", "/target/thresholds/*", "/learningRate"),
            *("/roundSeconds", "/privacy/epsilon", "/privacy/delta", "/privacy/noiseMultiplier"),
            *("/privacy/samplingRate", "/privacy/clip"),
        ),
        left_out=_pointers("/target/thresholds/*"),
    ),
}
