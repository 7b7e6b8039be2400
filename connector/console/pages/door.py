"""Logging in, and what everybody may read before."""

from __future__ import annotations

from typing import Final

from connector.console.pages.entry import Entry, Moved
from connector.console.parts import Field, Form, Page
from connector.console.visit import Visit


def login(visit: Visit) -> Page | Moved:
    """Ask who it is."""
    if visit.session is not None:
        return Moved("/")
    to = visit.given("to") or visit.asked("to")
    fields = (
        Field("name", "account name", needed=True, complete="username", value=visit.given("name")),
        Field("password", "password", kind="password", needed=True, complete="current-password"),
    )
    hidden = {"to": to} if to else {}
    return Page("Log in", [Form("Log in to this node", "/login", fields, "log in", hidden)])


PAGES: Final = (Entry("/login", login, open=True),)
