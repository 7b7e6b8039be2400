"""The node's own log shown to others, and evidence from it.

Rules: a head is signed once for each state of the log; it says in which epoch the log is, and how
long it was when the newest job was accepted. Evidence leaves the node only when its operator
exports it. Others' logs are `witness.py`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from connector.domain.audit import Checkpoint, Head, LogEntry
from connector.domain.negotiation import Agreement, Role
from connector.domain.participant import Participant
from connector.errors import AgreementUnknown, LogBroken, Malformed, PreauError
from connector.identity import bundle as bundles
from connector.identity import checkpoint as checkpoints
from connector.identity import credential as credentials
from connector.identity import document as documents
from connector.identity import evidence
from connector.identity.bundle import EntryEvidence, Evidence, PartyEvidence
from connector.identity.evidence import Verdict
from connector.ports import Ports, Transaction
from connector.protocol.messages import ConsistencyProof, ConsistencyRequestMessage
from connector.services.evidence.witness import newest

PAGE: Final = 1000
MEND: Final = "put the database back from a backup (`preau restore`), and find out who wrote to it"
ACCEPTED: Final = "job.accepted"  # the kind of entry that says that a job may spend


def events(
    ports: Ports, start: int = 0, limit: int = PAGE, subject: str | None = None
) -> list[LogEntry]:
    """Return entries of the own log, in order; of one subject when given.

    An agreement's entries include those of the negotiation that led to it.
    """
    most = min(limit, PAGE)
    with ports.store.read() as tx:
        found = tx.audit.entries(start=start, limit=most, subject=subject)
        agreement = tx.agreements.get(subject) if subject else None
        if agreement is not None:
            found += tx.audit.entries(start=start, limit=most, subject=agreement.pid)
    return sorted(found, key=lambda entry: entry.index)[:most]


def check_whole(ports: Ports) -> None:
    """Check that the own log is the one that was written, entry by entry.

    Raises:
        LogBroken: it was edited or cut.
        StoreUnavailable: the database did not answer.
    """
    with ports.store.read() as tx:
        fault = tx.audit.check()
    if fault:
        raise LogBroken(f"the audit log was edited: {fault}", hint=MEND)


def checkpoint(ports: Ports) -> Checkpoint:
    """Return the signed head of the own log.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    with ports.store.read() as tx:
        return signed(ports, tx)


def head(tx: Transaction, did: str) -> Head:
    """Return the own log's head in its epoch."""
    size, root = tx.audit.head()
    epochs = (epoch.number for epoch in tx.epochs.find(origin=did))
    return Head(max(epochs, default=0), size, root)


def signed(ports: Ports, tx: Transaction, tally: bytes = b"") -> Checkpoint:
    """Sign the head of the own log as a transaction sees it.

    Args:
        ports: of this node.
        tx: the transaction.
        tally: SHA-256 of the sealed tally that goes with the note; empty: none does.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    did, charged = ports.settings.did, tx.audit.since(ACCEPTED)
    now = head(tx, did)
    note = checkpoints.make(ports.signer, did, now, charged, tally)
    return Checkpoint(did, now.size, now.root, note, ports.clock.now(), now.epoch, charged)


class SignedHead:
    """The newest signed head of the own log, signed once for each state of it; thread-safe."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._signed: tuple[tuple[int, bytes], bytes] | None = None

    def note(self) -> bytes:
        """Return the signed note of the log as it is now.

        Raises:
            KeyUnusable: the key cannot be used.
        """
        with self._ports.store.read() as tx:
            state = tx.audit.head()
            kept = self._signed  # one value, so that no thread sees half of another's
            if kept is None or kept[0] != state:
                kept = (state, signed(self._ports, tx).note.encode())
                self._signed = kept
        return kept[1]


def consistency(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Answer a peer that asks for the proof between two sizes of the own log.

    Raises:
        Malformed: the body is not a request, or the log was never that long.
    """
    del caller  # any member may witness
    request = ConsistencyRequestMessage.from_body(body)
    with ports.store.read() as tx:
        size, _ = tx.audit.head()
        if request.to_size > size:
            raise Malformed(f"the log has {size} entries, not {request.to_size}")
        proof = tx.audit.consistency(request.from_size, request.to_size)
    return ConsistencyProof(hashes=tuple(proof)).to_body()


def export(ports: Ports, agreement_id: str) -> bytes:
    """Return the sealed evidence of a contract.

    Raises:
        AgreementUnknown: no finalized agreement of that id.
        EvidenceInvalid: the bundle would be too large.
        KeyUnusable: the key cannot be used.
    """
    with ports.store.read() as tx:
        agreement = tx.agreements.get(agreement_id)
        if agreement is None or not agreement.finalized:
            raise AgreementUnknown(f"no finalized agreement `{agreement_id}`")
        content = bundles.build(ports.signer, _evidence(ports, tx, agreement))
    with ports.store.write() as tx:
        tx.audit.append("evidence.exported", agreement_id, digest=agreement.digest)
    return content


def verify_file(data: bytes, authority_key: bytes | None = None) -> Verdict:
    """Judge an evidence bundle, with no network and no node.

    Args:
        data: the bundle.
        authority_key: JWK or DID document of the space's authority.

    Raises:
        EvidenceInvalid: the authority's key cannot be read.
    """
    return evidence.verify(data, [authority_key] if authority_key else [])


def _evidence(ports: Ports, tx: Transaction, agreement: Agreement) -> Evidence:
    own = ports.settings.did
    head = signed(ports, tx)
    memberships = (
        agreement.provider_membership,
        agreement.consumer_membership,
        ports.own_membership(),
    )
    issuers = {credentials.unverified_issuer(token) for token in memberships}
    cached = (tx.issuers.get(did) for did in sorted(issuers))
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
        exporter=PartyEvidence(own, ports.own_document(), ports.own_membership()),
        authorities={each.did: each.document for each in cached if each is not None},
        status_lists={each.url: each.credential for each in tx.status_lists.find()},
        checkpoint=head.note,
        entries=tuple(_entries(tx, agreement, head.size)),
        peer_checkpoint=_peer_note(tx, agreement),
    )


def _peer_note(tx: Transaction, agreement: Agreement) -> str:
    """Return the newest head held of the peer, if its key of the signing time made it."""
    provides = agreement.role is Role.PROVIDER
    peer = agreement.consumer if provides else agreement.provider
    data = agreement.consumer_document if provides else agreement.provider_document
    head = newest(tx, peer)
    if head is None:
        return ""
    try:
        return checkpoints.verify(head.note, documents.read(data, peer), head.at).note
    except PreauError:
        return ""  # its key changed since; the head proves nothing beside this agreement


def _entries(tx: Transaction, agreement: Agreement, size: int) -> Iterator[EntryEvidence]:
    subjects = {agreement.id, agreement.pid}
    subjects.update(job.id for job in tx.jobs.find(agreement_id=agreement.id))
    subjects.update(site.job_id for site in tx.sites.find(agreement_id=agreement.id))
    found = (
        entry
        for subject in subjects
        for entry in tx.audit.entries(limit=bundles.MAX_ENTRIES, subject=subject)
    )
    for entry in sorted(found, key=lambda entry: entry.index):
        proof = tuple(tx.audit.inclusion(entry.index, size))
        yield EntryEvidence(entry.index, entry.event, proof)
