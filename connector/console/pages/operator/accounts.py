"""Accounts, for the operator."""

from __future__ import annotations

from typing import Final

from connector.console.pages.entry import Entry, Moved
from connector.console.pages.listing import listed
from connector.console.parts import Cell, Facts, Field, Form, Link, Notice, Page, Part, Words
from connector.console.visit import Visit
from connector.domain.account import Account, AccountRole
from connector.services.access import accounts as services


def accounts(visit: Visit) -> Page:
    """List the accounts, and make one."""
    page = visit.served.do(services.page, **visit.place)
    headings = ("account name", "id", "roles", "decides as", "by the provider", "closed", "made")
    empty = "There is no account yet: make one for each person."
    parts = listed("Accounts", headings, page, _row, empty=empty, name="accounts", visit=visit)
    fields = (
        Field("name", "account name", hint="small letters, digits and `. _ @ + -`", needed=True),
        *_roles(),
        Field("password", "first password", kind="password", needed=True, complete="new-password"),
    )
    return Page("Accounts", [*parts, Form("Make an account", "/accounts/add", fields, "make")])


def account(visit: Visit) -> Page:
    """Show an account, and forms that change it."""
    found = visit.served.do(services.account, visit.asked("name"))
    rows = (
        ("account name", found.name),
        ("id", found.id),
        ("roles", Words("; ".join(found.roles))),
        ("decides as", ", ".join(found.reviews)),
        ("by the provider", found.subject != ""),
        ("closed", found.closed),
        ("made", found.made_at),
        ("changed", found.changed_at),
    )
    parts: list[Part] = [Facts("Account", rows)]
    if found.closed:
        parts.append(Notice("This account is closed for good; its name stays taken."))
        return Page("Account", parts, subject=found.name)
    if found.subject:
        parts.append(Notice("The institution's provider says what this account may do."))
    else:
        parts += _changes(found)
    hidden = {"name": found.name}
    parts.append(Form("Close it for good", "/accounts/close", (), "close", hidden, grave=True))
    return Page("Account", parts, subject=found.name)


def add(visit: Visit) -> Moved:
    """Make an account."""
    visit.served.do(
        services.add,
        visit.given("name").strip(),
        visit.ticked("roles"),
        visit.given("reviews").split(),
        visit.given("password"),
    )
    return Moved("/accounts")


def change(visit: Visit) -> Moved:
    """Give an account other roles."""
    name, reviews = visit.given("name"), visit.given("reviews").split()
    visit.served.do(services.change, name, roles=visit.ticked("roles"), reviews=reviews)
    return Moved("/account", {"name": name})


def let_in_again(visit: Visit) -> Moved:
    """Give an account another password."""
    name = visit.given("name")
    visit.served.do(services.change, name, password=visit.given("password"))
    return Moved("/account", {"name": name})


def close(visit: Visit) -> Moved:
    """Close an account."""
    visit.served.do(services.close, visit.given("name"))
    return Moved("/account", {"name": visit.given("name")})


def _changes(found: Account) -> list[Part]:
    hidden = {"name": found.name}
    hint = "its sessions end; who had it forgotten is told the new one by you"
    password = Field(
        "password", "new password", hint, "password", needed=True, complete="new-password"
    )
    return [
        Form("Roles", "/accounts/change", _roles(found), "change the roles", hidden),
        Form("Password", "/accounts/password", (password,), "set the password", hidden),
    ]


def _roles(found: Account | None = None) -> tuple[Field, ...]:
    """Return the fields of roles, as an account has them."""
    known = [(each.value, each.value) for each in AccountRole]
    roles, reviews = (found.roles, found.reviews) if found else ((), ())
    ticked, typed = "\n".join(roles), " ".join(reviews)
    hint = "roles of decisions, such as `dpo head`, with blanks between"
    return (
        Field("roles", "roles", "", "several", ticked, known, needed=True),
        Field("reviews", "decides as", hint, value=typed),
    )


def _row(each: Account) -> tuple[Cell, ...]:
    return (
        Link(each.name, "/account", {"name": each.name}),
        each.id,
        Words("; ".join(each.roles)),
        ", ".join(each.reviews),
        each.subject != "",
        each.closed,
        each.made_at,
    )


PAGES: Final = (
    Entry("/accounts", accounts, (services.page,), "Accounts"),
    Entry("/accounts/add", add, (services.add,), method="POST", on="/accounts"),
    Entry("/account", account, (services.account,)),
    Entry("/accounts/change", change, (services.change,), method="POST", on="/accounts"),
    Entry("/accounts/password", let_in_again, (services.change,), method="POST", on="/accounts"),
    Entry("/accounts/close", close, (services.close,), method="POST", on="/accounts"),
)
