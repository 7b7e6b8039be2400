"""What both sides of a negotiation share: taking once, moving by the table, sending.

Rules: a message is handled once per (peer, message id); the same content again gets the stored
answer, other content under a known id is refused. State, outgoing messages, inbox and audit log
change in one transaction, or not at all. A message is built once and kept as it is, so that every
delivery carries the same bytes. What a message means for either side is `provider_side.py` and
`consumer_side.py`.

What a provider sends because of a call goes with its answer, where the caller asked for that. It is
kept with the answer, and given again until the negotiation is terminated. Nobody confirms it: the
caller sends its own message until it has taken what came with the answer. Whoever sends it again
without asking has refused what came: then the provider sends it by a call of its own, and is told
why. An offer or agreement to which nothing is said for `ANSWERED_IN` goes by such a call too, since
its consumer may have ended what it began.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from connector.domain import instant
from connector.domain.contract.negotiation import (
    Agreement,
    Negotiation,
    NegotiationState,
    Role,
    Said,
)
from connector.domain.delivery import OutgoingMessage, ReceivedMessage
from connector.domain.participant import Participant
from connector.errors import IllegalMessage, Malformed, NotFound, QuotaReached
from connector.jsonld.canonical import canonical, parse_object, sha256_hex
from connector.ports import Ports, Transaction
from connector.protocol import messages
from connector.protocol.codec import MAX_LINE, MAX_LINES
from connector.protocol.dsp.negotiation import Negotiated
from connector.protocol.messages import Negotiating, act_of
from connector.protocol.negotiation import TERMINAL, Act, allowed, step
from connector.services.approval import asking
from connector.services.lookup import require
from connector.services.messages import naming, sending

ANSWERED_IN: Final = timedelta(seconds=30)
QUOTA_SECONDS: Final = 600.0  # until it is worth to ask again whether one has ended

_EVENTS: Final[Mapping[NegotiationState, str]] = {
    state: f"negotiation.{state.value.lower()}" for state in NegotiationState
}
# What a peer answers by its next message.
_ANSWERED: Final = frozenset(
    each.__name__ for each in (messages.ContractOfferMessage, messages.ContractAgreementMessage)
)
_DECIDED: Final = frozenset({NegotiationState.AGREED, NegotiationState.TERMINATED})


def take(
    ports: Ports,
    tx: Transaction,
    caller: Participant,
    value: Negotiated,
    handle: Callable[[Transaction], Negotiation],
) -> Mapping[str, Any]:
    """Handle a message, unless it was handled, and return the answer.

    What a peer that names no message says is kept with the negotiation: it proves what was agreed.

    Raises:
        Malformed: the message's id came before with other content.
        PreauError: what `handle` refuses; the transaction must not be kept then.
    """
    message, now = value.message, ports.clock.now()
    digest = sha256_hex(canonical([type(message).__name__, message.to_body()]))
    name = message.message_id
    if naming.by_content(name):
        name = naming.named(tx, caller.did, _heard(tx, caller, message), name, digest)
    # Writers run one after another: of two deliveries at once the second sees the answer.
    known = tx.inbox.get(caller.did, name)
    if known is not None:
        return _answer_again(ports, tx, known, digest)
    before = tx.audit.size()
    moved = handle(tx)
    answer = answer_of(moved, ports.reply.carried if ports.reply else None)
    if tx.audit.size() > before:  # else nothing was moved, and it may be asked as often
        tx.inbox.put(ReceivedMessage(name, caller.did, digest, canonical(answer), now))
        if naming.by_content(name):
            tx.negotiations.put(replace(moved, heard=name, said=_said(moved, value, now)))
    return answer


def _heard(tx: Transaction, caller: Participant, message: Negotiating) -> str:
    """Return the name of the last message of a negotiation whose sender names none."""
    found = map(tx.negotiations.get, filter(None, (message.provider_pid, message.consumer_pid)))
    return next((each.heard for each in found if each and each.peer == caller.did), "")


def _said(negotiation: Negotiation, value: Negotiated, now: datetime) -> tuple[Said, ...]:
    kind = type(value.message).__name__
    said = Said(kind, value.data.decode(), value.token, instant.text(now))
    return (*(each for each in negotiation.said if each.kind != kind), said)


def answer_of(negotiation: Negotiation, carried: OutgoingMessage | None = None) -> dict[str, Any]:
    """Return the acknowledgement: both pids, the state that this side holds, what it carries."""
    kind, body = (carried.kind, carried.body) if carried else ("", b"")
    state, names = negotiation.state.value, pids(negotiation)
    answer = messages.ContractNegotiation(
        **names, state=state, next_kind=kind, next=body, awaits=negotiation.awaits
    )
    return answer.to_body()


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
            hint="end some of them, or wait until the other side has",
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


def held(
    tx: Transaction,
    caller: Participant,
    provider_pid: str,
    consumer_pid: str,
    likely: Role = Role.PROVIDER,
) -> Negotiation:
    """Return the negotiation that a message is about, locked; adopt the peer's pid if it is new.

    Which role we have in it follows from which of the two pids is ours; `likely` is looked at
    first.

    Raises:
        NotFound: none of these pids with this peer (also when it is somebody else's).
    """
    pids = {
        Role.PROVIDER: (provider_pid, consumer_pid),
        Role.CONSUMER: (consumer_pid, provider_pid),
    }
    for role in (likely, likely.other):
        pid, peer_pid = pids[role]
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
    return replace(negotiation, state=after, updated_at=now, awaits=False, **changes)


def store(tx: Transaction, negotiation: Negotiation, **facts: Any) -> Negotiation:
    """Keep a negotiation and write its new state to the audit log.

    Terms that were written for this negotiation are no longer on offer once it is decided.
    """
    tx.negotiations.put(negotiation)
    return log(tx, negotiation, **facts)


def log(tx: Transaction, negotiation: Negotiation, **facts: Any) -> Negotiation:
    """As `store`, of a state that the same transaction leaves again: it is not kept by itself."""
    if negotiation.state is NegotiationState.TERMINATED:
        _free(tx, negotiation.agreement_id)
        asking.void(tx, negotiation)
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
    moved = replace(negotiation, state=after, updated_at=now, awaits=False, **changes)
    dispatch(ports, tx, moved, message)
    return store(tx, moved, **(facts or {}))


def heard(ports: Ports, tx: Transaction, negotiation: Negotiation) -> None:
    """Send no more what the peer's next message answers; call it of a provider's negotiation."""
    now = ports.clock.now()
    for waiting in tx.outbox.find(subject=negotiation.pid, delivered_at=None, failed=""):
        if waiting.kind in _ANSWERED:
            tx.outbox.put(replace(waiting, delivered_at=now))


def dispatch(ports: Ports, tx: Transaction, negotiation: Negotiation, message: Negotiating) -> None:
    """Give a message of ours to the answer of the call that is handled, or to the outbox.

    INVARIANT: only a provider's messages are carried. What a consumer signs last it keeps until it
    knows that it was taken (`outcomes.py`).
    """
    name, peer, subject = message.message_id, negotiation.peer, negotiation.pid
    address = negotiation.address
    outgoing = sending.outgoing(ports, name, peer, subject, message, address)
    reply = ports.reply
    if (
        reply is not None
        and not address
        and reply.carried is None
        and reply.caller == peer
        and negotiation.role is Role.PROVIDER
        and len(outgoing.body) <= messages.MOST_CARRIED
    ):
        reply.carried = outgoing
        if outgoing.kind in _ANSWERED:
            tx.outbox.put(replace(outgoing, due_at=outgoing.due_at + ANSWERED_IN))
        return
    sending.put(ports, tx, outgoing)


def enqueue(ports: Ports, tx: Transaction, negotiation: Negotiation, message: Negotiating) -> None:
    """Put a message about a negotiation into the outbox."""
    about = (negotiation.peer, negotiation.pid)
    sending.enqueue(ports, tx, message.message_id, *about, message, negotiation.address)


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
        tx.outbox.put(replace(waiting, failed="the negotiation has ended"))
    ended = replace(
        negotiation,
        state=NegotiationState.TERMINATED,
        code=code,
        reasons=reasons,
        updated_at=ports.clock.now(),
        awaits=False,
    )
    return store(tx, ended, code=code, by="local", **signed(statement))


def is_over(negotiation: Negotiation) -> bool:
    """Return whether nothing more may happen in it."""
    return negotiation.state in TERMINAL


def _answer_again(
    ports: Ports, tx: Transaction, known: ReceivedMessage, digest: str
) -> Mapping[str, Any]:
    if known.digest != digest:
        raise Malformed(f"message id `{known.id}` came before with other content")
    kept = parse_object(known.answer)
    if not kept.get("next_kind"):
        return kept
    # one that was kept by an earlier release does not say `awaits`
    answer = messages.ContractNegotiation.from_body({"awaits": False, **kept})
    negotiation = tx.negotiations.get(answer.provider_pid)
    ended = negotiation is None or negotiation.state is NegotiationState.TERMINATED
    if not ended or answer.state == NegotiationState.TERMINATED:
        if ports.reply is not None:
            return kept
        _send_apart(ports, tx, known.peer, answer)
    return {**kept, "next_kind": "", "next": ""}


def _send_apart(
    ports: Ports, tx: Transaction, peer: str, answer: messages.ContractNegotiation
) -> None:
    """Send what an answer carried by a call of its own."""
    now, name = ports.clock.now(), parse_object(answer.next)["message_id"]
    body = (answer.next_kind, answer.next, answer.provider_pid)
    known = tx.outbox.get(name) or OutgoingMessage(name, peer, *body, now, now)
    if known.delivered_at is None and not known.failed:
        tx.outbox.put(replace(known, due_at=now))
        sending.wake(ports, tx)
