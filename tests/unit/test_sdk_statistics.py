"""A client's statistics: what of several sites becomes of each, and what is refused before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from connector.errors import (
    ApprovalAwaited,
    NotFound,
    PeerUnreachable,
    PreauError,
    StatisticUnfit,
    TableRefused,
)
from connector.sdk.statistics import AGGREGATE, NO_CELLS, StatisticCalls
from federated.statistics import Asked

COUNT = Asked(kind="count", by=("sex",))
STEPS: list[dict[str, Any]] = [
    {"kind": "where", "version": 1, "runs": "query"},
    {"kind": "minimise", "version": 1, "columns": ["sex"], "rows": []},
    {
        "kind": "aggregate",
        "version": 1,
        "dimensions": ["sex"],
        "measures": [],
        "functions": ["count"],
        "minimum": 10,
        "dominance": None,
        "pRatio": None,
        "rounding": None,
    },
    {"kind": "release", "version": 1, "level": "Aggregated", "formats": ["jsonl"]},
]
NOISE: dict[str, Any] = {
    "kind": "noise",
    "version": 1,
    "epsilon": 1.0,
    "delta": 1e-5,
    "unit": "person",
    "rowsPerPerson": 1,
    "ranges": {},
    "categories": {"sex": ["F", "M"]},
}


def agreement(name: str, **changes: Any) -> dict[str, Any]:
    use = {"action": AGGREGATE, "mechanism": "query", "steps": STEPS}
    return {
        **dict.fromkeys(("digest", "provider_signature", "consumer_signature", "receipt"), "x"),
        "id": name,
        "role": "consumer",
        "provider": f"did:web:{name}.example",
        "consumer": "did:web:lab.example",
        "dataset": f"urn:{name}",
        "population": 9,
        "valid_until": None,
        "finalized": True,
        "concluded_at": "2026-11-28T00:00:00Z",
        "document": {},
        "rule": "sums",
        "order": 0,
        "adjacency": "",
        "recipes": [],
        "plan": {"version": 1, "validUntil": None, "uses": [use]},
        "coverage": [],
        **changes,
    }


def answer(name: str, state: str = "ready", rows: int = 1, **changes: Any) -> dict[str, Any]:
    cells = [{"sex": "F", "count": 12, "withheld": False}]
    content = {
        "format": "jsonl",
        "rows": rows,
        "bytes": 9,
        "suppressed": 0,
        **dict.fromkeys(("digest", "plan_digest", "source"), "0"),
    }
    ready = {"rows": cells, "content": content} if state == "ready" else {}
    table = {**NO_CELLS, "dimensions": ["sex"]}
    asked = {"agreement": name, "request": f"urn:{name}:asked", "state": state, "cells": table}
    return {**asked, **ready, **changes}


class Wire:
    """The transport, with what a node would answer by contract or request."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers, self.asked = dict(answers), list[str]()

    def call(
        self, _method: str, path: str, *, query: Any = None, body: Any = None, seconds: Any = None
    ) -> bytes:
        assert seconds is None
        if path == "/agreement":
            if query["id"] not in self.answers:
                raise NotFound("no such agreement")
            return json.dumps(agreement(query["id"], **self.changes(query["id"]))).encode()
        name = body["agreement"] if path == "/uses" else query["id"].split(":")[1]
        self.asked.append(name)
        found = self.answers[name]
        if isinstance(found, PreauError):
            raise found
        return json.dumps(found).encode()

    def changes(self, name: str) -> dict[str, Any]:
        use = {"action": AGGREGATE, "mechanism": "query", "steps": [*STEPS[:3], NOISE, STEPS[3]]}
        plans = {"none": {}, "noisy": {"version": 1, "validUntil": None, "uses": [use]}}
        return {"plan": plans[name]} if name in plans else {}


def calls(**answers: Any) -> tuple[StatisticCalls, Wire]:
    wire = Wire(answers)
    return StatisticCalls(wire), wire  # type: ignore[arg-type] - as far as it is used


