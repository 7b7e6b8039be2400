"""Templates and charters, as the client asks for them and publishes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.management.views.publishing.layers import LayersView, LayerView
from connector.sdk.calls import Calls


class LayerCalls(Calls):
    """One method per route."""

    def layers(self) -> LayersView:
        """Return what this node published or fetched, and which of it is in force."""
        return self._get(LayersView, "/layers")

    def publish_layer(self, policy: Mapping[str, Any], *, personal: bool = False) -> LayerView:
        """Publish a template of the space, on an authority, or else the participant's charter."""
        return self._post(LayerView, "/layers", {"policy": policy, "personal": personal})

    def withdraw_layer(self, identifier: str, reason: str) -> LayerView:
        """Hold a template or the charter in force no longer; contracts keep their terms."""
        return self._post(LayerView, "/layer/withdraw", {"reason": reason}, {"id": identifier})
