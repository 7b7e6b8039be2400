"""Offers that this node could not sign are shown in plain words all the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connector.errors import PreauError
from connector.jsonld.policy import read_policy
from connector.management.render.publishing import offers as render
from policies_odrl.reading.writer import CONTEXTS

MOOD = "https://others.example/terms#mood"
PLAIN: dict[str, Any] = {
    "@context": [*CONTEXTS, {"ex": "https://others.example/terms#"}],
    "@id": "urn:example:offer",
    "@type": "Offer",
    "permission": [{"action": "odrl:read", "target": "urn:example:data"}],
}


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"ex:onlyIf": "text"}, "Not understood: "),
        ({"constraint": [{"leftOperand": MOOD, "operator": "eq", "rightOperand": "good"}]}, "mood"),
    ],
)
def test_what_is_not_known_is_said(stated: dict[str, Any], said: str) -> None:
    rule = {**PLAIN["permission"][0], **stated}
    offer = json.dumps({**PLAIN, "permission": [rule]}).encode()
    with pytest.raises(PreauError):
        read_policy(offer)
    assert said in " ".join(render.sentences(offer)["en"])
    assert len(render.sentences(offer)["fr"]) == len(render.sentences(offer)["en"])
    assert said not in " ".join(render.sentences(json.dumps(PLAIN).encode())["en"])


@pytest.mark.parametrize("offer", [b"", b"{}", b'{"@context": "urn:x", "@type": "Offer"}', b"[1"])
def test_what_is_no_policy_is_not_said(offer: bytes) -> None:
    assert render.sentences(offer) == {}
