"""Domain values as views: the one place where they are mapped.

Rules: what a view does not name stays inside; a stored value is always shown, and says of which
part it could not be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from connector.domain.catalog.dataset import Dataset, Offer
from connector.domain.catalog.review import Review
from connector.domain.contract.negotiation import Agreement, Negotiation, Role
from connector.domain.contract.notice import Notice
from connector.domain.federation.job import Job
from connector.domain.layer import LayerName
from connector.domain.log.audit import Epoch, LogEntry
from connector.domain.membership import Membership
from connector.domain.page import Damaged
from connector.domain.participant import Participant
from connector.domain.privacy.budget import Reservation
from connector.domain.privacy.census import RegisterPersons
from connector.domain.privacy.findings import Findings
from connector.domain.privacy.tally import Limit
from connector.domain.thread import ThreadFault
from connector.enforcement.mechanisms import opening
from connector.errors import PreauError
from connector.identity import agreement as documents
from connector.identity.risk_report import unverified_uses
from connector.jsonld.canonical import parse_object
from connector.jsonld.policy import read_policy
from connector.jsonld.profiles import NO_PROFILES, Profiles
from connector.management.column_views import columns
from connector.management.reach import About
from connector.management.risk_views import FindingsView, findings
from connector.management.views import (
    AgreementDetailView,
    AgreementView,
    CatalogDatasetView,
    CatalogView,
    ChangeView,
    CheckView,
    ConfirmedView,
    CoverageView,
    DatasetView,
    EpochView,
    EventView,
    JobView,
    LayerNameView,
    MemberView,
    MergeView,
    NegotiationView,
    NodeView,
    NoticeView,
    OfferView,
    OwedContractView,
    OwedJobView,
    PeerView,
    RecoveryView,
    ThreadFaultView,
)
from connector.ports import Ports
from connector.protocol.messages import CoverageLine
from connector.services.continuity.confirmation import Confirmed, Plan
from connector.services.federation.lead import jobs as lead_jobs
from connector.services.health import diagnose
from connector.services.negotiation import terms
from connector.services.negotiation.plans import plan_of
from connector.services.negotiation.reports import findings_of
from connector.services.privacy.budget import budget_of
from connector.services.publication import catalog_pages
from connector.services.publication.verdicts import OF_THE_FILE, Verdict, mend
from connector.services.readable import Readable
from federated.privacy.rule import stated
from policies_odrl import OdrlError, Policy
from policies_odrl.language.explain import explain
from policies_odrl.language.phrases import LANGUAGES
from policies_odrl.reading.reader import load

_NOT_COMPARED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "en": "This node cannot compare the terms asked for with those offered: what changes is not"
        " known. Read the terms on the table.",
        "fr": "Ce nœud ne peut pas comparer les conditions demandées à celles qui sont proposées : "
        "ce qui change n’est pas connu. Lisez les conditions sur la table.",
    }
)


_UNKNOWN_RULE: Final[Mapping[str, Any]] = MappingProxyType(
    {"rule": "unknown", "order": 0, "adjacency": "unknown"}
)


def node(ports: Ports, about: About) -> NodeView:
    """Return the running node."""
    settings = ports.settings
    return NodeView(
        did=settings.did,
        name=settings.name,
        kind=settings.kind,
        space=settings.space,
        recipe=ports.code_hash,
        unsafe=diagnose.unsafe(settings),
        faults=[_thread_fault(*each) for each in sorted(ports.faults.items())],
        **asdict(about),
    )


def _thread_fault(thread: str, value: ThreadFault) -> ThreadFaultView:
    return ThreadFaultView(
        thread=thread, at=value.at, kind=value.kind, place=value.place, times=value.times
    )


def offer(value: Offer, lines: Iterable[CoverageLine]) -> OfferView:
    """Return an own offer."""
    said = {
        "sentences": sentences(value.policy),
        "coverage": [coverage(line) for line in lines],
    }
    return offer_in_brief(value).model_copy(update=said)


def damaged_offer(value: Damaged) -> OfferView:
    """Return an own offer that cannot be read."""
    return OfferView(id=value.row, policy={}, fault=value.fault)


def offer_in_brief(value: Offer) -> OfferView:
    """Return an own offer as it stands in a list."""
    shown = Readable()
    policy: dict[str, Any] = shown.part(partial(parse_object, value.policy), {})
    return OfferView(
        id=value.id,
        policy=policy,
        licence=_licence(policy),
        audience=value.audience,
        withdrawn=value.withdrawn,
        decision=value.decision.value,
        layers=layer_names(value.layers),
        **_review(value.review),
        findings=shown.part(partial(_measured, value.report), []),
        fault=shown.fault,
    )


def _licence(policy: Mapping[str, Any]) -> str:
    """Return the licence of an offer to anybody, in our own rendering; empty where it is none."""
    if {"@id": opening.PUBLIC} not in policy.get("dct:accessRights", ()):
        return ""
    return "".join(str(each.get("@id", "")) for each in policy.get("dct:license", ()))


def _measured(token: str) -> list[FindingsView]:
    """Return what a report says that was verified before."""
    return [findings(it.action, it.findings) for it in unverified_uses(token)] if token else []


def _review(value: Review | None) -> dict[str, Any]:
    if value is None:
        return {}
    return {
        "roles": list(value.roles),
        "remind_hours": value.remind_hours,
        "lapse_hours": value.lapse_hours,
    }


def dataset(
    value: Dataset,
    offers: Iterable[OfferView],
    verdict: Verdict | None = None,
    persons: RegisterPersons | None = None,
    fault: str = "",
) -> DatasetView:
    """Return an own dataset, with what is on record of its file and of its register's persons."""
    return DatasetView(
        fault=fault,
        id=value.id,
        title=value.title,
        description=value.description,
        personal=value.personal,
        columns=columns(value.columns),
        person_column=value.person_column,
        rows_per_person=value.rows_per_person,
        population=value.population,
        collection_purpose=value.collection_purpose,
        legal_basis=value.legal_basis,
        retention=value.retention,
        territory=value.territory,
        cap_epsilon=value.cap.epsilon if value.cap else None,
        cap_delta=value.cap.delta if value.cap else None,
        file=value.file.place,
        snapshot=value.file.digest if value.file.source.stated else "",
        snapshot_at=value.file.source.taken_at,
        published_at=value.published_at,
        offers=list(offers),
        register_id=value.register_id,
        person_format=value.person_format,
        malformed_share=value.malformed_share,
        check=_check(value.id, verdict, persons) if verdict else None,
    )


