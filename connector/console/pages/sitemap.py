"""The map of the console: a second way to its pages, beside the menu (RGAA 4.1.2, 12.1 to 12.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from connector.console.pages import accessibility
from connector.console.pages.entry import Entry
from connector.console.parts import Link, Page, Ways
from connector.console.visit import Visit
from connector.services.access import inbox

PATH: Final = "/map"


def entry_of(entries: Sequence[Entry]) -> Entry:
    """Return the page that leads to those that an account may see."""

    def sitemap(visit: Visit) -> Page:
        known = [each for each in entries if each.menu and each.leads(visit.served)]
        pages = Ways("Pages for your roles", [Link(each.menu, each.path) for each in known])
        statement = [Link(accessibility.TITLE, accessibility.PATH)]
        return Page("Site map", [pages, Ways("About this console", statement)])

    return Entry(PATH, sitemap, (inbox.inbox,))
