"""Begins what persons of this node decide on, in the transaction of what would be done without.

Rules: until they have decided nothing is signed, and the negotiation stays in the state that the
consumer's message brought it to. What the negotiation ends with otherwise makes it void.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from connector.domain import instant
from connector.domain.catalog.dataset import Offer
from connector.domain.catalog.review import Review
from connector.domain.contract.approval import Approval, ApprovalState, Happening, Subject
from connector.domain.contract.negotiation import Negotiation, Role
from connector.errors import TooManyRequests
from connector.ports import Ports, Transaction
from connector.services import noticing

APPROVALS: Final = "approvals"  # what wakes the thread that waits for the next due time


def begin(
    ports: Ports, tx: Transaction, review: Review, about: Mapping[str, Any], **facts: str
) -> Approval:
    """Let persons decide on something from now on; return what waits, stored and in the log.

    Args:
        ports: of this node.
        tx: the transaction.
        review: who decides, and how long they have.
        about: members of the approval that say what on.
        facts: what else its entry in the log states.
    """
    now = ports.clock.now()
    asked = Approval(
        **about,
        roles=review.roles,
        asked_at=now,
        remind_at=now + review.remind_after,
        lapses_at=now + review.lapse_after,
    )
    tx.approvals.put(noticing.after(ports, asked, Happening.ASKED))
    tx.audit.append(
        "approval.asked",
        asked.id,
        peer=asked.peer,
        dataset=asked.dataset_id,
        **facts,
        roles=list(asked.roles),
        lapses=instant.text(asked.lapses_at),
    )
    tx.after_commit(partial(ports.wakeups.notify, APPROVALS))
    return asked


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
    about = {
        "id": negotiation.pid,
        "peer": negotiation.peer,
        "dataset_id": offer.dataset_id,
        "offer_id": offer.id,
    }
    begin(ports, tx, review, about, offer=offer.id, digest=offer.digest)
    waits = replace(negotiation, policy=offer.policy, policy_by=Role.PROVIDER, awaits=True)
    tx.negotiations.put(waits)
    return waits


def check_room(ports: Ports, tx: Transaction, peer: str, subject: Subject) -> None:
    """Check that a peer may have one more thing wait for persons.

    Raises:
        TooManyRequests: as much waits as may.
    """
    waiting = tx.approvals.find(state=ApprovalState.PENDING, peer=peer, subject=subject)
    if len(waiting) >= ports.settings.max_jobs_per_lead:
        raise TooManyRequests(
            f"{len(waiting)} {subject.value}s wait for a decision here",
            hint="ask once they are decided",
        )


def void(tx: Transaction, ended: Negotiation) -> None:
    """Note that nothing is left to decide on: a negotiation of ours has ended."""
    if ended.role is Role.PROVIDER:
        moot(tx, ended.pid, ended.updated_at, ended.code, "; ".join(ended.reasons))


def moot(tx: Transaction, approval_id: str, now: datetime, code: str, reason: str = "") -> None:
    """Note that nothing is left to decide on, if anything waits: what it is about has ended.

    Args:
        tx: the transaction.
        approval_id: what may wait.
        now: UTC.
        code: of that end.
        reason: of that end, one line; may be empty.
    """
    found = tx.approvals.lock(approval_id)
    if found is None or found.state is not ApprovalState.PENDING:
        return
    tx.approvals.put(found.closed(ApprovalState.VOID, now, code, reason))
    tx.audit.append("approval.void", found.id, peer=found.peer, code=code)
