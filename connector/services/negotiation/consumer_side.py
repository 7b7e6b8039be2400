"""The consumer's side of a negotiation.

Rules: a request starts from an offer that the provider showed, whose description verified; an
offer is accepted by itself only when it means what was asked and says nothing new; an agreement is
signed only when `agree.check` finds that it is what was accepted, and refused otherwise: then
nothing changes here, and the provider, whose call was refused, ends the negotiation. Terms that
this node could not uphold or read are never accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connector.domain.contract.negotiation import (
    Agreement,
    Negotiation,
    NegotiationState,
    Role,
)
from connector.domain.participant import Participant
from connector.enforcement.layers import Stated
from connector.errors import AgreementTampered, Malformed, PolicyInvalid, PreauError
from connector.jsonld.canonical import canonical
from connector.jsonld.policy import read_policy
from connector.ports import Ports, Transaction
from connector.protocol import messages
from connector.protocol.negotiation import Act, step
from connector.services.duties import keeping
from connector.services.evidence import cosigning, export
from connector.services.evidence.witness import check_peer
from connector.services.layers import shown
from connector.services.lookup import require
from connector.services.membership import onboard, reaching
from connector.services.messages import sending
from connector.services.negotiation import agree, steps, terms, unsigned
from connector.services.negotiation.terms import Considered
from connector.services.publication import catalog_pages
from connector.services.publication.catalog_pages import DatasetView, OfferView


def request(
    ports: Ports,
    peer_did: str,
    dataset_id: str,
    offer_id: str = "",
    policy: Mapping[str, Any] | bytes | None = None,
    *,
    https: bool = False,
) -> Negotiation:
    """Ask a provider for a contract on one of its offers.

    Args:
        ports: of this node.
        peer_did: the provider.
        dataset_id: what it is about.
        offer_id: the provider's offer; may be left out where there is only one.
        policy: terms asked for, JSON-LD; as offered when left out.
        https: whether the Dataspace Protocol is spoken with a Préau node too; with others it is.

    Raises:
        UnknownPeer: this node has not met it, and cannot.
        NotFound: the provider shows no such dataset.
        OfferUnknown: it shows no such offer.
        DescriptionTampered: the dataset's description does not verify.
        PolicyInvalid: offer or wish is not a policy that this node knows, or the provider shows
            that it upholds the offer otherwise than this node understands.
        ConstraintUnknown: the offer holds a constraint that nobody could uphold.
        LayerUnmet: offer or wish is not within a template in force, or that is not known.
        PeerUnreachable: the provider does not answer.
        PeerRolledBack: its log went back, and its operator has not answered for it.
    """
    peer = onboard.known(ports, peer_did)
    address = reaching.address(ports.web, peer, https=https)
    dataset = catalog_pages.fetch_dataset(ports, peer_did, dataset_id)
    chosen = dataset.offer(offer_id)
    present = _checked(ports, peer, dataset, chosen)
    wish = _wish(ports, policy)
    shown.check_wish(ports, present, wish)
    return begin(ports, peer_did, dataset_id, chosen, wish, dataset.description, address)


def obstacle(ports: Ports, dataset: DatasetView, offer: OfferView) -> PreauError | None:
    """Return why this node would not ask for a contract on an offer as it stands; None: it would.

    Args:
        ports: of this node.
        dataset: as its provider shows it.
        offer: one of its offers.
    """
    try:
        peer = onboard.judge(ports, dataset.facts.publisher)
        _checked(ports, peer, dataset, offer)
    except PreauError as exc:
        return exc
    return None


def begin(
    ports: Ports,
    peer_did: str,
    dataset_id: str,
    chosen: OfferView,
    wish: bytes = b"",
    description: str = "",
    address: str = "",
) -> Negotiation:
    """Ask for a contract on an offer that was shown and judged.

    Args:
        ports: of this node.
        peer_did: the provider.
        dataset_id: what it is about.
        chosen: the offer.
        wish: terms asked for, canonical JSON-LD; empty: as offered.
        description: of the dataset, as the provider signed it; empty where it signs none.
        address: where the provider takes it over HTTPS; empty: over gRPC.

    Raises:
        PeerRolledBack: its log went back, and its operator has not answered for it.
    """
    now = ports.clock.now()
    negotiation = Negotiation(
        pid=ports.ids.new(),
        role=Role.CONSUMER,
        peer=peer_did,
        state=step(None, Act.REQUEST, Role.CONSUMER, sending=True),
        dataset_id=dataset_id,
        offer_id=chosen.id,
        policy=wish or chosen.policy,
        policy_by=Role.CONSUMER,
        created_at=now,
        updated_at=now,
        description=description,
        asked=wish or chosen.policy,
        offered=chosen.policy,
        address=address,
    )
    with ports.store.write() as tx:
        check_peer(tx, peer_did)
        message = _request_message(ports, negotiation, wish)
        name, pid = message.message_id, negotiation.pid
        about = (peer_did, pid, message, negotiation.address)
        sending.put_first(ports, tx, sending.outgoing(ports, name, *about))
        return steps.store(tx, negotiation)


def accept(ports: Ports, pid: str) -> Negotiation:
    """Accept the provider's offer that is on the table.

    Raises:
        NotFound: no such negotiation, or the provider no longer shows the dataset.
        IllegalMessage: nothing of the provider's is on the table.
        PolicyInvalid: the offer is not a policy that this node knows.
        ConstraintUnknown: it holds a constraint that nobody could uphold.
        LayerUnmet: it is not within a template in force, or that is not known.
    """
    description = _described(ports, pid)
    with ports.store.write() as tx:
        negotiation = steps.own(tx, pid, Role.CONSUMER)
        terms.check_readable(negotiation.policy, ports.mechanisms)
        described = replace(negotiation, description=negotiation.description or description)
        shown.check_offered(ports, tx, described)
        return _accept(ports, tx, described)


def counter(ports: Ports, pid: str, policy: Mapping[str, Any] | bytes) -> Negotiation:
    """Answer the provider's offer with other terms.

    Raises:
        NotFound: no such negotiation, or the provider no longer shows the dataset.
        IllegalMessage: nothing of the provider's is on the table.
        PolicyInvalid: the terms are not a policy that this node knows.
        LayerUnmet: they are not within a template in force, or that is not known.
    """
    wish = _wish(ports, policy)
    description = _described(ports, pid)
    with ports.store.write() as tx:
        negotiation = steps.own(tx, pid, Role.CONSUMER)
        described = replace(negotiation, description=negotiation.description or description)
        shown.check_wish(ports, shown.present(ports, tx, described), wish)
        message = _request_message(ports, negotiation, wish)
        return steps.send(
            ports,
            tx,
            negotiation,
            message,
            policy=wish,
            policy_by=Role.CONSUMER,
            asked=wish,
            description=negotiation.description or description,
        )


def on_offer(
    ports: Ports,
    caller: Participant,
    known: Considered[bool] | None,
    message: messages.ContractOfferMessage,
    address: str,
    tx: Transaction,
) -> Negotiation:
    """Handle an offer: an opening one waits for the operator, others also unless they fit.

    Raises:
        IllegalMessage: the negotiation's state does not allow it.
        NotFound: no such negotiation with this peer.
        Malformed: the offer is about another dataset, or cannot be read.
        PolicyInvalid: it is not a policy that this node knows, or is too large to be judged.
    """
    about = terms.read_small(message.policy, ports.mechanisms.profiles).target
    if about is not None and about.id != message.dataset:
        raise Malformed("the terms offered are about another dataset")
    tabled: dict[str, Any] = {
        "offer_id": message.offer_id,
        "policy": message.policy,
        "policy_by": Role.PROVIDER,
        "reasons": message.reasons,
        "offered": message.policy,
    }
    if not message.consumer_pid:
        state = step(None, Act.OFFER, Role.PROVIDER, sending=False)
        said = {"state": state, "dataset_id": message.dataset, **tabled, "address": address}
        opened = steps.opened(ports, tx, caller, Role.CONSUMER, message.provider_pid, **said)
        return steps.store(tx, opened)
    pids = (message.provider_pid, message.consumer_pid)
    negotiation = steps.held(tx, caller, *pids, Role.CONSUMER)
    after = steps.received(negotiation, Act.OFFER, ports.clock.now(), **tabled)
    elsewhere = message.dataset != negotiation.dataset_id
    if elsewhere and unsigned.signs(caller, message):
        raise Malformed("the offer is about another dataset than the negotiation")
    question = (negotiation.policy, negotiation.offered, message.policy)
    fits = terms.answered(known, question)
    # What is contracted is the dataset that was asked for; a person sees that others named another.
    within = not elsewhere and shown.is_within(ports, tx, after)
    if within and (terms.fits(*question, ports.mechanisms) if fits is None else fits):
        return _accept(ports, tx, steps.log(tx, after))
    return steps.store(tx, after)


def consider(
    ports: Ports, caller: Participant, message: messages.ContractOfferMessage
) -> Considered[bool] | None:
    """Judge an offer before the write transaction that handles it; see `terms.fits`.

    Returns:
        What was found; None where the offer opens a negotiation.

    Raises:
        Malformed: it cannot be read.
        PolicyInvalid: it is not a policy that this node knows, or is too large to be judged.
    """
    terms.read_small(message.policy, ports.mechanisms.profiles)
    with ports.store.read() as tx:
        found = tx.negotiations.get(message.consumer_pid)
    if found is None or found.peer != caller.did:
        return None
    question = (found.policy, found.offered, message.policy)
    return Considered(question, terms.fits(*question, ports.mechanisms))


def on_agreement(
    ports: Ports,
    caller: Participant,
    known: Considered[bool] | None,
    tx: Transaction,
    negotiation: Negotiation,
    message: messages.ContractAgreementMessage,
) -> Negotiation:
    """Handle an agreement: sign it. `known` is what `agree.consider` found.

    Raises:
        IllegalMessage: the negotiation's state does not allow it.
        AgreementTampered: it is not what was accepted; nothing changes.
        LayerUnmet: it is not within a template in force, or that is not known.
        PeerRolledBack: the provider's log went back, and its operator has not answered for it.
    """
    check_peer(tx, caller.did)
    agreed = steps.received(negotiation, Act.AGREEMENT, ports.clock.now())
    agreement = agree.check(ports, negotiation, message, caller, known)
    shown.check_agreement(ports, tx, caller, negotiation, message.agreement)
    return _verified(ports, tx, agreed, agreement)


def on_stated(
    ports: Ports,
    caller: Participant,
    stated: bytes,
    tx: Transaction,
    negotiation: Negotiation,
    message: messages.ContractAgreementMessage,
) -> Negotiation:
    """Handle an agreement of a provider that signs nothing: verify it by our word alone.

    Args:
        ports: of this node.
        caller: the provider.
        stated: the ODRL agreement, canonical JSON-LD.
        tx: the transaction.
        negotiation: as it stands.
        message: that states it.

    Raises:
        IllegalMessage: the negotiation's state does not allow it.
        AgreementTampered: it is not what was accepted; nothing changes.
        LayerUnmet: it is not within a template in force.
        PeerRolledBack: the provider's log went back, and its operator has not answered for it.
    """
    del message
    check_peer(tx, caller.did)
    agreed = steps.received(negotiation, Act.AGREEMENT, ports.clock.now())
    agreement = agree.alone(ports, negotiation, stated, caller)
    shown.check_offered(ports, tx, negotiation)
    return _verified(ports, tx, agreed, agreement)


def _verified(
    ports: Ports, tx: Transaction, agreed: Negotiation, agreement: Agreement
) -> Negotiation:
    """Keep a contract that was checked, and verify it to the provider."""
    agreed = replace(agreed, agreement_id=agreement.id)
    facts = {"agreement": agreement.id, "digest": agreement.digest}
    steps.log(tx, agreed, **facts)
    if not tx.agreements.add(agreement):
        raise AgreementTampered("there is an agreement with that id here already")
    export.keep_lists(tx, agreement.provider_membership, agreement.consumer_membership)
    verification = messages.ContractAgreementVerificationMessage(
        message_id=ports.ids.new(),
        **steps.pids(agreed),
        # Over a document of our own the provider, which signs nothing, could verify nothing.
        consumer_signature=agreement.consumer_signature if agreement.provider_signature else "",
    )
    return steps.send(ports, tx, agreed, verification, facts)


def on_finalized(
    ports: Ports,
    caller: Participant,
    tx: Transaction,
    negotiation: Negotiation,
    message: messages.ContractNegotiationEventMessage,
) -> Negotiation:
    """Handle the provider's receipt: the contract is complete.

    Raises:
        IllegalMessage: the negotiation's state does not allow it.
        AgreementTampered: the receipt does not verify; nothing changes.
        AgreementTimeWrong: by this clock it was not made yet.
    """
    final = steps.received(negotiation, Act.FINALIZED, ports.clock.now())
    agreement = steps.contract_of(tx, final)
    if agreement.provider_signature or unsigned.signs(caller, message):
        complete = agree.complete(ports, agreement, message.receipt, final.updated_at)
    else:
        complete = unsigned.completed(agreement)
    tx.agreements.put(complete)
    keeping.refresh(ports, tx, complete)
    cosigning.owe(ports, tx, caller)
    return steps.store(tx, final, agreement=agreement.id, digest=agreement.digest)


def _accept(ports: Ports, tx: Transaction, negotiation: Negotiation) -> Negotiation:
    check_peer(tx, negotiation.peer)
    event = messages.ContractNegotiationEventMessage(
        message_id=ports.ids.new(), **steps.pids(negotiation), event_type="ACCEPTED"
    )
    return steps.send(ports, tx, negotiation, event, reasons=())


def _described(ports: Ports, pid: str) -> str:
    """Return the description of a negotiation's dataset; fetched where the provider opened it."""
    with ports.store.read() as tx:
        negotiation = require(tx.negotiations.get(pid), "negotiation", pid)
    offered = (negotiation.role, negotiation.state) == (Role.CONSUMER, NegotiationState.OFFERED)
    if negotiation.description or negotiation.asked or not offered:  # it was seen when we asked
        return negotiation.description
    return catalog_pages.fetch_dataset(ports, negotiation.peer, negotiation.dataset_id).description


