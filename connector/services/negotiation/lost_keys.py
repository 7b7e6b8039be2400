"""Contracts that were signed with a key which its owner has lost since.

Rule: a key that was followed by another keeps its place in the owner's document; one that is in it
no longer was given up, as after `preau authority readmit`. The contract stands: what was signed
then is proven by the documents that it is kept with. Nothing is stored: the mark follows from them.
"""

from __future__ import annotations

from connector.domain.contract.negotiation import Agreement
from connector.errors import PreauError
from connector.identity import document as documents
from connector.identity.succession import signers
from connector.ports import Ports


def lost_keys(ports: Ports, agreement: Agreement) -> list[str]:
    """Return the parties, sorted, that no longer use any key that they had at signing."""
    own = ports.settings.did
    peer = agreement.consumer if agreement.provider == own else agreement.provider
    with ports.store.read() as tx:
        known = tx.participants.get(peer)
    now = {own: ports.own_document(), peer: known.document if known else b""}
    then = {
        agreement.provider: agreement.provider_document,
        agreement.consumer: agreement.consumer_document,
    }
    return sorted(did for did in then if _lost(did, then[did], now.get(did, b"")))


def _lost(did: str, then: bytes, now: bytes) -> bool:
    try:
        return not signers(documents.read(then, did)) & signers(documents.read(now, did))
    except PreauError:
        return False  # what cannot be read says nothing
