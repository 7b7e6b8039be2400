"""Transfers that wait for what they transfer: started once it is ready, ended where it fails.

Only those wait that were asked for without an extract, as peers do that are no Préau nodes.
"""

from __future__ import annotations

from connector.domain.contract.negotiation import Role
from connector.domain.transfer.extract import Extract, ExtractState
from connector.domain.transfer.transfer import Transfer, TransferState
from connector.ports import Ports, Transaction
from connector.protocol.transfer import Act
from connector.protocol.transfer_messages import TransferStartMessage
from connector.services.transfer import receipts, steps


def start(ports: Ports, tx: Transaction, transfer: Transfer, extract: Extract) -> Transfer:
    """Start a transfer of ours, and tell its consumer.

    Raises:
        KeyUnusable: our key cannot sign.
    """
    statement = receipts.own(ports, transfer, extract.content)
    said = {"receipt": statement, "content": extract.content}
    started = steps.move(ports, tx, transfer, Act.START, Role.PROVIDER, **said)
    message = TransferStartMessage(ports.ids.new(), **steps.pids(started), statement=statement)
    steps.send(ports, tx, started, message)
    return started


def settle(ports: Ports, tx: Transaction, extract: Extract) -> None:
    """Start what waited for an extract that is ready; end it where there will be none.

    Raises:
        KeyUnusable: our key cannot sign.
    """
    for waiting in tx.transfers.find(extract_id=extract.id, state=TransferState.REQUESTED):
        if waiting.role is not Role.PROVIDER:
            continue
        if extract.state is ExtractState.READY:
            start(ports, tx, waiting, extract)
        elif extract.state is ExtractState.FAILED:
            reason = "what was asked for could not be prepared"
            steps.end(ports, tx, waiting, extract.code, (reason,))
