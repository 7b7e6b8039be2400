"""A request for a use: its bytes, and what is no request."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.enforcement.asked import Asked, read_asked
from connector.enforcement.steps.minimise import RowTest
from connector.enforcement.steps.request import Measure, TableRequest
from connector.errors import Malformed
from connector.jsonld.canonical import canonical
from tests.support.each import over

CELLS = TableRequest(
    ("region", "grade"),
    (Measure("count"), Measure("persons"), Measure("mean", "reading")),
    (RowTest("grade", "atLeast", (4,)), RowTest("region", "noneOf", ("FR-A", "FR-B"))),
)
ASKED = Asked(
    id="urn:uuid:1",
    agreement="urn:uuid:2",
    provider="did:web:school.example",
    consumer="did:web:lab.example",
    action="http://www.w3.org/ns/odrl/2/aggregate",
    cells=CELLS,
    stated={"http://www.w3.org/ns/odrl/2/purpose": ("https://w3id.org/dpv#AcademicResearch",)},
    at=datetime(2026, 11, 28, 7, tzinfo=UTC),
)
BODY = json.loads(ASKED.data())


def test_a_request_comes_back_as_it_was_signed() -> None:
    assert read_asked(ASKED.data()) == ASKED
    assert read_asked(ASKED.data()).data() == ASKED.data()


BAD: dict[str, dict[str, Any]] = {
    "another version": {"version": 2},
    "an unknown member": {"more": 1},
    "no id": {"id": ""},
    "a format of others": {"format": "xlsx"},
    "a column twice": {"columns": ["a", "a"]},
    "a statement without value": {"stated": {"urn:a": []}},
    "no time": {"at": "soon"},
    "no measure": {"cells": {**CELLS.body(), "measures": []}},
    "an unknown function": {
        "cells": {**CELLS.body(), "measures": [{"function": "max", "column": "a"}]}
    },
}


@over("name", BAD)
def test_what_is_no_request_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        read_asked(canonical({**BODY, **BAD[name]}))
    assert read_asked(canonical(BODY))
