"""Puts messages into the outbox, in the transaction of the state change that causes them."""

from __future__ import annotations

from functools import partial

from connector.domain.delivery import OUTBOX, OutgoingMessage
from connector.jsonld.canonical import canonical
from connector.ports import Ports, Transaction
from connector.protocol.codec import Body


def enqueue(
    ports: Ports, tx: Transaction, identifier: str, peer: str, subject: str, message: Body
) -> None:
    """Put a message into the outbox, and wake the dispatcher once it is committed.

    Args:
        ports: of this node.
        tx: the transaction.
        identifier: of the message.
        peer: DID of the receiver.
        subject: what it belongs to; messages of one subject are delivered in order.
        message: kept as it is, so that every delivery carries the same bytes.
    """
    now = ports.clock.now()
    kind, body = type(message).__name__, canonical(message.to_body())
    tx.outbox.put(OutgoingMessage(identifier, peer, kind, body, subject, now, now))
    tx.after_commit(partial(ports.wakeups.notify, OUTBOX))