def _check(dataset_id: str, verdict: Verdict, persons: RegisterPersons | None) -> CheckView:
    census = verdict.census
    # Counts on record are of the file that was published, which is not the one that is there.
    counts = census.counts if census and verdict.code not in OF_THE_FILE else None
    return CheckView(
        verdict=verdict.code or "passed",
        reasons=list(verdict.reasons),
        mend=mend(dataset_id, verdict.code),
        rows=counts.rows if counts else None,
        malformed=counts.malformed if counts else None,
        persons=counts.persons if counts else None,
        over=counts.over if counts else None,
        unreadable={each.column: each.values for each in counts.unreadable} if counts else {},
        outside={each.column: each.values for each in counts.outside} if counts else {},
        register_persons=persons.persons if persons else None,
        distinct={each.register_id: each.reason for each in census.overlaps if each.reason}
        if census
        else {},
        checked_at=census.at if census else None,
    )


def peer(value: Participant, code: str = "", reason: str = "") -> PeerView:
    """Return a peer; `code` and `reason` say why it is not in good standing."""
    return PeerView(
        did=value.did,
        name=value.name,
        grpc=value.grpc_endpoint,
        admitted_at=value.admitted_at,
        refreshed_at=value.refreshed_at,
        standing=code or "good",
        reason=reason,
    )


