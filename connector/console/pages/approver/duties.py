"""Duties of contracts: which are due, and stating that one was done or need not be."""

from __future__ import annotations

from typing import Final

from connector.console.pages.auditor.life import DEEDS, DUTIES, deed_row, duty_row
from connector.console.pages.entry import Entry, Moved
from connector.console.pages.listing import listed
from connector.console.parts import Cell, Facts, Field, Form, Link, Page, Part, Table, Words
from connector.console.visit import Visit
from connector.domain.contract.duty import DeedKind, Duty
from connector.jsonld.actions import action_name
from connector.services.duties import stating
from connector.services.duties.stating import Said


def duties(visit: Visit) -> Page:
    """List the duties that are open, or all."""
    closed = visit.asked("closed") == "yes"
    if closed:
        page = visit.served.do(stating.duties, closed=True, **visit.place)
    else:
        page = visit.served.do(stating.urgent, **visit.place)

    def row(each: Duty) -> tuple[Cell, ...]:
        contract = Link(each.agreement_id, "/contract", {"id": each.agreement_id})
        return *duty_row(each, visit.language), contract

    empty = "Nothing is due: duties come with the contracts that state them."
    headings = (*DUTIES, "contract")
    parts = listed("Duties", headings, page, row, empty=empty, name="duties", visit=visit)
    choices = (("no", "what is to be done"), ("yes", "all"))
    chosen = Field(
        "closed", "show", kind="choice", value="yes" if closed else "no", choices=choices
    )
    return Page("Duties", [Form("Show", "/duties", (chosen,), "show", method="get"), *parts])


def duty(visit: Visit) -> Page:
    """Show a duty, and what was stated about it."""
    found, deeds = visit.served.do(stating.duty, visit.asked("id"))
    rows = (
        ("what", action_name(found.action, visit.language)),
        ("contract", Link(found.agreement_id, "/contract", {"id": found.agreement_id})),
        ("place in the terms", found.path),
        ("who owes it", found.debtor),
        ("to whom", found.creditor),
        ("who is informed", ", ".join(found.towards)),
        ("state", Words(found.state)),
        ("why not known", Words(found.note)),
        ("since", found.since),
        ("due by", found.due),
        ("still to be done", found.open or None),
        ("done", found.done_at),
        ("waived", found.waived),
    )
    parts: list[Part] = [Facts("Duty", rows)]
    if deeds:
        stated = list(map(deed_row, deeds))
        parts.append(Table("What was stated of it", DEEDS, stated, "", name="deeds"))
    return Page("Duty", [*parts, *_forms(visit, found)], subject=found.id)


def done(visit: Visit) -> Moved:
    """State that a duty of ours was done."""
    said = Said(DeedKind.DONE, "", note=visit.given("note").strip())
    visit.served.do(stating.done, visit.given("id"), said)
    return Moved("/duty", {"id": visit.given("id")})


def waive(visit: Visit) -> Moved:
    """State that a duty owed to us need not be done."""
    visit.served.do(stating.waive, visit.given("id"), visit.given("reason").strip())
    return Moved("/duty", {"id": visit.given("id")})


def _forms(visit: Visit, found: Duty) -> list[Part]:
    if not found.is_open or not visit.served.may(stating.done):
        return []
    hidden = {"id": found.id}
    if found.debtor == visit.served.node:
        hint = "one line that names no person: where to find what shows it; the other party is told"
        note = Field("note", "note", hint=hint)
        return [Form("State that it was done", "/duty/done", (note,), "done", hidden, grave=True)]
    hint = "one line that names no person; the other party is told"
    why = Field("reason", "reason", hint=hint, needed=True)
    return [Form("Waive it for good", "/duty/waive", (why,), "waive", hidden, grave=True)]


PAGES: Final = (
    Entry("/duties", duties, (stating.duties,), "Duties"),
    Entry("/duty", duty, (stating.duty,)),
    Entry("/duty/done", done, (stating.done,), method="POST", on="/duty"),
    Entry("/duty/waive", waive, (stating.waive,), method="POST", on="/duty"),
)
