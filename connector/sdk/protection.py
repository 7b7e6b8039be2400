"""Calls about levels of protection: what they come to on the rows, and pseudonyms translated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.management.views.publishing.risk import FindingsView
from connector.sdk.calls import READING_SECONDS, Calls


class ProtectionCalls(Calls):
    """What a client can do with levels of protection."""

    def preview(self, dataset: str, policy: Mapping[str, Any]) -> list[FindingsView]:
        """Measure what the uses of a policy would come to on an own dataset; nothing is kept."""
        return self._post(
            list[FindingsView],
            "/dataset/preview",
            policy,
            {"id": dataset},
            seconds=READING_SECONDS,
        )

    def preview_described(self, description: Mapping[str, Any]) -> list[list[FindingsView]]:
        """Measure what each offer of a description file would come to, before it is published."""
        return self._post(
            list[list[FindingsView]],
            "/datasets/preview",
            description,
            seconds=READING_SECONDS,
        )

    def translate_pseudonyms(
        self, agreement: str, to: str, pseudonyms: Sequence[str]
    ) -> dict[str, str]:
        """Return the pseudonyms under another contract, as provider of both; nobody has none."""
        body = {"to": to, "pseudonyms": list(pseudonyms)}
        asked = {"id": agreement}
        return self._post(
            dict[str, str], "/agreement/translate", body, asked, seconds=READING_SECONDS
        )
