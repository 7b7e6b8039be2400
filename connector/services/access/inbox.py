"""What waits for the persons of an institution, and what changed since one of them was here.

Rule: only what every role may see stands in it, so that nobody learns more here than on the pages
of its role.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from connector.domain.account import Account
from connector.domain.contract.approval import Approval, ApprovalState
from connector.domain.contract.duty import Duty
from connector.domain.contract.negotiation import Negotiation, NegotiationState, Role
from connector.domain.log.audit import LogEntry, Sought
from connector.ports import Ports
from connector.services.access.accounts import ENTERED, REFUSED

MOST: Final = 10
_LOOKED_AT: Final = 300  # entries of the log since the last login, the newest
CHANGES: Final = frozenset(
    {
        *("agreement.ended", "agreement.suspended", "agreement.resumed"),
        *("negotiation.requested", "negotiation.offered"),
        *("negotiation.finalized", "negotiation.terminated"),
        *("dataset.published", "dataset.refreshed", "dataset.withdrawn"),
        *("job.submitted", "job.accepted", "job.refused"),
        *("job.completed", "job.failed", "job.cancelled"),
        *("duty.overdue", "duty.done", "duty.waived"),
    }
)


@dataclass(frozen=True, slots=True)
class Inbox:
    """What waits, `MOST` of each kind.

    Attributes:
        offers: negotiations in which a provider's terms wait for an answer of ours.
        duties: that this institution owes, the most urgent first.
    """

    offers: tuple[Negotiation, ...]
    duties: tuple[Duty, ...]


@dataclass(frozen=True, slots=True)
class Since:
    """What changed since somebody was here.

    Attributes:
        last: login before this one, UTC; None: there was none.
        refused: attempts to log in to the account that failed since.
        changes: entries of the kinds `CHANGES`, the newest first.
    """

    last: datetime | None
    refused: int
    changes: tuple[LogEntry, ...]


def inbox(ports: Ports) -> Inbox:
    """Return what waits for an answer or an act of this institution."""
    own = ports.settings.did
    with ports.store.read() as tx:
        offers = tx.negotiations.page(
            limit=MOST,
            state=NegotiationState.OFFERED,
            role=Role.CONSUMER,
            policy_by=Role.PROVIDER,
        ).values
        duties = tx.duties.urgent(debtor=own, limit=MOST).values
    return Inbox(offers, duties)


def decisions(ports: Ports, account: Account) -> tuple[Approval, ...]:
    """Return `MOST` of what waits for a role in which an account decides; without one, for any."""
    with ports.store.read() as tx:
        if account.reviews:
            return tx.approvals.awaiting(account.reviews, MOST).values
        return tx.approvals.page(limit=MOST, state=ApprovalState.PENDING).values


def since(ports: Ports, account: Account) -> Since:
    """Return what changed since the login before this one; of a first login, nothing."""
    with ports.store.read() as tx:
        logins = tx.audit.page(Sought(subjects=(account.id,), kind=ENTERED, newest=True), 2).values
        if len(logins) < 2:  # noqa: PLR2004 - this one, and the one before
            return Since(None, 0, ())
        start = logins[1].index + 1
        refused = tx.audit.page(Sought(start, (account.id,), REFUSED), _LOOKED_AT).values
        newest = tx.audit.page(Sought(start, newest=True), _LOOKED_AT).values
    changes = tuple(each for each in newest if each.kind in CHANGES)[:MOST]
    return Since(logins[1].at, len(refused), changes)
