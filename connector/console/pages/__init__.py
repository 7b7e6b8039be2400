"""The pages, a file per noun; this list is all that the console has."""

from __future__ import annotations

from typing import Final

from connector.console.pages import (
    accessibility,
    accounts,
    approvals,
    catalogs,
    cells,
    contracts,
    datasets,
    door,
    duties,
    evidence,
    home,
    jobs,
    life,
    log,
    negotiations,
    node,
    peers,
    persons,
    policies,
    publishing,
    requests,
)
from connector.console.pages.entry import Entry

PAGES: Final[tuple[Entry, ...]] = (
    *home.PAGES,
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
