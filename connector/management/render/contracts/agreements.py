"""Contracts as views."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from connector.domain.contract.negotiation import Agreement, Said
from connector.domain.contract.notice import Notice
from connector.domain.privacy.findings import Findings
from connector.identity import agreement as documents
from connector.jsonld.canonical import parse_object
from connector.management.render.publishing.offers import layer_names, sentences
from connector.management.views.contracts.agreements import (
    AgreementDetailView,
    AgreementView,
    NoticeView,
    SaidView,
)
from connector.management.views.publishing.offers import CoverageView
from connector.management.views.publishing.risk import findings
from connector.services.negotiation.plans import plan_of
from connector.services.negotiation.reports import findings_of
from connector.services.privacy.budget import budget_of
from connector.services.readable import Readable
from federated.privacy.rule import stated
from federated.task.engine import named

_UNKNOWN_RULE: Final[Mapping[str, Any]] = MappingProxyType(
    {"rule": "unknown", "order": 0, "adjacency": "unknown"}
)

_NO_RULE: Final[Mapping[str, Any]] = MappingProxyType(
    {"rule": "none", "order": 0, "adjacency": "none"}
)


def agreement(value: Agreement) -> AgreementView:
    """Return a contract in one line."""
    return AgreementView(**_agreement(value))


def agreement_detail(
    value: Agreement,
    sources: str,
    said: Callable[[], Iterable[Notice]],
    lost: Callable[[], Sequence[str]],
    heard: Callable[[], Sequence[Said]],
    *,
    over_https: bool = False,
) -> AgreementDetailView:
    """Return a contract with all that proves it, and what became of it, as far as it is read."""
    shown = Readable()
    document: dict[str, Any] = shown.part(partial(parse_object, value.document), {})
    read = shown.part(partial(documents.read, value.document), None)
    plan: dict[str, Any] = shown.part(lambda: plan_of(value).as_json(), {})
    accounting = _NO_RULE  # it spends no privacy
    if value.epsilon:
        accounting = shown.part(lambda: stated(budget_of(value).accounting), _UNKNOWN_RULE)
    measured: Mapping[str, Findings] = shown.part(partial(findings_of, value), {})
    return AgreementDetailView(
        **_agreement(value),
        document=document,
        **accounting,
        recipes=list(read.recipes) if read else [],
        engines=named(sources, read.recipes) if read else {},
        plan=plan,
        coverage=[CoverageView(**line) for line in read.coverage] if read else [],
        findings=[findings(*each) for each in measured.items()],
        layers=layer_names(read.layers) if read else [],
        sentences=sentences(read.policy) if read else {},
        provider_signature=value.provider_signature,
        consumer_signature=value.consumer_signature,
        receipt=value.receipt,
        over_https=over_https,
        said=[SaidView(kind=it.kind, at=it.at, body=it.body) for it in shown.parts(heard)],
        notices=[
            NoticeView(by=each.party, act=each.act.value, reason=each.reason, at=each.at)
            for each in shown.parts(said)
        ],
        lost_keys=list(shown.parts(lost)),
        fault=shown.fault,
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
        "space": value.space,
    }
