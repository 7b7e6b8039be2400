"""Puts messages into the outbox, in the transaction of the state change that causes them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from connector.domain.delivery import OUTBOX, OutgoingMessage
from connector.jsonld.canonical import canonical
from connector.ports import Ports, Transaction
from connector.protocol.codec import Body


def enqueue(
    ports: Ports,
    tx: Transaction,
    identifier: str,
    peer: str,
    subject: str,
    message: Body,
    address: str = "",
) -> None:
    """Put a message into the outbox, and wake the dispatcher once it is committed.

    Args:
        ports: of this node.
        tx: the transaction.
        identifier: of the message.
        peer: DID of the receiver.
        subject: what it belongs to; messages of one subject are delivered in order.
        message: kept as it is, so that every delivery carries the same bytes.
        address: where the receiver takes it over HTTPS; empty: it goes over gRPC.
    """
    put(ports, tx, outgoing(ports, identifier, peer, subject, message, address))


def put(ports: Ports, tx: Transaction, message: OutgoingMessage) -> None:
    """Put a message into the outbox; see `enqueue`.

    Where the delivery under way has the turn of its subject, that goes on with it instead. The
    first one about its subject goes out without a look at the outbox.
    """
    turn = ports.turn
    if turn is not None and turn.subject == message.subject and not turn.behind:
        tx.outbox.put(message)
        tx.after_commit(partial(turn.follow, message))
    elif waits(tx, message.subject):
        tx.outbox.put(message)
        wake(ports, tx)
    else:
        put_first(ports, tx, message)


def put_first(ports: Ports, tx: Transaction, message: OutgoingMessage) -> None:
    """As `put`, where nothing about its subject can wait: it is sent without a look at all."""

    def go() -> None:
        if not ports.courier.take(message):
            ports.wakeups.notify(OUTBOX)

    tx.outbox.put(message)
    tx.after_commit(go)


def waits(tx: Transaction, subject: str) -> bool:
    """Return whether a message about a subject waits for its delivery."""
    return tx.outbox.count(subject=subject, delivered_at=None, failed="") > 0


def outgoing(
    ports: Ports, identifier: str, peer: str, subject: str, message: Body, address: str = ""
) -> OutgoingMessage:
    """Return a message as the outbox keeps it; see `enqueue`."""
    now = ports.clock.now()
    kind, body = type(message).__name__, canonical(message.to_body())
    return OutgoingMessage(identifier, peer, kind, body, subject, now, now, address=address)


def wake(ports: Ports, tx: Transaction) -> None:
    """Wake the dispatcher once the transaction is committed."""
    tx.after_commit(partial(ports.wakeups.notify, OUTBOX))


def retry(ports: Ports, subject: str) -> int:
    """Send again what was given up for a subject; return how many messages that are."""
    now = ports.clock.now()
    with ports.store.write() as tx:
        given_up = [m for m in tx.outbox.find(subject=subject, delivered_at=None) if m.failed]
        for message in given_up:
            again = replace(message, failed="", attempts=0, due_at=now, created_at=now)
            tx.outbox.put(again)
        wake(ports, tx)
    return len(given_up)
