"""Routes: catalogs of peers."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from connector.domain.catalog.search import Search
from connector.management.here import Here
from connector.management.render.contracts import catalogs as render
from connector.management.views.contracts.catalogs import CatalogView
from connector.services.publication import catalog_pages
from connector.services.publication.catalog_pages import MOST

router: Final = APIRouter(tags=["catalogs"])


@router.get("/catalog")
def catalog(  # noqa: PLR0913, PLR0917 - each is a part of the query
    here: Here,
    peer: Annotated[str, Query(description="DID of the provider")],
    limit: Annotated[int, Query(ge=1, le=MOST, description="most datasets of the page")] = MOST,
    after: Annotated[str, Query(description="`next` of the page before")] = "",
    words: Annotated[str, Query(max_length=200, description="in id, title or description")] = "",
    territory: Annotated[str, Query(description="ISO 3166 code")] = "",
    purpose: Annotated[str, Query(description="IRI of the purpose of collection")] = "",
    legal_basis: Annotated[str, Query(description="IRI of the legal basis")] = "",
    said: Annotated[bool, Query(description="whether offers come in plain words too")] = True,  # noqa: FBT002 - a part of the query
) -> CatalogView:
    """Fetch a page of a peer's catalog and verify its descriptions; a new peer is met first."""
    search = Search(words, territory, purpose, legal_basis)
    found = catalog_pages.fetch_catalog(here.ports, peer, search, after=after, limit=limit)
    return render.catalog(found, said=said)
