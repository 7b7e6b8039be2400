"""Training jobs: the list, one on a page, and cancelling it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from connector.console.pages.entry import Entry, Moved
from connector.console.pages.listing import listed, stamp
from connector.console.pages.scientist import outcomes
from connector.console.pages.wording import job_state
from connector.console.parts import Cell, Facts, Field, Form, Link, Notice, Page, Part, Table, Words
from connector.console.visit import Visit
from connector.domain.federation.job import Job
from connector.domain.page import Page as Some
from connector.services.federation.lead import jobs as lead_jobs
from connector.services.federation.request import draft as drafting
from federated.job import JobState

_OVER: Final = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED})


def jobs(visit: Visit) -> Page:
    """List the jobs, led or taken part in."""
    page = _list(visit)
    headings = ("job", "state", "side", "lead", "round", "updated")
    empty = "No job was run yet: a scientist asks for one under contracts that permit training."
    parts = listed("Jobs", headings, page, _row, empty=empty, name="jobs", visit=visit)
    if visit.served.may(drafting.draft):
        title = "Train a model where the data are"
        parts.append(Form(title, "/job/request", (), "ask for a job", method="get"))
    return Page("Jobs", parts, live=stamp(page, _mark))


def watched_list(visit: Visit) -> str:
    """Return a stamp of the list."""
    return stamp(_list(visit), _mark)


def _list(visit: Visit) -> Some[Job]:
    return visit.served.do(lead_jobs.jobs, **visit.place, newest=True)


def _mark(each: Job) -> object:
    return each.id, each.state, each.round, each.updated_at


def job(visit: Visit) -> Page:
    """Show a job: rounds, sites, ε."""
    found = visit.served.do(lead_jobs.progress, visit.asked("id"))
    parts: list[Part] = []
    if found.get("reason"):
        parts.append(Notice(found["reason"], "info", found.get("code", "")))
    rows = (
        ("state", job_state(found["state"])),
        ("side", Words(found["side"])),
        ("lead", found["lead"]),
        ("contract", found["agreement"] or None),
        ("round", found["round"]),
        ("rounds", found["rounds"]),
        ("ε", found.get("epsilon")),
        ("δ", found.get("delta")),
        ("updated", found["updated_at"]),
    )
    parts.append(Facts("Job", rows))
    sites = [_site(each) for each in found.get("sites", ())]
    headings = ("site", "decision", "last round", "spent ε", "why")
    if sites:
        parts.append(Table("Sites", headings, sites, "", name="sites"))
    parts += outcomes.learnt(visit, found)
    parts += outcomes.results(visit, found)
    under_way = found["state"] not in _OVER
    if under_way and found["side"] == "lead" and visit.served.may(lead_jobs.cancel):
        parts.append(_form(found["id"]))
    live = _stamp(found["state"], found["round"], found["updated_at"]) if under_way else ""
    return Page("Job", parts, subject=found["id"], live=live)


def watched(visit: Visit) -> str:
    """Return a stamp of where a job stands."""
    found = visit.served.do(lead_jobs.status, visit.asked("id"))
    return _stamp(str(found.state), found.round, found.updated_at)


def _stamp(state: str, number: int, at: datetime) -> str:
    return f"{state}-{number}-{at.isoformat()}"


def cancel(visit: Visit) -> Moved:
    """Stop a job that this node leads."""
    visit.served.do(lead_jobs.cancel, visit.given("id"), visit.given("reason").strip())
    return Moved("/job", {"id": visit.given("id")})


def _row(each: Job) -> tuple[Cell, ...]:
    return (
        Link(each.id, "/job", {"id": each.id}),
        job_state(each.state),
        Words(each.side.value),
        each.peer,
        each.round,
        each.updated_at,
    )


def _site(each: dict[str, Any]) -> tuple[Cell, ...]:
    why = " ".join(filter(None, (each.get("code", ""), each.get("reason", ""))))
    return (
        each["site"],
        Words(each["decision"]),
        each["last_round"],
        each.get("epsilon"),
        Words(why),
    )


def _form(identifier: str) -> Form:
    reason = Field("reason", "reason", hint="one line; the sites are told", needed=True)
    hidden = {"id": identifier}
    return Form("Cancel", "/job/cancel", (reason,), "cancel the job", hidden, grave=True)


PAGES: Final = (
    Entry("/jobs", jobs, (lead_jobs.jobs,), "Jobs", watch=watched_list),
    Entry("/job", job, (lead_jobs.progress,), watch=watched),
    *outcomes.PAGES,
    Entry("/job/cancel", cancel, (lead_jobs.cancel,), method="POST", on="/job"),
)
