"""What both sides of a transfer process share: taking once, moving by the table, sending.

Rules: a message is handled once per (peer, message id), and a repeated one gets the stored answer;
state, outgoing messages, inbox and log change in one transaction. A message that was refused or
cannot be delivered ends a transfer that has not started; one that has started goes on, since the
peer may hold it so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from connector.domain.contract.negotiation import Role
from connector.domain.delivery import OutgoingMessage, ReceivedMessage
from connector.domain.participant import Participant
from connector.domain.transfer.transfer import ENDED, Transfer, TransferState
from connector.errors import IllegalMessage, Malformed, NotFound, TransferInactive
from connector.jsonld.canonical import canonical, parse_object, sha256_hex
from connector.ports import Ports, Transaction
from connector.protocol.codec import MAX_LINE
from connector.protocol.dsp.transfer import Transferred
from connector.protocol.transfer import Act, step
from connector.protocol.transfer_messages import (
    KINDS,
    TransferProcess,
    TransferRequestMessage,
    Transferring,
    TransferTerminationMessage,
)
from connector.services.lookup import require
from connector.services.messages import naming, sending

OPENING: Final = frozenset({"TransferRequestMessage", "TransferStartMessage"})
SENT: Final = frozenset(KINDS) - {"TransferAccessMessage"}


def take(
    ports: Ports,
    caller: Participant,
    value: Transferred,
    handle: Callable[[Transaction], Transfer],
) -> TransferProcess:
    """Handle a message, unless it was handled, and return the answer.

    Raises:
        Malformed: the message's id came before with other content.
        PreauError: what `handle` refuses; nothing was changed then.
    """
    message = value.message
    digest = sha256_hex(canonical([type(message).__name__, message.to_body()]))
    with ports.store.write() as tx:
        heard = _heard(tx, caller, message)
        name = naming.named(tx, caller.did, heard, message.message_id, digest)
        known = tx.inbox.get(caller.did, name)
        if known is not None:
            if known.digest != digest:
                raise Malformed(f"message id `{known.id}` came before with other content")
            return TransferProcess.from_body(parse_object(known.answer))
        moved, now = handle(tx), ports.clock.now()
        answer = answer_of(moved)
        kept = canonical(answer.to_body())
        tx.inbox.put(ReceivedMessage(name, caller.did, digest, kept, now))
        if naming.by_content(name):
            tx.transfers.put(replace(moved, heard=name))
    return answer


def _heard(tx: Transaction, caller: Participant, message: Transferring) -> str:
    """Return the name of the last message of a transfer whose sender names none."""
    names = ("" if isinstance(message, TransferRequestMessage) else message.provider_pid,)
    found = map(tx.transfers.get, filter(None, (*names, message.consumer_pid)))
    return next((each.heard for each in found if each and each.peer == caller.did), "")


def answer_of(transfer: Transfer) -> TransferProcess:
    """Return the acknowledgement: both pids, and the state that this side holds."""
    return TransferProcess(**pids(transfer), state=transfer.state.value)


def pids(transfer: Transfer) -> dict[str, str]:
    """Return `provider_pid` and `consumer_pid` of a message about a transfer."""
    if transfer.role is Role.PROVIDER:
        return {"provider_pid": transfer.pid, "consumer_pid": transfer.peer_pid}
    return {"provider_pid": transfer.peer_pid, "consumer_pid": transfer.pid}


def held(tx: Transaction, caller: Participant, provider_pid: str, consumer_pid: str) -> Transfer:
    """Return the transfer that a message is about, locked; adopt the peer's pid if it is new.

    Raises:
        NotFound: none of these pids with this peer (also when it is somebody else's).
    """
    for role, pid, peer_pid in (
        (Role.PROVIDER, provider_pid, consumer_pid),
        (Role.CONSUMER, consumer_pid, provider_pid),
    ):
        found = tx.transfers.lock(pid) if pid else _opened(tx, caller, role, peer_pid)
        if (
            found is not None
            and found.role is role
            and found.peer == caller.did
            and found.peer_pid in ("", peer_pid)
        ):
            return replace(found, peer_pid=peer_pid or found.peer_pid)
    raise NotFound("no such transfer with this peer")


def _opened(tx: Transaction, caller: Participant, role: Role, peer_pid: str) -> Transfer | None:
    """Return the transfer that a peer opened, by its own pid: it may not know ours yet."""
    found = tx.transfers.find(peer=caller.did, peer_pid=peer_pid, role=role)
    return tx.transfers.lock(found[0].pid) if found else None


def own(tx: Transaction, pid: str) -> Transfer:
    """Return a transfer of this node, locked.

    Raises:
        NotFound: none of that id.
    """
    return require(tx.transfers.lock(pid), "transfer", pid)


def known(tx: Transaction, pid: str) -> Transfer:
    """Return a transfer of this node, to read; as `own`."""
    return require(tx.transfers.get(pid), "transfer", pid)


def move(
    ports: Ports, tx: Transaction, transfer: Transfer, act: Act, by: Role, **changes: Any
) -> Transfer:
    """Move a transfer by the table, keep it and log its new state.

    Args:
        ports: of this node.
        tx: the transaction.
        transfer: as it stands.
        act: what moves it.
        by: role of who does it.
        changes: besides its state.

    Raises:
        IllegalMessage: the table does not have the transition.
    """
    after = step(transfer.state, act, by, held_by=transfer.held_by)
    said: dict[str, Any] = {"code": "", "reasons": (), **changes}
    held_by = by if after is TransferState.SUSPENDED else None
    if after in ENDED:
        said["data_address"] = b""  # it holds a token
    moved = replace(transfer, state=after, held_by=held_by, updated_at=ports.clock.now(), **said)
    return store(tx, moved, by=by.value)


def store(tx: Transaction, transfer: Transfer, **facts: Any) -> Transfer:
    """Keep a transfer and write its state to the audit log."""
    tx.transfers.put(transfer)
    tx.audit.append(
        f"transfer.{transfer.state.value.lower()}",
        transfer.pid,
        peer=transfer.peer,
        role=transfer.role.value,
        agreement=transfer.agreement_id,
        extract=transfer.extract_id,
        **({"code": transfer.code} if transfer.code else {}),
        **facts,
    )
    return transfer


def send(ports: Ports, tx: Transaction, transfer: Transfer, message: Transferring) -> None:
    """Put a message about a transfer into the outbox."""
    about = (transfer.peer, transfer.pid)
    sending.enqueue(ports, tx, message.message_id, *about, message, transfer.address)


def end(
    ports: Ports, tx: Transaction, transfer: Transfer, code: str, reasons: tuple[str, ...]
) -> Transfer:
    """Terminate a transfer and tell the peer.

    Raises:
        IllegalMessage: it is over.
    """
    kept = tuple(reason[:MAX_LINE] for reason in reasons)
    moved = move(ports, tx, transfer, Act.TERMINATION, transfer.role, code=code, reasons=kept)
    message = TransferTerminationMessage(ports.ids.new(), **pids(moved), code=code, reasons=kept)
    send(ports, tx, moved, message)
    return moved


def end_all(
    ports: Ports, tx: Transaction, found: Iterable[Transfer], code: str, reason: str
) -> None:
    """End transfers here, where the peer ends them by the same cause."""
    for transfer in found:
        if transfer.state not in ENDED:
            said = {"code": code, "reasons": (reason[:MAX_LINE],)}
            move(ports, tx, transfer, Act.TERMINATION, transfer.role, **said)


def given_up(
    ports: Ports, tx: Transaction, message: OutgoingMessage, code: str, reason: str
) -> None:
    """End a transfer whose first message was refused, or that cannot be delivered."""
    transfer = tx.transfers.lock(message.subject) if message.kind in OPENING else None
    if transfer is None or transfer.state in ENDED:
        return
    if transfer.peer_pid:
        end(ports, tx, transfer, code, (reason,))
    else:  # the peer holds none
        end_all(ports, tx, (transfer,), code, reason)


def acknowledged(tx: Transaction, message: OutgoingMessage, ack: TransferProcess) -> None:
    """Note the provider's pid from the acknowledgement of our request."""
    transfer = tx.transfers.lock(message.subject)
    if transfer is not None and not transfer.peer_pid and transfer.role is Role.CONSUMER:
        tx.transfers.put(replace(transfer, peer_pid=ack.provider_pid))


def check_active(transfer: Transfer) -> None:
    """Check that data may flow by the transfer's state.

    Raises:
        TransferInactive: it has not started, is suspended or over.
    """
    if transfer.state is not TransferState.STARTED:
        why = f": {transfer.reasons[0]}" if transfer.reasons else ""
        raise TransferInactive(f"the transfer is {transfer.state.value}{why}")


def check_role(transfer: Transfer, role: Role) -> None:
    """Check which side of a transfer this node is.

    Raises:
        IllegalMessage: it is the other.
    """
    if transfer.role is not role:
        raise IllegalMessage(f"this node is not the {role} of transfer `{transfer.pid}`")
