"""Counterparties cosign one another's logs: neither can take back what the other has signed for.

Rules: a peer is asked after each contract with it, and when evidence is exported; it signs a head
only when a proof shows that it continues the newest one that it holds, and states its own time. A
cosigned head is kept, and given out with the evidence. Who does not answer is asked later: without
a cosignature evidence says so, and no contract waits for one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from connector.domain.log.audit import Checkpoint, CosignedHead
from connector.domain.participant import Participant
from connector.errors import PreauError, SignatureInvalid, WorldFault
from connector.identity import checkpoint as checkpoints
from connector.identity import document as documents
from connector.ports import Ports, Transaction
from connector.protocol import messages
from connector.services.continuity import recovery
from connector.services.evidence import own_log, witness

CALL_SECONDS: Final = 5.0
_TRIES: Final = 4  # the log may grow between two calls


def owe(ports: Ports, tx: Transaction, peer: Participant) -> None:
    """Let a peer be asked once the transaction is committed, at the next turn of `exchange`.

    One that is no Préau node keeps no heads.
    """
    if peer.grpc_endpoint:
        tx.after_commit(partial(ports.asking.cosigners.add, peer.did))


def ask(ports: Ports, peer: Participant) -> CosignedHead:
    """Let a peer cosign the own log as it is now; keep and return the head.

    Raises:
        InRecovery: this node went back to an older state.
        PeerUnreachable: the peer does not answer.
        PreauError: the peer refuses, or its line does not verify.
    """
    from_size = 0
    for _ in range(_TRIES):
        with ports.store.read() as tx:
            recovery.whole(ports, tx)
            head = own_log.signed(ports, tx)
            proof = tx.audit.consistency(min(from_size, head.size), head.size)
        request = messages.CosignRequestMessage(head.note, from_size, tuple(proof))
        kind = messages.CosignRequestMessage.__name__
        body = ports.wire.call(peer, kind, request.to_body(), seconds=CALL_SECONDS)
        answer = messages.Cosignature.from_body(body)
        if answer.line:
            return _keep(ports, peer, head, answer.line)
        from_size = answer.held_size
    raise WorldFault(f"`{peer.did}` does not cosign the head of this node's log")


def cosign(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Cosign a peer's head if it continues what is held; say what is held if not.

    Raises:
        Malformed: not a checkpoint of the caller's.
        SignatureInvalid: the caller did not sign it.
        CheckpointFork: it contradicts what the caller showed before.
        PeerRolledBack: the caller's log went back before, or is of another epoch.
    """
    message = messages.CosignRequestMessage.from_body(body)
    shown = witness.verified(ports, caller, message.note)
    with ports.store.write() as tx:
        held, fits = witness.keep_if_continues(tx, shown, message.from_size, message.proof)
    if held is not None and fits is None:
        witness.contradict(ports, held, shown, "its proof does not verify")
    now = ports.clock.now()
    line = checkpoints.cosign(ports.signer, ports.settings.did, shown.note, now) if fits else ""
    return messages.Cosignature(line, held.size if held else 0).to_body()


def refresh(ports: Ports, peer: str) -> None:
    """Ask a peer if it can be asked now; what fails leaves what is kept."""
    with ports.store.read() as tx:
        known = tx.participants.get(peer)
    if known is None or known.blocked or not known.grpc_endpoint:
        return
    try:
        ask(ports, known)
    except PreauError:
        ports.asking.cosigners.add(peer)


def _keep(ports: Ports, peer: Participant, head: Checkpoint, line: str) -> CosignedHead:
    note = head.note + line
    at = checkpoints.cosigned_at(note, documents.read(peer.document, peer.did))
    if (
        at is None or line.find("\n") != len(line) - 1
    ):  # evidence carries no other words of a peer's
        raise SignatureInvalid(f"`{peer.did}` did not cosign the head of this node's log")
    found = CosignedHead(peer.did, head.size, note, at)
    with ports.store.write() as tx:
        tx.cosigned_heads.put(found)
    return found
