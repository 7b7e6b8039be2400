"""What nodes keep of one another's logs: heads with sealed tallies, given back to their owner only.

Rules: before the first round of a job is charged its lead holds a tally that counts the job in
full, and has seen that the log continues what it held; the other peers get it when what is counted
has come to rest (`bootstrap/threads/exchange.py`). A peer keeps a head only when it continues the
newest one that it holds. What it gives back is believed by our own signature and seal alone, so a
peer can withhold a head and never invent one. An epoch record that covers what a peer holds ends
its suspicion, and both heads are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from connector.domain.log.audit import Checkpoint, Epoch, PeerLog, ReturnedHead
from connector.domain.log.continuity import answered, covers, remembers
from connector.domain.participant import Participant
from connector.errors import (
    Malformed,
    PeerRolledBack,
    PreauError,
    TooManyRequests,
    WorldFault,
)
from connector.identity import checkpoint as checkpoints
from connector.identity import document as documents
from connector.identity import epoch as records
from connector.ports import Ports, Transaction
from connector.protocol import messages
from connector.protocol.codec import Body
from connector.services.continuity import recovery
from connector.services.evidence import own_log, witness
from connector.services.negotiation import telling

CALL_SECONDS: Final = 5.0
MOST_EPOCHS: Final = 64  # accepted of one peer; one that resumes so often needs its operator
_TRIES: Final = 4


def deposit(ports: Ports, peer: Participant) -> None:
    """Let a peer keep the own head with a sealed tally; return once it does.

    Raises:
        InRecovery: the peer holds a head that the own log does not continue.
        PeerUnreachable: it does not answer.
        WorldFault: it keeps nothing.
    """
    from_size = 0
    for _ in range(_TRIES):
        try:
            answer = _call(ports, peer, _message(ports, from_size))
        except PeerRolledBack:
            ask(ports, peer)
            _whole(ports)
            announce(ports, peer)  # it may not have heard of the epoch yet
            continue
        receipt = messages.HeadReceipt.from_body(answer)
        if receipt.kept:
            return
        from_size = receipt.held_size
        with ports.store.read() as tx:
            shorter = tx.audit.head()[0] < from_size
        if shorter:
            ask(ports, peer)
            _whole(ports)
    raise WorldFault(f"`{peer.did}` does not keep the head of this node's log")


def ask(ports: Ports, peer: Participant) -> None:
    """Ask a peer for what it holds of the own log; what the log does not continue is kept.

    A peer that went back itself has not answered: it may have held more.

    Raises:
        PeerUnreachable: it does not answer.
        PreauError: it refuses, or answers with what this node did not sign.
    """
    answer = messages.HeldHead.from_body(_call(ports, peer, messages.HeadRequestMessage()))
    found = _returned(ports, peer.did, answer)
    with ports.store.write() as tx:
        if found is not None and _tells(ports, tx, found):
            _keep_returned(tx, found)
    if answer.complete:
        ports.asking.answered[peer.did] = ports.clock.now()
    else:
        ports.asking.answered.pop(peer.did, None)


def ask_again(ports: Ports, peer: str) -> None:
    """Let a peer be asked anew, since it is heard after it did not answer; returns at once."""
    ports.asking.again.add(peer)
    ports.wakeups.notify(recovery.EXCHANGE)


def announce(ports: Ports, peer: Participant) -> None:
    """Tell a peer of the newest own epoch; nothing where there is none.

    Raises:
        PeerUnreachable: it does not answer.
        PeerRolledBack: it holds a head that the record does not cover.
    """
    with ports.store.read() as tx:
        epochs = tx.epochs.find(origin=ports.settings.did)
    if epochs:
        newest = max(epochs, key=lambda epoch: epoch.number)
        _call(ports, peer, messages.EpochAnnouncement(newest.record))


def keep_head(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Keep a peer's head and sealed tally, if it continues what is held; say what is held if not.

    Raises:
        Malformed: not a checkpoint of the caller's, or of another tally.
        SignatureInvalid: the caller did not sign it.
        PeerRolledBack: the caller's log went back.
    """
    message = messages.HeadDeposit.from_body(body)
    shown = witness.verified(ports, caller, message.note)
    digest = hashlib.sha256(message.sealed).digest()
    if checkpoints.unverified_claim(shown.note).tally != digest:
        raise Malformed("the sealed tally is not the one that the note names")
    with ports.store.write() as tx:
        held, fits = witness.keep_if_continues(tx, shown, message.from_size, message.proof)
        if fits:
            kept = tx.peer_logs.get(caller.did)
            new = kept or PeerLog(caller.did, "", b"", "", "", shown.at)
            tx.peer_logs.put(replace(new, deposit=shown.note, sealed=message.sealed, at=shown.at))
    if held is not None and fits is None:
        _contradicted(ports, held, shown)
    return messages.HeadReceipt(bool(fits), held.size if held else 0).to_body()


