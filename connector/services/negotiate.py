"""Negotiations: what an operator does with them, and where their messages arrive.

Rules: either side may open; every message goes through the protocol's table; a refused message
changes nothing and is in the audit log. What each side does by itself on a message is
`negotiate_provider.py` and `negotiate_consumer.py`; delivery is `deliver.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from connector.domain.negotiation import Negotiation, NegotiationState
from connector.domain.participant import Participant
from connector.errors import NotFound, PeerUnreachable, PreauError
from connector.identity import agreement as documents
from connector.ports import Ports, Transaction
from connector.protocol import messages
from connector.protocol.negotiation import Act
from connector.services import deliver, negotiate_consumer, negotiate_provider, onboard
from connector.services import negotiate_steps as steps
from connector.services.negotiate_consumer import accept, counter, request
from connector.services.negotiate_provider import offer

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
    "terminate",
]

# A negotiation in which nothing happens for so long is over; VERIFIED is not, see `deliver.py`.
STALE: Final = timedelta(days=7)
_WAITING: Final = (
    NegotiationState.REQUESTED,
    NegotiationState.OFFERED,
    NegotiationState.ACCEPTED,
    NegotiationState.AGREED,
)


def negotiations(ports: Ports) -> list[Negotiation]:
    """Return all negotiations of this node, oldest first."""
    with ports.store.read() as tx:
        return tx.negotiations.find()


def negotiation(ports: Ports, pid: str) -> Negotiation:
    """Return a negotiation of this node by its own id of it.

    Raises:
        NotFound: none of that id.
    """
    with ports.store.read() as tx:
        found = tx.negotiations.get(pid)
    if found is None:
        raise NotFound(f"no negotiation `{pid}`")
    return found


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

    Raises:
        NotFound: no such negotiation.
        PeerUnreachable: the peer does not answer.
    """
    found = negotiation(ports, pid)
    if not found.peer_pid:
        deliver.retry(ports, pid)
        return found
    peer = onboard.judge(ports, found.peer)
    try:
        question = messages.GetNegotiationMessage(found.peer_pid)
        answer = ports.wire.call(peer, "GetNegotiationMessage", question.to_body())
        theirs = messages.ContractNegotiation.from_body(answer).state
    except NotFound:
        theirs = NegotiationState.TERMINATED.value
    if theirs != NegotiationState.TERMINATED.value:
        deliver.retry(ports, pid)
        return negotiation(ports, pid)
    with ports.store.write() as tx:
        found = steps.own(tx, pid)
        if steps.is_over(found):
            return found
        reason = "the peer has terminated the negotiation"
        return steps.end_here(ports, tx, replace(found, peer_pid=""), "", (reason,))


def expire(ports: Ports) -> int:
    """End negotiations in which nothing has happened for `STALE`; return how many."""
    before = ports.clock.now() - STALE
    reasons = (f"nothing happened for {STALE.days} days",)
    with ports.store.write() as tx:
        found = [item for state in _WAITING for item in tx.negotiations.find(state=state)]
        stale = [item for item in found if item.updated_at < before]
        for item in stale:
            steps.end_here(ports, tx, item, PeerUnreachable.code, reasons)
    return len(stale)


def receive_request(
    ports: Ports, caller: Participant, body: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Receive a `ContractRequestMessage`; see `negotiate_provider.on_request`."""
    message = messages.ContractRequestMessage.from_body(body)
    handle = partial(negotiate_provider.on_request, ports, caller)
    return steps.receive_once(ports, caller, message, handle)


def receive_offer(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Receive a `ContractOfferMessage`; see `negotiate_consumer.on_offer`."""
    message = messages.ContractOfferMessage.from_body(body)
    handle = partial(negotiate_consumer.on_offer, ports, caller)
    return steps.receive_once(ports, caller, message, handle)


def receive_agreement(
    ports: Ports, caller: Participant, body: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Receive a `ContractAgreementMessage`; see `negotiate_consumer.on_agreement`."""
    message = messages.ContractAgreementMessage.from_body(body)
    provider = _as_of_signing(ports, caller, message.agreement)

    def handle(tx: Transaction, said: messages.ContractAgreementMessage) -> Negotiation:
        found = steps.held(tx, caller, said.provider_pid, said.consumer_pid)
        return negotiate_consumer.on_agreement(ports, provider, tx, found, said)

    return steps.receive_once(ports, caller, message, handle)


def receive_verification(
    ports: Ports, caller: Participant, body: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Receive a `ContractAgreementVerificationMessage`."""
    message = messages.ContractAgreementVerificationMessage.from_body(body)

    def handle(tx: Transaction, said: messages.ContractAgreementVerificationMessage) -> Negotiation:
        found = steps.held(tx, caller, said.provider_pid, said.consumer_pid)
        return negotiate_provider.on_verification(ports, caller, tx, found, said)

    return steps.receive_once(ports, caller, message, handle)


def receive_event(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Receive a `ContractNegotiationEventMessage`: ACCEPTED or FINALIZED."""
    message = messages.ContractNegotiationEventMessage.from_body(body)
    accepted = messages.act_of(message) is Act.ACCEPTED
    on_event = negotiate_provider.on_accepted if accepted else negotiate_consumer.on_finalized

    def handle(tx: Transaction, said: messages.ContractNegotiationEventMessage) -> Negotiation:
        found = steps.held(tx, caller, said.provider_pid, said.consumer_pid)
        return on_event(ports, caller, tx, found, said)

    return steps.receive_once(ports, caller, message, handle)


def receive_termination(
    ports: Ports, caller: Participant, body: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Receive a `ContractNegotiationTerminationMessage`."""
    message = messages.ContractNegotiationTerminationMessage.from_body(body)

    def handle(
        tx: Transaction, said: messages.ContractNegotiationTerminationMessage
    ) -> Negotiation:
        found = steps.held(tx, caller, said.provider_pid, said.consumer_pid)
        now = ports.clock.now()
        ended = steps.received(found, Act.TERMINATION, now, code=said.code, reasons=said.reasons)
        return steps.store(ports, tx, ended, code=said.code, by=found.role.other.value)

    return steps.receive_once(ports, caller, message, handle)


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


def _as_of_signing(ports: Ports, caller: Participant, data: bytes) -> Participant:
    """Return the provider under the DID document that an agreement fixes, fetched if it is new."""
    try:
        if documents.read(data).provider.document_digest == caller.document_digest:
            return caller
        return onboard.reacquaint(ports, caller.did)
    except PreauError:
        return caller  # `agree.check` says what is wrong with it
