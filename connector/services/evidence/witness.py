"""Others' logs witnessed: what peers show of their history, and what follows when it went back.

Rules: a peer's signed heads must be of one history (`domain/continuity.py` says what to do with
each). Calls overtake one another, so a head that differs from the one held is settled by one proof;
a peer is asked at most once in `PROOF_EVERY`, and only its failure to prove counts against it. Both
heads are then written down, the head that we hold stays, and the peer is asked nothing more: it
gets no new contract and no new job until its operator answers with an epoch record. Witnessing
itself writes nothing to our log, so that two nodes do not chase one another's heads.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from connector.domain.audit import Checkpoint, PeerLog
from connector.domain.continuity import Step, step
from connector.domain.merkle import verify_consistency
from connector.domain.participant import Participant
from connector.errors import CheckpointFork, Malformed, PeerRolledBack, UnknownPeer
from connector.identity import checkpoint as checkpoints
from connector.identity import document as documents
from connector.ports import Ports, Transaction
from connector.protocol.messages import ConsistencyProof, ConsistencyRequestMessage

PROOF_EVERY: Final = timedelta(seconds=2)  # per peer; what comes between is covered by the next
PROOF_SECONDS: Final = 10.0
FORKED: Final = "checkpoint.forked"
_ASKED_OF: Final = 1024  # peers whose last question is remembered; a space has fewer


class Witness:
    """Takes in the heads that peers show; called by one thread."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._asked: dict[str, datetime] = {}

    def see(self, peer: str, note: str) -> None:
        """Take in a signed head of a peer's log; asks the peer for a proof when it differs.

        Not for the hot path. Of a peer that is suspect nothing is taken in.

        Args:
            peer: DID of the authenticated peer that sent it.
            note: signed note.

        Raises:
            UnknownPeer: no such participant.
            Malformed: not a checkpoint of that peer's.
            SignatureInvalid: the peer did not sign it.
            CheckpointFork: it contradicts what the peer showed before.
            PeerUnreachable: the peer did not answer with a proof; nothing is decided.
        """
        with self._ports.store.read() as tx:
            participant = tx.participants.get(peer)
            held = newest(tx, peer)
            suspect = suspicion(tx, peer) is not None
        if participant is None:
            raise UnknownPeer(f"no participant `{peer}`")
        shown = verified(self._ports, participant, note)
        if suspect:
            return
        what = step(held, shown)
        if what is Step.KEEP:
            keep(self._ports, shown)
        elif held is not None and what is Step.ASK:
            self._ask(participant, held, shown)
        elif held is not None and what is not Step.NOTHING:
            contradict(self._ports, held, shown, what.value)

    def _ask(self, peer: Participant, held: Checkpoint, shown: Checkpoint) -> None:
        last = max(self._asked.get(peer.did, held.at), held.at)
        if shown.at - last < PROOF_EVERY:
            return
        if len(self._asked) >= _ASKED_OF:
            self._asked.clear()
        self._asked[peer.did] = shown.at
        small, large = sorted((held, shown), key=lambda each: each.size)
        request = ConsistencyRequestMessage(from_size=small.size, to_size=large.size)
        kind = ConsistencyRequestMessage.__name__
        try:
            answer = self._ports.wire.call(peer, kind, request.to_body(), seconds=PROOF_SECONDS)
            proof = ConsistencyProof.from_body(answer).hashes
        except Malformed:  # it says that it never had so many entries, or says nothing readable
            contradict(self._ports, held, shown, "it cannot prove that one continues the other")
        if not verify_consistency(small.size, large.size, small.root, large.root, proof):
            contradict(self._ports, held, shown, "neither continues the other")
        if shown.size > held.size:
            keep(self._ports, shown)


def newest(tx: Transaction, origin: str) -> Checkpoint | None:
    """Return the newest head that is held of a node's log."""
    return max(tx.checkpoints.find(origin=origin), key=lambda each: each.head.place, default=None)


def verified(ports: Ports, peer: Participant, note: str) -> Checkpoint:
    """Return the head that a peer's note signs.

    Raises:
        Malformed: not a checkpoint of that peer's.
        SignatureInvalid: the peer did not sign it.
    """
    return checkpoints.verify(note, documents.read(peer.document, peer.did), ports.clock.now())


def suspicion(tx: Transaction, peer: str) -> PeerLog | None:
    """Return what stands against a peer whose log went back; None when nothing does."""
    found = tx.peer_logs.get(peer)
    return found if found is not None and found.contradiction else None


def check_peer(tx: Transaction, peer: str) -> None:
    """Check that a new contract or job with a peer may begin.

    Raises:
        PeerRolledBack: the peer's log went back, and its operator has not answered for it.
    """
    found = suspicion(tx, peer)
    if found is not None:
        raise PeerRolledBack(
            f"the log of `{peer}` went back: {found.reason}",
            hint="its operator runs `preau recovery show` there",
        )


def contradict(ports: Ports, held: Checkpoint, shown: Checkpoint, reason: str) -> None:
    """Write both signed heads down, since together they prove it, and suspect the peer.

    Raises:
        CheckpointFork: always.
    """
    with ports.store.write() as tx:
        kept = tx.peer_logs.get(held.origin)
        kept = kept or PeerLog(held.origin, "", b"", "", "", shown.at)
        if not kept.contradiction:
            suspect = replace(kept, contradiction=shown.note, reason=reason)
            tx.peer_logs.put(suspect)
            tx.audit.append(FORKED, held.origin, held=held.note, shown=shown.note, reason=reason)
    raise CheckpointFork(f"`{held.origin}` showed two histories of its log")


def keep(ports: Ports, shown: Checkpoint) -> None:
    """Keep a head as the newest of its log."""
    with ports.store.write() as tx:
        keep_within(tx, shown)


def keep_within(tx: Transaction, shown: Checkpoint) -> None:
    """As `keep`, in a transaction of the caller's."""
    for older in tx.checkpoints.find(origin=shown.origin):
        if older.head.place < shown.head.place:
            tx.checkpoints.remove(older.origin, older.size)
    tx.checkpoints.put(shown)
