"""What either side does to a transfer: suspends it, starts it again, ends it; and how it is told.

Rules: our own act holds here at once, whether or not the peer hears of it, and is delivered through
the outbox; only the side that suspended a transfer starts it again.
"""

from __future__ import annotations

from enum import StrEnum

from connector.domain.page import PAGE, Page
from connector.domain.participant import Participant
from connector.domain.transfer.transfer import Transfer, TransferState
from connector.errors import IllegalMessage
from connector.ports import Ports, Transaction
from connector.protocol.dsp.transfer import Transferred
from connector.protocol.transfer import Act
from connector.protocol.transfer_messages import (
    TransferProcess,
    TransferStartMessage,
    TransferSuspensionMessage,
    TransferTerminationMessage,
)
from connector.services.negotiation.notices import check_reason
from connector.services.transfer import steps


class Wish(StrEnum):
    """What the operator of this node wants of a transfer."""

    SUSPEND = "suspend"
    RESUME = "resume"
    END = "end"


def transfers(ports: Ports, *, after: str = "", limit: int = PAGE) -> Page[Transfer]:
    """Return a page of the transfers of this node, oldest first.

    Raises:
        Malformed: `after` is not a `Page.next`.
    """
    with ports.store.read() as tx:
        return tx.transfers.page(after=after, limit=limit)


def transfer(ports: Ports, pid: str) -> Transfer:
    """Return a transfer of this node.

    Raises:
        NotFound: none of that id.
    """
    with ports.store.read() as tx:
        return steps.known(tx, pid)


def give(ports: Ports, pid: str, wish: Wish, reason: str) -> Transfer:
    """Suspend, resume or end a transfer of ours, and tell the peer.

    Raises:
        NotFound: no transfer of that id.
        Malformed: the reason is empty, too long, or more than one line.
        IllegalMessage: the table does not have the transition, or the other side suspended it.
    """
    check_reason(reason)
    with ports.store.write() as tx:
        found = steps.own(tx, pid)
        if wish is Wish.END:
            return steps.end(ports, tx, found, "", (reason,))
        if wish is Wish.SUSPEND:
            moved = steps.move(ports, tx, found, Act.SUSPENSION, found.role, reasons=(reason,))
            names = steps.pids(moved)
            message = TransferSuspensionMessage(
                ports.ids.new(), **names, code="", reasons=moved.reasons
            )
            steps.send(ports, tx, moved, message)
            return moved
        if found.state is not TransferState.SUSPENDED:
            raise IllegalMessage(f"the transfer is {found.state}: there is nothing to resume")
        moved = steps.move(ports, tx, found, Act.START, found.role)
        statement = found.receipt  # a consumer has none yet
        start = TransferStartMessage(ports.ids.new(), **steps.pids(moved), statement=statement)
        steps.send(ports, tx, moved, start)
        return moved


def on_suspension(
    ports: Ports, caller: Participant, message: TransferSuspensionMessage, value: Transferred
) -> TransferProcess:
    """Take in that the peer has suspended a transfer.

    Raises:
        NotFound: no such transfer with this peer.
        IllegalMessage: the table does not have the transition.
    """
    return _stopped(ports, caller, message, value, Act.SUSPENSION)


def on_termination(
    ports: Ports, caller: Participant, message: TransferTerminationMessage, value: Transferred
) -> TransferProcess:
    """Take in that the peer has ended a transfer; as `on_suspension`."""
    return _stopped(ports, caller, message, value, Act.TERMINATION)


def _stopped(
    ports: Ports,
    caller: Participant,
    message: TransferSuspensionMessage | TransferTerminationMessage,
    value: Transferred,
    act: Act,
) -> TransferProcess:
    def handle(tx: Transaction) -> Transfer:
        found = steps.held(tx, caller, message.provider_pid, message.consumer_pid)
        said = {"code": message.code, "reasons": message.reasons}
        return steps.move(ports, tx, found, act, found.role.other, **said)

    return steps.take(ports, caller, value, handle)
