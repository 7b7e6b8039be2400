"""The provider's side of a negotiation.

Rules: what is contracted is always an offer of ours in our own words, never text that a consumer
sent; an offer that is unknown, withdrawn or another consumer's gets one and the same answer; every
condition is judged again at each step, and the cap in the transaction that stores the agreement.
Within policy everything is answered at once: as offered, an agreement; terms inside the offer or
the private reserve, a new offer for this consumer; other terms, one counter-offer, and after that
an explained refusal. Where the offer says so, persons decide before anything is signed
(`services/approval`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from connector.domain.catalog.dataset import Offer
from connector.domain.catalog.review import Decision
from connector.domain.contract.negotiation import (
    Agreement,
    Negotiation,
    NegotiationState,
    Role,
    check_concluded,
)
from connector.domain.decision import Refusal
from connector.domain.participant import Participant
from connector.enforcement.layers import Stated
from connector.enforcement.mechanisms import train
from connector.errors import (
    InRecovery,
    LayerUnmet,
    Malformed,
    NotSupported,
    OfferUnknown,
    PeerRolledBack,
    PreauError,
    TermsRefused,
)
from connector.jsonld.policy import read_policy
from connector.ports import Ports, Transaction
from connector.protocol import messages
from connector.protocol.negotiation import Act
from connector.services.approval import asking
from connector.services.continuity import recovery
from connector.services.duties import keeping
from connector.services.evidence import cosigning, export
from connector.services.evidence.witness import check_peer
from connector.services.layers import force
from connector.services.membership import belonging, dealing, onboard, reaching
from connector.services.negotiation import agree, dry_runs, plans, steps, terms, unsigned
from connector.services.negotiation.terms import Considered, Verdict
from connector.services.privacy import budget
from connector.services.privacy.registers import register_of
from connector.services.publication import catalog_pages, publish


def offer(ports: Ports, peer_did: str, dataset_id: str, offer_id: str) -> Negotiation:
    """Open a negotiation with an offer of ours, of our own accord.

    Raises:
        UnknownPeer: this node has not met it, and cannot.
        Untrusted: it is no longer believed.
        OfferUnknown: no such offer of this dataset, or made for another.
        PeerRolledBack: its log went back, and its operator has not answered for it.
    """
    peer = onboard.known(ports, peer_did)
    address = reaching.address(ports.web, peer)
    now = ports.clock.now()
    with ports.store.write() as tx:
        check_peer(tx, peer.did)
        found = catalog_pages.visible_offer(ports, tx, peer, offer_id, dataset_id)
        negotiation = Negotiation(
            pid=ports.ids.new(),
            role=Role.PROVIDER,
            peer=peer.did,
            state=NegotiationState.OFFERED,
            dataset_id=dataset_id,
            offer_id=found.id,
            policy=found.policy,
            policy_by=Role.PROVIDER,
            created_at=now,
            updated_at=now,
            address=address,
        )
        steps.enqueue(ports, tx, negotiation, _message(ports, negotiation, ()))
        return steps.store(tx, negotiation)


def on_request(
    ports: Ports,
    caller: Participant,
    known: Considered[Verdict] | None,
    message: messages.ContractRequestMessage,
    address: str,
    tx: Transaction,
) -> Negotiation:
    """Handle a request: open a negotiation, or take up a counter-offer of the consumer's.

    `known` is what `consider` found.

    Raises:
        IllegalMessage: the negotiation's state does not allow it.
        NotFound: no such negotiation with this peer.
        OfferUnknown: no such offer for this consumer.
        PolicyInvalid: the terms asked for cannot be read.
        Malformed: the terms are about another dataset, or cannot be read.
        PeerRolledBack: the consumer's log went back, and its operator has not answered for it.
    """
    check_peer(tx, caller.did)
    if message.provider_pid:
        known_here = steps.held(tx, caller, message.provider_pid, message.consumer_pid)
        before = steps.received(known_here, Act.REQUEST, ports.clock.now())
        steps.heard(ports, tx, known_here)
    else:
        before = steps.opened(
            ports,
            tx,
            caller,
            Role.PROVIDER,
            message.consumer_pid,
            state=NegotiationState.REQUESTED,
            dataset_id=message.dataset,
            policy_by=Role.CONSUMER,
            address=address,
        )
    if message.dataset != before.dataset_id and unsigned.signs(caller, message):
        raise Malformed("the terms asked for are about another dataset than the negotiation")
    found = _meant(ports, tx, caller, message, before)
    present = _layers(ports, tx, found) if message.policy else ()
    question = _question(found, message, before.dataset_id, present)
    verdict = terms.answered(known, question) or terms.judge(
        found, message.policy, before.dataset_id, ports.mechanisms, present
    )
    requested = replace(
        before,
        offer_id=found.id,
        policy=message.policy or found.policy,
        policy_by=Role.CONSUMER if message.policy else Role.PROVIDER,
        asked=message.policy or found.policy,
    )
    steps.log(tx, requested)
    return _answer(ports, caller, tx, requested, found, verdict)


def _meant(
    ports: Ports,
    tx: Transaction,
    caller: Participant,
    message: messages.ContractRequestMessage,
    before: Negotiation,
) -> Offer:
    """Return the offer that a request is about.

    Peers that are no Préau nodes call a counter-offer as they like: it answers the one tabled.

    Raises:
        OfferUnknown: no such offer for this consumer.
    """
    dataset = before.dataset_id
    try:
        return catalog_pages.visible_offer(ports, tx, caller, message.offer_id, dataset)
    except OfferUnknown:
        if not message.provider_pid or unsigned.signs(caller, message):
            raise
        return catalog_pages.visible_offer(ports, tx, caller, before.offer_id, dataset)


def consider(
    ports: Ports, caller: Participant, message: messages.ContractRequestMessage
) -> Considered[Verdict] | None:
    """Judge a request before the write transaction that handles it; see `terms.judge`.

    Returns:
        What was found; None where there is nothing to judge, or no offer to judge it by.

    Raises:
        PolicyInvalid: the terms asked for cannot be read, or are too large to be judged.
        Malformed: the terms are about another dataset, or cannot be read.
    """
    if not message.policy:
        return None
    terms.read_small(message.policy, ports.mechanisms.profiles)
    with ports.store.read() as tx:
        found = tx.offers.get(message.offer_id)
        present = _layers(ports, tx, found) if found is not None else ()
    if found is None or found.withdrawn or found.audience not in ("", caller.did):
        return None
    verdict = terms.judge(found, message.policy, found.dataset_id, ports.mechanisms, present)
    if verdict.policy is not None and found.report:
        report = dry_runs.report_of(ports, caller.did, found, verdict.policy)
        verdict = replace(verdict, report=report)
    return Considered(_question(found, message, found.dataset_id, present), verdict)


def _question(
    found: Offer,
    message: messages.ContractRequestMessage,
    dataset_id: str,
    present: Sequence[Stated],
) -> tuple[object, ...]:
    names = tuple(each.name for each in present)
    return found.policy, found.reserve, message.policy, dataset_id, names


def _layers(ports: Ports, tx: Transaction, found: Offer) -> tuple[Stated, ...]:
    """Return the layers that a wish may not weaken; none where they are unknown.

    Then nothing is contracted, and `_refusal` says why.
    """
    dataset = tx.datasets.get(found.dataset_id)
    try:
        space = belonging.named(ports.settings, found.space)
        return force.for_own(ports, tx, space, personal=dataset.personal) if dataset else ()
    except PreauError:
        return ()


def on_accepted(
    ports: Ports,
    caller: Participant,
    tx: Transaction,
    negotiation: Negotiation,
    message: messages.ContractNegotiationEventMessage,
) -> Negotiation:
    """Handle the consumer's acceptance of our offer: contract it, unless something changed.

    Raises:
        IllegalMessage: the negotiation's state does not allow it.
    """
    del message
    accepted = steps.received(negotiation, Act.ACCEPTED, ports.clock.now())
    steps.log(tx, accepted)
    found = _tabled(ports, tx, caller, accepted)
    if isinstance(found, Refusal):
        return steps.end(ports, tx, accepted, found.code, found.reasons)
    return _contract(ports, caller, tx, accepted, found)


def conclude(
    ports: Ports, caller: Participant, tx: Transaction, negotiation: Negotiation
) -> Negotiation:
    """Contract what persons of ours have accepted, judged anew; or terminate with the reason.

    Args:
        ports: of this node.
        caller: the consumer, judged now.
        tx: the transaction.
        negotiation: as it waits for them.
    """
    found = _tabled(ports, tx, caller, negotiation)
    if isinstance(found, Refusal):
        return steps.end(ports, tx, negotiation, found.code, found.reasons)
    return _contract(ports, caller, tx, negotiation, found, decided=True)


def _tabled(
    ports: Ports, tx: Transaction, caller: Participant, negotiation: Negotiation
) -> Offer | Refusal:
    """Return the offer of ours on the table, as it was put there, or why there is none any more."""
    try:
        found = catalog_pages.visible_offer(
            ports, tx, caller, negotiation.offer_id, negotiation.dataset_id
        )
    except OfferUnknown as exc:
        return Refusal(exc.code, ("the offer was withdrawn",))
    if found.policy != negotiation.policy:
        return Refusal(OfferUnknown.code, ("the offer was replaced",))
    return found


def on_verification(
    ports: Ports,
    caller: Participant,
    tx: Transaction,
    negotiation: Negotiation,
    message: messages.ContractAgreementVerificationMessage,
) -> Negotiation:
    """Handle the consumer's signature: verify it, and complete the contract with our receipt.

    A consumer that was restored signs again: the same signature gets the same receipt by the same
    message, however often it comes, and no more once the consumer has refused that.

    Raises:
        IllegalMessage: the negotiation's state does not allow it.
        AgreementTampered: the signature does not verify; nothing changes.
        AgreementTimeWrong: by this clock it cannot have been concluded when it says.
        Untrusted: the consumer is not believed in the contract's space.
    """
    if negotiation.state is NegotiationState.FINALIZED and message.consumer_signature:
        known = tx.agreements.get(negotiation.agreement_id)
        if known is not None and known.consumer_signature == message.consumer_signature:
            again = _finalized(negotiation, known)
            waiting = tx.outbox.get(again.message_id)
            if ports.reply is not None or waiting is None or not waiting.failed:
                steps.dispatch(ports, tx, negotiation, again)
            return negotiation
    verified = steps.received(negotiation, Act.VERIFICATION, ports.clock.now())
    agreement = steps.contract_of(tx, verified)
    dealing.check(ports, tx, agreement)
    check_concluded(negotiation, agreement.concluded_at, ports.clock.now())
    if message.consumer_signature or unsigned.signs(caller, message):
        complete = agree.countersign(ports, agreement, message.consumer_signature)
    elif unsigned.gives(agreement):
        complete = unsigned.completed(agreement)
    else:
        steps.log(tx, verified, agreement=agreement.id)
        reason = (
            "a use under these terms must be requested over gRPC, with a signature, "
            "which this participant does not make"
        )
        return steps.end(ports, tx, verified, NotSupported.code, (reason,))
    steps.log(tx, verified, agreement=agreement.id)
    tx.agreements.put(complete)
    keeping.refresh(ports, tx, complete)
    cosigning.owe(ports, tx, caller)
    if plans.lets(complete, train.NAME):  # what its jobs need is made ready
        tx.after_commit(partial(ports.wakeups.notify, "job"))
    event = _finalized(verified, complete)
    facts = {"agreement": agreement.id, "digest": agreement.digest}
    return steps.send(ports, tx, verified, event, facts)


def _finalized(
    negotiation: Negotiation, agreement: Agreement
) -> messages.ContractNegotiationEventMessage:
    return messages.ContractNegotiationEventMessage(
        message_id=f"{agreement.id}#receipt",  # there is one for each contract
        **steps.pids(negotiation),
        event_type="FINALIZED",
        receipt=agreement.receipt,
    )


def _answer(
    ports: Ports,
    caller: Participant,
    tx: Transaction,
    negotiation: Negotiation,
    found: Offer,
    verdict: Verdict,
) -> Negotiation:
    if verdict.as_offered:
        return _contract(ports, caller, tx, negotiation, found)
    countered_before = bool(negotiation.reasons)
    if verdict.policy is None or (verdict.reasons and countered_before):
        code = LayerUnmet.code if verdict.weakens else TermsRefused.code
        return steps.end(ports, tx, negotiation, code, verdict.reasons)
    if isinstance(verdict.report, Refusal):
        return steps.end(ports, tx, negotiation, verdict.report.code, verdict.report.reasons)
    narrowed = publish.new_offer(
        ports,
        verdict.policy,
        found.dataset_id,
        audience=caller.did,
        derived_from=found.id,
        reserve=found.reserve,
        review=found.review,
        report=verdict.report or found.report,
        shows_report=found.shows_report,
        layers=found.layers,
        space=found.space,
    )
    refusal = _refusal(ports, tx, narrowed)
    if refusal is None and dry_runs.lacking(ports, tx, narrowed, narrowed.report):
        refusal = dry_runs.UNMEASURED  # what was judged before this transaction is not so any more
    try:
        narrowed = narrowed if refusal else _tabulated(ports, tx, narrowed, found)
    except LayerUnmet as exc:
        refusal = Refusal(exc.code, (terms.one_line(exc.reason),))
    if refusal is not None:
        return steps.end(ports, tx, negotiation, refusal.code, refusal.reasons)
    steps.withdraw_narrowed(tx, found.id)  # what it replaces on the table
    tx.offers.put(narrowed)
    tx.audit.append(
        "offer.narrowed", narrowed.id, dataset=narrowed.dataset_id, derived_from=found.id
    )
    tabled = replace(
        negotiation, offer_id=narrowed.id, policy=narrowed.policy, policy_by=Role.PROVIDER
    )
    message = _message(ports, tabled, verdict.reasons)
    return steps.send(ports, tx, tabled, message, reasons=verdict.reasons)


def _tabulated(ports: Ports, tx: Transaction, narrowed: Offer, found: Offer) -> Offer:
    """Return narrowed terms with the table that says which lines were negotiated.

    Raises:
        LayerUnmet: they are not proved to lie within a layer.
    """
    profiles, published = ports.mechanisms.profiles, found
    while published.derived_from and (before := tx.offers.get(published.derived_from)):
        published = before
    policy, present = read_policy(narrowed.policy, profiles), _layers(ports, tx, narrowed)
    force.check_terms(present, policy, profiles, "the narrowed terms")
    return force.with_table(
        ports, narrowed, policy, present, read_policy(published.policy, profiles)
    )


def _message(
    ports: Ports, negotiation: Negotiation, reasons: tuple[str, ...]
) -> messages.ContractOfferMessage:
    return messages.ContractOfferMessage(
        message_id=ports.ids.new(),
        **steps.pids(negotiation),
        offer_id=negotiation.offer_id,
        dataset=negotiation.dataset_id,
        policy=negotiation.policy,
        reasons=reasons,
    )


def _contract(
    ports: Ports,
    caller: Participant,
    tx: Transaction,
    negotiation: Negotiation,
    found: Offer,
    *,
    decided: bool = False,
) -> Negotiation:
    """Conclude on an offer of ours, or terminate with the reason why not.

    Where persons decide on the offer they are asked first; `decided`: they have accepted.
    """
    refusal = _of_state(ports, tx, caller.did) or _refusal(ports, tx, found)
    dataset = tx.datasets.get(found.dataset_id)
    if refusal is None and found.decision is Decision.CONTRACT and found.review and not decided:
        return asking.ask(ports, tx, negotiation, found, found.review)
    if refusal is None and dataset is not None:
        rule = register_of(tx, dataset).accounting.rule
        agreement = agree.draw_up(ports, negotiation, found, dataset, rule, caller)
        if found.decision is Decision.USE:
            agreement = replace(agreement, review=found.review)
        tx.agreements.put(agreement)
        export.keep_lists(tx, agreement.provider_membership, agreement.consumer_membership)
        message = messages.ContractAgreementMessage(
            message_id=ports.ids.new(),
            **steps.pids(negotiation),
            agreement=agreement.document,
            provider_signature=agreement.provider_signature,
            report=agreement.report if found.shows_report else "",
        )
        return steps.send(
            ports,
            tx,
            negotiation,
            message,
            {"agreement": agreement.id, "digest": agreement.digest},
            agreement_id=agreement.id,
            policy=found.policy,
            policy_by=Role.PROVIDER,
            reasons=(),
        )
    refusal = refusal or Refusal(OfferUnknown.code, ("the dataset is no longer published",))
    return steps.end(ports, tx, negotiation, refusal.code, refusal.reasons)


def _of_state(ports: Ports, tx: Transaction, peer: str) -> Refusal | None:
    """Return why nothing may be concluded with a peer in the state of the two nodes, or None."""
    try:
        recovery.check_within(ports, tx)
        check_peer(tx, peer)
    except (InRecovery, PeerRolledBack) as exc:
        return Refusal(exc.code, (exc.reason,))
    return None


def _refusal(ports: Ports, tx: Transaction, found: Offer) -> Refusal | None:
    """Return why an offer cannot be contracted now, or None; call it where it is stored."""
    dataset = tx.datasets.get(found.dataset_id)
    policy = read_policy(found.policy, ports.mechanisms.profiles)
    now = ports.clock.now()
    space = belonging.named(ports.settings, found.space)
    refusal = terms.refusal_now(policy, space.id, now, ports.mechanisms)
    if refusal is not None or dataset is None:
        return refusal
    try:
        force.check_own(ports, tx, found, personal=dataset.personal)
    except PreauError as exc:
        return Refusal(exc.code, (terms.one_line(exc.reason),))
    counts = terms.outline(policy, ports.mechanisms).figures
    register = register_of(tx, dataset)
    return budget.check_agreement(tx, register, counts.epsilon, counts.delta, now)