def test_sites_that_have_no_part_are_named_with_why() -> None:
    client, _ = calls(
        a=answer("a"),
        b=answer("b", "waiting", reasons=["a person decides"]),
        c=answer("c", "preparing"),
        d=PeerUnreachable("no answer"),
        e=answer("e", "refused", code="BUDGET_EXCEEDED", reasons=["too much"]),
        f=answer("f", rows=9),
        g=answer("g"),
    )
    found = client.stats(COUNT, list("abcdefg"), seconds=0)
    (row,) = found.result.table.to_pylist()
    assert (row["sex"], row["value"], row["sites"]) == ("F", 24, 2)
    said = {it.agreement: (it.state, it.code, it.reason, bool(it.request)) for it in found.missing}
    large = "the table is too large to come with the answer: ask for fewer cells"
    assert said == {
        "b": ("waiting", "", "a person decides", True),
        "c": ("preparing", "", "", True),
        "d": ("refused", "PEER_UNREACHABLE", "no answer", True),
        "e": ("refused", "BUDGET_EXCEEDED", "too much", False),
        "f": ("refused", "STATISTIC_UNFIT", large, True),
    }
    assert not found.waits
    assert found.result.sites == ("did:web:a.example", "did:web:g.example")


def test_requests_stand_for_their_contracts() -> None:
    client, wire = calls(a=answer("a"), b=answer("b"))
    found = client.stats(COUNT, ["urn:a:asked", "b"])
    assert found.missing == ()
    assert wire.asked == ["a", "b"]  # the first was asked for again, and not anew


@pytest.mark.parametrize(
    "kept",
    [
        {"dimensions": ["sex", "age"]},
        {"measures": [{"function": "sum", "column": "score"}]},
        {"filters": [{"column": "sex", "is": "anyOf", "values": ["F"]}]},
        {"bins": {"sex": 4}},
    ],
)
def test_a_request_of_another_table_gives_no_statistic(kept: dict[str, Any]) -> None:
    client, _ = calls(a=answer("a", cells={**NO_CELLS, "dimensions": ["sex"], **kept}))
    with pytest.raises(StatisticUnfit, match="for another table"):
        client.stats(COUNT, ["urn:a:asked"])


def test_an_event_that_no_cell_would_have_spends_nothing() -> None:
    client, wire = calls(noisy=answer("noisy"))
    asked = Asked(kind="logistic", event=("sex", "X"), on=())
    with pytest.raises(StatisticUnfit, match="counted: F, M"):
        client.stats(asked, ["noisy"], epsilon=0.5)
    assert wire.asked == []


def test_nothing_is_asked_where_a_plan_refuses_or_rows_would_count_twice() -> None:
    client, wire = calls(a=answer("a"), none=answer("none"))
    for asked, contracts, fault in (
        (Asked(kind="count", by=("age",)), ["a"], TableRefused),
        (Asked(kind="mean", of=("sex",)), ["a"], TableRefused),
        (COUNT, ["a", "none"], StatisticUnfit),
        (COUNT, ["a", "a"], StatisticUnfit),
        (Asked(kind="mode"), ["a"], StatisticUnfit),
        (Asked(kind="histogram", of=("sex",), bins=3), ["a"], StatisticUnfit),
    ):
        with pytest.raises(fault):
            client.stats(asked, contracts)
    assert wire.asked == []


def test_what_was_asked_and_gives_nothing_can_be_asked_for_again() -> None:
    client, _ = calls(a=answer("a", "waiting"), b=answer("b", "refused", code="TABLE_REFUSED"))
    with pytest.raises(TableRefused, match="no site is ready") as waits:
        client.stats(COUNT, ["a", "b"])
    assert waits.value.hint.endswith("urn:a:asked b")
    client, _ = calls(a=answer("a", "waiting"), b=answer("b", "preparing"))
    with pytest.raises(ApprovalAwaited):
        client.stats(COUNT, ["a", "b"], seconds=0)
    hidden = [{"sex": "F", "count": None, "withheld": True}]
    client, _ = calls(a=answer("a", rows=1) | {"rows": hidden})
    with pytest.raises(StatisticUnfit, match="too few persons") as none:
        client.stats(COUNT, ["a"])
    assert none.value.hint.endswith("urn:a:asked")
