"""What a contract delivered by this node's records; receipts of deletion are held to it."""

from __future__ import annotations

from connector.domain.contract.duty import Deed, DeedKind
from connector.domain.transfer.transfer import TransferState
from connector.enforcement.history import deletes
from connector.ports import Transaction
from policies_odrl import Policy


def delivered(tx: Transaction, agreement_id: str) -> frozenset[str]:
    """Return the SHA-256 (hex) of the files that a contract delivered, in part or whole."""
    return frozenset(
        each.content.digest
        for each in tx.transfers.find(agreement_id=agreement_id)
        if each.content is not None and (each.passed or each.state is TransferState.COMPLETED)
    )


def unnamed(tx: Transaction, policy: Policy, deed: Deed) -> tuple[str, ...]:
    """Return what was delivered and a receipt of deletion does not name; empty for other deeds."""
    if deed.kind is not DeedKind.DONE or not deletes(policy, deed.about):
        return ()
    left = outstanding(tx, deed.agreement_id, deed.party, deed.about)
    return tuple(sorted(left - {each.digest for each in deed.deletions}))


def outstanding(tx: Transaction, agreement_id: str, party: str, about: str) -> frozenset[str]:
    """Return what a contract delivered and no receipt of a party names so far."""
    said = tx.deeds.find(agreement_id=agreement_id, party=party, about=about)
    named = (each.digest for deed in said for each in deed.deletions)
    return delivered(tx, agreement_id).difference(named)
