"""What the fate of an outgoing message does to its negotiation.

Rules: an acknowledgement brings the peer's pid; a refusal ends the negotiation here with the peer's
code and reason, and the peer is told where the table allows it; so does silence past the bounds of
`services/messages/deliver.py`, with one exception. INVARIANT: whoever has signed last never gives
up alone. A verification or FINALIZED that cannot be delivered, or that is refused for whatever
reason, leaves the negotiation as it is, since the peer may hold the contract already; it is sent
again by `sending.retry`. Only a peer that states that it has terminated ends it, see
`negotiate.reconcile`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from connector.domain.contract.negotiation import NegotiationState, Role
from connector.domain.delivery import OutgoingMessage
from connector.errors import PeerUnreachable
from connector.jsonld.canonical import parse_object
from connector.ports import Ports, Transaction
from connector.protocol import messages
from connector.services.negotiation import steps

KINDS: Final[frozenset[str]] = frozenset(
    kind for kind, (_, answer) in messages.KINDS.items() if answer is messages.ContractNegotiation
)
# Messages with which a side may begin, and so not know the peer's pid yet.
_OPENING: Final = frozenset(
    each.__name__ for each in (messages.ContractRequestMessage, messages.ContractOfferMessage)
)
SIGNED_AGE: Final = timedelta(days=30)  # how long a last signature is sent
_AGREEMENT: Final = messages.ContractAgreementMessage.__name__


def acknowledged(
    tx: Transaction, message: OutgoingMessage, ack: messages.ContractNegotiation
) -> None:
    """Note the peer's pid from its first acknowledgement, and whether a person decides there."""
    if message.kind not in _OPENING and not ack.awaits:
        return
    negotiation = tx.negotiations.lock(message.subject)
    if negotiation is None:
        return
    theirs = ack.consumer_pid if negotiation.role is Role.PROVIDER else ack.provider_pid
    # A message that came meanwhile may have moved it on: then the answer is of the past.
    awaits = ack.awaits and (negotiation.role, negotiation.state.value) == (
        Role.CONSUMER,
        ack.state,
    )
    told = replace(
        negotiation,
        peer_pid=negotiation.peer_pid or theirs,
        awaits=negotiation.awaits or (awaits and not steps.is_over(negotiation)),
    )
    if told != negotiation:
        tx.negotiations.put(told)


def given_up(
    ports: Ports, tx: Transaction, message: OutgoingMessage, code: str, reason: str
) -> None:
    """End the negotiation of a message that was refused, or that cannot be delivered."""
    negotiation = tx.negotiations.lock(message.subject)
    if negotiation is None or steps.is_over(negotiation) or signed(message):
        return
    if message.kind == _AGREEMENT and code != PeerUnreachable.code:
        # The refused agreement changed nothing at the consumer: there the negotiation stands where
        # it stood before, and where the table lets us end it and tell so.
        negotiation = replace(negotiation, state=NegotiationState.REQUESTED)
    steps.end_here(ports, tx, negotiation, code, (reason,))


def signed(message: OutgoingMessage) -> bool:
    """Return whether a message carries the last signature of its sender's side."""
    if message.kind not in KINDS:
        return False
    if message.kind == messages.ContractAgreementVerificationMessage.__name__:
        return True
    return bool(parse_object(message.body).get("event_type") == "FINALIZED")
