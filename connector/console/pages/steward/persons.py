"""Persons who objected or withdrew: how many are on the list of each register, and changing it.

Rule: names come in a form and go to the digest; no page, address or entry of the log has one.
"""

from __future__ import annotations

from typing import Final

from connector.console.pages.entry import Entry, Moved
from connector.console.pages.listing import listed
from connector.console.parts import Cell, Field, Form, Notice, Page, Part
from connector.console.visit import Visit
from connector.domain.page import Page as Some
from connector.language.matching import verbatim
from connector.services.privacy import suppression
from connector.services.privacy.suppression import Choice, Listed

_HEADINGS: Final = ("register", "persons on the list", "of these in a file")
_LONGEST: Final = 500_000  # characters


def persons(visit: Visit) -> Page:
    """Show the lists, and forms that change one."""
    title = "Persons who objected"
    page = visit.served.do(suppression.lists, **visit.place)
    empty = "No list has a person: a steward adds who objected, by the form below."
    parts: list[Part] = [
        Notice("From the next step on, none of the rows of these persons is used."),
        *listed(title, _HEADINGS, page, _row, empty=empty, name="suppressed", visit=visit),
    ]
    registers = visit.served.do(suppression.choices)
    if registers.values and visit.served.may(suppression.suppress):
        hint = "one a line, as they stand in the person column of a file"
        fields = (
            _register(registers),
            Field("names", "persons", hint, "lines", needed=True, longest=_LONGEST),
        )
        parts.append(Form("Use no row of them", "/persons/suppress", fields, "add to the list"))
        parts.append(
            Form(
                "Use their rows again",
                "/persons/restore",
                fields,
                "take off the list",
                grave=True,
            )
        )
    return Page(title, parts)


def suppress(visit: Visit) -> Moved:
    """Put persons on the list of a register."""
    visit.served.do(suppression.suppress, visit.given("register"), _names(visit))
    return Moved("/persons")


def restore(visit: Visit) -> Moved:
    """Take persons off the list of a register."""
    visit.served.do(suppression.restore, visit.given("register"), _names(visit))
    return Moved("/persons")


def _row(each: Listed) -> tuple[Cell, ...]:
    return each.register_id, each.persons, each.known


def _register(known: Some[Choice]) -> Field:
    """Return the field of a register: a choice where they are few."""
    if known.next:
        return Field("register", "register", "as the page of its dataset names it", needed=True)
    choices = [(each.register_id, _called(each)) for each in known.values]
    return Field("register", "register", kind="choice", choices=choices)


def _called(each: Choice) -> str:
    """Return a register as the titles of its datasets, where it has any."""
    titles = "; ".join(each.titles)
    return verbatim(f"{titles} ({each.register_id})" if titles else each.register_id)


def _names(visit: Visit) -> list[str]:
    return [line for each in visit.given("names").splitlines() if (line := each.strip())]


PAGES: Final = (
    Entry("/persons", persons, (suppression.lists,), "Persons who objected"),
    Entry("/persons/suppress", suppress, (suppression.suppress,), method="POST", on="/persons"),
    Entry("/persons/restore", restore, (suppression.restore,), method="POST", on="/persons"),
)
