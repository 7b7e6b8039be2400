"""The catalogs of peers for who looks: of all at once, of one, and one dataset.

Rules: only peers that were met are asked, as they are known now: looking meets nobody, and changes
nothing. A peer that does not answer, or shows what does not verify, hides no other's; it stands in
the answer with the reason. So many peers are asked at a time, and the next ones when asked again.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from connector.domain.catalog.search import Search
from connector.domain.page import LONGEST, Page
from connector.domain.participant import Participant
from connector.errors import PreauError, UnknownPeer
from connector.ports import Ports
from connector.services.membership import onboard
from connector.services.publication import catalog_pages
from connector.services.publication.catalog_pages import CatalogView, DatasetView

PEERS: Final = 20  # asked for one answer
_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Found:
    """What a peer shows of what is searched for.

    Attributes:
        peer: who was asked.
        catalog: the first page of it; None where there is none.
        refusal: why there is none.
    """

    peer: Participant
    catalog: CatalogView | None
    refusal: PreauError | None = None


def peers(ports: Ports) -> tuple[Participant, ...]:
    """Return the first `LONGEST` peers that this node has met and serves, oldest first."""
    with ports.store.read() as tx:
        page = tx.participants.page(limit=LONGEST)
    return tuple(each for each in page.values if not each.blocked)


def everywhere(ports: Ports, search: Search, *, after: str = "") -> Page[Found]:
    """Return what peers show of what is searched for; a page is `PEERS` of them.

    Raises:
        Malformed: `after` is not a `Page.next`.
    """
    with ports.store.read() as tx:
        page = tx.participants.page(after=after, limit=PEERS)
    asked = [each for each in page.values if not each.blocked]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        found = tuple(threads.map(partial(_asked, ports, search), asked))
    return Page(found, page.next, page.damaged)


def catalog(ports: Ports, did: str, search: Search, *, after: str = "") -> CatalogView:
    """Return a page of the catalog of a peer that was met.

    Raises:
        UnknownPeer: it was not.
        Untrusted: it is not believed any more; the class says why.
        PreauError: as `catalog_pages.fetch_catalog`.
    """
    return catalog_pages.catalog_of(ports, _met(ports, did), search, after=after)


def dataset(ports: Ports, did: str, dataset_id: str) -> DatasetView:
    """Return one dataset of a peer that was met.

    Raises:
        UnknownPeer: it was not.
        Untrusted: it is not believed any more; the class says why.
        PreauError: as `catalog_pages.fetch_dataset`.
    """
    return catalog_pages.dataset_of(ports, _met(ports, did), dataset_id)


def _met(ports: Ports, did: str) -> Participant:
    try:
        return onboard.judge(ports, did)
    except UnknownPeer as exc:
        raise UnknownPeer(exc.reason, hint="an operator meets it first") from None


def _asked(ports: Ports, search: Search, peer: Participant) -> Found:
    try:
        return Found(peer, catalog(ports, peer.did, search))
    except PreauError as exc:
        return Found(peer, None, exc)
