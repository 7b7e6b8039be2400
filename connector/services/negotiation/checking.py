"""What the consumer checks before it signs an agreement.

Rules: it signs only the offer that it was shown, to the letter, and only where that means what it
asked for; for the dataset whose description it decided on; with the parties as it knows them; at a
time that can be. What decisions ignore is compared too, since a reader of the contract will not.
"""

from __future__ import annotations

from connector.domain.contract.negotiation import Negotiation, Role, check_concluded
from connector.domain.participant import Participant
from connector.enforcement.ground import Ground
from connector.errors import AgreementTampered, AgreementTimeWrong, CredentialExpired
from connector.identity import agreement as documents
from connector.identity import credential as credentials
from connector.identity import document as did_documents
from connector.identity.agreement import AgreementDocument, Subject
from connector.identity.descriptions import dataset_facts
from connector.identity.descriptions import description as descriptions
from connector.identity.descriptions.dataset_facts import DatasetFacts
from connector.identity.document import DidDocument
from connector.jsonld.canonical import canonical, sha256_hex
from connector.jsonld.policy import identical, read_policy
from connector.ports import Ports
from connector.services.membership import belonging
from connector.services.negotiation import terms
from federated.privacy.rule import Rule
from policies_odrl import Policy
from policies_odrl.checking import semantics


def check(
    ports: Ports,
    negotiation: Negotiation,
    document: AgreementDocument,
    policy: Policy,
    signature: str,
    provider: Participant,
    *,
    compared: bool,
) -> None:
    """Check all that a consumer must before it signs.

    Args:
        ports: of this node.
        negotiation: as it stands before the agreement.
        document: the agreement.
        policy: its policy.
        signature: the provider's.
        provider: who must have signed.
        compared: whether `check_terms` passed for these very terms.

    Raises:
        AgreementTampered: it does not verify, or is not what this node accepted.
        AgreementTimeWrong: it cannot have been concluded when it says.
        PreauError: a part cannot be judged.
    """
    about = did_documents.read(provider.document, provider.did)
    _check_parties(ports, document, negotiation, about)
    _check_space(ports, document, provider)
    documents.verify_provider(document, signature, about)
    facts = _check_dataset(document, negotiation, about)
    if not compared:
        check_terms(ports, document, policy, negotiation)
    _check_plan(ports, document, policy, facts)
    _check_time(ports, negotiation, document, provider, policy)
    stated = document.accounting
    rule = facts.rule or (Rule.SUMS if stated is None else stated.rule)
    expected = terms.accounting(rule, policy, ports.mechanisms)
    if expected is not None and stated is None:
        raise AgreementTampered("the agreement does not say how privacy is accounted for")
    if stated != expected:
        raise AgreementTampered("the agreement accounts for privacy otherwise than described")


def _check_plan(
    ports: Ports, document: AgreementDocument, policy: Policy, facts: DatasetFacts
) -> None:
    """The plan is the one that this node works out from the terms and the described dataset."""
    if document.plan is None:
        raise AgreementTampered(
            f"`{document.provider.did}` must upgrade: the agreement states no plan"
        )
    expected = terms.planned(policy, Ground.of(facts), ports.mechanisms)
    if canonical(document.plan) != canonical(expected):  # in Python `True == 1`
        raise AgreementTampered("the agreement's plan is not what its terms give for the dataset")


def _check_time(
    ports: Ports,
    negotiation: Negotiation,
    document: AgreementDocument,
    provider: Participant,
    policy: Policy,
) -> None:
    """The contract is concluded when both parties are members, and before its own end."""
    at = document.timestamp
    check_concluded(negotiation, at, ports.clock.now())
    end = terms.outline(policy, ports.mechanisms).valid_until
    if end is not None and at >= end:
        raise AgreementTimeWrong("the agreement is concluded after its own end")
    own = ports.own_membership(belonging.stated(ports.settings, provider).id)
    members = {provider.did: provider.membership, ports.settings.did: own}
    for did, token in members.items():
        try:
            credentials.check_period(credentials.unverified_credential(token), at)
        except CredentialExpired as exc:
            reason = f"the membership of `{did}` was not valid when the agreement was made"
            raise AgreementTimeWrong(reason, hint="negotiate a new agreement") from exc


def _check_parties(
    ports: Ports, document: AgreementDocument, negotiation: Negotiation, provider: DidDocument
) -> None:
    """The parties are the two of the negotiation, under the DID documents that both serve."""
    expected = (
        (document.provider.did, negotiation.peer),
        (document.provider.pid, negotiation.peer_pid),
        (document.provider.document_digest, provider.digest),
        (document.consumer.did, ports.settings.did),
        (document.consumer.pid, negotiation.pid),
        (document.consumer.document_digest, sha256_hex(ports.own_document())),
    )
    if negotiation.role is not Role.CONSUMER or any(a != b for a, b in expected):
        raise AgreementTampered("the agreement names other parties than the negotiation's")


def _check_space(ports: Ports, document: AgreementDocument, provider: Participant) -> None:
    """The space is the one in which this node deals with the provider."""
    here = belonging.stated(ports.settings, provider).id
    if document.space not in ("", here):
        raise AgreementTampered(
            f"the agreement is of the space `{document.space}`, and this node deals with"
            f" `{provider.did}` in `{here}`"
        )


def _check_dataset(
    document: AgreementDocument, negotiation: Negotiation, provider: DidDocument
) -> DatasetFacts:
    """The dataset is the one whose description this node decided on, and stated as there."""
    _, facts = dataset_facts.verified(negotiation.description, provider, negotiation.dataset_id)
    stated = document.dataset
    expected = Subject(
        id=negotiation.dataset_id,
        description_digest=descriptions.digest(negotiation.description),
        population=facts.population,
        rows_per_person=facts.rows_per_person,
        person_column=facts.person_column,
    )
    if stated != expected:
        raise AgreementTampered("the agreement is about another dataset than the one described")
    return facts


def check_terms(
    ports: Ports, document: AgreementDocument, policy: Policy, negotiation: Negotiation
) -> None:
    """The policy is the offer that was shown, to the letter, and means what was asked for.

    Raises:
        AgreementTampered: it is not, or the table of how it is upheld is not this node's.
        PreauError: a part cannot be judged.
    """
    accepted = (negotiation.offer_id, sha256_hex(negotiation.offered))
    if (document.offer_id, document.offer_digest) != accepted:
        raise AgreementTampered("the agreement is on another offer than the one accepted")
    _check_semantics(document)
    terms.check_size(policy)
    parties = (document.provider.did, document.consumer.did)
    expected = terms.as_agreement(
        read_policy(negotiation.offered, ports.mechanisms.profiles),
        document.id,
        document.dataset.id,
        parties,
        document.timestamp,
    )
    if not identical(policy, expected):
        raise AgreementTampered("the agreement differs from the offer that was shown")
    if not terms.same(read_policy(negotiation.policy, ports.mechanisms.profiles), policy):
        raise AgreementTampered("the agreement does not have the meaning of what was accepted")
    unlayered = [{**line, "layer": ""} for line in document.coverage]
    if unlayered != [line.to_body() for line in terms.coverage(policy, ports.mechanisms)]:
        raise AgreementTampered("the agreement does not say how each constraint is upheld")


def _check_semantics(document: AgreementDocument) -> None:
    if document.semantics == semantics.PRESENT:
        return
    older = document.provider if document.semantics < semantics.PRESENT else document.consumer
    raise AgreementTampered(
        f"`{older.did}` must upgrade: the agreement is of version {document.semantics} of the"
        f" semantics, and its consumer decides by version {semantics.PRESENT}"
    )
