"""Where messages about negotiations arrive: by a call of their own, or with the answer to ours.

Rules: every message goes through the protocol's table; a refused message changes nothing and is in
the audit log. A message is read and judged before the write transaction that takes it in, by
whichever way it came. What each side does by itself on a message is `provider_side.py` and
`consumer_side.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Final, TypeVar

from connector.domain.contract.negotiation import Negotiation, Role
from connector.domain.delivery import OutgoingMessage
from connector.domain.participant import Participant
from connector.errors import AgreementTampered, Malformed, PreauError
from connector.identity import agreement as documents
from connector.jsonld.canonical import parse_object
from connector.ports import Ports, Transaction
from connector.protocol import messages
from connector.protocol.dsp.negotiation import Negotiated
from connector.protocol.messages import Negotiating
from connector.protocol.negotiation import Act
from connector.services.membership import onboard
from connector.services.negotiation import (
    agree,
    consumer_side,
    provider_side,
    steps,
    telling,
    unsigned,
)

M = TypeVar("M", bound=Negotiating)
Handle = Callable[[Transaction], Negotiation]

_REFUSED: Final = "agreement.refused"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that was read and judged, and what takes it in.

    Attributes:
        value: as it came.
        handle: moves the negotiation, in a write transaction.
    """

    value: Negotiated
    handle: Handle


