"""Routes: catalogs of peers."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from connector.management import render
from connector.management.reach import Here
from connector.management.views import CatalogView
from connector.services.publication import catalog_pages

router: Final = APIRouter(tags=["catalogs"])


@router.get("/catalog")
def catalog(
    here: Here, peer: Annotated[str, Query(description="DID of the provider")]
) -> CatalogView:
    """Fetch a peer's catalog and verify its descriptions; a new peer is met first."""
    return render.catalog(catalog_pages.fetch_catalog(here.ports, peer))
