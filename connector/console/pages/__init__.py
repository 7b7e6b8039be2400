"""The pages, a file per noun; this list is all that the console has."""

from __future__ import annotations

from typing import Final

from connector.console.pages import accessibility, budgets, door, home, sitemap
from connector.console.pages.approver import approvals, contracts, duties
from connector.console.pages.auditor import evidence, life, log
from connector.console.pages.author import policies
from connector.console.pages.entry import Entry
from connector.console.pages.operator import accounts, node, peers
from connector.console.pages.scientist import catalogs, cells, jobs, negotiations, requests
from connector.console.pages.steward import datasets, persons, publishing

_ALL: Final[tuple[Entry, ...]] = (
    *home.PAGES,
    *budgets.PAGES,
    *approvals.PAGES,
    *datasets.PAGES,
    *catalogs.PAGES,
    *publishing.PAGES,
    *policies.PAGES,
    *persons.PAGES,
    *contracts.PAGES,
    *negotiations.PAGES,
    *duties.PAGES,
    *jobs.PAGES,
    *requests.PAGES,
    *cells.PAGES,
    *log.PAGES,
    *life.PAGES,
    *evidence.PAGES,
    *peers.PAGES,
    *node.PAGES,
    *accounts.PAGES,
    *accessibility.PAGES,
    *door.PAGES,
)
PAGES: Final = (*_ALL, sitemap.entry_of(_ALL))
