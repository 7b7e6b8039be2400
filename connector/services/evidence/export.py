"""Evidence of a contract, given out when the operator asks for it.

Rules: everything in it is kept from when it was made: documents and memberships as of signing, the
status lists that were current then; the other party is asked to cosign the log first, and the
newest head that it did cosign goes in. A history that outgrows a bundle goes in as far as there is
room: the contract first, then its newest jobs. Judging a bundle is `identity/evidence`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Final

from connector.domain.contract.negotiation import Agreement, Role
from connector.domain.log.audit import Head, LogEntry
from connector.domain.participant import KeptList
from connector.errors import AgreementUnknown, CredentialInvalid, PreauError
from connector.identity import agreement as agreements
from connector.identity import bundle as bundles
from connector.identity import checkpoint as checkpoints
from connector.identity import credential as credentials
from connector.identity import document as documents
from connector.identity import succession
from connector.identity.bundle import (
    EntryEvidence,
    Evidence,
    LayerEvidence,
    PartyEvidence,
    SaidEvidence,
)
from connector.identity.document import DidDocument
from connector.jsonld.canonical import sha256_hex
from connector.ports import Ports, Transaction
from connector.services.continuity import recovery
from connector.services.evidence import cosigning
from connector.services.evidence.own_log import signed
from connector.services.evidence.witness import newest
from connector.services.negotiation import unsigned

EXPORTED: Final = "evidence.exported"
MOST_BYTES: Final = bundles.MAX_BYTES // 2  # of entries; lists and documents take less than half


def keep_lists(tx: Transaction, *memberships: str) -> None:
    """Keep the status lists of memberships as they are cached, since a contract is concluded."""
    for url in sorted(filter(None, {_status_url(token) for token in memberships})):
        found = tx.status_lists.get(url)
        if found is not None:
            digest = sha256_hex(found.credential.encode())
            tx.kept_lists.add(KeptList(digest, url, found.credential, found.valid_until))


def export(ports: Ports, agreement_id: str) -> bytes:
    """Return the sealed evidence of a contract; the other party is asked to cosign the log first.

    Raises:
        AgreementUnknown: no finalized agreement of that id.
        EvidenceInvalid: the bundle would be too large.
        KeyUnusable: the key cannot be used.
    """
    with ports.store.read() as tx:
        agreement = tx.agreements.get(agreement_id)
    if agreement is None or not agreement.finalized:
        raise AgreementUnknown(f"no finalized agreement `{agreement_id}`")
    cosigning.refresh(ports, _peer(agreement))
    with ports.store.read() as tx:
        content = bundles.build(ports.signer, _evidence(ports, tx, agreement))
    with ports.store.write() as tx:
        tx.audit.append(EXPORTED, agreement_id, digest=agreement.digest)
    return content


def _evidence(ports: Ports, tx: Transaction, agreement: Agreement) -> Evidence:
    own = ports.settings.did
    head = signed(ports, tx)
    membership = ports.own_membership(agreement.space)
    memberships = (agreement.provider_membership, agreement.consumer_membership, membership)
    issuers = _issuers(memberships)
    cached = (tx.issuers.get(did) for did in sorted(issuers))
    urls = sorted(filter(None, {_status_url(token) for token in memberships}))
    peer, later = _peer_keys(tx, agreement)
    exporter = documents.read(ports.own_document(), own)
    cosigned, proof = _cosigned(tx, head.head, peer, exporter)
    return Evidence(
        agreement=agreement.document,
        provider_signature=agreement.provider_signature,
        consumer_signature=agreement.consumer_signature,
        receipt=agreement.receipt,
        provider=PartyEvidence(
            agreement.provider, agreement.provider_document, agreement.provider_membership
        ),
        consumer=PartyEvidence(
            agreement.consumer, agreement.consumer_document, agreement.consumer_membership
        ),
        exporter=PartyEvidence(own, ports.own_document(), membership),
        authorities={each.did: each.document for each in cached if each is not None},
        status_lists={url: _lists(tx, url, agreement.concluded_at) for url in urls},
        checkpoint=head.note,
        entries=tuple(_entries(tx, agreement, head.size)),
        peer_checkpoint=_peer_note(tx, peer),
        cosigned=cosigned,
        cosigned_proof=proof,
        peer_document=later,
        layers=_layers(tx, agreement),
        said=tuple(
            SaidEvidence(each.kind, each.body, each.token, each.at)
            for each in unsigned.said(tx, agreement)
        ),
    )


def _layers(tx: Transaction, agreement: Agreement) -> dict[str, LayerEvidence]:
    """Return templates and charter that a contract names, as far as they are here."""
    named = (tx.layers.get(each.digest) for each in agreements.read(agreement.document).layers)
    return {each.digest: LayerEvidence(each.document, each.token) for each in named if each}


def _peer(agreement: Agreement) -> str:
    return agreement.consumer if agreement.role is Role.PROVIDER else agreement.provider


def _peer_keys(tx: Transaction, agreement: Agreement) -> tuple[DidDocument, bytes]:
    """Return the other party's document as of signing, with the keys that followed since.

    Returns:
        The document, and the one of today that says what followed; empty where none did.
    """
    provides, did = agreement.role is Role.PROVIDER, _peer(agreement)
    data = agreement.consumer_document if provides else agreement.provider_document
    signed, known = documents.read(data, did), tx.participants.get(did)
    if known is None or known.document == data:
        return signed, b""
    try:
        keys = succession.followed(signed, documents.read(known.document, did))
    except PreauError:  # it is known by a document that is not sound
        return signed, b""
    return (keys, known.document) if keys != signed else (signed, b"")


def _is_signed(note: str, document: DidDocument, at: datetime) -> bool:
    try:
        checkpoints.verify(note, document, at)
    except PreauError:
        return False
    return True


def _peer_note(tx: Transaction, peer: DidDocument) -> str:
    """Return the newest head held of the peer, if a key that follows from the signing made it."""
    head = newest(tx, peer.did)
    # Else its key was lost since, and the head proves nothing beside this agreement.
    return head.note if head is not None and _is_signed(head.note, peer, head.at) else ""


def _cosigned(
    tx: Transaction, head: Head, peer: DidDocument, own: DidDocument
) -> tuple[str, tuple[bytes, ...]]:
    """Return the newest head that the peer cosigned, and the proof that the own log continues it.

    Nothing where a key of either was lost since, or where a new epoch began.
    """
    found = tx.cosigned_heads.get(peer.did)
    if found is None or checkpoints.cosigned_at(found.note, peer) is None:
        return "", ()
    if not _is_signed(found.note, own, found.at):
        return "", ()
    earlier = checkpoints.unverified_claim(found.note).head
    if earlier.epoch != head.epoch or not recovery.continues(tx, head, earlier):
        return "", ()
    return found.note, tuple(tx.audit.consistency(earlier.size, head.size))


def _status_url(membership: str) -> str:
    """Return where the status of a membership is; nothing where it is of another make."""
    try:
        status = credentials.unverified_credential(membership).status if membership else None
    except CredentialInvalid:  # of a peer that was judged by what it presents
        return ""
    return status.url if status is not None else ""


def _issuers(memberships: Iterable[str]) -> set[str]:
    found = set()
    for token in memberships:
        with suppress(CredentialInvalid):  # as above
            found.add(credentials.unverified_issuer(token))
    return found


def _lists(tx: Transaction, url: str, at: datetime) -> tuple[str, ...]:
    """Return the lists of an address that say something of a time: the oldest, and as cached."""
    kept = [each for each in tx.kept_lists.find(url=url) if each.valid_until > at]
    first = min(kept, key=lambda each: each.valid_until, default=None)
    cached = tx.status_lists.get(url)
    found = (each.credential for each in (first, cached) if each is not None)
    return tuple(dict.fromkeys(found))


def _entries(tx: Transaction, agreement: Agreement, size: int) -> Iterator[EntryEvidence]:
    """Return what the log says of the contract, and of as many of its jobs as there is room for."""
    found: list[LogEntry] = []
    room = MOST_BYTES
    for subject in _subjects(tx, agreement):
        said = tx.audit.entries(limit=bundles.MAX_ENTRIES, subject=subject)
        said = [each for each in said if each.kind != EXPORTED]  # else each needs a new cosignature
        room -= sum(_bytes(each, size) for each in said)
        of_contract = subject in {agreement.id, agreement.pid}
        full = room < 0 or len(found) + len(said) > bundles.MAX_ENTRIES
        if full and not of_contract:
            break
        found += said
    for entry in sorted(found, key=lambda entry: entry.index):
        proof = tuple(tx.audit.inclusion(entry.index, size))
        yield EntryEvidence(entry.index, entry.event, proof)


def _bytes(entry: LogEntry, size: int) -> int:
    """Return about how much an entry takes in a bundle: its event in quotes, and its proof."""
    return len(entry.event) * 5 // 4 + 64 + 48 * size.bit_length()


def _subjects(tx: Transaction, agreement: Agreement) -> list[str]:
    """Return the contract and its negotiation, then its jobs, the newest first."""
    jobs = [job.id for job in tx.jobs.find(agreement_id=agreement.id)]
    jobs += [site.job_id for site in tx.sites.find(agreement_id=agreement.id)]
    return list(dict.fromkeys((agreement.id, agreement.pid, *reversed(jobs))))
