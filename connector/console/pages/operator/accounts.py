"""Accounts, for the operator."""

from __future__ import annotations

from typing import Final

from connector.console.pages.entry import Entry, Moved
from connector.console.pages.listing import listed
from connector.console.parts import Cell, Field, Form, Page
from connector.console.visit import Visit
from connector.domain.account import Account, AccountRole
from connector.services.access import accounts as services


def accounts(visit: Visit) -> Page:
    """List the accounts, and make one."""
    page = visit.served.do(services.page, **visit.place)
    headings = ("account name", "id", "roles", "decides as", "by the provider", "closed", "made")
    parts = listed(
        "Accounts", headings, page, _row, empty="no account", name="accounts", visit=visit
    )
    listed_roles = ", ".join(AccountRole)
    fields = (
        Field("name", "account name", hint="small letters, digits and `. _ @ + -`", needed=True),
        Field("roles", "roles", hint=f"of {listed_roles}, with blanks between", needed=True),
        Field("reviews", "decides as", hint="roles of decisions, with blanks between"),
        Field("password", "first password", kind="password", needed=True, complete="new-password"),
    )
    return Page("Accounts", [*parts, Form("Make an account", "/accounts/add", fields, "make")])


def add(visit: Visit) -> Moved:
    """Make an account."""
    visit.served.do(
        services.add,
        visit.given("name").strip(),
        visit.given("roles").split(),
        visit.given("reviews").split(),
        visit.given("password"),
    )
    return Moved("/accounts")


def close(visit: Visit) -> Moved:
    """Close an account."""
    visit.served.do(services.close, visit.given("name"))
    return Moved("/accounts")


def _row(each: Account) -> tuple[Cell, ...]:
    return (
        each.name,
        each.id,
        ", ".join(each.roles),
        ", ".join(each.reviews),
        each.subject != "",
        each.closed,
        each.made_at,
    )


PAGES: Final = (
    Entry("/accounts", accounts, (services.page,), "Accounts"),
    Entry("/accounts/add", add, (services.add,), method="POST", on="/accounts"),
    Entry("/accounts/close", close, (services.close,), method="POST", on="/accounts"),
)
