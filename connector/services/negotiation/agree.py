"""Contracts: the provider draws one up, the consumer signs it, both keep the bytes.

Rules: the document is written by the provider from its own offer, never from what a consumer
sent; what the consumer checks first is `checking.py`. The exact bytes, both signatures, both DID
documents and both memberships as of signing are kept. A contract may be used by its own parties,
once it is finalized, until its end, unless one of them has taken it back (`notices.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from connector.domain import instant
from connector.domain.catalog.dataset import Dataset, Offer
from connector.domain.contract.negotiation import Agreement, Negotiation, Role
from connector.domain.contract.notice import Standing
from connector.domain.page import PAGE, Page
from connector.domain.participant import Participant
from connector.enforcement.compile import Outline
from connector.enforcement.ground import Ground
from connector.enforcement.mechanism import Mechanisms
from connector.errors import (
    AgreementTampered,
    AgreementTimeWrong,
    AgreementUnknown,
    ContractEnded,
    ContractExpired,
    ContractSuspended,
    PreauError,
    Unlawful,
)
from connector.identity import agreement as documents
from connector.identity import document as did_documents
from connector.identity.agreement import AgreementDocument, Party, Subject
from connector.identity.descriptions import description as descriptions
from connector.identity.receipts import receipt
from connector.jsonld import opaque
from connector.jsonld.canonical import sha256_hex
from connector.jsonld.kept import kept
from connector.jsonld.policy import policy_document, read_policy
from connector.jsonld.profiles import NO_PROFILES, Profiles
from connector.ports import Ports, Transaction
from connector.protocol import messages
from connector.services.lookup import require
from connector.services.membership import belonging, dealing
from connector.services.negotiation import checking, plans, reports, terms, unsigned
from connector.services.negotiation.terms import Considered
from federated.privacy.rule import Rule
from federated.task.engine import recipe
from policies_odrl import Policy
from policies_odrl.checking import semantics

CHOICES: Final = 50  # contracts to choose from
LOOKED_AT: Final = 500
TAKEN_BACK: Final[Mapping[Standing, type[Unlawful]]] = MappingProxyType(
    {Standing.ENDED: ContractEnded, Standing.SUSPENDED: ContractSuspended}
)


def agreements(
    ports: Ports, *, after: str = "", limit: int = PAGE, newest: bool = False
) -> Page[Agreement]:
    """Return a page of the contracts of this node that both parties signed, oldest or newest first.

    Raises:
        Malformed: `after` is not a `Page.next`.
    """
    with ports.store.read() as tx:
        return tx.agreements.page(after=after, limit=limit, newest=newest, finalized=True)


def consumed(ports: Ports, mechanism: str) -> tuple[Agreement, ...]:
    """Return the contracts under which this node may ask for what a mechanism does, newest first.

    Those are `CHOICES` at most, of the newest `LOOKED_AT` of which it is the consumer and whose end
    has not come; whether one can be used right now is judged when it is.
    """
    of = {"role": Role.CONSUMER, "finalized": True, "standing": Standing.RUNNING}
    found: list[Agreement] = []
    page: Page[Agreement] = Page((), "")
    now = ports.clock.now()
    for _ in range(LOOKED_AT // CHOICES):
        with ports.store.read() as tx:
            page = tx.agreements.page(after=page.next, limit=CHOICES, newest=True, **of)
        running = (
            each for each in page.values if not (each.valid_until and each.valid_until < now)
        )
        found += (each for each in running if plans.lets(each, mechanism))
        if not page.next or len(found) >= CHOICES:
            break
    return tuple(found[:CHOICES])


def agreement(ports: Ports, agreement_id: str) -> Agreement:
    """Return a contract of this node, finalized or not.

    Raises:
        NotFound: none of that id.
    """
    with ports.store.read() as tx:
        return require(tx.agreements.get(agreement_id), "agreement", agreement_id)


def agreement_for(ports: Ports, tx: Transaction, agreement_id: str, caller: str) -> Agreement:
    """Return a contract that a party may use now.

    Args:
        ports: of this node.
        tx: the transaction.
        agreement_id: as the party states it.
        caller: DID of the party: of a peer, authenticated, or this node's own.

    Raises:
        Untrusted: the peer is not believed in the contract's space; the class says why.
        AgreementUnknown: no finalized contract of that id with this peer.
        ContractEnded: a party has ended it.
        ContractSuspended: a party has suspended it.
        ContractExpired: its time is over.
    """
    found = tx.agreements.get(agreement_id)
    if found is None or not found.finalized or caller not in (found.provider, found.consumer):
        raise AgreementUnknown(f"no agreement `{agreement_id}` with this peer")
    check_stands(found)
    dealing.check(ports, tx, found)
    if found.valid_until is not None and ports.clock.now() >= found.valid_until:
        raise ContractExpired(
            f"agreement `{agreement_id}` ended at {instant.text(found.valid_until)}"
        )
    return found


def check_stands(agreement: Agreement) -> None:
    """Check that neither party has taken a contract back.

    Raises:
        ContractEnded: one has ended it.
        ContractSuspended: one has suspended it.
    """
    fault = TAKEN_BACK.get(agreement.standing)
    if fault is not None:
        raise fault(f"agreement `{agreement.id}` is {agreement.standing.value}")


def policy_of(agreement: Agreement, profiles: Profiles = NO_PROFILES) -> Policy:
    """Return the ODRL Agreement of a contract, in words of this node's profiles.

    Raises:
        AgreementTampered: its document cannot be read.
    """
    return _policy_in(agreement.document, profiles)


def figures_of(agreement: Agreement, mechanisms: Mechanisms) -> dict[str, Any]:
    """Return the fields of a contract that are copies of its document.

    Raises:
        AgreementTampered: its document cannot be read.
        PreauError: its policy is none that this node can uphold.
    """
    found = terms.outline(policy_of(agreement, mechanisms.profiles), mechanisms)
    return _figures(documents.read(agreement.document), found)


def coverage_of(agreement: Agreement) -> tuple[messages.CoverageLine, ...]:
    """Return how the provider upholds each constraint, as both parties signed it.

    Raises:
        AgreementTampered: its document cannot be read.
    """
    lines = documents.read(agreement.document).coverage
    return tuple(messages.CoverageLine(**line) for line in lines)


def draw_up(
    ports: Ports,
    negotiation: Negotiation,
    offer: Offer,
    dataset: Dataset,
    rule: Rule,
    consumer: Participant,
) -> Agreement:
    """Return the contract on an offer of ours, signed by us, not stored.

    It accounts for privacy by the rule of the dataset's register.

    Raises:
        KeyUnusable: our key cannot sign.
        PolicyInvalid: the offer cannot be written as an agreement.
    """
    now = instant.read(instant.text(ports.clock.now()))
    policy = read_policy(offer.policy, ports.mechanisms.profiles)
    own, space = ports.own_document(), belonging.named(ports.settings, offer.space)
    parties = (ports.settings.did, consumer.did)
    target = opaque.inward(offer.dataset_id)
    agreed = terms.as_agreement(policy, ports.ids.new(), target, parties, now)
    data = documents.build(
        policy_document(agreed, ports.mechanisms.profiles),
        offer_id=offer.id,
        offer_digest=offer.digest,
        dataset=_subject(dataset),
        provider=Party(
            ports.settings.did, sha256_hex(own), negotiation.pid, key=ports.signer.key_id
        ),
        consumer=Party(consumer.did, consumer.document_digest, negotiation.peer_pid),
        coverage=[line.to_body() for line in terms.coverage_now(offer, ports.mechanisms)],
        accounting=terms.accounting(rule, policy, ports.mechanisms),
        semantics=semantics.PRESENT,
        plan=terms.planned(agreed, Ground.of(dataset), ports.mechanisms),
        layers=offer.layers,
        space=belonging.said(ports.settings, space),
        recipes=[*ports.settings.recipes, *_own_recipes(ports)],
        timestamp=now,
    )
    return _signed(
        documents.read(data),
        negotiation,
        terms.outline(policy, ports.mechanisms),
        provider_signature=documents.sign(ports.signer, data),
        consumer_signature="",
        provider_document=own,
        consumer_document=consumer.document,
        provider_membership=ports.own_membership(space.id),
        consumer_membership=belonging.placed(ports.settings, consumer).shown(space.id),
        report=offer.report,
        space=space.id,
    )


def _own_recipes(ports: Ports) -> list[str]:
    """Return the recipes of the engines that this node can run."""
    if not ports.code_hash:
        return []
    return [recipe(ports.code_hash, engine) for engine in ports.engines]


def check(
    ports: Ports,
    negotiation: Negotiation,
    message: messages.ContractAgreementMessage,
    provider: Participant,
    known: Considered[bool] | None = None,
) -> Agreement:
    """Check a contract that the provider signed, sign it, and return it, not stored.

    Args:
        ports: of this node.
        negotiation: as it stands before the agreement.
        message: with the contract.
        provider: who must have signed it.
        known: what `consider` found.

    Raises:
        AgreementTampered: it does not verify, or is not what this node accepted.
        AgreementTimeWrong: it cannot have been concluded when it says.
        KeyUnusable: our key cannot sign.
    """
    document = documents.read(message.agreement)
    space = belonging.stated(ports.settings, provider)
    try:
        policy = _policy_in(message.agreement, ports.mechanisms.profiles)
        checking.check(
            ports,
            negotiation,
            document,
            policy,
            message.provider_signature,
            provider,
            compared=terms.answered(known, _question(message, negotiation)) is True,
        )
    except AgreementTampered:
        raise
    except PreauError as exc:
        raise AgreementTampered(f"the agreement cannot be judged: {exc.reason}") from exc
    reports.check(message.report, provider, document.dataset.id)
    return _signed(
        document,
        negotiation,
        terms.outline(policy, ports.mechanisms),
        provider_signature=message.provider_signature,
        consumer_signature=documents.sign(ports.signer, document.data),
        provider_document=provider.document,
        consumer_document=ports.own_document(),
        provider_membership=provider.membership,
        consumer_membership=ports.own_membership(space.id),
        report=message.report,
        space=space.id,
    )


def alone(
    ports: Ports, negotiation: Negotiation, stated: bytes, provider: Participant
) -> Agreement:
    """Check a contract that the provider states and does not sign; sign our own document of it.

    Args:
        ports: of this node.
        negotiation: as it stands before the agreement.
        stated: the ODRL agreement, canonical JSON-LD.
        provider: who states it, authenticated.

    Returns:
        The contract, not stored.

    Raises:
        AgreementTampered: it is not what this node accepted.
        AgreementTimeWrong: it cannot have been concluded when it says.
        KeyUnusable: our key cannot sign.
    """
    document, policy = unsigned.drawn_up(ports, negotiation, stated, provider)
    space = belonging.stated(ports.settings, provider)
    return _signed(
        document,
        negotiation,
        terms.outline(policy, ports.mechanisms),
        provider_signature="",
        consumer_signature=documents.sign(ports.signer, document.data),
        provider_document=provider.document,
        consumer_document=ports.own_document(),
        provider_membership=provider.membership,
        consumer_membership=ports.own_membership(space.id),
        report="",
        space=space.id,
    )


def consider(
    ports: Ports, caller: Participant, message: messages.ContractAgreementMessage
) -> Considered[bool] | None:
    """Compare terms before the write transaction that handles an agreement; `check` judges.

    Returns:
        That they are the ones accepted; None where they are not, or nothing is known of them.
    """
    with ports.store.read() as tx:
        found = tx.negotiations.get(message.consumer_pid)
    if found is None or found.peer != caller.did:
        return None
    try:
        document = documents.read(message.agreement)
        checking.check_terms(
            ports, document, _policy_in(message.agreement, ports.mechanisms.profiles), found
        )
    except PreauError:
        return None  # `check` says why
    return Considered(_question(message, found), answer=True)


def _question(
    message: messages.ContractAgreementMessage, negotiation: Negotiation
) -> tuple[object, ...]:
    accepted = (negotiation.offer_id, negotiation.offered, negotiation.policy)
    return message.agreement, *accepted


def countersign(ports: Ports, agreement: Agreement, consumer_signature: str) -> Agreement:
    """Verify the consumer's signature on a contract of ours, and complete it with our receipt.

    Raises:
        AgreementTampered: the signature does not verify.
        KeyUnusable: our key cannot sign.
    """
    document = documents.read(agreement.document)
    consumer = did_documents.read(agreement.consumer_document, agreement.consumer)
    documents.verify_consumer(document, consumer_signature, consumer)
    token = receipt.make_receipt(
        ports.signer,
        document,
        agreement.provider_signature,
        consumer_signature,
        minimum_sites=_sites(ports, agreement),
        valid_until=agreement.valid_until,
        now=ports.clock.now(),
    )
    return replace(agreement, consumer_signature=consumer_signature, receipt=token, finalized=True)


def complete(ports: Ports, agreement: Agreement, token: str, now: datetime) -> Agreement:
    """Verify the provider's receipt on a contract that we verified, and complete it.

    Raises:
        AgreementTampered: the receipt does not verify, or is another's.
        AgreementTimeWrong: by this clock it was not made yet.
    """
    provider = did_documents.read(agreement.provider_document, agreement.provider)
    found = receipt.read_receipt(token, provider)
    document = documents.read(agreement.document)
    receipt.check_receipt(
        found, document, agreement.provider_signature, agreement.consumer_signature
    )
    if found.timestamp > now + instant.SKEW:
        made, here = instant.text(found.timestamp), instant.text(now)
        raise AgreementTimeWrong(
            f"the receipt states `{made}`, which is ahead of this node's clock, `{here}`",
            hint="set the clocks of both nodes; the receipt is sent again",
        )
    stated = (found.minimum_sites, found.valid_until)
    if stated != (_sites(ports, agreement), agreement.valid_until):
        raise AgreementTampered("the receipt states other terms than the agreement")
    return replace(agreement, receipt=token, finalized=True)


@kept(256)
def _policy_in(document: bytes, profiles: Profiles) -> Policy:
    try:
        return read_policy(documents.read(document).policy, profiles)
    except AgreementTampered:
        raise
    except PreauError as exc:
        raise AgreementTampered(f"the agreement's policy cannot be read: {exc.reason}") from exc


def _subject(dataset: Dataset) -> Subject:
    return Subject(
        id=opaque.inward(dataset.id),
        description_digest=descriptions.digest(dataset.credential),
        population=dataset.population,
        rows_per_person=dataset.rows_per_person,
        person_column=dataset.person_column,
    )


def _signed(
    document: AgreementDocument, negotiation: Negotiation, outline: Outline, **proof: Any
) -> Agreement:
    """Return a contract with what proves it so far; none of it has a default."""
    return Agreement(
        id=document.id,
        pid=negotiation.pid,
        role=negotiation.role,
        provider=document.provider.did,
        consumer=document.consumer.did,
        document=document.data,
        digest=document.digest,
        receipt="",
        finalized=False,
        **_figures(document, outline),
        **proof,
    )


def _sites(ports: Ports, agreement: Agreement) -> int:
    return terms.outline(
        policy_of(agreement, ports.mechanisms.profiles), ports.mechanisms
    ).figures.minimum_sites


def _figures(document: AgreementDocument, outline: Outline) -> dict[str, Any]:
    return {
        "dataset_id": opaque.outward(document.dataset.id),  # as both call it
        "valid_until": outline.valid_until,
        "population": document.dataset.population,
        "concluded_at": document.timestamp,
        "epsilon": outline.figures.epsilon,
        "delta": outline.figures.delta,
    }
