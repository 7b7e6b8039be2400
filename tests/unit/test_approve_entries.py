"""What an offer's entry says of who decides, and how long it may take."""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.catalog.review import Decision, Review
from connector.errors import DescriptionIncomplete
from connector.services.publication import entries
from tests.support.each import over
from tests.support.link import entry, offer


@over(
    ("members", "fault"),
    [
        ({"decision": "later"}, "decision"),
        ({"decision": "automatic", "roles": ["dpo"]}, "roles"),
        ({"roles": []}, "roles"),
        ({"roles": ["dpo", "dpo"]}, "roles"),
        ({"roles": ["dpo", "head", "cio"]}, "roles"),
        ({"roles": ["Data Officer"]}, "roles"),
        ({"roles": "dpo"}, "roles"),
        ({"reminder": "P3D", "lapse": "P3D"}, "lapse"),
        ({"lapse": "P29D"}, "lapse"),
        ({"lapse": "soon"}, "lapse"),
        ({"lapse": 3}, "lapse"),
        ({"role": "dpo"}, "role"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused(members: dict[str, Any], fault: str) -> None:
    with pytest.raises(DescriptionIncomplete, match=f"`{fault}`"):
        entries.read(entry(**members))


def test_what_an_entry_leaves_out() -> None:
    assert entries.read(entry()).review == Review(Decision.CONTRACT, ("operator",), 48, 144)
    stated = entries.read(entry(roles=["dpo"], reminder="PT12H", lapse="P28D"))
    assert stated.review == Review(Decision.CONTRACT, ("dpo",), 12, 672)
    assert entries.read(offer()) == entries.Entry(offer())
