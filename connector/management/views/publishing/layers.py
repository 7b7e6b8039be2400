"""What the management API answers of layers, as models that the SDK shares."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from connector.management.views.publishing.offers import LayerNameView
from connector.management.views.view import StoredView, View


class LayerView(LayerNameView, StoredView):
    """A template or charter that this node published, or a template that it fetched."""

    issuer: str = Field(description="who published it")
    published: datetime
    personal: bool = Field(description="whether it bears on datasets with personal data only")
    in_force: bool
    policy: dict[str, Any]
    sentences: dict[str, list[str]] = Field(
        default={}, description="the policy in plain words, by language (`en`, `fr`)"
    )


class LayersView(View):
    """The layers of this node."""

    layers: list[LayerView]
    fault: str = Field(
        default="", description="why the templates in force are not known; empty: they are"
    )


class NewLayer(View):
    """A template or charter to publish."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: dict[str, Any] = Field(description="ODRL, JSON-LD, with an `@id`")
    personal: bool = Field(
        default=False, description="whether it bears on datasets with personal data only"
    )