def return_head(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give a peer back what is held of its own log, and of nobody else's.

    Raises:
        Malformed: the message cannot be read.
    """
    messages.HeadRequestMessage.from_body(body)
    with ports.store.read() as tx:
        held, kept = witness.newest(tx, caller.did), tx.peer_logs.get(caller.did)
        went_back = recovery.faults(tx, ports.charges, ports.settings.did, ports.asking.continued)
        own = tx.epochs.find(origin=ports.settings.did)
    ports.asking.forgetful.add(caller.did)
    ports.wakeups.notify(recovery.EXCHANGE)
    return messages.HeldHead(
        note=held.note if held else "",
        deposit=kept.deposit if kept else "",
        sealed=kept.sealed if kept else b"",
        complete=not went_back and remembers(kept, own),
    ).to_body()


def accept_epoch(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take in a peer's epoch record that covers what is held of its log. Idempotent.

    Raises:
        Malformed: it is no record of the caller's.
        SignatureInvalid: the caller did not sign it.
        PeerRolledBack: it does not cover the newest head that is held.
        TooManyRequests: the peer has resumed too often.
    """
    message = messages.EpochAnnouncement.from_body(body)
    document = documents.read(caller.document, caller.did)
    record = records.verify(message.record, document, ports.clock.now())
    resumed = checkpoints.verify(record.resumed, document, record.at)
    with ports.store.write() as tx:
        if tx.epochs.get(caller.did, record.number) is None:
            _accept(tx, record, resumed)
            telling.again(ports, tx, caller.did)
    return messages.EpochReceipt(record.number).to_body()


def _accept(tx: Transaction, record: Epoch, resumed: Checkpoint) -> None:
    held = witness.newest(tx, record.origin)
    if not covers(record, held.head if held else None):
        raise PeerRolledBack(
            f"the record does not cover the head of {held.size if held else 0} entries that is held"
        )
    if len(tx.epochs.find(origin=record.origin)) >= MOST_EPOCHS:
        raise TooManyRequests(f"the node has resumed from an older state {MOST_EPOCHS} times")
    tx.epochs.put(replace(record, held=held.note if held else ""))
    for older in tx.checkpoints.find(origin=record.origin):
        tx.checkpoints.remove(older.origin, older.size)
    tx.checkpoints.put(resumed)
    kept = tx.peer_logs.get(record.origin)
    if kept is not None:
        tx.peer_logs.put(replace(kept, contradiction="", reason="", unproven="", refusal=""))
    tx.audit.append(
        "peer.resumed",
        record.origin,
        epoch=record.number,
        record=record.record,
        held=held.note if held else "",
    )


def _contradicted(ports: Ports, held: Checkpoint, shown: Checkpoint) -> None:
    try:
        witness.contradict(ports, held, shown, "its proof does not verify")
    except PreauError as exc:
        raise PeerRolledBack(exc.reason, hint=recovery.HINT) from exc


def _whole(ports: Ports) -> None:
    with ports.store.read() as tx:
        recovery.whole(ports, tx)


def _message(ports: Ports, from_size: int) -> messages.HeadDeposit:
    with ports.store.read() as tx:
        recovery.whole(ports, tx)
        sealed = ports.charges.seal(recovery.tally_of(ports, tx))
        note = own_log.signed(ports, tx, hashlib.sha256(sealed).digest())
        proof = tx.audit.consistency(min(from_size, note.size), note.size)
    return messages.HeadDeposit(note.note, sealed, from_size, tuple(proof))


def _returned(ports: Ports, peer: str, answer: messages.HeldHead) -> ReturnedHead | None:
    """Return what a peer gave back, once our own signatures are found on it."""
    own, now = documents.read(ports.own_document(), ports.settings.did), ports.clock.now()
    for note in filter(None, (answer.note, answer.deposit)):
        checkpoints.verify(note, own, now)
    if not answer.note and not answer.deposit:
        return None
    if answer.deposit:
        claim = checkpoints.unverified_claim(answer.deposit)
        if claim.tally != hashlib.sha256(answer.sealed).digest():
            raise Malformed(f"`{peer}` did not give back the tally that the note names")
    return ReturnedHead(peer, answer.note, answer.deposit, answer.sealed, now)


def _keep_returned(tx: Transaction, found: ReturnedHead) -> None:
    """Keep what a peer gave back, unless it gave back more before."""
    known = tx.returned_heads.get(found.peer)
    if known is None or _furthest(known) < _furthest(found):
        tx.returned_heads.put(found)
        epoch, size = _furthest(found)
        tx.audit.append("recovery.found", found.peer, epoch=epoch, size=size)


def _furthest(row: ReturnedHead) -> tuple[int, int]:
    notes = filter(None, (row.note, row.deposit))
    return max(checkpoints.unverified_claim(note).head.place for note in notes)


def _tells(ports: Ports, tx: Transaction, found: ReturnedHead) -> bool:
    """Return whether what a peer gave back is of a history that the own log does not continue."""
    did = ports.settings.did
    own, epochs = own_log.head(tx, did), tx.epochs.find(origin=did)
    heads = [
        checkpoints.unverified_claim(note).head for note in (found.note, found.deposit) if note
    ]
    return any(
        not answered(each, epochs) and not recovery.continues(tx, own, each) for each in heads
    )


def _call(ports: Ports, peer: Participant, message: Body) -> Mapping[str, Any]:
    kind = type(message).__name__
    return ports.wire.call(peer, kind, message.to_body(), seconds=CALL_SECONDS)
