"""The own catalog as a consumer may see it: the port `Shelf`, and the datasets.

Rules: a page is one query, by the key of the last dataset before it; what is searched is a column
that is written with the dataset.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select

from connector.domain.catalog.dataset import Dataset, Offer
from connector.domain.catalog.search import Search, text_of
from connector.domain.catalog.shelf import Entry
from connector.domain.page import Page
from connector.store.database.scope import Scope
from connector.store.mapping import SPOILED, codecs_of, from_row, storable
from connector.store.repository import SqlRepository
from connector.store.tables.keyed import table_of
from connector.store.tables.records import DatasetRow, OfferRow


class SqlDatasets(SqlRepository[Dataset]):
    """The datasets, each with the text that is searched."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope, Dataset, DatasetRow)

    def _columns(self, value: Dataset) -> dict[str, Any]:
        return {**super()._columns(value), "words": text_of(value)}


class SqlShelf:
    """Datasets with an offer for a consumer."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._datasets = table_of(DatasetRow)
        self._offers = table_of(OfferRow)

    def page(
        self,
        caller: str,
        spaces: Collection[str],
        search: Search,
        *,
        after: str = "",
        before: str = "",
        limit: int,
    ) -> Page[Entry]:
        """Return datasets with their offers; see `ports.Shelf`.

        Raises:
            Malformed: no id could be that of the dataset beside the page.
        """
        dataset, offer = self._datasets.c, self._offers.c
        shown = self._shown(caller, spaces)
        beside = dataset.id < storable(before) if before else dataset.id > storable(after)
        found = (
            select(dataset.id, dataset.credential)
            .where(beside, *self._wanted(search))
            .where(exists().where(offer.dataset_id == dataset.id, *shown))
            .order_by(dataset.id.desc() if before else dataset.id)
            .limit(limit + 1)
            .subquery()
        )
        of_offer = [offer[name].label(f"offer_{name}") for name in codecs_of(Offer)]
        query = (
            select(found.c.id, found.c.credential, *of_offer)
            .join_from(found, self._offers, offer.dataset_id == found.c.id)
            .where(*shown)
            .order_by(found.c.id, offer.seq)
        )
        rows = groupby(self._scope.read(query).mappings(), key=lambda row: row["id"])
        entries = tuple(_entry(list(group)) for _, group in rows)
        more = len(entries) > limit
        if before:
            return Page(entries[-limit:], entries[-limit].id if more else "")
        return Page(entries[:limit], entries[limit - 1].id if more else "")

    def _shown(self, caller: str, spaces: Collection[str]) -> list[ColumnElement[bool]]:
        """An offer that is published, for this consumer and for members of a space; see `Offer`."""
        offer = self._offers.c
        audience = or_(offer.audience == "", offer.audience == caller)
        published = [~offer.withdrawn, offer.derived_from == "", audience]
        return [*published, or_(*(offer.space == space for space in spaces))]

    def _wanted(self, search: Search) -> list[ColumnElement[bool]]:
        column = self._datasets.c
        facets = [column[name] == value for name, value in search.facets().items()]
        return [*facets, *(column.words.contains(w, autoescape=True) for w in search.wanted())]


def _entry(rows: list[Any]) -> Entry:
    offers = map(_offer, rows)
    return Entry(rows[0]["id"], rows[0]["credential"], tuple(filter(None, offers)))


def _offer(row: Any) -> Offer | None:
    """Return a row's offer; nothing where it cannot be read, so that it hides no other."""
    try:
        return from_row(Offer, {name: row[f"offer_{name}"] for name in codecs_of(Offer)})
    except SPOILED:
        return None
