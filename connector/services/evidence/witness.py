"""Others' logs witnessed: what peers show of their history, and what follows when it went back.

Rules: a peer's signed heads must be of one history (`domain/log/continuity.py` says what to do with
each). Calls overtake one another, so a head that differs from the one held is settled by one proof,
an older head as well as a newer one; a peer is asked at most once in `PROOF_EVERY`, and what it
shows meanwhile waits: the oldest and the newest head. Only its failure to prove counts against it.
Both heads are then written down, the head that we hold stays, and the peer is asked nothing more:
it gets no new contract and no new job until its operator answers with an epoch record. A head whose
proof it refuses is kept, named by `doctor`, and asked for again. Witnessing writes nothing else to
our log, so that two nodes do not chase one another's heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from connector.domain.log.audit import Checkpoint, Head, PeerLog
from connector.domain.log.continuity import Step, step
from connector.domain.log.merkle import verify_consistency
from connector.domain.participant import Participant
from connector.errors import (
    CheckpointFork,
    Malformed,
    PeerRolledBack,
    PeerUnreachable,
    PreauError,
    UnknownPeer,
)
from connector.identity import checkpoint as checkpoints
from connector.identity import document as documents
from connector.ports import Ports, Transaction
from connector.protocol.messages import ConsistencyProof, ConsistencyRequestMessage

PROOF_EVERY: Final = timedelta(seconds=2)  # per peer; what comes between is covered by the next
PROOF_SECONDS: Final = 10.0
AGAIN_EVERY: Final = timedelta(minutes=1)  # per peer, of a head whose proof it did not give
FORKED: Final = "checkpoint.forked"
UNPROVEN: Final = "checkpoint.unproven"
_ASKED_OF: Final = 1024  # peers of which that is remembered; a space has fewer


class Witness:
    """Takes in the heads that peers show; called by one thread."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._asked: dict[str, datetime] = {}
        self._waiting: dict[str, list[Checkpoint]] = {}
        self._fine: dict[str, Head] = {}  # the older head that was proven last

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
            PreauError: the peer did not answer with a proof; the head is kept as unproven.
        """
        with self._ports.store.read() as tx:
            participant = tx.participants.get(peer)
            held, kept = newest(tx, peer), tx.peer_logs.get(peer)
            record = tx.epochs.get(peer, held.epoch) if held else None
        if participant is None:
            raise UnknownPeer(f"no participant `{peer}`")
        shown = verified(self._ports, participant, note)
        if kept is not None and kept.contradiction:
            return
        what = step(held, shown, record)
        if what is Step.KEEP:
            keep(self._ports, shown)
        elif held is not None:
            if what not in (Step.NOTHING, Step.ASK):
                contradict(self._ports, held, shown, what.value)
            self._settle(participant, held, shown, kept)

    def _settle(
        self, peer: Participant, held: Checkpoint, shown: Checkpoint, kept: PeerLog | None
    ) -> None:
        """Ask for one proof, if it is time to; the oldest head that waits goes first."""
        waiting = self._due(held, shown)
        last = max(self._asked.get(peer.did, held.at), held.at)
        rested = self._ports.clock.now() - last
        if not waiting and kept is not None and kept.unproven and rested >= AGAIN_EVERY:
            claim = checkpoints.unverified_claim(kept.unproven)  # verified before it was kept
            unproven = replace(
                shown, size=claim.head.size, root=claim.head.root, note=kept.unproven
            )
            waiting = [unproven] if step(held, unproven) is Step.ASK else []
        if not waiting or rested < PROOF_EVERY:
            return
        self._asked[peer.did] = self._ports.clock.now()
        self._ask(peer, held, waiting.pop(0))

    def _due(self, held: Checkpoint, shown: Checkpoint) -> list[Checkpoint]:
        """Return the heads that wait for a proof: the oldest and the newest.

        Raises:
            CheckpointFork: one of them contradicts the head that is held by now.
        """
        if len(self._waiting) >= _ASKED_OF:
            for kept in (self._waiting, self._asked, self._fine):
                kept.clear()
        new = [shown] if shown.head != self._fine.get(shown.origin) else []
        found = [*self._waiting.get(held.origin, ()), *new]
        for each in found:
            if step(held, each) is Step.FORK:
                contradict(self._ports, held, each, Step.FORK.value)
        due = sorted(
            (each for each in found if step(held, each) is Step.ASK), key=lambda each: each.size
        )
        older = [each for each in due if each.size < held.size]
        newer = [each for each in due if each.size > held.size]
        self._waiting[held.origin] = [*older[:1], *newer[-1:]]
        return self._waiting[held.origin]

    def _ask(self, peer: Participant, held: Checkpoint, shown: Checkpoint) -> None:
        small, large = sorted((held, shown), key=lambda each: each.size)
        request = ConsistencyRequestMessage(from_size=small.size, to_size=large.size)
        kind = ConsistencyRequestMessage.__name__
        try:
            answer = self._ports.wire.call(peer, kind, request.to_body(), seconds=PROOF_SECONDS)
            proof = ConsistencyProof.from_body(answer).hashes
        except Malformed:  # it says that it never had so many entries, or says nothing readable
            contradict(
                self._ports, held, shown, "it cannot prove that one head continues the other"
            )
        except PreauError as exc:
            _note_unproven(self._ports, held, shown, exc.code)
            raise
        if not verify_consistency(small.size, large.size, small.root, large.root, proof):
            contradict(self._ports, held, shown, "neither head continues the other")
        if shown.size < held.size:
            self._fine[peer.did] = shown.head
        with self._ports.store.write() as tx:
            now = newest(tx, peer.did)
            if now is None or now.head != held.head:  # a deposit came: the two are compared next
                self._waiting.setdefault(peer.did, []).append(shown)
                return
            if shown.size > held.size:
                keep_within(tx, shown)
            kept = tx.peer_logs.get(peer.did)
            if kept is not None and kept.unproven == shown.note:
                tx.peer_logs.put(replace(kept, unproven="", refusal=""))


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


def keep_if_continues(
    tx: Transaction, shown: Checkpoint, from_size: int, proof: Sequence[bytes]
) -> tuple[Checkpoint | None, bool | None]:
    """Keep a head that comes with a proof, if it continues what is held of the same log.

    Args:
        tx: the transaction.
        shown: the head.
        from_size: where the proof begins.
        proof: RFC 6962 consistency proof.

    Returns:
        The head that was held; and whether the new one is kept, None when it is shown not to
        continue the one held, False when the proof says nothing of that.

    Raises:
        PeerRolledBack: the log went back before, or is of another epoch.
    """
    check_peer(tx, shown.origin)
    held = newest(tx, shown.origin)
    if held is not None and shown.epoch != held.epoch:
        raise PeerRolledBack(f"a head of epoch {held.epoch} is held, one of {shown.epoch} came")
    fits = _fits(held, shown, from_size, proof)
    if fits:
        keep_within(tx, shown)
    return held, fits


def _fits(
    held: Checkpoint | None, shown: Checkpoint, from_size: int, proof: Sequence[bytes]
) -> bool | None:
    if held is None:
        return True
    if shown.size == held.size:
        return True if shown.root == held.root else None
    if shown.size < held.size or from_size != held.size:
        return False
    return verify_consistency(held.size, shown.size, held.root, shown.root, proof) or None


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
            f"the log of `{peer}` was rolled back: {found.reason}",
            hint="ask its operator to run `preau recovery show` there",
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


def _note_unproven(ports: Ports, held: Checkpoint, shown: Checkpoint, code: str) -> None:
    """Keep a head whose proof was not had; a refusal goes to the log, once until it is proven."""
    with ports.store.write() as tx:
        kept = tx.peer_logs.get(held.origin)
        kept = kept or PeerLog(held.origin, "", b"", "", "", shown.at)
        told = kept.unproven and kept.refusal != PeerUnreachable.code
        silent = code == PeerUnreachable.code
        if told or (silent and kept.unproven):
            return
        tx.peer_logs.put(replace(kept, unproven=shown.note, refusal=code))
        if not silent:
            notes = {"held": held.note, "shown": shown.note}
            tx.audit.append(UNPROVEN, held.origin, **notes, code=code)


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
