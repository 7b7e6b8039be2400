"""The consumer of a transfer: asks for it, fetches the bytes, says what it has received.

Rules: what is received is compared with what the provider signed before anything is completed;
bytes pass through this node without a copy. Who writes them writes the whole file first and names
it last (`sdk/receiving.py`). Large files come over Arrow Flight where the provider announces it,
all others, and what Flight does not bring, over the peers' own stream.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, Final

from connector.domain.contract.negotiation import Role
from connector.domain.participant import Participant
from connector.domain.transfer.extract import Content
from connector.domain.transfer.transfer import ENDED, Transfer, TransferState
from connector.errors import (
    AddressForbidden,
    AgreementUnknown,
    ContentMismatch,
    Malformed,
    PeerUnreachable,
    WorkerFailed,
)
from connector.identity import document as documents
from connector.jsonld import opaque
from connector.jsonld.canonical import canonical
from connector.ports import Ports, Transaction
from connector.protocol.dsp import data_address
from connector.protocol.dsp.transfer import Transferred
from connector.protocol.transfer import Act
from connector.protocol.transfer_messages import (
    TransferAccess,
    TransferAccessMessage,
    TransferCompletionMessage,
    TransferProcess,
    TransferRequestMessage,
    TransferStartMessage,
)
from connector.services.membership import fetching as names
from connector.services.negotiation import agree, unsigned
from connector.services.transfer import receipts, steps

# Bytes from which on Flight is faster, with the start of a process on each side.
FLIGHT_LEAST: Final = 128 << 20
_AWAY: Final = (PeerUnreachable, AddressForbidden, WorkerFailed)

_log = logging.getLogger(__name__)


def request(ports: Ports, agreement_id: str, extract_id: str = "") -> Transfer:
    """Ask for an extract that the provider has prepared; one that is under way is returned.

    Args:
        ports: of this node.
        agreement_id: the contract.
        extract_id: the provider's; empty where the contract was made over HTTPS: then the contract
            says what is wanted.

    Raises:
        Malformed: it names no extract, and the provider is spoken to over gRPC.
        AgreementUnknown: no contract of that id in which this node is the consumer.
        Unlawful: the contract does not stand.
    """
    now, own = ports.clock.now(), ports.settings.did
    with ports.store.write() as tx:
        agreement = agree.agreement_for(ports, tx, agreement_id, own)
        if agreement.role is not Role.CONSUMER:
            raise AgreementUnknown(f"this node is not the consumer of `{agreement_id}`")
        made = tx.negotiations.get(agreement.pid)
        address = made.address if made is not None else ""
        if not extract_id and not address:
            raise Malformed(
                "a transfer over gRPC must name what the provider has prepared",
                hint="ask for a use first",
            )
        known = tx.transfers.find(agreement_id=agreement_id)
        going = [
            each
            for each in known
            if each.state not in ENDED and (not extract_id or each.extract_id == extract_id)
        ]
        if going:
            return going[0]
        asked = Transfer(
            pid=ports.ids.new(),
            role=Role.CONSUMER,
            peer=agreement.provider,
            agreement_id=agreement_id,
            extract_id=extract_id,
            state=TransferState.REQUESTED,
            created_at=now,
            updated_at=now,
            address=address,
            format=data_address.PULL if address else "",
        )
        steps.store(tx, asked)
        # Ids of others need not be IRIs; they leave as they came.
        named = opaque.outward(agreement_id)
        message = TransferRequestMessage(ports.ids.new(), asked.pid, named, extract_id)
        steps.send(ports, tx, asked, message)
    return asked


def on_start(
    ports: Ports, caller: Participant, message: TransferStartMessage, value: Transferred
) -> TransferProcess:
    """Take in that data flows, or flows again.

    Raises:
        NotFound: no such transfer with this peer.
        IllegalMessage: the table does not have the transition, or the other side suspended it.
        Malformed: the provider's statement does not verify, or differs from what it stated before.
    """

    def handle(tx: Transaction) -> Transfer:
        transfer = steps.held(tx, caller, message.provider_pid, message.consumer_pid)
        said: dict[str, Any] = {}
        if transfer.role is Role.CONSUMER and value.address is not None:
            said["data_address"] = canonical(data_address.write(value.address))
        if transfer.role is Role.CONSUMER and (
            message.statement or unsigned.signs(caller, message)
        ):
            theirs = receipts.of_peer(ports, transfer, caller, message.statement)
            if transfer.content not in (None, theirs.content):
                raise ContentMismatch("the provider has stated another content already")
            said |= {"content": theirs.content, "peer_receipt": message.statement}
            said["extract_id"] = theirs.extract
        return steps.move(ports, tx, transfer, Act.START, transfer.role.other, **said)

    return steps.take(ports, caller, value, handle)


def content(ports: Ports, pid: str, offset: int) -> tuple[Transfer, Iterator[bytes]]:
    """Return a transfer and the bytes of its file from an offset on.

    The bytes come as the provider sends them; whoever gets them verifies them as a whole.

    Raises:
        NotFound: no transfer of that id.
        IllegalMessage: this node is its provider.
        TransferInactive: it has not started, is suspended or over.
        PeerUnreachable: the provider does not answer.
        PreauError: its refusal.
    """
    with ports.store.read() as tx:
        transfer = steps.known(tx, pid)
        steps.check_role(transfer, Role.CONSUMER)
        steps.check_active(transfer)
        peer = _peer(tx, transfer)
    if transfer.data_address:
        return transfer, _pulled(ports, transfer, offset)
    left = transfer.content.bytes - offset if transfer.content is not None else 0
    flying = _flying(ports, peer, transfer, offset) if left >= FLIGHT_LEAST else None
    return transfer, flying or ports.wire.fetch(peer, transfer.peer_pid, offset)


def _pulled(ports: Ports, transfer: Transfer, offset: int) -> Iterator[bytes]:
    """Return the bytes of a file at the address that its provider named.

    No byte comes only where there is none left: what fails is raised before the first.
    """
    found = data_address.access(data_address.read_stored(transfer.data_address))
    chunks = ports.web.fetch(found.url, found.token, offset)
    first = next(chunks, b"")

    def all_of_them() -> Iterator[bytes]:
        yield first
        yield from chunks

    return all_of_them()


def _flying(
    ports: Ports, peer: Participant, transfer: Transfer, offset: int
) -> Iterator[bytes] | None:
    """Return the bytes of a file over Arrow Flight; None where it is not there."""
    if ports.flight is None or not _announced(peer):
        return None
    try:
        found = _access(ports, peer, transfer, flight=True)
        if not found.flight:
            return None
        return ports.flight.fetch(peer, found.flight, found.token, offset)
    except _AWAY as exc:
        _log.info("`%s` is not reached over Flight, so over gRPC: %s", peer.did, exc.reason)
        return None


def received(ports: Ports, pid: str, digest: str, size: int) -> Transfer:
    """Say that all has been received: sign a receipt, and give it to the provider.

    Args:
        ports: of this node.
        pid: ours.
        digest: SHA-256 of the file as it was written, hex.
        size: its bytes.

    Raises:
        NotFound: no transfer of that id.
        IllegalMessage: the transfer has not started, is suspended or over.
        ContentMismatch: it is not what the provider signed.
    """
    with ports.store.write() as tx:
        transfer = steps.own(tx, pid)
        steps.check_role(transfer, Role.CONSUMER)
        stated = transfer.content
        if stated is None and transfer.data_address:
            return _completed(ports, tx, transfer, digest, size)
        if stated is None or (stated.digest, stated.bytes) != (digest, size):
            raise ContentMismatch("the bytes are not those that the provider signed")
        statement = receipts.own(ports, transfer, stated)
        said = {"receipt": statement, "passed": size}
        done = steps.move(ports, tx, transfer, Act.COMPLETION, Role.CONSUMER, **said)
        message = TransferCompletionMessage(
            ports.ids.new(), **steps.pids(done), statement=statement
        )
        steps.send(ports, tx, done, message)
    return done


def _completed(
    ports: Ports, tx: Transaction, transfer: Transfer, digest: str, size: int
) -> Transfer:
    """Complete a transfer of which the provider states nothing; what came is noted."""
    came = Content("", 0, size, 0, digest, "", "")
    said = {"content": came, "passed": size}
    done = steps.move(ports, tx, transfer, Act.COMPLETION, Role.CONSUMER, **said)
    message = TransferCompletionMessage(ports.ids.new(), **steps.pids(done), statement="")
    steps.send(ports, tx, done, message)
    return done


def access(
    ports: Ports, pid: str, *, flight: bool = False
) -> tuple[TransferAccess, tuple[str, ...]]:
    """Ask the provider how to pull the same bytes over HTTPS, and over Flight where it is wanted.

    Returns:
        What it answers, and the CAs by which it is known over Flight, PEM.

    Raises:
        NotFound: no transfer of that id.
        TransferInactive: it has not started, is suspended or over.
        PreauError: the provider's refusal, or its silence.
    """
    with ports.store.read() as tx:
        transfer = steps.known(tx, pid)
        steps.check_role(transfer, Role.CONSUMER)
        steps.check_active(transfer)
        peer = _peer(tx, transfer)
    found = _access(ports, peer, transfer, flight=flight and _announced(peer))
    return found, peer.tls_authorities


def _announced(peer: Participant) -> bool:
    return names.FLIGHT in documents.read(peer.document, peer.did).services


def _access(ports: Ports, peer: Participant, transfer: Transfer, *, flight: bool) -> TransferAccess:
    message = TransferAccessMessage(transfer.peer_pid, flight)
    answer = ports.wire.call(peer, type(message).__name__, message.to_body())
    return TransferAccess.from_body(answer)


def _peer(tx: Transaction, transfer: Transfer) -> Participant:
    peer = tx.participants.get(transfer.peer)
    if peer is None:
        raise PeerUnreachable(f"`{transfer.peer}` is not known here: meet it first")
    return peer
