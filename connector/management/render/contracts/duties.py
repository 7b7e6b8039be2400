"""Duties of contracts as views."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from connector.domain.contract.duty import Deed, Duty
from connector.enforcement.audited import Audited
from connector.jsonld.actions import action_name
from connector.management.views.contracts.duties import (
    AuditedView,
    DeedView,
    DutyDetailView,
    DutyView,
)


def duty(value: Duty) -> DutyView:
    """Return a duty as it stands."""
    return DutyView(**_duty(value))


def detail(value: Duty, deeds: list[Deed]) -> DutyDetailView:
    """Return a duty with what was stated about it."""
    return DutyDetailView(**_duty(value), deeds=[_deed(each) for each in deeds])


def audited(value: Audited) -> AuditedView:
    """Return what the log shows of a line."""
    return AuditedView(
        path=value.line.path,
        constraint=value.line.constraint,
        by=value.line.by,
        looked_for=value.query.kind,
        about=value.query.about,
        found=value.found.value,
        entries=list(value.entries),
    )


def _duty(value: Duty) -> dict[str, Any]:
    kept = ("path", "action", "debtor", "creditor", "state", "due", "done_at", "open", "note")
    return {
        "id": value.id,
        "agreement": value.agreement_id,
        "words": {lang: action_name(value.action, lang) for lang in ("en", "fr")},
        "towards": list(value.towards),
        **{name: getattr(value, name) for name in (*kept, "waived", "reminded", "escalated")},
    }


def _deed(value: Deed) -> DeedView:
    facts = asdict(value)
    return DeedView(
        by=value.party,
        kind=value.kind.value,
        deletions=[
            {"digest": it.digest, "gone": it.gone.value, "of": it.of} for it in value.deletions
        ],
        unnamed=list(value.unnamed),
        **{
            name: facts[name]
            for name in ("about", "at", "evidence", "note", "statement", "stated_at")
        },
    )
