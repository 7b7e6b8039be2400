"""Negotiations: the list, one on a page, and answering it."""

from __future__ import annotations

from typing import Final

from connector.console.pages.entry import Entry, Moved
from connector.console.pages.listing import ROWS, listed
from connector.console.pages.wording import sentences
from connector.console.parts import Cell, Facts, Field, Form, Link, Notice, Page, Part, Words
from connector.console.visit import Visit
from connector.domain.contract.negotiation import Negotiation, NegotiationState, Role
from connector.services.negotiation import negotiate

_OVER: Final = frozenset({NegotiationState.FINALIZED, NegotiationState.TERMINATED})


def negotiations(visit: Visit) -> Page:
    """List the negotiations."""
    page = visit.served.do(negotiate.negotiations, after=visit.asked("after"), limit=ROWS)
    headings = ("negotiation", "state", "role", "peer", "dataset", "updated")
    empty = "Nothing was negotiated yet."
    parts = listed(
        "Negotiations", headings, page, _row, empty=empty, name="negotiations", visit=visit
    )
    return Page("Negotiations", parts)


def negotiation(visit: Visit) -> Page:
    """Show a negotiation, with the terms on the table."""
    found = visit.served.do(negotiate.negotiation, visit.asked("id"))
    contract = Link(found.agreement_id, "/contract", {"id": found.agreement_id})
    rows = (
        ("state", found.state.value),
        ("our role", Words(found.role.value)),
        ("peer", found.peer),
        ("dataset", found.dataset_id),
        ("offer", found.offer_id),
        ("contract", contract if found.agreement_id else None),
        ("code", found.code),
        ("over HTTPS", found.address),
        ("created", found.created_at),
        ("updated", found.updated_at),
    )
    parts: list[Part] = [Notice(each) for each in found.reasons]
    parts.append(Facts("Negotiation", rows))
    if found.policy:
        parts.append(sentences("Terms on the table", found.policy, visit.language))
    parts += _forms(visit, found)
    return Page("Negotiation", parts, subject=found.pid)


def ask(visit: Visit) -> Moved:
    """Ask a peer for a contract."""
    peer, dataset = visit.given("peer").strip(), visit.given("dataset").strip()
    opened = visit.served.do(negotiate.request, peer, dataset, visit.given("offer").strip(), None)
    return Moved("/negotiation", {"id": opened.pid})


def accept(visit: Visit) -> Moved:
    """Accept what is on the table."""
    visit.served.do(negotiate.accept, visit.given("id"))
    return Moved("/negotiation", {"id": visit.given("id")})


def terminate(visit: Visit) -> Moved:
    """End a negotiation."""
    visit.served.do(negotiate.terminate, visit.given("id"), visit.given("reason").strip())
    return Moved("/negotiation", {"id": visit.given("id")})


def _row(each: Negotiation) -> tuple[Cell, ...]:
    return (
        Link(each.pid, "/negotiation", {"id": each.pid}),
        each.state.value,
        Words(each.role.value),
        each.peer,
        each.dataset_id,
        each.updated_at,
    )


def _forms(visit: Visit, found: Negotiation) -> list[Part]:
    made: list[Part] = []
    hidden = {"id": found.pid}
    ours = found.role is Role.CONSUMER and found.policy_by is Role.PROVIDER
    if ours and found.state is NegotiationState.OFFERED and visit.served.may(negotiate.accept):
        made.append(Form("Accept the terms", "/negotiation/accept", (), "accept", hidden))
    if found.state not in _OVER and visit.served.may(negotiate.terminate):
        hint = "one line that names no person; the peer is told"
        reason = Field("reason", "reason", hint=hint, needed=True)
        made.append(Form("End it", "/negotiation/terminate", (reason,), "end", hidden, grave=True))
    return made


PAGES: Final = (
    Entry("/negotiations", negotiations, (negotiate.negotiations,), "Negotiations"),
    Entry("/negotiation", negotiation),
    Entry("/negotiation/ask", ask, method="POST"),
    Entry("/negotiation/accept", accept, method="POST"),
    Entry("/negotiation/terminate", terminate, method="POST"),
)