def _request_message(
    ports: Ports, negotiation: Negotiation, wish: bytes
) -> messages.ContractRequestMessage:
    return messages.ContractRequestMessage(
        message_id=ports.ids.new(),
        consumer_pid=negotiation.pid,
        provider_pid=negotiation.peer_pid,
        offer_id=negotiation.offer_id,
        dataset=negotiation.dataset_id,
        # "As offered" has no form in the Dataspace Protocol.
        policy=wish or (negotiation.offered if negotiation.address else b""),
    )


def _checked(
    ports: Ports, peer: Participant, dataset: DatasetView, offer: OfferView
) -> tuple[Stated, ...]:
    """Check an offer before it is asked for; return the templates that bear on it."""
    terms.check_readable(offer.policy, ports.mechanisms)
    if not dataset.description:
        return shown.check_foreign(ports, peer, offer.policy)
    _check_table(ports, offer)
    return shown.check(ports, peer.did, offer, personal=dataset.facts.personal)


def _check_table(ports: Ports, offer: OfferView) -> None:
    """The provider shows the table that will be signed: the one that this node works out too."""
    policy = read_policy(offer.policy, ports.mechanisms.profiles)
    other = terms.other_version(policy, offer.coverage, ports.mechanisms)
    if other:
        raise PolicyInvalid(
            f"offer `{offer.id}` is in another version of profile `{other}` than this node's",
            hint="install the same file of the profile at both nodes",
        )
    unlayered = tuple(replace(line, layer="") for line in offer.coverage)
    if unlayered != terms.coverage(policy, ports.mechanisms):
        raise PolicyInvalid(
            f"the catalog says that offer `{offer.id}` is upheld otherwise than this node finds",
            hint="upgrade the older of the two nodes: both must uphold terms alike",
        )


def _wish(ports: Ports, policy: Mapping[str, Any] | bytes | None) -> bytes:
    if policy is None:
        return b""
    data = policy if isinstance(policy, bytes) else canonical(dict(policy))
    if not read_policy(data, ports.mechanisms.profiles).permissions:
        raise PolicyInvalid("the terms asked for permit nothing")
    return data