def negotiation(value: Negotiation, profiles: Profiles = NO_PROFILES) -> NegotiationView:
    """Return a negotiation."""
    shown = Readable()
    return NegotiationView(
        pid=value.pid,
        role=value.role.value,
        peer=value.peer,
        peer_pid=value.peer_pid,
        state=value.state.value,
        dataset=value.dataset_id,
        offer=value.offer_id,
        policy=shown.part(partial(parse_object, value.policy), {}) if value.policy else {},
        policy_by=value.policy_by.value,
        agreement=value.agreement_id,
        code=value.code,
        reasons=list(value.reasons),
        changes=changes(value, profiles),
        awaits=value.awaits,
        created_at=value.created_at,
        updated_at=value.updated_at,
        fault=shown.fault,
    )


def changes(value: Negotiation, profiles: Profiles) -> list[ChangeView]:
    """Return how the provider's terms on the table differ from those that were asked for.

    Where this node cannot compare the two, that is said in place of the list: an empty one means
    that nothing changes.
    """
    if value.policy_by is not Role.PROVIDER:
        return []
    return differences(value.asked, value.policy, profiles)


def differences(before: bytes, after: bytes, profiles: Profiles) -> list[ChangeView]:
    """Return how terms differ from others; where they cannot be compared, that is said instead."""
    try:
        found = terms.changes(before, after, profiles)
    except PreauError as exc:
        return [_not_compared(exc.reason)]
    return [
        ChangeView(
            kind=item.kind.value,
            path=item.path,
            operand=item.operand,
            line=terms.one_line(item.line),
            sentences={lang: terms.one_line(item.said(lang)) for lang in LANGUAGES},
        )
        for item in found
    ]


def agreement(value: Agreement) -> AgreementView:
    """Return a contract in one line."""
    return AgreementView(**_agreement(value))


def agreement_detail(
    value: Agreement,
    said: Callable[[], Iterable[Notice]],
    lost: Callable[[], Sequence[str]],
) -> AgreementDetailView:
    """Return a contract with all that proves it, and what became of it, as far as it is read."""
    shown = Readable()
    document: dict[str, Any] = shown.part(partial(parse_object, value.document), {})
    read = shown.part(partial(documents.read, value.document), None)
    plan: dict[str, Any] = shown.part(lambda: plan_of(value).as_json(), {})
    accounting = shown.part(lambda: stated(budget_of(value).accounting), _UNKNOWN_RULE)
    measured: Mapping[str, Findings] = shown.part(partial(findings_of, value), {})
    return AgreementDetailView(
        **_agreement(value),
        document=document,
        **accounting,
        recipes=list(read.recipes) if read else [],
        plan=plan,
        coverage=[CoverageView(**line) for line in read.coverage] if read else [],
        findings=[findings(*each) for each in measured.items()],
        layers=layer_names(read.layers) if read else [],
        sentences=sentences(read.policy) if read else {},
        provider_signature=value.provider_signature,
        consumer_signature=value.consumer_signature,
        receipt=value.receipt,
        notices=[
            NoticeView(by=each.party, act=each.act.value, reason=each.reason, at=each.at)
            for each in shown.parts(said)
        ],
        lost_keys=list(shown.parts(lost)),
        fault=shown.fault,
    )


def catalog(value: catalog_pages.CatalogView, *, said: bool = True) -> CatalogView:
    """Return a page of a peer's catalog; `said`: with its offers in plain words."""
    return CatalogView(
        participant=value.participant,
        name=value.name,
        next=value.next,
        datasets=[
            CatalogDatasetView(
                id=dataset.id,
                description=dict(dataset.subject),
                columns=columns(dataset.facts.columns),
                offers=[
                    OfferView(
                        id=offer.id,
                        policy=parse_object(offer.policy),
                        licence=_licence(parse_object(offer.policy)),
                        sentences=sentences(offer.policy) if said else {},
                        coverage=[coverage(line) for line in offer.coverage],
                        decision=offer.decision,
                        findings=_measured(offer.report),
                        layers=layer_names(offer.layers),
                    )
                    for offer in dataset.offers
                ],
            )
            for dataset in value.datasets
        ],
    )


