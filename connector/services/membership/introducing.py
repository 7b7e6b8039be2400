"""Telling peers that this node serves another document or membership than before.

Rules: an introduction is a message of the outbox like others, so that none is lost; there is one
for each peer, and a newer one takes its place. It says nothing but who this node is: the peer
fetches document and membership, and judges them. It travels over HTTPS, since a peer that does not
know our keys yet refuses our calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

from connector.domain.delivery import INTRODUCTION, OUTBOX, OutgoingMessage
from connector.domain.participant import Participant
from connector.errors import DidUnresolvable
from connector.identity import document as documents
from connector.jsonld.canonical import canonical, sha256_hex
from connector.ports import Ports, Transaction, Web
from connector.services.membership import fetching
from connector.services.readable import readable

KIND: Final = INTRODUCTION
_ID: Final = "introduction:"


def introduce(web: Web, did: str, peer: Participant) -> None:
    """Let a peer fetch this node's document and membership now.

    Args:
        web: reaches the peer.
        did: this node's own.
        peer: as it is known.

    Raises:
        DidUnresolvable: it takes no first contact.
        PeerUnreachable: it does not answer.
        PreauError: the refusal that it answered with.
    """
    document = documents.read(peer.document, peer.did)
    address = document.services.get(fetching.FIRST_CONTACT, "")
    if not address:
        raise DidUnresolvable(f"`{peer.did}` does not accept first contacts")
    web.post(address, canonical({"did": did}))


def announce(ports: Ports) -> int:
    """Queue an introduction to each peer that was not told of what is served now.

    Returns:
        How many were queued.
    """
    body = canonical({"serves": _serves(ports)})
    now = ports.clock.now()
    with ports.store.read() as tx:
        sent = _sent(tx)
    due = [did for did, message in sent.items() if message is None or message.body != body]
    if not due:
        return 0
    with ports.store.write() as tx:
        for did in due:
            tx.outbox.put(
                OutgoingMessage(
                    id=f"{_ID}{did}",
                    peer=did,
                    kind=KIND,
                    body=body,
                    subject=f"{_ID}{did}",
                    created_at=now,
                    due_at=now,
                )
            )
        tx.after_commit(partial(ports.wakeups.notify, OUTBOX))
    return len(due)


def untold(ports: Ports) -> list[str]:
    """Return the peers, sorted, that have not yet fetched what is served now."""
    with ports.store.read() as tx:
        return _untold(tx, _serves(ports))


def untold_of(tx: Transaction, document: bytes, memberships: Iterable[str]) -> list[str]:
    """Return the peers, sorted, that have not yet fetched a document and memberships of ours."""
    return _untold(tx, served(document, memberships))


def _untold(tx: Transaction, serves: str) -> list[str]:
    body, sent = canonical({"serves": serves}), _sent(tx)
    return sorted(
        did
        for did, message in sent.items()
        if message is None or message.body != body or message.delivered_at is None
    )


def served(document: bytes, memberships: Iterable[str]) -> str:
    """Return what identifies a document and memberships that this node serves, hex."""
    return sha256_hex(b"\n".join((document, *(each.encode() for each in memberships))))


def _serves(ports: Ports) -> str:
    return served(ports.own_document(), fetching.own_memberships(ports))


def _sent(tx: Transaction) -> dict[str, OutgoingMessage | None]:
    """Return the newest introduction to each Préau node that is not blocked, by DID."""
    return {
        peer.did: tx.outbox.get(f"{_ID}{peer.did}")
        for peer in readable(tx.participants, blocked="")
        if peer.grpc_endpoint
    }
