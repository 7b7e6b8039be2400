"""A contract's whole life on one page, for who audits it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from connector.console.pages.auditor import log
from connector.console.pages.entry import Entry
from connector.console.pages.wording import job_state, negotiation_state
from connector.console.parts import Cell, Facts, Link, Notice, Page, Part, Table, Words
from connector.console.visit import Visit
from connector.domain.contract.duty import Deed, Duty
from connector.jsonld.actions import action_name
from connector.services.evidence import life as services
from connector.services.evidence.life import Life
from connector.services.negotiation import notices


def life(visit: Visit) -> Page:
    """Show all that became of a contract, then its entries of the log in order."""
    found = visit.served.do(services.life, visit.asked("id"), log.start(visit), visit.rows)
    parts: list[Part] = [Notice(found.fault, "wrong")] if found.fault else []
    parts += [_contract(found), *_tables(found, visit.language)]
    empty = "The log has no such entry: leave the filters empty to see all."
    parts += log.entries("The log, in order", found.entries, visit, empty)
    return Page("Life of a contract", parts, subject=found.agreement.id)


def _contract(found: Life) -> Part:
    contract, negotiation = found.agreement, found.negotiation
    of = (
        Link(contract.pid, "/negotiation", {"id": contract.pid}) if negotiation else contract.pid,
        negotiation_state(negotiation.state) if negotiation else None,
        negotiation.created_at if negotiation else None,
    )
    rows = (
        ("contract", Link(contract.id, "/contract", {"id": contract.id})),
        ("standing", Words(contract.standing.value)),
        ("our role", Words(contract.role.value)),
        ("peer", notices.other(contract)),
        ("dataset", contract.dataset_id),
        ("negotiation", of[0]),
        ("its state", of[1]),
        ("asked", of[2]),
        ("concluded", contract.concluded_at),
        ("valid until", contract.valid_until),
        ("digest", contract.digest),
    )
    return Facts("Contract", rows)


def _tables(found: Life, language: str) -> Iterator[Table]:
    """Yield what there is of each kind; of what there is none, nothing is shown."""
    for title, name, headings, rows in (
        ("Decisions", "approvals", _APPROVALS, _approvals(found)),
        ("Uses that were asked for", "uses", _USES, _uses(found)),
        ("Files prepared", "extracts", _EXTRACTS, _extracts(found)),
        ("Transfers", "transfers", _TRANSFERS, _transfers(found)),
        ("Jobs", "jobs", _JOBS, _jobs(found)),
        ("Duties", "duties", DUTIES, [duty_row(each, language) for each in found.duties]),
        ("What was stated of duties", "deeds", DEEDS, list(map(deed_row, found.deeds))),
        ("Notices", "notices", _NOTICES, _notices(found)),
    ):
        if rows:
            yield Table(title, headings, rows, "", name=name)


DUTIES: Final = ("duty", "what", "who owes it", "state", "due by", "done")
DEEDS: Final = ("stated", "by", "what", "about", "at", "note")
_APPROVALS: Final = ("decision", "of a", "state", "accepted by", "asked", "closed", "reason")
_USES: Final = ("use", "by", "action", "answer", "at", "why not")
_EXTRACTS: Final = ("file", "state", "format", "rows", "at")
_TRANSFERS: Final = ("transfer", "our role", "state", "bytes", "begun", "updated", "reasons")
_JOBS: Final = ("job", "side", "state", "round", "begun", "updated", "why")
_NOTICES: Final = ("at", "by", "what", "reason")


def duty_row(each: Duty, language: str) -> tuple[Cell, ...]:
    """Return a duty as cells under `DUTIES`."""
    return (
        Link(each.path, "/duty", {"id": each.id}),
        action_name(each.action, language),
        each.debtor,
        Words(each.state),
        each.due,
        each.done_at,
    )


def deed_row(each: Deed) -> tuple[Cell, ...]:
    """Return what was stated as cells under `DEEDS`."""
    return each.stated_at, each.party, Words(each.kind.value), each.about, each.at, each.note


def _approvals(found: Life) -> list[tuple[Cell, ...]]:
    return [
        (
            Link(each.id, "/approval", {"id": each.id}),
            Words(each.subject.value),
            Words(each.state.value),
            ", ".join(it.role for it in each.acceptances),
            each.asked_at,
            each.closed_at,
            each.reason,
        )
        for each in found.approvals
    ]


def _uses(found: Life) -> list[tuple[Cell, ...]]:
    return [
        (
            each.id,
            each.consumer,
            each.action,
            each.code or Words("accepted"),
            each.at,
            "; ".join(each.reasons),
        )
        for each in found.uses
    ]


def _extracts(found: Life) -> list[tuple[Cell, ...]]:
    return [
        (each.id, Words(each.state.value), each.format, each.rows, each.made_at)
        for each in found.extracts
    ]


def _transfers(found: Life) -> list[tuple[Cell, ...]]:
    return [
        (
            each.pid,
            Words(each.role.value),
            each.state.value,
            each.passed,
            each.created_at,
            each.updated_at,
            "; ".join(each.reasons),
        )
        for each in found.transfers
    ]


def _jobs(found: Life) -> list[tuple[Cell, ...]]:
    return [
        (
            Link(each.id, "/job", {"id": each.id}),
            Words(each.side.value),
            job_state(each.state),
            each.round,
            each.created_at,
            each.updated_at,
            Words(each.reason),
        )
        for each in found.jobs
    ]


def _notices(found: Life) -> list[tuple[Cell, ...]]:
    return [(each.at, each.party, Words(each.act.value), each.reason) for each in found.notices]


PAGES: Final = (Entry("/contract/life", life, (services.life,)),)
