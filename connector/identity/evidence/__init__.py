"""Judging an evidence bundle, with no network and no node.

The chain that must hold, from the one thing that the auditor brings (the authority's key):
authority key -> membership credential -> the member's key thumbprints -> its DID document, whose
digest stands in the agreement -> both signatures over the agreement's bytes -> the receipt over
both -> the log entries, included under a head that the exporter signed and the other cosigned.

Rules: contract, membership, revocation, log and layers are judged apart, each whether or not
another fails; a bundle is proven only when all are. Without the authority's key the best answer is
"consistent": a bundle forged whole, with its own authority inside, is that and never proven.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from connector.errors import PreauError
from connector.identity import agreement as agreements
from connector.identity import bundle as bundles
from connector.identity import document as documents
from connector.identity.agreement import AgreementDocument
from connector.identity.bundle import Evidence, PartyEvidence
from connector.identity.document import DidDocument
from connector.identity.evidence import authorities as trust_roots
from connector.identity.evidence.layers import layers
from connector.identity.evidence.log import log
from connector.identity.evidence.membership import membership, revocation
from connector.identity.evidence.verdict import (
    Outcome,
    Part,
    Standing,
    Step,
    Verdict,
    follow,
    whole,
)
from connector.identity.receipts import receipt

__all__ = ["Outcome", "Part", "Standing", "Verdict", "verify"]


def verify(bundle: bytes, authorities: Sequence[bytes] = ()) -> Verdict:
    """Judge a bundle.

    Args:
        bundle: the file.
        authorities: public keys of the authorities whose members the signers must be, each a JWK
            or a DID document.

    Raises:
        EvidenceInvalid: an authority's file is neither.
    """
    trusted = [trust_roots.read(data) for data in authorities]
    try:
        sealed = bundles.read(bundle)
        agreement = agreements.read(sealed.evidence.agreement)
    except PreauError as exc:
        return Verdict(Outcome.INVALID, exc.reason)
    evidence, at = sealed.evidence, agreement.timestamp
    parts = (
        _contract(evidence, agreement),
        membership(evidence, at, trusted),
        revocation(evidence, at, trusted),
        log(sealed, agreement),
        *layers(evidence, agreement, trusted),
    )
    outcome, reason = whole(parts)
    provider, consumer = agreement.provider.did, agreement.consumer.did
    return Verdict(outcome, reason, agreement.id, provider, consumer, at, parts)


def _contract(evidence: Evidence, agreement: AgreementDocument) -> Part:
    """Judge both signatures over the agreement, and the provider's receipt over both."""
    provider, consumer = evidence.provider, evidence.consumer
    if evidence.said and agreement.alone:
        signed = ((consumer.did, partial(_consumer, evidence, agreement)),)
        return _alone(evidence, signed, provider.did)
    if evidence.said and not evidence.consumer_signature:
        signed = ((provider.did, partial(_provider, evidence, agreement)),)
        return _alone(evidence, signed, consumer.did)
    return follow(
        "contract",
        (
            (provider.did, partial(_provider, evidence, agreement)),
            (consumer.did, partial(_consumer, evidence, agreement)),
            (provider.did, partial(_receipt, evidence, agreement)),
        ),
    )


def _alone(evidence: Evidence, signed: Sequence[Step], other: str) -> Part:
    """Judge a contract of which one party signs nothing: its messages prove it to the exporter."""
    found = follow("contract", signed)
    if found.standing is Standing.FAILED:
        return found
    kept = (f"`{each.kind}` of `{other}`, as it came at {each.at}" for each in evidence.said)
    finding = f"`{other}` signed nothing: its messages are here as the exporter received them"
    return Part("contract", Standing.UNPROVEN, finding, checks=(*found.checks, *kept))


def _provider(evidence: Evidence, agreement: AgreementDocument) -> str:
    document = _document(evidence.provider)
    agreements.verify_provider(agreement, evidence.provider_signature, document)
    return f"signed by the provider `{document.did}`, under its document here"


def _consumer(evidence: Evidence, agreement: AgreementDocument) -> str:
    document = _document(evidence.consumer)
    agreements.verify_consumer(agreement, evidence.consumer_signature, document)
    return f"signed by the consumer `{document.did}`, under its document here"


def _receipt(evidence: Evidence, agreement: AgreementDocument) -> str:
    found = receipt.read_receipt(evidence.receipt, _document(evidence.provider))
    receipt.check_receipt(
        found, agreement, evidence.provider_signature, evidence.consumer_signature
    )
    return "receipt of the provider over both signatures"


def _document(party: PartyEvidence) -> DidDocument:
    return documents.read(party.document, party.did)