def sentences(policy: bytes | Mapping[str, Any]) -> dict[str, list[str]]:
    """Return a policy in plain words, by language; empty where no policy can be read.

    Of a peer's offer that this node could not sign, what is not understood is said to be so.
    """
    try:
        read = _lenient(policy)
    except OdrlError:
        return {}
    return {language: list(explain(read, language)) for language in LANGUAGES}


def _lenient(policy: bytes | Mapping[str, Any]) -> Policy:
    try:
        return read_policy(policy)
    except PreauError:
        return load(policy if isinstance(policy, bytes) else dict(policy))


def coverage(line: CoverageLine) -> CoverageView:
    """Return a line of the coverage table."""
    return CoverageView(**line.to_body())


def layer_names(found: Iterable[LayerName]) -> list[LayerNameView]:
    """Return the layers that an offer or contract names."""
    return [LayerNameView(**asdict(each)) for each in found]


def job(value: Job) -> JobView:
    """Return a job without its sites."""
    return JobView.model_validate(lead_jobs.summary(value))


def event(value: LogEntry) -> EventView:
    """Return an event of the audit log."""
    shown = Readable()
    return EventView(
        index=value.index,
        kind=value.kind,
        at=value.at,
        subject=value.subject,
        event=shown.part(partial(parse_object, value.event), {}),
        fault=shown.fault,
    )


def member(value: Membership) -> MemberView:
    """Return a member of the space."""
    return MemberView(
        did=value.did,
        name=value.name,
        role=value.role,
        index=value.index,
        issued_at=value.issued_at,
        valid_until=value.valid_until,
        revoked=value.revoked,
    )


def _not_compared(reason: str) -> ChangeView:
    return ChangeView(
        kind="unknown",
        path="",
        operand="",
        line=terms.one_line(f"the two texts cannot be compared: {reason}"),
        sentences=dict(_NOT_COMPARED),
    )


def _agreement(value: Agreement) -> dict[str, Any]:
    return {
        "id": value.id,
        "role": value.role.value,
        "provider": value.provider,
        "consumer": value.consumer,
        "dataset": value.dataset_id,
        "digest": value.digest,
        "population": value.population,
        "valid_until": value.valid_until,
        "finalized": value.finalized,
        "concluded_at": value.concluded_at,
        "standing": value.standing.value,
    }


def recovery(plan: Plan, epochs: Iterable[Epoch], fault: str) -> RecoveryView:
    """Return how the node stands, and what confirming would charge, or why that is not known."""
    debt = plan.debt
    return RecoveryView(
        fault=fault,
        faults=list(plan.faults),
        jobs=[_owed_job(each) for each in (debt.jobs if debt else ())],
        contracts=[_owed_contract(each) for each in (debt.contracts if debt else ())],
        uncounted=list(plan.uncounted),
        registers=list(debt.registers) if debt else [],
        merges=[MergeView(merged=gone, into=kept) for gone, kept in (debt.merges if debt else ())],
        silent=list(debt.silent) if debt else [],
        unasked=list(plan.unasked),
        gone=[_owed_contract(each) for each in plan.gone],
        taken_back=sorted(plan.taken_back),
        epochs=[_epoch(each) for each in epochs],
    )


def confirmed(value: Confirmed) -> ConfirmedView:
    """Return what a confirmation charged."""
    return ConfirmedView(
        jobs=[_owed_job(each) for each in value.debt.jobs],
        contracts=[_owed_contract(each) for each in value.debt.contracts],
        registers=list(value.debt.registers),
        merges=[MergeView(merged=gone, into=kept) for gone, kept in value.debt.merges],
        unasked=list(value.unasked),
        gone=[_owed_contract(each) for each in value.gone],
        taken_back=list(value.taken_back),
        epoch=_epoch(value.epoch),
    )


def _owed_job(value: Reservation) -> OwedJobView:
    return OwedJobView(job=value.job_id, agreement=value.agreement_id, epsilon=value.epsilon)


def _owed_contract(value: Limit) -> OwedContractView:
    return OwedContractView(agreement=value.id, consumer=value.consumer, epsilon=value.epsilon)


def _epoch(value: Epoch) -> EpochView:
    return EpochView(number=value.number, at=value.at, abandoned=value.abandoned_size)
