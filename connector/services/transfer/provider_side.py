"""The provider of a transfer: starts what may be fetched, judges it while it flows, closes it.

Rules: only the consumer of a contract that stands gets its own extracts, and only while they are
ready and not due for deletion. INVARIANT: `judge` is asked before the first byte and at least
twice a second while bytes flow; what it refuses ends the stream with the code that says why.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from connector.domain.contract.negotiation import Role
from connector.domain.participant import Participant
from connector.domain.transfer.extract import Extract, ExtractState
from connector.domain.transfer.transfer import Transfer, TransferState
from connector.errors import (
    ExtractUnavailable,
    IllegalMessage,
    Malformed,
    NotFound,
    NotSupported,
)
from connector.jsonld import opaque
from connector.ports import Ports, Transaction
from connector.protocol.dsp import data_address
from connector.protocol.dsp.transfer import Transferred
from connector.protocol.transfer import Act
from connector.protocol.transfer_messages import (
    TransferCompletionMessage,
    TransferProcess,
    TransferRequestMessage,
)
from connector.services.membership import dealing
from connector.services.negotiation import agree, unsigned
from connector.services.transfer import receipts, starting, steps
from connector.services.use import derived

_COMING: Final = (ExtractState.PREPARING, ExtractState.HELD, ExtractState.READY)


def on_request(
    ports: Ports, caller: Participant, message: TransferRequestMessage, value: Transferred
) -> TransferProcess:
    """Open a transfer; start it where the extract is ready. Idempotent by the consumer's pid.

    A request that names no extract asks for what the contract lets leave: that is prepared first.

    Raises:
        NotSupported: it asks for another format than this node speaks.
        AgreementUnknown: no contract of that id in which the caller is the consumer.
        Unlawful: the contract does not stand, or the transfer was opened before.
        ExtractUnavailable: no such extract of this contract, or it is not ready.
        PreauError: as `derived.ask`.
    """
    if value.format not in ("", data_address.PULL):
        raise NotSupported(
            f"this node does not transfer in the format `{value.format[:64]}`",
            hint=f"ask for `{data_address.PULL}`",
        )
    message = replace(message, agreement_id=opaque.inward(message.agreement_id))
    named = bool(message.extract_id)
    if not named:
        known = _known(ports, caller, message)
        if known is not None:
            return steps.answer_of(known)
        asked = derived.ask(ports, caller, message.agreement_id, message.consumer_pid)
        message = replace(message, extract_id=asked.id)

    def handle(tx: Transaction) -> Transfer:
        now = ports.clock.now()
        agree.agreement_for(ports, tx, message.agreement_id, caller.did)
        extract = _ready(ports, tx, message.extract_id) if named else _asked(tx, message)
        if (extract.consumer, extract.agreement_id) != (caller.did, message.agreement_id):
            raise _gone(message.extract_id)
        if tx.transfers.find(peer=caller.did, peer_pid=message.consumer_pid, role=Role.PROVIDER):
            raise IllegalMessage("this transfer is open already")
        opened = Transfer(
            pid=ports.ids.new(),
            role=Role.PROVIDER,
            peer=caller.did,
            peer_pid=message.consumer_pid,
            agreement_id=message.agreement_id,
            extract_id=extract.id,
            state=TransferState.REQUESTED,
            created_at=now,
            updated_at=now,
            address=value.callback,
            format=value.format,
        )
        steps.store(tx, opened)
        if extract.state is ExtractState.READY:
            return starting.start(ports, tx, opened, extract)
        return opened

    return steps.take(ports, caller, value, handle)


def _known(ports: Ports, caller: Participant, message: TransferRequestMessage) -> Transfer | None:
    """Return the transfer that a consumer has opened before by the same id, if it did."""
    about = {"peer": caller.did, "peer_pid": message.consumer_pid, "role": Role.PROVIDER}
    with ports.store.read() as tx:
        found = tx.transfers.find(**about)
    if found and found[0].agreement_id != message.agreement_id:
        raise IllegalMessage("this transfer was opened before, under another agreement")
    return found[0] if found else None


def _asked(tx: Transaction, message: TransferRequestMessage) -> Extract:
    """Return the extract that is prepared for a request, ready or not."""
    extract = tx.extracts.get(message.extract_id)
    if extract is None or extract.state not in _COMING:
        raise _gone(message.extract_id)
    return extract


def on_completion(
    ports: Ports, caller: Participant, message: TransferCompletionMessage, value: Transferred
) -> TransferProcess:
    """Take in the peer's receipt; a provider compares it with what it served.

    A provider of another make may say that all was sent: its consumer then fetches no more.

    Raises:
        NotFound: no such transfer with this peer.
        IllegalMessage: the transfer has not started, is suspended or over.
        Malformed: the receipt does not verify, or is about another transfer.
    """

    def handle(tx: Transaction) -> Transfer:
        transfer = steps.held(tx, caller, message.provider_pid, message.consumer_pid)
        if not message.statement and not unsigned.signs(caller, message):
            return steps.move(ports, tx, transfer, Act.COMPLETION, transfer.role.other)
        theirs = receipts.of_peer(ports, transfer, caller, message.statement)
        said: dict[str, Any] = {"peer_receipt": message.statement}
        if transfer.role is Role.PROVIDER:
            said["passed"] = theirs.content.bytes
        done = steps.move(ports, tx, transfer, Act.COMPLETION, transfer.role.other, **said)
        receipts.reconcile(tx, done, theirs)
        return done

    return steps.take(ports, caller, value, handle)


def judge(ports: Ports, pid: str, caller: str) -> tuple[Transfer, Extract]:
    """Return a transfer whose data may flow to a caller at this moment, and its extract.

    Args:
        ports: of this node.
        pid: the provider's.
        caller: DID, authenticated.

    Raises:
        NotFound: no such transfer with this caller.
        TransferInactive: it is suspended, or over.
        Unlawful: its contract does not stand.
        ExtractUnavailable: the extract is not there any more.
        PreauError: the caller is no longer believed.
    """
    dealing.judge_alone(ports, caller)
    with ports.store.read() as tx:
        transfer = tx.transfers.get(pid)
        if transfer is None or transfer.role is not Role.PROVIDER or transfer.peer != caller:
            raise NotFound("no such transfer with this peer")
        steps.check_active(transfer)
        agree.agreement_for(ports, tx, transfer.agreement_id, caller)
        return transfer, _ready(ports, tx, transfer.extract_id)


def check_offset(extract: Extract, offset: int) -> None:
    """Check that there is something at an offset, or that it is the end.

    Raises:
        Malformed: it is past the end.
    """
    if not 0 <= offset <= extract.bytes:
        raise Malformed(f"offset {offset} is past the end of {extract.bytes} bytes")


def passed(ports: Ports, pid: str, position: int) -> None:
    """Note how far the bytes of a transfer have come; the first time, log that data left."""
    with ports.store.write() as tx:
        transfer = tx.transfers.lock(pid)
        if transfer is None or position <= transfer.passed:
            return
        tx.transfers.put(replace(transfer, passed=position))
        if transfer.passed == 0:
            tx.audit.append("transfer.flowed", pid, peer=transfer.peer)


def _ready(ports: Ports, tx: Transaction, extract_id: str) -> Extract:
    extract = tx.extracts.get(extract_id)
    if extract is None or extract.state is not ExtractState.READY:
        raise _gone(extract_id)
    if extract.due_at is not None and extract.due_at <= ports.clock.now():
        raise _gone(extract_id)
    return extract


def _gone(extract_id: str) -> ExtractUnavailable:
    return ExtractUnavailable(
        f"no extract `{extract_id[:100]}` is ready for this peer",
        hint="ask for the use again",
    )
