"""What both sides of a negotiation share: receiving once, moving by the table, sending.

Rules: a message is handled once per (peer, message id); the same content again gets the stored
answer, other content under a known id is refused. State, outgoing messages, inbox and audit log
change in one transaction, or not at all. A message is built once and kept in the outbox as it is,
so that every delivery carries the same bytes. What a message means for either side is
`provider_side.py` and `consumer_side.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeVar

from connector.domain.contract.negotiation import Agreement, Negotiation, NegotiationState, Role
from connector.domain.delivery import ReceivedMessage
from connector.domain.participant import Participant
from connector.errors import IllegalMessage, Malformed, NotFound, QuotaReached
from connector.jsonld.canonical import canonical, parse_object, sha256_hex
from connector.ports import Ports, Transaction
from connector.protocol import messages
from connector.protocol.codec import MAX_LINE, MAX_LINES
from connector.protocol.messages import Negotiating, act_of
from connector.protocol.negotiation import TERMINAL, Act, allowed, step
from connector.services.lookup import require
from connector.services.messages import sending

M = TypeVar("M", bound=Negotiating)

QUOTA_SECONDS: Final = 600.0  # until it is worth to ask again whether one has ended

_EVENTS: Final[Mapping[NegotiationState, str]] = {
    state: f"negotiation.{state.value.lower()}" for state in NegotiationState
}
_DECIDED: Final = TERMINAL | {NegotiationState.AGREED}


def receive_once(
    ports: Ports, caller: Participant, message: M, handle: Callable[[Transaction, M], Negotiation]
) -> Mapping[str, Any]:
    """Handle a message in one write transaction, unless it was handled, and answer.

    Raises:
        Malformed: the message's id came before with other content.
        PreauError: what `handle` refuses; then nothing was changed.
    """
    digest = sha256_hex(canonical([type(message).__name__, message.to_body()]))
    now = ports.clock.now()
    with ports.store.write() as tx:
        # The claim comes first: two deliveries at once queue here, and the second sees the answer.
        claim = ReceivedMessage(message.message_id, caller.did, digest, b"", now)
        if not tx.inbox.add(claim):
            return _answer_again(tx, claim)
        answer = answer_of(handle(tx, message))
        tx.inbox.put(replace(claim, answer=canonical(answer)))
    return answer


def receive_about(
    ports: Ports,
    caller: Participant,
    message: M,
    handle: Callable[[Transaction, Negotiation, M], Negotiation],
) -> Mapping[str, Any]:
    """Handle a message about a negotiation that is known here; see `receive_once` and `held`."""

    def about(tx: Transaction, said: M) -> Negotiation:
        return handle(tx, held(tx, caller, said.provider_pid, said.consumer_pid), said)

    return receive_once(ports, caller, message, about)


def answer_of(negotiation: Negotiation) -> dict[str, Any]:
    """Return the acknowledgement: both pids and the state that this side holds."""
    state = negotiation.state.value
    return messages.ContractNegotiation(**pids(negotiation), state=state).to_body()


def opened(
    ports: Ports,
    tx: Transaction,
    caller: Participant,
    role: Role,
    peer_pid: str,
    **said: Any,
) -> Negotiation:
    """Return a negotiation that a peer opens with us, not stored.

    Args:
        ports: of this node.
        tx: the transaction.
        caller: the peer.
        role: ours.
        peer_pid: its id of the negotiation.
        said: `state`, `dataset_id`, `policy_by`, and what else its message says.

    Raises:
        IllegalMessage: it was opened before.
        QuotaReached: as many with this peer as may be have not ended.
    """
    known = tx.negotiations.find(peer=caller.did, peer_pid=peer_pid, role=role)
    if known:
        raise IllegalMessage(f"this negotiation was opened before and is `{known[0].state}`")
    most = ports.settings.max_negotiations_per_peer
    if tx.holdings.open_negotiations(caller.did, role) >= most:
        raise QuotaReached(
            f"{most} negotiations of this peer, in which this node is the {role}, have not ended",
            hint="end some, or wait until the other side has",
            retry_after=QUOTA_SECONDS,
        )
    now = ports.clock.now()
    return Negotiation(
        pid=ports.ids.new(),
        role=role,
        peer=caller.did,
        peer_pid=peer_pid,
        created_at=now,
        updated_at=now,
        **said,
    )


def held(tx: Transaction, caller: Participant, provider_pid: str, consumer_pid: str) -> Negotiation:
    """Return the negotiation that a message is about, locked; adopt the peer's pid if it is new.

    Which role we have in it follows from which of the two pids is ours.

    Raises:
        NotFound: none of these pids with this peer (also when it is somebody else's).
    """
    for role, pid, peer_pid in (
        (Role.PROVIDER, provider_pid, consumer_pid),
        (Role.CONSUMER, consumer_pid, provider_pid),
    ):
        negotiation = tx.negotiations.lock(pid)
        if (
            negotiation is not None
            and negotiation.role is role
            and negotiation.peer == caller.did
            and negotiation.peer_pid in ("", peer_pid)
        ):
            return replace(negotiation, peer_pid=peer_pid)
    raise NotFound("no such negotiation with this peer")


def own(tx: Transaction, pid: str, role: Role | None = None) -> Negotiation:
    """Return a negotiation of this node, locked, for an act of its operator.

    Raises:
        NotFound: none of that id.
        IllegalMessage: this node is not in that role in it.
    """
    negotiation = require(tx.negotiations.lock(pid), "negotiation", pid)
    if role is not None and negotiation.role is not role:
        raise IllegalMessage(f"this node is not the {role} of negotiation `{pid}`")
    return negotiation


def contract_of(tx: Transaction, negotiation: Negotiation) -> Agreement:
    """Return the contract of a negotiation, locked.

    Raises:
        NotFound: it is not here.
    """
    agreement = tx.agreements.lock(negotiation.agreement_id)
    if agreement is None:
        raise NotFound("the agreement of this negotiation is not here")
    return agreement


def received(negotiation: Negotiation, act: Act, now: datetime, **changes: Any) -> Negotiation:
    """Return the negotiation after a message of the peer.

    Raises:
        IllegalMessage: the table does not have the transition.
    """
    after = step(negotiation.state, act, negotiation.role.other, sending=False)
    return replace(negotiation, state=after, updated_at=now, **changes)


def store(tx: Transaction, negotiation: Negotiation, **facts: Any) -> Negotiation:
    """Keep a negotiation and write its new state to the audit log.

    Terms that were written for this negotiation are no longer on offer once it is decided.
    """
    tx.negotiations.put(negotiation)
    if negotiation.state is NegotiationState.TERMINATED:
        _free(tx, negotiation.agreement_id)
    if negotiation.role is Role.PROVIDER and negotiation.state in _DECIDED:
        withdraw_narrowed(tx, negotiation.offer_id)
    tx.audit.append(
        _EVENTS[negotiation.state],
        negotiation.pid,
        peer=negotiation.peer,
        role=negotiation.role.value,
        dataset=negotiation.dataset_id,
        offer=negotiation.offer_id,
        **facts,
    )
    return negotiation


def _free(tx: Transaction, agreement_id: str) -> None:
    """Let a contract that was never completed count no longer."""
    agreement = tx.agreements.lock(agreement_id) if agreement_id else None
    if agreement is not None and agreement.stands and not agreement.finalized:
        tx.agreements.put(replace(agreement, stands=False))


def withdraw_narrowed(tx: Transaction, offer_id: str) -> None:
    """Withdraw an offer of ours if it was written for one negotiation."""
    offer = tx.offers.lock(offer_id)
    if offer is not None and offer.derived_from and not offer.withdrawn:
        tx.offers.put(replace(offer, withdrawn=True))


def send(
    ports: Ports,
    tx: Transaction,
    negotiation: Negotiation,
    message: Negotiating,
    facts: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Negotiation:
    """Move a negotiation by a message of ours, put the message into the outbox, and keep both.

    Args:
        ports: of this node.
        tx: the transaction.
        negotiation: as it stands.
        message: ours.
        facts: for the log.
        changes: of the negotiation, besides its state.

    Raises:
        IllegalMessage: the table does not have the transition.
    """
    now = ports.clock.now()
    after = step(negotiation.state, act_of(message), negotiation.role, sending=True)
    enqueue(ports, tx, negotiation.peer, negotiation.pid, message)
    moved = replace(negotiation, state=after, updated_at=now, **changes)
    return store(tx, moved, **(facts or {}))


def enqueue(
    ports: Ports,
    tx: Transaction,
    peer: str,
    subject: str,
    message: Negotiating | messages.AgreementNotice,
) -> None:
    """Put a message about a negotiation or its contract into the outbox."""
    sending.enqueue(ports, tx, message.message_id, peer, subject, message)


def pids(negotiation: Negotiation) -> dict[str, str]:
    """Return `provider_pid` and `consumer_pid` of a message about a negotiation."""
    if negotiation.role is Role.PROVIDER:
        return {"provider_pid": negotiation.pid, "consumer_pid": negotiation.peer_pid}
    return {"provider_pid": negotiation.peer_pid, "consumer_pid": negotiation.pid}


def end(
    ports: Ports,
    tx: Transaction,
    negotiation: Negotiation,
    code: str,
    reasons: tuple[str, ...],
    *,
    statement: str = "",
) -> Negotiation:
    """Terminate a negotiation and tell the peer, where the table lets this side send that.

    Args:
        ports: of this node.
        tx: the transaction.
        negotiation: as it stands.
        code: stable code; empty: it was ended as somebody wished.
        reasons: a line each.
        statement: what we sign about it, see `telling.py`.

    Raises:
        IllegalMessage: this side may not send a termination in this state.
    """
    kept = tuple(reason[:MAX_LINE] for reason in reasons[:MAX_LINES])
    message = messages.ContractNegotiationTerminationMessage(
        message_id=ports.ids.new(),
        **pids(negotiation),
        code=code,
        reasons=kept,
        statement=statement,
    )
    facts = {"code": code, "by": negotiation.role.value, **signed(statement)}
    return send(ports, tx, negotiation, message, facts, code=code, reasons=kept)


def signed(statement: str) -> dict[str, str]:
    """Return what the log says of a statement; nothing where there is none."""
    return {"statement": statement} if statement else {}


def end_here(
    ports: Ports,
    tx: Transaction,
    negotiation: Negotiation,
    code: str,
    reasons: tuple[str, ...],
    *,
    statement: str = "",
) -> Negotiation:
    """Terminate a negotiation that the peer refused or that it does not answer for.

    The peer is told where the table allows it and it is known to hold the negotiation; elsewhere
    only this side's state changes, and what still waits for delivery is dropped.
    """
    by_table = allowed(negotiation.state, Act.TERMINATION, negotiation.role, sending=True)
    if by_table and negotiation.peer_pid:
        return end(ports, tx, negotiation, code, reasons, statement=statement)
    for waiting in tx.outbox.find(subject=negotiation.pid, delivered_at=None, failed=""):
        tx.outbox.put(replace(waiting, failed="the negotiation is over"))
    ended = replace(
        negotiation,
        state=NegotiationState.TERMINATED,
        code=code,
        reasons=reasons,
        updated_at=ports.clock.now(),
    )
    return store(tx, ended, code=code, by="local", **signed(statement))


def is_over(negotiation: Negotiation) -> bool:
    """Return whether nothing more may happen in it."""
    return negotiation.state in TERMINAL


def _answer_again(tx: Transaction, claim: ReceivedMessage) -> Mapping[str, Any]:
    known = tx.inbox.get(claim.peer, claim.id)
    if known is None or known.digest != claim.digest:
        raise Malformed(f"message id `{claim.id}` came before with other content")
    return parse_object(known.answer)
