"""The first page: what waits for whoever is logged in, what changed, and how the node stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from connector.console.pages import budgets
from connector.console.pages.auditor.life import DUTIES, duty_row
from connector.console.pages.entry import Entry
from connector.console.pages.operator import node
from connector.console.pages.wording import job_state
from connector.console.parts import Link, Notice, Page, Part, Table, Words, tables
from connector.console.visit import Visit
from connector.domain.log.audit import LogEntry
from connector.services.access import inbox
from connector.services.duties import stating
from connector.services.federation.lead import jobs
from connector.services.health import watching
from connector.services.messages import waiting
from connector.services.negotiation import negotiate

_MOST: Final = 10
_CHANGED: Final = {
    "agreement.ended": "a contract was ended",
    "agreement.suspended": "a contract was suspended",
    "agreement.resumed": "a contract goes on",
    "negotiation.requested": "a contract was asked for",
    "negotiation.offered": "terms were offered",
    "negotiation.finalized": "a contract was concluded",
    "negotiation.terminated": "a negotiation ended without a contract",
    "dataset.published": "a dataset was published",
    "dataset.refreshed": "a dataset was read anew",
    "dataset.withdrawn": "a dataset was withdrawn",
    "job.submitted": "a job was submitted",
    "job.accepted": "a job was accepted",
    "job.refused": "a job was refused",
    "job.completed": "a job is completed",
    "job.failed": "a job failed",
    "job.cancelled": "a job was cancelled",
    "duty.overdue": "a duty is overdue",
    "duty.done": "a duty was done",
    "duty.waived": "a duty was waived",
}
_WHERE: Final = {
    "agreement": "/contract",
    "negotiation": "/negotiation",
    "dataset": "/dataset",
    "job": "/job",
    "duty": "/contract",
}


def home(visit: Visit) -> Page:
    """Show what waits, what changed, and where budgets stand."""
    parts: list[Part] = [node.said(visit.served.do(watching.health, visit.watch))]
    if visit.served.may(inbox.decisions):
        parts.append(_waiting(visit))
    parts += [*_inbox(visit), *_messages(visit), *_since(visit), *_budgets(visit), _jobs(visit)]
    return Page("Home", parts)


def _waiting(visit: Visit) -> Part:
    account = visit.served.account
    found = visit.served.do(inbox.decisions, account)
    if account.reviews and not found:
        return Notice("Nothing waits for your decision.", "done")
    rows = [
        (
            Link(each.dataset_id, "/approval", {"id": each.id}),
            each.peer,
            Words(each.subject.value),
            ", ".join(each.missing),
            each.lapses_at,
        )
        for each in found
    ]
    headings = ("dataset", "peer", "of a", "still to accept", "lapses")
    empty = "Nothing waits for a decision: offers say on which contracts and uses persons decide."
    return Table("Waits for a decision", headings, rows, empty, name="waiting", whole="/approvals")


def _inbox(visit: Visit) -> Iterator[Part]:
    """Yield the offers that wait for who may answer them, and the duties of the institution."""
    found = visit.served.do(inbox.inbox)
    if visit.served.may(negotiate.accept):
        rows = [
            (
                Link(each.dataset_id, "/negotiation", {"id": each.pid}),
                each.peer,
                each.updated_at,
                each.deadline,
            )
            for each in found.offers
        ]
        headings = ("dataset", "peer", "offered", "lapses")
        empty = "No offer waits for your answer: ask a peer for a contract, from its catalog."
        where = "/negotiations"
        yield Table("Waits for your answer", headings, rows, empty, name="offers", whole=where)
    if found.duties or visit.served.may(stating.done):
        owed = [duty_row(each, visit.language) for each in found.duties]
        empty = "This institution owes nothing: duties come with contracts."
        title, where = "Duties of this institution", "/duties"
        yield Table(title, DUTIES, owed, empty, name="duties", whole=where)


def _messages(visit: Visit) -> Iterator[Part]:
    """Yield what could not be said to peers, for who operates the node."""
    if visit.served.may(waiting.undelivered):
        found = node.undelivered(visit, visit.served.do(waiting.undelivered, limit=_MOST))
        yield from (replace(each, next={}, whole=node.MESSAGES) for each in tables(found))


def _since(visit: Visit) -> Iterator[Part]:
    found = visit.served.do(inbox.since, visit.served.account)
    if found.refused:
        times = found.refused
        text = f"attempts to log in to this account that failed since the last login: {times}"
        hint = "if that was not you, choose another password"
        yield Notice(text, "wrong", "", hint)
    if found.last is not None:
        rows = [(each.at, Words(_CHANGED[each.kind]), _about(each)) for each in found.changes]
        empty = "Nothing changed: the audit log has what happened before."
        headings = ("at", "what", "about")
        yield Table("Changed since your last login", headings, rows, empty, name="changed")


def _about(each: LogEntry) -> Link:
    return Link(each.subject, _WHERE[each.kind.partition(".")[0]], {"id": each.subject})


def _budgets(visit: Visit) -> list[Part]:
    found = budgets.table(visit, _MOST)
    return [replace(each, next={}, whole=budgets.PATH) for each in tables(found)]


def _jobs(visit: Visit) -> Part:
    page = visit.served.do(jobs.jobs, limit=_MOST, newest=True)
    rows = [
        (Link(each.id, "/job", {"id": each.id}), job_state(each.state), each.updated_at)
        for each in page.values
    ]
    headings, empty = (
        ("job", "state", "updated"),
        "No job was run yet: a scientist asks for one under contracts that permit training.",
    )
    return Table("Jobs", headings, rows, empty, name="jobs", whole="/jobs")


PAGES: Final = (Entry("/", home, (inbox.inbox,), menu="Home"),)