def receive(
    kind: str, ports: Ports, caller: Participant, body: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Receive a message that came by a call of its own, and return the answer.

    Raises:
        AgreementTampered: an agreement is not what was accepted; only the audit log changed.
        PreauError: the message is refused; nothing changed.
    """
    message, _ = messages.KINDS[kind]
    return _received(ports, caller, Negotiated(message.from_body(body)))  # type: ignore[arg-type]


def received(ports: Ports, caller: Participant, value: Negotiated) -> messages.ContractNegotiation:
    """As `receive`, of a message that came over HTTPS.

    Raises:
        PreauError: as `receive`.
    """
    answer = _received(ports, caller, value)
    return messages.ContractNegotiation.from_body({"awaits": False, **answer})


def _received(ports: Ports, caller: Participant, value: Negotiated) -> Mapping[str, Any]:
    found = _arrival(ports, caller, value)
    with _refusals(ports, caller, found), ports.store.write() as tx:
        return steps.take(ports, tx, caller, found.value, found.handle)


def _arrival(ports: Ports, caller: Participant, value: Negotiated) -> Arrival:
    how = _HANDLES[type(value.message)]
    return Arrival(value, how(ports, caller, value.message, value))


def receive_carried(
    ports: Ports,
    sent: OutgoingMessage,
    answer: messages.ContractNegotiation,
    delivered: Callable[[Transaction], None],
) -> None:
    """Receive a message that came with the answer to one of ours, as a consumer.

    Its sender was authenticated by TLS, and is judged as at a call of its own.

    Args:
        ports: of this node.
        sent: our message.
        answer: what it was answered with.
        delivered: notes that it was, in the same transaction.

    Raises:
        AgreementTampered: an agreement is not what was accepted; only the audit log changed.
        Malformed: it cannot be read, or is about another negotiation.
        PreauError: it is refused, as at a call; nothing changed.
    """
    caller = onboard.judge(ports, sent.peer)
    message, _ = messages.KINDS[answer.next_kind]
    carried = Negotiated(message.from_body(parse_object(answer.next)))  # type: ignore[arg-type]
    found = _arrival(ports, caller, carried)
    about = (carried.message.provider_pid, carried.message.consumer_pid)
    if about != (answer.provider_pid, sent.subject):
        raise _foreign()

    def of_the_call(tx: Transaction) -> Negotiation:
        moved = found.handle(tx)
        if (moved.pid, moved.role) != (sent.subject, Role.CONSUMER):
            raise _foreign()
        return moved

    with _refusals(ports, caller, found), ports.store.write() as tx:
        delivered(tx)
        steps.take(ports, tx, caller, found.value, of_the_call)


def _foreign() -> Malformed:
    return Malformed("an answer carries a message about another negotiation")


def _request(
    ports: Ports, caller: Participant, message: messages.ContractRequestMessage, value: Negotiated
) -> Handle:
    known = provider_side.consider(ports, caller, message)
    return partial(provider_side.on_request, ports, caller, known, message, value.callback)


def _offer(
    ports: Ports, caller: Participant, message: messages.ContractOfferMessage, value: Negotiated
) -> Handle:
    known = consumer_side.consider(ports, caller, message)
    return partial(consumer_side.on_offer, ports, caller, known, message, value.callback)


def _agreement(
    ports: Ports,
    caller: Participant,
    message: messages.ContractAgreementMessage,
    value: Negotiated,
) -> Handle:
    if not message.agreement and not unsigned.signs(caller, message):
        stated = partial(consumer_side.on_stated, ports, caller, value.policy)
        return _about(ports, caller, message, stated, Role.CONSUMER)
    provider = _as_of_signing(ports, caller, message.agreement)
    known = agree.consider(ports, caller, message)
    handle = partial(consumer_side.on_agreement, ports, provider, known)
    return _about(ports, caller, message, handle, Role.CONSUMER)


def _verification(
    ports: Ports,
    caller: Participant,
    message: messages.ContractAgreementVerificationMessage,
    _: Negotiated,
) -> Handle:
    handle = partial(provider_side.on_verification, ports, caller)
    return _about(ports, caller, message, handle, Role.PROVIDER)


def _event(
    ports: Ports,
    caller: Participant,
    message: messages.ContractNegotiationEventMessage,
    _: Negotiated,
) -> Handle:
    accepted = messages.act_of(message) is Act.ACCEPTED
    on_accepted = partial(provider_side.on_accepted, ports, caller)
    on_finalized = partial(consumer_side.on_finalized, ports, caller)
    handle = on_accepted if accepted else on_finalized
    likely = Role.PROVIDER if accepted else Role.CONSUMER
    return _about(ports, caller, message, handle, likely)


def _termination(
    ports: Ports,
    caller: Participant,
    message: messages.ContractNegotiationTerminationMessage,
    _: Negotiated,
) -> Handle:
    handle = partial(_terminated, ports, caller)
    return _about(ports, caller, message, handle, Role.PROVIDER)


_HANDLES: Final[
    Mapping[type[Negotiating], Callable[[Ports, Participant, Any, Negotiated], Handle]]
] = MappingProxyType(
    {
        messages.ContractRequestMessage: _request,
        messages.ContractOfferMessage: _offer,
        messages.ContractAgreementMessage: _agreement,
        messages.ContractAgreementVerificationMessage: _verification,
        messages.ContractNegotiationEventMessage: _event,
        messages.ContractNegotiationTerminationMessage: _termination,
    }
)
HANDLERS: Final = MappingProxyType(
    {kind.__name__: partial(receive, kind.__name__) for kind in _HANDLES}
)


def _about(
    ports: Ports,
    caller: Participant,
    message: M,
    handle: Callable[[Transaction, Negotiation, M], Negotiation],
    likely: Role,
) -> Handle:
    """Return what takes in a message about a negotiation that is known here; see `steps.held`."""

    def about(tx: Transaction) -> Negotiation:
        pids = (message.provider_pid, message.consumer_pid)
        found = steps.held(tx, caller, *pids, likely)
        if found.role is Role.PROVIDER:
            steps.heard(ports, tx, found)
        return handle(tx, found, message)

    return about


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


@contextmanager
def _refusals(ports: Ports, caller: Participant, found: Arrival) -> Iterator[None]:
    """Write a refused agreement to the audit log, once for each negotiation."""
    try:
        yield
    except AgreementTampered as exc:
        message = found.value.message
        if isinstance(message, messages.ContractAgreementMessage):
            subject = message.consumer_pid
            with ports.store.write() as tx:
                if not tx.audit.entries(subject=subject, kind=_REFUSED, limit=1):
                    tx.audit.append(_REFUSED, subject, peer=caller.did, code=exc.code)
        raise


def _as_of_signing(ports: Ports, caller: Participant, data: bytes) -> Participant:
    """Return the provider under the DID document that an agreement fixes, fetched if it is new."""
    try:
        if documents.read(data).provider.document_digest == caller.document_digest:
            return caller
        return onboard.reacquaint(ports, caller.did)
    except PreauError:
        return caller  # `agree.check` says what is wrong with it
