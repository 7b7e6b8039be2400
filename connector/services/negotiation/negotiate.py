"""Negotiations: what an operator does with them, and what heals and ends them.

Rules: either side may open; every message goes through the protocol's table. Where messages arrive
is `receiving.py`; what each side does by itself on a message is `provider_side.py` and
`consumer_side.py`; delivery is `services/messages/deliver.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from connector.domain.contract.negotiation import (
    STALE,
    WAITING,
    Negotiation,
    NegotiationState,
)
from connector.domain.page import PAGE, Page
from connector.domain.participant import Participant
from connector.errors import NotFound, PeerUnreachable, PreauError
from connector.ports import Ports
from connector.protocol import messages
from connector.services.lookup import require
from connector.services.membership import onboard
from connector.services.messages import sending
from connector.services.negotiation import (
    outcomes,
    steps,
    terms,
)
from connector.services.negotiation.consumer_side import (
    accept,
    begin,
    counter,
    obstacle,
    request,
)
from connector.services.negotiation.provider_side import offer
from policies_odrl.comparison.differences import Compared

__all__ = [
    "accept",
    "begin",
    "changes",
    "counter",
    "expire",
    "negotiation",
    "negotiations",
    "obstacle",
    "offer",
    "receive_get",
    "reconcile",
    "request",
    "settle",
    "terminate",
]

SETTLE_EVERY: Final = timedelta(hours=6)
MOST_SETTLED: Final = 20  # at a time

_log = logging.getLogger(__name__)


def negotiations(
    ports: Ports, *, after: str = "", limit: int = PAGE, newest: bool = False
) -> Page[Negotiation]:
    """Return a page of the negotiations of this node, oldest or newest first.

    Raises:
        Malformed: `after` is not a `Page.next`.
    """
    with ports.store.read() as tx:
        return tx.negotiations.page(after=after, limit=limit, newest=newest)


def negotiation(ports: Ports, pid: str) -> Negotiation:
    """Return a negotiation of this node by its own id of it.

    Raises:
        NotFound: none of that id.
    """
    with ports.store.read() as tx:
        return require(tx.negotiations.get(pid), "negotiation", pid)


def changes(ports: Ports, found: Negotiation) -> tuple[Compared, ...]:
    """Return what the provider's terms on the table change of those asked for, see `terms.tabled`.

    Raises:
        PreauError: the two cannot be compared.
    """
    return terms.tabled(found, ports.mechanisms.profiles)


def terminate(ports: Ports, pid: str, reason: str = "") -> Negotiation:
    """End a negotiation, and tell the peer.

    Raises:
        NotFound: no such negotiation.
        IllegalMessage: this side may not end it in its state.
    """
    reasons = (reason,) if reason else ()
    with ports.store.write() as tx:
        found = steps.own(tx, pid)
        if not found.peer_pid and not steps.is_over(found):
            return steps.end_here(ports, tx, found, "", reasons)
        return steps.end(ports, tx, found, "", reasons)


def reconcile(ports: Ports, pid: str) -> Negotiation:
    """Ask the peer for its state and mend a disagreement: send again, or end what it has ended.

    What a peer says ends no contract that is concluded, and gives nothing back: jobs run under a
    finalized contract only. Where the operator asks, a peer that knows nothing of it has ended it.

    Raises:
        NotFound: no such negotiation.
        PeerUnreachable: the peer does not answer.
    """
    return _reconcile(ports, pid, unknown=NegotiationState.TERMINATED.value)


def _reconcile(ports: Ports, pid: str, *, unknown: str) -> Negotiation:
    """As `reconcile`; `unknown` is the state of a peer that knows no such negotiation."""
    found = negotiation(ports, pid)
    if not found.peer_pid:
        sending.retry(ports, pid)
        return found
    peer = onboard.known(ports, found.peer)
    try:
        question = messages.GetNegotiationMessage(found.peer_pid)
        about = (peer, "GetNegotiationMessage", question.to_body())
        if found.address:
            answer = ports.wire.call(*about, address=found.address)
        else:
            answer = ports.wire.call(*about)
        theirs = messages.ContractNegotiation.from_body(answer).state
    except NotFound:
        theirs = unknown
    if theirs != NegotiationState.TERMINATED.value:
        sending.retry(ports, pid)
        return negotiation(ports, pid)
    with ports.store.write() as tx:
        found = steps.own(tx, pid)
        if steps.is_over(found):
            return found
        reason = "the peer has terminated the negotiation"
        return steps.end_here(ports, tx, replace(found, peer_pid=""), "", (reason,))


def settle(ports: Ports) -> int:
    """Reconcile what stands still since its last signature was not taken; return how many.

    A peer that knows nothing of what we signed may have gone back, or may lie and complete the
    contract later: that is no end. An end it must state. At most once in `SETTLE_EVERY` a message;
    what the peer does not answer waits for the next time.
    """
    now = ports.clock.now()
    with ports.store.read() as tx:
        stuck = {
            message.subject
            for message in tx.outbox.page(limit=0, delivered_at=None).values
            if message.failed
            and SETTLE_EVERY < now - message.created_at < outcomes.SIGNED_AGE
            and outcomes.signed(message)
        }
        found = (tx.negotiations.get(pid) for pid in sorted(stuck))
        pids = [each.pid for each in found if each and each.state != NegotiationState.TERMINATED]
    for pid in pids[:MOST_SETTLED]:
        try:
            _reconcile(ports, pid, unknown="")
        except PreauError as exc:
            _log.info("negotiation `%s` stands still: %s: %s", pid, exc.code, exc.reason)
    return len(pids)


def expire(ports: Ports) -> int:
    """End negotiations in which nothing has happened for too long; return how many.

    That is `STALE`, and `UNVERIFIED` for an agreement of ours that the consumer does not verify.
    """
    now = ports.clock.now()
    with ports.store.write() as tx:
        stale = [
            item
            for state in WAITING
            for item in tx.negotiations.page(limit=0, state=state).values
            if item.deadline is not None and item.deadline < now
        ]
        for item in stale:
            reasons = (f"nothing happened for {_hours(item)} h",)
            steps.end_here(ports, tx, item, PeerUnreachable.code, reasons)
    return len(stale)


def _hours(stale: Negotiation) -> int:
    return int((stale.patience or STALE).total_seconds()) // 3600


def receive_get(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Answer a `GetNegotiationMessage`.

    Raises:
        NotFound: none of that id with this peer.
    """
    pid = messages.GetNegotiationMessage.from_body(body).pid
    with ports.store.read() as tx:
        found = tx.negotiations.get(pid)
    if found is None or found.peer != caller.did:
        raise NotFound("no such negotiation with this peer")
    return steps.answer_of(found)
