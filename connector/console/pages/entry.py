"""What a page is registered as."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.console.parts import Page
from connector.console.visit import Visit
from connector.domain.account import AccountRole
from connector.services.access.desk import Desk
from connector.services.access.rights import right_of


@dataclass(frozen=True, slots=True)
class Moved:
    """The page that shows what became of something.

    Attributes:
        path: below the console's root.
        query: names and values.
    """

    path: str
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that the browser saves.

    Attributes:
        name: of the file, of letters, digits, `-` and `.`.
        media: its media type.
        content: its bytes.
    """

    name: str
    media: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A page and where it is.

    Attributes:
        path: below the console's root.
        page: makes it.
        services: what it asks for first, any of which is enough to see it; who may ask for none of
            it is refused, and not led here by the menu.
        menu: what it is called there; empty: it is not there.
        method: `GET`, or `POST` where it changes something.
        open: whether who is not logged in gets it.
        watch: returns a stamp that changes when what the page shows does; None: it is not watched.
        on: path of the page on which its form stands, of what is sent by `POST`; whoever asks for
            it by `GET` is led there.
    """

    path: str
    page: Callable[[Visit], Page | Moved | Sent]
    services: tuple[Callable[..., Any], ...] = ()
    menu: str = ""
    method: str = "GET"
    open: bool = False
    watch: Callable[[Visit], str] | None = None
    on: str = ""

    def leads(self, desk: Desk) -> bool:
        """Say whether an account is led to it."""
        return any(map(self.leads_role, desk.account.roles))

    def leads_role(self, role: AccountRole) -> bool:
        """Say whether accounts of a role are led to it."""
        rights = map(right_of, self.services)
        return not self.services or any(each and role in each.roles for each in rights)
