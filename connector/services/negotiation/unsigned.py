"""Contracts with peers that sign nothing: other connectors of the Dataspace Protocol.

Rules: what such a peer agreed to is proved by its messages as they came, which stay with the
negotiation (`domain/contract/negotiation.Said`). We sign what we execute: the document that we drew
up as the provider; as the consumer, one of our own around the agreement that the provider stated,
once that means the offer we accepted. INVARIANT: a peer that is known as a Préau node, or whose
message names itself as only theirs do, signs or is refused.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from connector.domain import instant
from connector.domain.contract.negotiation import Agreement, Negotiation, Said, check_concluded
from connector.domain.layer import LayerKind
from connector.domain.participant import Participant
from connector.enforcement import plan as plans
from connector.enforcement.mechanisms import deliver
from connector.errors import AgreementTampered, AgreementTimeWrong, PreauError
from connector.identity import agreement as documents
from connector.identity.agreement import Party, Subject
from connector.jsonld import opaque
from connector.jsonld.canonical import sha256_hex
from connector.jsonld.policy import policy_document
from connector.ports import Ports, Transaction
from connector.protocol.messages import Negotiating
from connector.protocol.transfer_messages import Transferring
from connector.services.membership import belonging
from connector.services.messages import naming
from connector.services.negotiation import plans as stated_plans
from connector.services.negotiation import terms
from policies_odrl import Policy, PolicyKind
from policies_odrl.checking import semantics

_DID: Final = "did:"


def signs(peer: Participant, message: Negotiating | Transferring) -> bool:
    """Return whether the sender of a message is a Préau node, so that it signs."""
    return bool(peer.grpc_endpoint) or not naming.by_content(message.message_id)


def said(tx: Transaction, agreement: Agreement) -> tuple[Said, ...]:
    """Return the messages of the other party of a contract that it did not sign; none else."""
    if agreement.provider_signature and agreement.consumer_signature:
        return ()
    found = tx.negotiations.get(agreement.pid)
    return found.said if found is not None else ()


def gives(agreement: Agreement) -> bool:
    """Return whether a contract of ours gives what its consumer can ask for without signing."""
    return any(each.mechanism == deliver.NAME for each in stated_plans.plan_of(agreement).uses)


def completed(agreement: Agreement) -> Agreement:
    """Return a contract that its other party has verified, or finalized, by its word alone."""
    return replace(agreement, finalized=True)


def drawn_up(
    ports: Ports, negotiation: Negotiation, stated: bytes, provider: Participant
) -> tuple[documents.AgreementDocument, Policy]:
    """Return the document of a contract that its provider states and does not sign.

    Args:
        ports: of this node.
        negotiation: as it stands before the agreement.
        stated: the ODRL agreement, canonical JSON-LD.
        provider: who states it, authenticated.

    Returns:
        The document that this node signs, and its policy.

    Raises:
        AgreementTampered: it does not mean the offer that was accepted, or names other parties.
        AgreementTimeWrong: it cannot have been concluded when it says.
    """
    try:
        policy = terms.read_small(stated, ports.mechanisms.profiles)
        _check_terms(ports, negotiation, policy, stated)
        return _document(ports, negotiation, policy, provider)
    except (AgreementTampered, AgreementTimeWrong):
        raise
    except PreauError as exc:
        raise AgreementTampered(f"the agreement cannot be judged: {exc.reason}") from exc


def _check_terms(ports: Ports, negotiation: Negotiation, policy: Policy, stated: bytes) -> None:
    if policy.kind is not PolicyKind.AGREEMENT or policy.target is None:
        raise AgreementTampered("what was sent is not an agreement about a dataset")
    if opaque.outward(policy.target.id) != negotiation.dataset_id:
        raise AgreementTampered("the agreement is about another dataset than was negotiated")
    for party, did in ((policy.assigner, negotiation.peer), (policy.assignee, ports.settings.did)):
        name = opaque.outward(party.id) if party is not None else ""
        # Else it is what the space calls them (CN Protocol, Contract Agreement Message).
        if not name or (name.startswith(_DID) and name != did):
            raise AgreementTampered("the agreement names other parties than the negotiation's")
    accepted = (negotiation.policy, negotiation.offered)
    if not terms.fits(*accepted, stated, ports.mechanisms):
        raise AgreementTampered(
            "the agreement does not have the meaning of the offer that was accepted"
        )


def _document(
    ports: Ports, negotiation: Negotiation, policy: Policy, provider: Participant
) -> tuple[documents.AgreementDocument, Policy]:
    now = ports.clock.now()
    at = _time(policy, now)
    check_concluded(negotiation, at, now)
    mechanisms, parties = ports.mechanisms, (provider.did, ports.settings.did)
    target = opaque.inward(negotiation.dataset_id)
    agreed = terms.as_agreement(policy, policy.id, target, parties, at)
    outline = terms.outline(agreed, mechanisms)
    if outline.valid_until is not None and at >= outline.valid_until:
        raise AgreementTimeWrong("the agreement is concluded after its own end")
    # What is executed is the provider's: nobody described the dataset to us.
    plan = plans.Plan(outline.valid_until, ()).as_json()
    data = documents.build(
        policy_document(agreed, mechanisms.profiles),
        offer_id=negotiation.offer_id,
        offer_digest=sha256_hex(negotiation.offered),
        dataset=Subject(
            id=target,
            description_digest=sha256_hex(negotiation.description.encode()),
            population=0,
            rows_per_person=0,
            person_column="",
        ),
        provider=Party(provider.did, provider.document_digest, negotiation.peer_pid),
        consumer=Party(
            ports.settings.did,
            sha256_hex(ports.own_document()),
            negotiation.pid,
            key=ports.signer.key_id,
        ),
        coverage=[
            {**line.to_body(), "layer": LayerKind.OFFER.value}
            for line in terms.coverage(agreed, mechanisms)
        ],
        accounting=None,
        recipes=(),
        semantics=semantics.PRESENT,
        plan=plan,
        layers=(),
        timestamp=at,
        alone=True,
        space=belonging.said(ports.settings, belonging.stated(ports.settings, provider)),
    )
    return documents.read(data), agreed


def _time(policy: Policy, now: datetime) -> datetime:
    """Return when an agreement says that it was concluded, in whole seconds; now if it does not.

    Raises:
        AgreementTampered: that is no time.
    """
    if not policy.timestamp:
        return now.replace(microsecond=0)
    try:
        found = datetime.fromisoformat(policy.timestamp)
    except ValueError as exc:
        raise AgreementTampered("the agreement states no time") from exc
    aware = found if found.tzinfo else found.replace(tzinfo=UTC)
    return instant.read(instant.text(aware))
