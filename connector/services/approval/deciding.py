"""What persons of this node decide, and what follows from it.

Rules: the last acceptance that was missing signs by the same path as a request that is agreed at
once, and everything is judged anew at that moment: the consumer's membership, the offer, the
budget, the state of both nodes. A refusal, or nobody's decision in time, ends the negotiation with
a code, and the consumer is told. State, log and message are one transaction.
"""

from __future__ import annotations

from dataclasses import replace

from connector.domain.contract.approval import Approval, ApprovalState, Happening, Subject
from connector.domain.contract.negotiation import Negotiation, NegotiationState
from connector.domain.page import PAGE, Page
from connector.errors import ApprovalLapsed, ApprovalRefused
from connector.ports import Ports, Transaction
from connector.services import noticing
from connector.services.continuity import recovery
from connector.services.evidence.witness import check_peer
from connector.services.lookup import require
from connector.services.membership import dealing
from connector.services.negotiation import notices, provider_side, steps
from connector.services.use import releasing


def approvals(
    ports: Ports,
    *,
    pending: bool = True,
    after: str = "",
    limit: int = PAGE,
    newest: bool = False,
) -> Page[Approval]:
    """Return a page of what waits for a decision, or of all that is kept, oldest or newest first.

    Raises:
        Malformed: `after` is not a `Page.next`.
    """
    only = {"state": ApprovalState.PENDING} if pending else {}
    with ports.store.read() as tx:
        return tx.approvals.page(after=after, limit=limit, newest=newest, **only)


def approval(ports: Ports, approval_id: str) -> Approval:
    """Return what waits for a decision, or what was decided.

    Raises:
        NotFound: none of that id.
    """
    with ports.store.read() as tx:
        return require(tx.approvals.get(approval_id), "approval", approval_id)


def accept(
    ports: Ports, approval_id: str, role: str = "", reason: str = "", account: str = ""
) -> Approval:
    """Accept in a role; once all have, the contract is signed, the use made or the output let go.

    Raises:
        NotFound: none of that id.
        ApprovalClosed: it was decided, has lapsed, or has ended.
        RoleForbidden: the role does not decide or has accepted already, or the account has.
        Malformed: the reason is not one line.
        Untrusted: the consumer is not believed now; nothing was decided.
        InRecovery: this node went back; nothing was decided.
        PeerRolledBack: the consumer's node went back; nothing was decided.
        Unlawful: the contract of an output does not stand; nothing was decided.
        KeyUnusable: our key cannot sign.
    """
    if reason:
        notices.check_reason(reason)
    asked = approval(ports, approval_id)
    consumer = dealing.judge(ports, asked.peer, asked.agreement_id)
    with ports.store.write() as tx:
        found, negotiation = _open(ports, tx, approval_id)
        chosen = found.check_role(role)
        recovery.check_within(ports, tx)
        check_peer(tx, found.peer)
        accepted = found.accepted_by(chosen, reason, account)
        tx.approvals.put(accepted)
        tx.audit.append("approval.accepted", found.id, role=chosen, reason=reason, peer=found.peer)
        if accepted.missing:
            return accepted
        if found.subject is Subject.OUTPUT:
            releasing.release(ports, tx, accepted)
        if negotiation is None:  # of a use: who asks asks again, and all is judged anew
            return _close(ports, tx, accepted, ApprovalState.ACCEPTED, "", "")
        moved = provider_side.conclude(ports, consumer, tx, negotiation)
        if moved.state is not NegotiationState.TERMINATED:
            tx.approvals.put(accepted.closed(ApprovalState.ACCEPTED, ports.clock.now()))
        return require(tx.approvals.get(approval_id), "approval", approval_id)


def refuse(ports: Ports, approval_id: str, reason: str, role: str = "") -> Approval:
    """Refuse in a role: what waited ends, an output by its key, and the consumer is told why.

    Raises:
        NotFound: none of that id.
        ApprovalClosed: it was decided, has lapsed, or has ended.
        RoleForbidden: the role does not decide.
        Malformed: the reason is not one line.
    """
    notices.check_reason(reason)
    with ports.store.write() as tx:
        found, negotiation = _open(ports, tx, approval_id)
        chosen = found.check_role(role)
        tx.audit.append("approval.refused", found.id, role=chosen, reason=reason, peer=found.peer)
        closed = _close(ports, tx, found, ApprovalState.REFUSED, ApprovalRefused.code, reason)
        if found.subject is Subject.OUTPUT:
            releasing.withhold(ports, tx, closed)
        if negotiation is not None:
            steps.end(ports, tx, negotiation, closed.code, (reason,))
        return closed


def remind(ports: Ports, tx: Transaction, found: Approval) -> None:
    """Ask again for a decision that is missing: it stands in the log, and is told."""
    reminded = replace(found, reminded=True)
    tx.approvals.put(noticing.after(ports, reminded, Happening.REMINDED))
    tx.audit.append("approval.reminded", found.id, peer=found.peer, roles=list(found.missing))


def lapse(ports: Ports, tx: Transaction, found: Approval) -> None:
    """End what nobody decided on in time, and tell the consumer."""
    tx.audit.append("approval.lapsed", found.id, peer=found.peer, roles=list(found.missing))
    hours = int((found.lapses_at - found.asked_at).total_seconds()) // 3600
    reason = f"the provider did not decide within {hours} h"
    closed = _close(ports, tx, found, ApprovalState.LAPSED, ApprovalLapsed.code, reason)
    if found.subject is Subject.OUTPUT:
        releasing.withhold(ports, tx, closed)
    negotiation = tx.negotiations.lock(found.id)
    if negotiation is not None and negotiation.awaits:
        steps.end(ports, tx, negotiation, closed.code, (reason,))


def _open(ports: Ports, tx: Transaction, approval_id: str) -> tuple[Approval, Negotiation | None]:
    """Return what may be decided, and the negotiation that it is about; None for what is made."""
    found = require(tx.approvals.lock(approval_id), "approval", approval_id)
    found.check_open(ports.clock.now())
    if found.subject is not Subject.CONTRACT:
        return found, None
    return found, require(tx.negotiations.lock(approval_id), "negotiation", approval_id)


def _close(
    ports: Ports, tx: Transaction, found: Approval, state: ApprovalState, code: str, reason: str
) -> Approval:
    closed = found.closed(state, ports.clock.now(), code, reason)
    tx.approvals.put(closed)
    return closed
