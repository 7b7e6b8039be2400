"""The exporter's log: sealed, included, and cosigned by the other party.

Rules: a head that only its own node signed proves nothing against that node, which could show each
reader another history. So the log is proven as far as the other party cosigned it, and whole only
where that covers every entry of the bundle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from connector.domain import instant
from connector.domain.log.audit import Checkpoint
from connector.domain.log.merkle import leaf_hash, verify_consistency, verify_inclusion
from connector.errors import EvidenceInvalid
from connector.identity import bundle as bundles
from connector.identity import checkpoint as checkpoints
from connector.identity import document as documents
from connector.identity import jws, succession
from connector.identity.agreement import AgreementDocument
from connector.identity.bundle import Evidence, PartyEvidence, SealedEvidence
from connector.identity.evidence.verdict import Part, Standing, follow
from connector.identity.key import Relationship
from connector.jsonld.canonical import parse_object


def log(sealed: SealedEvidence, agreement: AgreementDocument) -> Part:
    """Judge what the exporter's log proves of a contract."""
    evidence, exporter = sealed.evidence, sealed.evidence.exporter
    peer = _peer(evidence)
    found = follow(
        "log",
        (
            (exporter.did, partial(_seal, sealed)),
            (exporter.did, partial(_entries, evidence, agreement)),
            (peer.did, partial(_peer_head, evidence, agreement, peer)),
            (exporter.did, partial(_own_head, evidence, agreement)),
            (peer.did, partial(_cosigned, evidence, agreement, peer)),
            (exporter.did, partial(_continues, evidence, agreement, peer)),
        ),
    )
    if found.standing is Standing.FAILED:
        return found
    missing = _missing(evidence, agreement, peer)
    standing = Standing.UNPROVEN if missing else Standing.PROVEN
    return replace(found, standing=standing, finding=missing or "whole, and cosigned")


def _peer(evidence: Evidence) -> PartyEvidence:
    mine = evidence.exporter.did == evidence.provider.did
    return evidence.consumer if mine else evidence.provider


def _missing(evidence: Evidence, agreement: AgreementDocument, peer: PartyEvidence) -> str:
    """Return how the log falls short of proven, one line; empty when it does not."""
    if not evidence.cosigned:
        return f"`{peer.did}` has not cosigned it: only `{evidence.exporter.did}` vouches for it"
    head, at = _witnessed(evidence, agreement, peer)
    said = f"cosigned by `{peer.did}` up to {head.size} entries"
    beyond = sum(entry.index >= head.size for entry in evidence.entries)
    if beyond:
        return f"{said}: {beyond} of the bundle's entries came later"
    if at is not None and instant.read(at) < agreement.timestamp - instant.SKEW:
        return f"{said} at {at}, which is before the contract was concluded"
    return ""


def _seal(sealed: SealedEvidence) -> str:
    evidence = sealed.evidence
    if evidence.exporter.did not in (evidence.provider.did, evidence.consumer.did):
        raise EvidenceInvalid("the bundle was exported by neither party")
    jws.verify_detached(
        sealed.seal,
        sealed.sealed,
        _document(evidence.exporter),
        Relationship.ASSERTION,
        bundles.SEAL_TYPE,
        limit=bundles.MAX_BYTES,
    )
    return f"sealed by the exporter `{evidence.exporter.did}`"


def _entries(evidence: Evidence, agreement: AgreementDocument) -> str:
    head = _head(evidence, agreement)
    indices = [entry.index for entry in evidence.entries]
    if indices != sorted(set(indices)):
        raise EvidenceInvalid("log entries are out of order, or duplicated")
    recorded = False
    for entry in evidence.entries:
        leaf = leaf_hash(entry.event)
        if not verify_inclusion(leaf, entry.index, head.size, entry.proof, head.root):
            raise EvidenceInvalid(f"log entry {entry.index} is not in the signed log")
        recorded = recorded or agreement.digest in _strings(parse_object(entry.event))
    if not recorded:
        raise EvidenceInvalid("no log entry records this agreement")
    return f"{len(indices)} log entries are included under the exporter's signed head"


def _peer_head(evidence: Evidence, agreement: AgreementDocument, peer: PartyEvidence) -> str:
    if not evidence.peer_checkpoint:
        return ""
    keys = _keys(evidence, peer)
    shown = checkpoints.verify(evidence.peer_checkpoint, keys, agreement.timestamp)
    return f"`{peer.did}` showed a head of {shown.size} entries of its own log"


def _own_head(evidence: Evidence, agreement: AgreementDocument) -> str:
    """Check that the head which the other cosigned is the exporter's."""
    if evidence.cosigned:
        checkpoints.verify(evidence.cosigned, _document(evidence.exporter), agreement.timestamp)
    return ""


def _cosigned(evidence: Evidence, agreement: AgreementDocument, peer: PartyEvidence) -> str:
    if not evidence.cosigned:
        return ""
    head, at = _witnessed(evidence, agreement, peer)
    if at is None:
        raise EvidenceInvalid(f"`{peer.did}` did not cosign the head of the log")
    return f"cosigned by `{peer.did}` at {at}, up to {head.size} entries"


def _continues(evidence: Evidence, agreement: AgreementDocument, peer: PartyEvidence) -> str:
    if not evidence.cosigned:
        return ""
    cosigned, _ = _witnessed(evidence, agreement, peer)
    head, proof = _head(evidence, agreement), evidence.cosigned_proof
    same = cosigned.epoch == head.epoch
    if not same or not verify_consistency(
        cosigned.size, head.size, cosigned.root, head.root, proof
    ):
        raise EvidenceInvalid("the log does not continue the head that was cosigned")
    return f"the exporter's head of {head.size} entries continues the cosigned one"


def _witnessed(
    evidence: Evidence, agreement: AgreementDocument, peer: PartyEvidence
) -> tuple[Checkpoint, str | None]:
    exporter = _document(evidence.exporter)
    head = checkpoints.verify(evidence.cosigned, exporter, agreement.timestamp)
    at = checkpoints.cosigned_at(evidence.cosigned, _keys(evidence, peer))
    return head, None if at is None else instant.text(at)


def _head(evidence: Evidence, agreement: AgreementDocument) -> Checkpoint:
    return checkpoints.verify(
        evidence.checkpoint, _document(evidence.exporter), agreement.timestamp
    )


def _document(party: PartyEvidence) -> documents.DidDocument:
    return documents.read(party.document, party.did)


def _keys(evidence: Evidence, peer: PartyEvidence) -> documents.DidDocument:
    """Return the other's document as of signing, with the keys that followed since."""
    signed = _document(peer)
    if not evidence.peer_document:
        return signed
    return succession.followed(signed, documents.read(evidence.peer_document, peer.did))


def _strings(event: Mapping[str, Any]) -> set[str]:
    facts = event.get("facts")
    values = [*event.values(), *(facts.values() if isinstance(facts, dict) else ())]
    return {value for value in values if isinstance(value, str)}
