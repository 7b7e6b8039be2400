"""Negotiations: what an operator does with them, and where their messages arrive.

Rules: either side may open; every message goes through the protocol's table; a refused message
changes nothing and is in the audit log. What each side does by itself on a message is
`provider_side.py` and `consumer_side.py`; delivery is `services/messages/deliver.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from connector.domain.contract.negotiation import WAITING, Negotiation, NegotiationState
from connector.domain.page import PAGE, Page
from connector.domain.participant import Participant
from connector.errors import AgreementTampered, NotFound, PeerUnreachable, PreauError
from connector.identity import agreement as documents
from connector.ports import Ports, Transaction
from connector.protocol import messages
from connector.protocol.negotiation import Act
from connector.services.lookup import require
from connector.services.membership import onboard
from connector.services.messages import deliver
from connector.services.negotiation import (
    agree,
    consumer_side,
    outcomes,
    provider_side,
    steps,
    telling,
)
from connector.services.negotiation.consumer_side import accept, counter, request
from connector.services.negotiation.provider_side import offer

__all__ = [
    "accept",
    "counter",
    "expire",
    "negotiation",
    "negotiations",
    "offer",
    "receive_agreement",
    "receive_event",
    "receive_get",
    "receive_offer",
    "receive_request",
    "receive_termination",
    "receive_verification",
    "reconcile",
    "request",
    "settle",
    "terminate",
]

SETTLE_EVERY: Final = timedelta(hours=6)
MOST_SETTLED: Final = 20  # at a time
_REFUSED: Final = "agreement.refused"

_log = logging.getLogger(__name__)


def negotiations(ports: Ports, *, after: str = "", limit: int = PAGE) -> Page[Negotiation]:
    """Return a page of the negotiations of this node, oldest first.

    Raises:
        Malformed: `after` is not a `Page.next`.
    """
    with ports.store.read() as tx:
        return tx.negotiations.page(after=after, limit=limit)


def negotiation(ports: Ports, pid: str) -> Negotiation:
    """Return a negotiation of this node by its own id of it.

    Raises:
        NotFound: none of that id.
    """
    with ports.store.read() as tx:
        return require(tx.negotiations.get(pid), "negotiation", pid)


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
        deliver.retry(ports, pid)
        return found
    peer = onboard.known(ports, found.peer)
    try:
        question = messages.GetNegotiationMessage(found.peer_pid)
        answer = ports.wire.call(peer, "GetNegotiationMessage", question.to_body())
        theirs = messages.ContractNegotiation.from_body(answer).state
    except NotFound:
        theirs = unknown
    if theirs != NegotiationState.TERMINATED.value:
        deliver.retry(ports, pid)
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
            and SETTLE_EVERY < now - message.created_at < deliver.SIGNED_AGE
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
            hours = int(WAITING[item.state].total_seconds()) // 3600
            reasons = (f"nothing happened for {hours} h",)
            steps.end_here(ports, tx, item, PeerUnreachable.code, reasons)
    return len(stale)


def receive_request(
    ports: Ports, caller: Participant, body: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Receive a `ContractRequestMessage`; see `provider_side.on_request`."""
    message = messages.ContractRequestMessage.from_body(body)
    known = provider_side.consider(ports, caller, message)
    handle = partial(provider_side.on_request, ports, caller, known)
    return steps.receive_once(ports, caller, message, handle)


def receive_offer(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Receive a `ContractOfferMessage`; see `consumer_side.on_offer`."""
    message = messages.ContractOfferMessage.from_body(body)
    known = consumer_side.consider(ports, caller, message)
    handle = partial(consumer_side.on_offer, ports, caller, known)
    return steps.receive_once(ports, caller, message, handle)


def receive_agreement(
    ports: Ports, caller: Participant, body: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Receive a `ContractAgreementMessage`; see `consumer_side.on_agreement`.

    Raises:
        AgreementTampered: it is not what was accepted; nothing changed but the audit log.
    """
    message = messages.ContractAgreementMessage.from_body(body)
    provider = _as_of_signing(ports, caller, message.agreement)
    known = agree.consider(ports, caller, message)
    handle = partial(consumer_side.on_agreement, ports, provider, known)
    try:
        return steps.receive_about(ports, caller, message, handle)
    except AgreementTampered as exc:
        _note_refused(ports, caller, message, exc)
        raise


def receive_verification(
    ports: Ports, caller: Participant, body: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Receive a `ContractAgreementVerificationMessage`."""
    message = messages.ContractAgreementVerificationMessage.from_body(body)
    handle = partial(provider_side.on_verification, ports)
    return steps.receive_about(ports, caller, message, handle)


def receive_event(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Receive a `ContractNegotiationEventMessage`: ACCEPTED or FINALIZED."""
    message = messages.ContractNegotiationEventMessage.from_body(body)
    accepted = messages.act_of(message) is Act.ACCEPTED
    on_accepted = partial(provider_side.on_accepted, ports, caller)
    on_finalized = partial(consumer_side.on_finalized, ports)
    return steps.receive_about(ports, caller, message, on_accepted if accepted else on_finalized)


def receive_termination(
    ports: Ports, caller: Participant, body: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Receive a `ContractNegotiationTerminationMessage`."""
    message = messages.ContractNegotiationTerminationMessage.from_body(body)
    return steps.receive_about(ports, caller, message, partial(_terminated, ports, caller))


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


def _terminated(
    ports: Ports,
    caller: Participant,
    tx: Transaction,
    found: Negotiation,
    message: messages.ContractNegotiationTerminationMessage,
) -> Negotiation:
    telling.check_statement(caller, found, message.statement)
    said = {"code": message.code, "reasons": message.reasons}
    ended = steps.received(found, Act.TERMINATION, ports.clock.now(), **said)
    facts = {"by": found.role.other.value, **steps.signed(message.statement)}
    return steps.store(tx, ended, code=message.code, **facts)


def _note_refused(
    ports: Ports,
    caller: Participant,
    message: messages.ContractAgreementMessage,
    refusal: AgreementTampered,
) -> None:
    """Write a refused agreement to the audit log, once for each negotiation."""
    with ports.store.write() as tx:
        if not tx.audit.entries(subject=message.consumer_pid, kind=_REFUSED, limit=1):
            tx.audit.append(_REFUSED, message.consumer_pid, peer=caller.did, code=refusal.code)


def _as_of_signing(ports: Ports, caller: Participant, data: bytes) -> Participant:
    """Return the provider under the DID document that an agreement fixes, fetched if it is new."""
    try:
        if documents.read(data).provider.document_digest == caller.document_digest:
            return caller
        return onboard.reacquaint(ports, caller.did)
    except PreauError:
        return caller  # `agree.check` says what is wrong with it
