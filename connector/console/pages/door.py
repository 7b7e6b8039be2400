"""Logging in, by the institution's provider or by an account of this node, and logging out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from connector.console.pages.entry import Entry, Moved
from connector.console.parts import Field, Form, Link, Notice, Page, Part, Ways
from connector.console.visit import Visit

LOGIN: Final = "/login"
PROVIDER: Final = "/login/institution"  # leads to it
RETURN: Final = "/login/institution/done"  # back from it
FAREWELL: Final = "/logout/institution"  # leads to where one logs out of it
LEFT: Final = "left"  # name in the address: just logged out


def login(visit: Visit) -> Page | Moved:
    """Ask who it is."""
    return asking(visit) if visit.session is None else Moved("/")


def asking(visit: Visit) -> Page:
    """Ask who it is, whoever is logged in."""
    to = visit.given("to") or visit.asked("to")
    hidden = {"to": to} if to else {}
    fields = (
        Field("name", "account name", needed=True, complete="username", value=visit.given("name")),
        Field("password", "password", kind="password", needed=True, complete="current-password"),
    )
    form = Form("Log in to this node", LOGIN, fields, "log in", hidden)
    return Page("Log in", [*_provided(visit, hidden), form])


def welcome(to: str) -> Page:
    """Lead on to a page from one of ours, so that the browser sends the cookie of the session."""
    return Page("You are logged in", [Ways("Go on", [Link("to the page that you asked for", to)])])


def _provided(visit: Visit, hidden: dict[str, str]) -> Iterator[Part]:
    if not visit.provided:
        return
    if visit.asked(LEFT):
        yield Notice(
            "You are logged out of this node; the login of your institution may go on.", "done"
        )
        yield Ways("Your institution", [Link("log out there as well", FAREWELL)])
    title = "Log in with your institution's account"
    yield Ways(title, [Link("go to the login of your institution", PROVIDER, hidden)])


PAGES: Final = (Entry(LOGIN, login, open=True),)
