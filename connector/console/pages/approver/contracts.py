"""Contracts: the list, one on a page, and taking it back."""

from __future__ import annotations

from typing import Final

from connector.console.pages.entry import Entry, Moved
from connector.console.pages.listing import listed
from connector.console.pages.wording import sentences
from connector.console.parts import Cell, Facts, Field, Form, Link, Page, Part, Ways, Words
from connector.console.visit import Visit
from connector.domain.contract.negotiation import Agreement
from connector.domain.contract.notice import Act, Standing
from connector.errors import Malformed
from connector.identity import agreement as documents
from connector.jsonld.canonical import canonical
from connector.services.evidence import export, life
from connector.services.negotiation import agree, notices

_ACTS: Final = {"end": Act.ENDED, "suspend": Act.SUSPENDED, "resume": Act.RESUMED}


def contracts(visit: Visit) -> Page:
    """List the contracts."""
    page = visit.served.do(agree.agreements, **visit.place, newest=True)
    headings = ("contract", "role", "peer", "dataset", "valid until", "standing")
    empty = "There is no contract yet: a scientist asks a peer for one."
    parts = listed("Contracts", headings, page, _row, empty=empty, name="contracts", visit=visit)
    return Page("Contracts", parts)


def contract(visit: Visit) -> Page:
    """Show a contract."""
    found = visit.served.do(agree.agreement, visit.asked("id"))
    rows = (
        ("standing", Words(found.standing.value)),
        ("our role", Words(found.role.value)),
        ("provider", found.provider),
        ("consumer", found.consumer),
        ("dataset", found.dataset_id),
        ("space", found.space),
        ("concluded", found.concluded_at),
        ("valid until", found.valid_until),
        ("ε per person", found.epsilon or None),
        ("δ", found.delta or None),
        ("digest", found.digest),
        ("signed by provider", bool(found.provider_signature)),
        ("signed by consumer", bool(found.consumer_signature)),
        ("finalized", found.finalized),
    )
    policy = canonical(documents.read(found.document).policy)
    parts: list[Part] = [Facts("Contract", rows), sentences("Terms", policy, visit.language)]
    if visit.served.may(life.life):
        parts.append(Ways("More", [Link("whole life", "/contract/life", {"id": found.id})]))
    if found.finalized and visit.served.may(export.export):
        hidden = {"id": found.id}
        parts.append(Form("Export evidence", "/evidence/export", (), "export", hidden))
    if visit.served.may(notices.give) and found.standing is not Standing.ENDED:
        parts.append(_form(found))
    return Page("Contract", parts, subject=found.id)


def take_back(visit: Visit) -> Moved:
    """End, suspend or resume a contract."""
    act = _ACTS.get(visit.given("act"))
    if act is None:
        raise Malformed("choose whether to suspend, resume or end the contract")
    visit.served.do(notices.give, visit.given("id"), act, visit.given("reason").strip())
    return Moved("/contract", {"id": visit.given("id")})


def _row(each: Agreement) -> tuple[Cell, ...]:
    return (
        Link(each.id, "/contract", {"id": each.id}),
        Words(each.role.value),
        notices.other(each),
        each.dataset_id,
        each.valid_until,
        Words(each.standing.value),
    )


def _form(found: Agreement) -> Form:
    choices = (("suspend", "suspend"), ("resume", "resume"), ("end", "end for good"))
    hint = "one line that names no person; the other party is told"
    fields = (
        Field("act", "what", kind="choice", choices=choices, needed=True),
        Field("reason", "reason", hint=hint, needed=True),
    )
    hidden = {"id": found.id}
    title, label = "Suspend, resume or end", "tell the other party"
    return Form(title, "/contract/take-back", fields, label, hidden, grave=True)


PAGES: Final = (
    Entry("/contracts", contracts, (agree.agreements,), "Contracts"),
    Entry("/contract", contract, (agree.agreement,)),
    Entry("/contract/take-back", take_back, (notices.give,), method="POST", on="/contract"),
)
