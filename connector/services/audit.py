"""The node's own log shown to others, and others' logs witnessed.

Rules: a peer's signed heads must be of one history: the same size with another root, or a larger
log that does not extend the smaller one, is a fork; it is written down and refused, and the head
that we hold stays. Witnessing itself writes nothing to our log, so that two nodes do not chase one
another's heads. Evidence leaves the node only when its operator exports it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from connector.domain.audit import Checkpoint, LogEntry
from connector.domain.merkle import verify_consistency
from connector.domain.negotiation import Agreement, Role
from connector.domain.participant import Participant
from connector.errors import AgreementUnknown, CheckpointFork, Malformed, PreauError, UnknownPeer
from connector.identity import bundle as bundles
from connector.identity import checkpoint as checkpoints
from connector.identity import credential as credentials
from connector.identity import document as documents
from connector.identity import evidence
from connector.identity.bundle import EntryEvidence, Evidence, PartyEvidence
from connector.identity.evidence import Verdict
from connector.ports import Ports, Transaction
from connector.protocol.messages import ConsistencyProof, ConsistencyRequestMessage

PAGE: Final = 1000
PROOF_EVERY: Final = timedelta(seconds=2)  # per peer; what comes between is covered by the next
PROOF_SECONDS: Final = 10.0
FORKED: Final = "checkpoint.forked"
FORKS_WRITTEN: Final = 20  # per peer; a peer that goes on must not fill our log


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


def checkpoint(ports: Ports) -> Checkpoint:
    """Return the signed head of the own log.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    with ports.store.read() as tx:
        size, root = tx.audit.head()
    did = ports.settings.did
    return Checkpoint(
        did, size, root, checkpoints.make(ports.signer, did, size, root), ports.clock.now()
    )


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
            head = tx.audit.head()
        signed = self._signed  # one value, so that no thread sees half of another's
        if signed is None or signed[0] != head:
            did = self._ports.settings.did
            signed = (head, checkpoints.make(self._ports.signer, did, *head).encode())
            self._signed = signed
        return signed[1]


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


def witness(ports: Ports, peer: str, note: str) -> None:
    """Take in a signed head of a peer's log; asks the peer for a proof when its log grew.

    Not for the hot path. An older head than the one held changes nothing.

    Args:
        ports: what the service may use.
        peer: DID of the authenticated peer that sent it.
        note: signed note.

    Raises:
        UnknownPeer: no such participant.
        Malformed: not a checkpoint of that peer's.
        SignatureInvalid: the peer did not sign it.
        CheckpointFork: it contradicts what the peer showed before.
        PeerUnreachable: the peer did not answer with a proof.
    """
    with ports.store.read() as tx:
        participant = tx.participants.get(peer)
        held = _newest(tx, peer)
    if participant is None:
        raise UnknownPeer(f"no participant `{peer}`")
    document = documents.read(participant.document, peer)
    shown = checkpoints.verify(note, document, ports.clock.now())
    if held is not None and shown.size <= held.size:
        _compare(ports, held, shown)
        return
    if held is not None:
        if shown.at - held.at < PROOF_EVERY:
            return
        _demand_proof(ports, participant, held, shown)
    _keep(ports, shown)


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


def _newest(tx: Transaction, origin: str) -> Checkpoint | None:
    return max(tx.checkpoints.find(origin=origin), key=lambda head: head.size, default=None)


def _compare(ports: Ports, held: Checkpoint, shown: Checkpoint) -> None:
    if shown.size == held.size and shown.root != held.root:
        _fork(ports, held, shown)


def _demand_proof(ports: Ports, peer: Participant, held: Checkpoint, shown: Checkpoint) -> None:
    request = ConsistencyRequestMessage(from_size=held.size, to_size=shown.size)
    kind = ConsistencyRequestMessage.__name__
    answer = ports.wire.call(peer, kind, request.to_body(), seconds=PROOF_SECONDS)
    proof = ConsistencyProof.from_body(answer).hashes
    if not verify_consistency(held.size, shown.size, held.root, shown.root, proof):
        _fork(ports, held, shown)


def _fork(ports: Ports, held: Checkpoint, shown: Checkpoint) -> None:
    """Write both signed heads down, since together they prove the fork, and refuse.

    Raises:
        CheckpointFork: always.
    """
    with ports.store.write() as tx:
        written = tx.audit.entries(limit=FORKS_WRITTEN, subject=held.origin, kind=FORKED)
        if len(written) < FORKS_WRITTEN:
            tx.audit.append(FORKED, held.origin, held=held.note, shown=shown.note)
    raise CheckpointFork(f"`{held.origin}` showed two histories of its log")


def _keep(ports: Ports, shown: Checkpoint) -> None:
    with ports.store.write() as tx:
        for older in tx.checkpoints.find(origin=shown.origin):
            if older.size < shown.size:
                tx.checkpoints.remove(older.origin, older.size)
        tx.checkpoints.put(shown)


def _evidence(ports: Ports, tx: Transaction, agreement: Agreement) -> Evidence:
    own = ports.settings.did
    size, root = tx.audit.head()
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
        checkpoint=checkpoints.make(ports.signer, own, size, root),
        entries=tuple(_entries(tx, agreement, size)),
        peer_checkpoint=_peer_note(tx, agreement),
    )


def _peer_note(tx: Transaction, agreement: Agreement) -> str:
    """Return the newest head held of the peer, if its key of the signing time made it."""
    provides = agreement.role is Role.PROVIDER
    peer = agreement.consumer if provides else agreement.provider
    data = agreement.consumer_document if provides else agreement.provider_document
    head = _newest(tx, peer)
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
