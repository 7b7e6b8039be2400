"""What each side signs about the bytes, and whether both say the same.

Rule: a difference is kept, logged as `transfer.differs`, and shown by `preau doctor`; it undoes
nothing, since the data has left.
"""

from __future__ import annotations

from dataclasses import replace

from connector.domain.contract.negotiation import Role
from connector.domain.participant import Participant
from connector.domain.transfer.extract import Content
from connector.domain.transfer.transfer import Transfer
from connector.errors import ContentMismatch
from connector.identity import document as documents
from connector.identity.receipts import transfer_receipt as signed
from connector.identity.receipts.transfer_receipt import Statement
from connector.ports import Ports, Transaction


def own(ports: Ports, transfer: Transfer, content: Content) -> str:
    """Return this node's signed receipt.

    Raises:
        KeyUnusable: our key cannot sign.
    """
    return signed.make(ports.signer, _statement(ports, transfer, ports.settings.did, content))


def of_peer(ports: Ports, transfer: Transfer, caller: Participant, statement: str) -> Statement:
    """Return the peer's receipt, once it verifies and is about this transfer.

    Raises:
        SignatureInvalid: the peer did not sign it.
        Malformed: it is none.
        ContentMismatch: it is about another transfer.
    """
    found = signed.read(statement, documents.read(caller.document, caller.did))
    if not transfer.extract_id:  # the provider chose it
        transfer = replace(transfer, extract_id=found.extract)
    about = _statement(ports, transfer, caller.did, found.content)
    if (found.agreement, found.extract, found.provider, found.consumer) != (
        about.agreement,
        about.extract,
        about.provider,
        about.consumer,
    ):
        raise ContentMismatch("the receipt is about another transfer")
    return found


def reconcile(tx: Transaction, transfer: Transfer, theirs: Statement) -> bool:
    """Compare the peer's receipt with what this node serves; log a difference."""
    same = transfer.content == theirs.content
    if not same:
        tx.audit.append(
            "transfer.differs",
            transfer.pid,
            peer=transfer.peer,
            ours=transfer.content.digest if transfer.content else "",
            theirs=theirs.content.digest,
        )
    return same


def _statement(ports: Ports, transfer: Transfer, party: str, content: Content) -> Statement:
    provider, consumer = ports.settings.did, transfer.peer
    if transfer.role is Role.CONSUMER:
        provider, consumer = consumer, provider
    return Statement(
        party=party,
        agreement=transfer.agreement_id,
        extract=transfer.extract_id,
        provider=provider,
        consumer=consumer,
        content=content,
        at=ports.clock.now().replace(microsecond=0),
    )
