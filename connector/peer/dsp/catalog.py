"""The own catalog as the Dataspace Protocol shows it: pages by `Link`, and one dataset by its id.

Rules: an offer is shown in the form that was made, and judged, when it was published; one that the
protocol cannot say is for peers over gRPC alone, and a dataset without another is not shown. Where
a filter asks for an offset, that many datasets are passed over, and the pages beside it follow by
their links. There is no catalog within it: this node shows a caller one space and its own data.

Source: DSP 2025-1, Catalog Protocol and HTTPS Binding, Pagination; RFC 8288.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
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
from connector.protocol.dsp.links import Links
from connector.protocol.dsp.policies import Policies
from connector.services.publication import catalog_pages

PAGE: Final = 100  # datasets, where a consumer does not ask for fewer
PAGE_BYTES: Final = 1 << 20  # about; a dataset that is larger has a page of its own
MOST_PASSED: Final = 10_000  # datasets before an offset: each is read
FORMATS: Final = (data_address.PULL,)
_BACK: Final = "~"  # before the token of a page before one


def page(
    ports: Ports, caller: Participant, request: CatalogRequest, how: Policies, base: str
) -> tuple[dict[str, Any], str]:
    """Return the body of a page, and the header `Link`; empty where there is one page.

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
        place = _start(pages, asked.page_token, request.offset)
        found = pages(after=place.after, before=place.before, limit=limit)
    shown = _fitting(found.values, last=bool(place.before))
    more = bool(found.next) or len(shown) < len(found.values)
    datasets = tuple(catalog_pages.shown(ports, each) for each in map(_sayable, shown) if each)
    about = m.Catalog(ports.settings.did, catalog_pages.own_description(ports), datasets)
    service = DataService(base, base)
    whole = catalog.of_page(about, f"{base}/catalog", service, FORMATS)
    beside = links.write(_links(base + binding.CATALOG_REQUEST, shown, place, more=more))
    return catalog.write(whole, _as_kept(shown, how)), ", ".join(beside)


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


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page is: behind a dataset, or before one; on the first page both are empty."""

    after: str = ""
    before: str = ""


def _start(pages: Callable[..., Page[Entry]], token: str, offset: int) -> _Place:
    """Return where a page is."""
    if token.startswith(_BACK):
        return _Place(before=catalog_pages.page_start(token.removeprefix(_BACK)))
    if token:
        return _Place(catalog_pages.page_start(token))
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
    return _Place(after)


def _links(address: str, shown: Sequence[Entry], place: _Place, *, more: bool) -> Links:
    """Return the pages beside one; `more`: whether one follows in the direction of its own link."""
    if not shown:
        return Links()
    back, onward = _BACK + b64url(shown[0].id.encode()), b64url(shown[-1].id.encode())
    return Links(
        next=links.page(address, onward) if more or place.before else "",
        previous=links.page(address, back) if (more if place.before else place.after) else "",
    )


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


def _fitting(entries: Sequence[Entry], *, last: bool) -> Sequence[Entry]:
    """Return the first datasets that fit a page, or the last ones; one where there are any."""
    room, count = PAGE_BYTES, 0
    for entry in reversed(entries) if last else entries:
        room -= len(entry.description) + sum(len(it.dsp) + len(it.coverage) for it in entry.offers)
        if count and room < 0:
            break
        count += 1
    return entries[len(entries) - count :] if last else entries[:count]
