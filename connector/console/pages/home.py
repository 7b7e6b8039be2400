"""The first page: what waits for whoever is logged in, and how the node stands."""

from __future__ import annotations

from typing import Final

from connector.console.pages.entry import Entry
from connector.console.parts import Link, Notice, Page, Part, Table, Words
from connector.console.visit import Visit
from connector.services.approval import deciding
from connector.services.federation.lead import jobs
from connector.services.privacy import standing

_MOST: Final = 10


def home(visit: Visit) -> Page:
    """Show what waits, and where budgets stand."""
    parts: list[Part] = []
    if visit.served.may(deciding.approvals):
        parts.append(_waiting(visit))
    parts.append(_budgets(visit))
    parts.append(_jobs(visit))
    return Page("Home", parts)


def _waiting(visit: Visit) -> Part:
    page = visit.served.do(deciding.approvals, limit=_MOST)
    own = set(visit.served.account.reviews)
    mine = [each for each in page.values if own.intersection(each.missing)]
    if own and not mine:
        return Notice("Nothing waits for your decision.", "done")
    rows = [
        (
            Link(each.dataset_id, "/approval", {"id": each.id}),
            each.peer,
            Words(each.subject.value),
            ", ".join(each.missing),
            each.lapses_at,
        )
        for each in (mine if own else page.values)
    ]
    headings = ("dataset", "peer", "of a", "still to accept", "lapses")
    return Table(
        "Waits for a decision", headings, rows, "Nothing waits for a decision.", name="waiting"
    )


def _budgets(visit: Visit) -> Part:
    page = visit.served.do(standing.registers, limit=_MOST)
    rows = [
        (each.register_id, each.standing.budget.epsilon, each.promised_epsilon, each.standing.spent)
        for each in page.values
    ]
    headings = ("register", "cap ε", "promised ε", "spent ε")
    return Table(
        "Budgets of persons", headings, rows, "No dataset holds persons yet.", name="budgets"
    )


def _jobs(visit: Visit) -> Part:
    page = visit.served.do(jobs.jobs, limit=_MOST)
    rows = [
        (Link(each.id, "/job", {"id": each.id}), each.state, each.updated_at)
        for each in page.values
    ]
    return Table("Jobs", ("job", "state", "updated"), rows, "No job was run yet.", name="jobs")


PAGES: Final = (Entry("/", home, menu="Home"),)
