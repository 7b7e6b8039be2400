"""Begins what persons of this node decide on, in the transaction of what would be done without.

Rules: until they have decided nothing is signed, and the negotiation stays in the state that the
consumer's message brought it to. What the negotiation ends with otherwise makes it void.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from connector.domain import instant
from connector.domain.catalog.dataset import Offer
from connector.domain.catalog.review import Review
from connector.domain.contract.approval import Approval, ApprovalState, Happening
from connector.domain.contract.negotiation import Negotiation, Role
from connector.ports import Ports, Transaction
from connector.services import noticing

APPROVALS: Final = "approvals"  # what wakes the thread that waits for the next due time


def ask(
    ports: Ports, tx: Transaction, negotiation: Negotiation, offer: Offer, review: Review
) -> Negotiation:
    """Let persons decide on a contract on an offer of ours; return the negotiation, stored.

    Args:
        ports: of this node.
        tx: the transaction.
        negotiation: as the consumer's message leaves it, already in the log.
        offer: what would be contracted.
        review: how they decide.
    """
    now = ports.clock.now()
    asked = Approval(
        id=negotiation.pid,
        peer=negotiation.peer,
        dataset_id=offer.dataset_id,
        offer_id=offer.id,
        roles=review.roles,
        acceptances=(),
        state=ApprovalState.PENDING,
        code="",
        reason="",
        asked_at=now,
        remind_at=now + review.remind_after,
        reminded=False,
        lapses_at=now + review.lapse_after,
        closed_at=None,
    )
    waits = replace(negotiation, policy=offer.policy, policy_by=Role.PROVIDER, awaits=True)
    tx.approvals.put(noticing.after(ports, asked, Happening.ASKED))
    tx.negotiations.put(waits)
    tx.audit.append(
        "approval.asked",
        asked.id,
        peer=asked.peer,
        dataset=asked.dataset_id,
        offer=asked.offer_id,
        digest=offer.digest,
        roles=list(asked.roles),
        lapses=instant.text(asked.lapses_at),
    )
    tx.after_commit(partial(ports.wakeups.notify, APPROVALS))
    return waits


def void(tx: Transaction, ended: Negotiation) -> None:
    """Note that nothing is left to decide on: a negotiation of ours has ended."""
    found = tx.approvals.lock(ended.pid) if ended.role is Role.PROVIDER else None
    if found is None or found.state is not ApprovalState.PENDING:
        return
    reason = "; ".join(ended.reasons)
    tx.approvals.put(found.closed(ApprovalState.VOID, ended.updated_at, ended.code, reason))
    tx.audit.append("approval.void", found.id, peer=found.peer, code=ended.code)
