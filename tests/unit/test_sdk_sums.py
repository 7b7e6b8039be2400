"""A client's exact sums over sites: refused before, asked again, and who is named as gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from connector.errors import PeerUnreachable, StatisticUnfit, SumRefused
from connector.management.views.contracts.agreements import AgreementDetailView
from connector.management.views.contracts.uses import UseView
from connector.sdk import sums
from connector.sdk.sums import FEDERATED_SUMS, Fit
from federated.aggregation import encoded, spelled
from federated.statistics import Asked
from tests.unit.test_sdk_statistics import agreement

LINE = Asked(kind="linear", of=("y",), on=("x",))


def contract(name: str, ranges: Mapping[str, list[float]] | None = None) -> AgreementDetailView:
    step: dict[str, Any] = {
        "kind": "sum",
        "version": 1,
        "sites": [f"did:web:{it}.example" for it in "abcd" if it != name],
        "minimumSites": 3,
        "minimum": 10,
        "ranges": ranges or {"x": [-1, 1], "y": [-1, 1]},
        "categories": {},
        "parameters": 0.33,
        "points": 30,
    }
    steps = [
        {"kind": "where", "version": 1, "runs": "query"},
        {"kind": "minimise", "version": 1, "columns": list(step["ranges"]), "rows": []},
        step,
        {"kind": "release", "version": 1, "level": "Aggregated", "formats": ["jsonl"]},
    ]
    use = {"action": FEDERATED_SUMS, "mechanism": "sums", "steps": steps}
    plan = {"version": 1, "validUntil": None, "uses": [use]}
    return AgreementDetailView.model_validate(agreement(name, plan=plan))


class Sites:
    """A node's API: sites of ten rows, y = x / 2; some fail to join or in rounds, so many times."""

    def __init__(self, joining: str = "", **rounds: int) -> None:
        self.joining, self.rounds, self.asked = joining, rounds, list[tuple[str, str]]()

    def __call__(self, _: str, body: Mapping[str, Any], __: Mapping[str, str]) -> UseView:
        name, joins = body["agreement"], not body["sums"]["members"]
        self.asked.append((name, body["request"]))
        if name in self.joining and joins:
            raise PeerUnreachable("no answer")
        if not joins and self.rounds.get(name, 0):
            self.rounds[name] -= 1
            raise PeerUnreachable("no answer")
        about = {"site": f"did:web:{name}.example", "dataset": "urn:d", "signature": "x..y"}
        vector = [10.0, 0.0, 0.0, 4.0, 2.0, 1.0]
        row = [{"sum": spelled(each)} for each in encoded(vector)]
        rows = [{**about, "key": name * 64}] if joins else row
        return UseView(agreement=name, request=body["request"], state="ready", rows=rows)


def fit(post: Sites, *parts: AgreementDetailView, asked: Asked = LINE) -> Fit:
    return Fit(post, asked, parts, {}, 5.0)


def test_who_does_not_join_is_named_and_the_others_go_on() -> None:
    result, told = fit(Sites("d"), *map(contract, "abcd")).run()
    assert result.table["value"].to_pylist() == pytest.approx([0.0, 0.5])
    assert [site for site, it in told.items() if it.state != "ready"] == ["did:web:d.example"]
    assert told["did:web:d.example"].code == "PEER_UNREACHABLE"
    with pytest.raises(SumRefused, match=r"c\.example: PEER_UNREACHABLE") as few:
        fit(Sites("c"), *map(contract, "abc")).run()
    assert "at least 3 sites" in few.value.hint


def test_a_site_that_is_silent_in_a_round_is_asked_the_same_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sums, "_PAUSE", 0.0)
    post = Sites(b=2)
    fit(post, *map(contract, "abc")).run()
    rounds = [request for name, request in post.asked if name == "b"][1:]
    assert (len(rounds), len(set(rounds))) == (3, 1)
    with pytest.raises(PeerUnreachable, match="no answer") as gone:
        Fit(Sites(b=99), LINE, [*map(contract, "abc")], {}, 0.0).run()
    assert "need all of these sites" in gone.value.hint


def test_nothing_is_asked_where_a_plan_refuses() -> None:
    post, three = Sites(), list(map(contract, "abc"))
    cells = AgreementDetailView.model_validate(agreement("d"))
    for parts, asked, fault, said in (
        ([*three, cells], LINE, SumRefused, "preau:federatedSums"),
        ([*three, three[0]], LINE, StatisticUnfit, "the same site"),
        ([*three[:2], contract("c", {"x": [0, 1], "y": [-1, 1]})], LINE, StatisticUnfit, "same"),
        (three, Asked(kind="linear", of=("z",)), StatisticUnfit, "same"),
        (three, Asked(kind="mean", of=("x",)), StatisticUnfit, "linear and logistic"),
    ):
        with pytest.raises(fault, match=said):
            fit(post, *parts, asked=asked)
    assert post.asked == []
