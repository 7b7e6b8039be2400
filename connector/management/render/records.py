"""Jobs, events of the log and members as views."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from connector.domain.federation.job import Job
from connector.domain.log.audit import LogEntry
from connector.domain.membership import Membership
from connector.jsonld.canonical import parse_object
from connector.management.views.audits import EventView
from connector.management.views.jobs import CheckView, JobLineView, JobView
from connector.management.views.members import MemberView
from connector.services.federation import history
from connector.services.federation.lead import jobs as lead_jobs
from connector.services.federation.request.check import Report
from connector.services.readable import Readable


def job(value: Job) -> JobView:
    """Return a job without its sites."""
    return JobView.model_validate(lead_jobs.summary(value))


def check(value: Report, memory: int) -> CheckView:
    """Return what was found of a request; `memory` is what a worker here may take, in bytes."""
    manifest = value.manifest
    found = {
        "accepted": value.accepted,
        "findings": [asdict(each) for each in value.findings],
        "rounds": manifest.turns if manifest else 0,
        "noise": manifest.privacy.noise_multiplier if manifest else None,
        "memory": memory,
        "costs": [asdict(each) for each in value.costs],
        "rehearsal": asdict(value.rehearsal) if value.rehearsal else None,
    }
    return CheckView.model_validate(found)


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


def job_line(value: LogEntry) -> JobLineView:
    """Return a line of a job's history."""
    shown = Readable()
    return JobLineView(
        index=value.index,
        at=value.at,
        kind=value.kind,
        text=shown.part(partial(history.told, value), value.kind),
        fault=shown.fault,
    )


def member(value: Membership) -> MemberView:
    """Return a member of the space."""
    return MemberView(**asdict(value))
