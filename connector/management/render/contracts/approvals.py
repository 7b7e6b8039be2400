"""Decisions of persons as views."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from connector.domain.contract.approval import Approval, ApprovalState
from connector.enforcement.asked import spends
from connector.jsonld.canonical import parse_object
from connector.management.render.contracts.negotiations import differences
from connector.management.render.publishing.offers import coverage, sentences
from connector.management.views.contracts.approvals import (
    AcceptanceView,
    ApprovalBudgetView,
    ApprovalDetailView,
    ApprovalJobView,
    ApprovalPlaceView,
    ApprovalUseView,
    ApprovalView,
)
from connector.management.views.contracts.uses import ContentView
from connector.services.approval.viewing import Brief, Budget, Wanted
from connector.services.privacy.cost import Cost, Place
from connector.services.readable import Readable
from federated.job import JobManifest


def approval(value: Approval) -> ApprovalView:
    """Return what waits for a decision, or what was decided, in one line."""
    return ApprovalView(**_approval(value))


def brief(value: Brief) -> ApprovalDetailView:
    """Return all that a person has to know before deciding, as far as it is read."""
    shown = Readable()
    lines = shown.parts(value.coverage)
    budget = shown.part(value.budget, None)
    cost = shown.part(value.cost, None)
    said: dict[str, list[str]] = shown.part(lambda: dict(value.sentences), {})
    return ApprovalDetailView(
        **_approval(value.approval),
        policy=shown.part(partial(parse_object, value.policy), {}) if value.policy else {},
        sentences=sentences(value.policy) if value.policy else {},
        coverage=[coverage(line) for line in lines],
        budget=_budget(budget) if budget else None,
        previous=value.previous.id if value.previous else "",
        changes=differences(value.changes) if value.previous else [],
        fault=value.fault or shown.fault,
        output=ContentView(**asdict(value.output)) if value.output else None,
        job=_job(value.approval, value.job, said, cost) if value.job else None,
        use=shown.part(partial(_use, value.approval, value.wanted, said, cost), None)
        if value.wanted
        else None,
    )


def _approval(value: Approval) -> dict[str, Any]:
    return {
        "id": value.id,
        "peer": value.peer,
        "dataset": value.dataset_id,
        "offer": value.offer_id,
        "subject": value.subject.value,
        "agreement": value.agreement_id,
        "figures": value.figures,
        "roles": list(value.roles),
        "acceptances": [AcceptanceView(role=a.role, reason=a.reason) for a in value.acceptances],
        "missing": list(value.missing) if value.state is ApprovalState.PENDING else [],
        "state": value.state.value,
        "code": value.code,
        "reason": value.reason,
        "asked_at": value.asked_at,
        "lapses_at": value.lapses_at,
        "closed_at": value.closed_at,
    }


def _job(
    value: Approval, manifest: JobManifest, said: dict[str, list[str]], cost: Cost | None
) -> ApprovalJobView:
    return ApprovalJobView(
        manifest=parse_object(value.asked),
        recipe=value.recipe,
        sentences=said,
        delta=manifest.privacy.delta,
        person=manifest.unit.column,
        rows=manifest.unit.rows,
        **_costs(value, cost),
    )


def _use(
    value: Approval, wanted: Wanted, said: dict[str, list[str]], cost: Cost | None
) -> ApprovalUseView:
    spent = spends(wanted.asked, wanted.steps)
    return ApprovalUseView(
        request=parse_object(value.asked),
        sentences=said,
        noise=spent is not None,
        delta=spent.request.delta if spent else 0.0,
        rows=spent.noise.rows_per_person if spent else None,
        **_costs(value, cost),
    )


def _costs(value: Approval, cost: Cost | None) -> dict[str, Any]:
    return {
        "digest": value.request,
        "epsilon": cost.epsilon if cost else None,
        "budgets": [_place(each) for each in cost.places] if cost else [],
        "refusal": cost.refusal if cost else "",
    }


def _place(value: Place) -> ApprovalPlaceView:
    return ApprovalPlaceView(
        register_id=value.register,
        limit=value.limit,
        rule=value.rule,
        left=value.left,
        after=value.after,
    )


def _budget(value: Budget) -> ApprovalBudgetView:
    return ApprovalBudgetView(
        epsilon=value.asked.epsilon,
        delta=value.asked.delta,
        register_id=value.register_id,
        cap_epsilon=value.cap.epsilon if value.cap else None,
        cap_delta=value.cap.delta if value.cap else None,
        promised_epsilon=value.promised[0],
        promised_delta=value.promised[1],
    )
