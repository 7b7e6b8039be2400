"""The own catalog as the Dataspace Protocol shows it: pages by `Link`, and one dataset by its id.

Rules: an offer is shown in the form that was made, and judged, when it was published; one that the
protocol cannot say is for peers over gRPC alone, and a dataset without another is not shown. Where
a filter asks for an offset, that many datasets are passed over, and the pages after it follow by
their links.

Source: DSP 2025-1, Catalog Protocol and HTTPS Binding, Pagination.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from connector.domain.catalog.search import Search
from connector.domain.catalog.shelf import Entry
from connector.domain.page import Page
from connector.domain.participant import Participant
from connector.errors import FilterUnsupported
from connector.jsonld.canonical import b64url
from connector.ports import Ports
from connector.protocol import messages as m
from connector.protocol.dsp import binding, catalog, data_address, links
from connector.protocol.dsp.catalog import DataService
from connector.protocol.dsp.catalog_request import CatalogRequest
from connector.protocol.dsp.policies import Policies
from connector.services.publication import catalog_pages

PAGE: Final = 100  # datasets, where a consumer does not ask for fewer
PAGE_BYTES: Final = 1 << 20  # about; a dataset that is larger has a page of its own
MOST_PASSED: Final = 10_000  # datasets before an offset: each is read
FORMATS: Final = (data_address.PULL,)


def page(
    ports: Ports, caller: Participant, request: CatalogRequest, how: Policies, base: str
) -> tuple[dict[str, Any], str]:
    """Return the body of a page, and the header `Link`; empty on the last.

    Args:
        ports: of this node.
        caller: who asks.
        request: what for.
        how: policies are written.
        base: address that each path is appended to.

    Raises:
        Malformed: the page is none of ours.
        FilterUnsupported: it asks for too far an offset.
    """
    asked = request.message
    search = Search(asked.words, asked.territory, asked.purpose, asked.legal_basis)
    limit = min(asked.limit or PAGE, PAGE)
    with ports.store.read() as tx:
        here = catalog_pages.where(ports, caller)
        pages = partial(tx.shelf.page, caller.did, here, search)
        after = _start(pages, asked.page_token, request.offset)
        found = pages(after=after, limit=limit)
    shown = list(_fitting(found.values))
    last = found.next if len(shown) == len(found.values) else shown[-1].id
    datasets = tuple(catalog_pages.shown(ports, each) for each in map(_sayable, shown) if each)
    about = m.Catalog(ports.settings.did, catalog_pages.own_description(ports), datasets)
    service = DataService(base, base)
    whole = catalog.of_page(about, f"{base}/catalog", service, FORMATS)
    following = links.page(base + binding.CATALOG_REQUEST, b64url(last.encode())) if last else ""
    header = ", ".join(links.write(links.Links(following)))
    return catalog.write(whole, _as_kept(shown, how)), header


def dataset(
    ports: Ports, caller: Participant, name: str, how: Policies, base: str
) -> dict[str, Any]:
    """Return the body of one dataset.

    Raises:
        NotFound: no such dataset that the caller may see.
    """
    entry = catalog_pages.entry(ports, caller, name)
    found = _sayable(entry)
    if found is None:
        raise catalog_pages.unseen()
    shown = catalog.of_dataset(catalog_pages.shown(ports, found), DataService(base, base), FORMATS)
    return catalog.write_dataset(shown, _as_kept([found], how))


def _start(pages: Callable[..., Page[Entry]], token: str, offset: int) -> str:
    """Return the id of the last dataset before a page; empty: it is the first."""
    if token:
        return catalog_pages.page_start(token)
    if offset > MOST_PASSED:
        raise FilterUnsupported(
            f"an offset of {offset} datasets; {MOST_PASSED} at most", hint="follow the links"
        )
    after = ""
    while offset:
        passed = pages(after=after, limit=min(offset, PAGE)).values
        if not passed:
            break
        after, offset = passed[-1].id, offset - len(passed)
    return after


def _sayable(entry: Entry) -> Entry | None:
    """Return a dataset with the offers that the protocol can say; None where it has none."""
    offers = tuple(each for each in entry.offers if each.dsp)
    return replace(entry, offers=offers) if offers else None


def _as_kept(entries: Iterable[Entry], how: Policies) -> Policies:
    """Return what writes the policies of some datasets in the form that is kept of them."""
    shown = (offer for entry in entries for offer in entry.offers if offer.dsp)
    kept = {offer.policy: offer.dsp for offer in shown}

    def written(policy: bytes, *, kind: str) -> dict[str, Any]:
        del kind  # that of a catalog
        return dict(json.loads(kept[policy]))  # as this node wrote it

    return replace(how, to_dsp=written)


def _fitting(entries: Iterable[Entry]) -> Iterable[Entry]:
    """Yield the first datasets that fit a page, at least one where there are any."""
    room = PAGE_BYTES
    for number, entry in enumerate(entries):
        room -= len(entry.description) + sum(len(it.dsp) + len(it.coverage) for it in entry.offers)
        if number and room < 0:
            return
        yield entry
