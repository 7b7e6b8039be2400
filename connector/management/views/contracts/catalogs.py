"""What the management API answers of catalogs of peers."""

from typing import Any

from pydantic import Field

from connector.management.views.publishing.columns import ColumnView
from connector.management.views.publishing.offers import OfferView
from connector.management.views.view import View


class CatalogDatasetView(View):
    """A dataset in a peer's catalog, its description verified."""

    id: str
    description: dict[str, Any] = Field(description="credential subject of the description")
    columns: list[ColumnView] = Field(default=[])
    offers: list[OfferView]


class CatalogView(View):
    """A page of a peer's catalog."""

    participant: str
    name: str
    datasets: list[CatalogDatasetView]
    next: str = Field(default="", description="names the page after it; empty on the last")
