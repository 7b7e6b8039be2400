"""What a contract delivered by this node's records; receipts of deletion are held to it.

Rules: deliveries are told apart by the consumer's ids of their transfers, which both parties have:
the same bytes that are delivered once more are to be deleted once more. A receipt of before names
digests alone, and is about what was delivered until then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from connector.domain.contract.duty import Deed, DeedKind, Deletion
from connector.domain.contract.negotiation import Role
from connector.domain.transfer.extract import Extract, ExtractState
from connector.domain.transfer.transfer import ENDED, TransferState
from connector.enforcement.history import deletes
from connector.ports import Transaction
from policies_odrl import Policy


@dataclass(frozen=True, slots=True)
class Delivery:
    """A file that left the provider, in part or whole.

    Attributes:
        id: the consumer's id of the transfer.
        extract: the provider's id of the file.
        digest: SHA-256 of it, hex.
        begun: when the transfer was opened, UTC.
        over: whether nothing more can come of it.
        peer: DID of the other party.
        role: ours.
    """

    id: str
    extract: str
    digest: str
    begun: datetime
    over: bool
    peer: str
    role: Role

    def provided_by(self, party: str) -> bool:
        """Return whether a party of the contract is its provider."""
        return (party == self.peer) is (self.role is Role.CONSUMER)


def delivered(tx: Transaction, agreement_id: str) -> list[Delivery]:
    """Return what a contract delivered, in part or whole."""
    return [
        Delivery(
            id=it.pid if it.role is Role.CONSUMER else it.peer_pid,
            extract=it.extract_id,
            digest=it.content.digest,
            begun=it.created_at,
            over=it.state in ENDED,
            peer=it.peer,
            role=it.role,
        )
        for it in tx.transfers.find(agreement_id=agreement_id)
        if it.content is not None and (it.passed or it.state is TransferState.COMPLETED)
    ]


def unnamed(tx: Transaction, policy: Policy, deed: Deed) -> tuple[str, ...]:
    """Return the digests of what was delivered and no receipt names; empty for other deeds."""
    if deed.kind is not DeedKind.DONE or not deletes(policy, deed.about):
        return ()
    said = (*_said(tx, deed.agreement_id, deed.party, deed.about), deed)
    left = _left(delivered(tx, deed.agreement_id), said)
    return tuple(sorted({each.digest for each in left}))


def outstanding(tx: Transaction, agreement_id: str, party: str, about: str) -> list[Delivery]:
    """Return what a contract delivered and no receipt of a party names so far, oldest first."""
    left = _left(delivered(tx, agreement_id), _said(tx, agreement_id, party, about))
    return sorted(left, key=lambda each: each.begun)


def destroyed(tx: Transaction, agreement_id: str, party: str, about: str) -> list[Extract]:
    """Return the copies of a contract that this node destroyed and no receipt of its names yet."""
    said = _said(tx, agreement_id, party, about)
    named = {each.of for deed in said for each in deed.deletions}
    ended = tx.extracts.find(agreement_id=agreement_id, state=ExtractState.GONE)
    return [each for each in ended if each.digest and each.id not in named]


def named(tx: Transaction, agreement_id: str) -> list[tuple[str, str, datetime]]:
    """Return what receipts of a contract name: extract, or else digest, and when it was stated."""
    extracts = {each.id: each.extract for each in delivered(tx, agreement_id)}
    return [
        (extracts.get(it.of, it.of), "" if it.of else it.digest, deed.stated_at)
        for deed in tx.deeds.find(agreement_id=agreement_id)
        for it in deed.deletions
    ]


def _said(tx: Transaction, agreement_id: str, party: str, about: str) -> list[Deed]:
    return tx.deeds.find(agreement_id=agreement_id, party=party, about=about)


def _left(deliveries: Iterable[Delivery], said: Iterable[Deed]) -> list[Delivery]:
    """Return the deliveries that no receipt names."""
    told = [(deed, it) for deed in said for it in deed.deletions]
    return [each for each in deliveries if not any(_names(*it, each) for it in told)]


def _names(deed: Deed, said: Deletion, delivery: Delivery) -> bool:
    if not said.of:
        return said.digest == delivery.digest and delivery.begun <= deed.stated_at
    if said.of == delivery.id:
        return True
    # a provider whose copy is destroyed delivers it no more
    return said.of == delivery.extract and delivery.provided_by(deed.party)
