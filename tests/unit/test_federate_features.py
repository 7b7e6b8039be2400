"""What a request leaves out of its features is what the dictionaries of its datasets say alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain.catalog.dataset import Column, ColumnClass
from connector.domain.catalog.dictionary import Category, Meaning
from connector.errors import Malformed
from connector.identity.descriptions.dataset_facts import DatasetFacts
from connector.services.federation.lead.features import completed
from connector.services.federation.lead.request import complete, refusal
from connector.services.publication import publish
from federated.reading import Member
from federated.task.feature import Missing, NumberFeature
from tests.support.each import over
from tests.support.link import description, link
from tests.support.negotiating import ask as negotiated

EXP = Meaning(lower=0.0, upper=40.0, missing=10.0)
LISTED = (Category("K", (("fr", "grande section"),)), Category("1"))
GRADE = Meaning(categories=LISTED, lacking="indicator", spelling=("case",))
AGE = {"column": "age", "kind": "number", "low": 5, "high": 15, "missing": {"kind": "refuse"}}


def facts(name: str, **meanings: Meaning) -> DatasetFacts:
    kinds = {"exp": "number", "age": "number", "gr": "category"}
    columns = tuple(
        Column(each, ColumnClass.OTHER, kind, "", meanings.get(each, Meaning()))
        for each, kind in kinds.items()
    )
    empty = ("", "", "", "", True, columns, "id", 4, 100, "", "", "", "", None)
    return replace(DatasetFacts(*empty), id=f"urn:{name}")


NORTH = facts("north", exp=EXP, gr=GRADE)
SOUTH = facts("south", exp=EXP, gr=GRADE)


def filled(*stated: Any, of: Sequence[DatasetFacts] = (NORTH, SOUTH)) -> list[Any]:
    return completed(Member(list(stated), refusal, (None, "features")), lambda: of)


def test_what_is_left_out_is_what_the_dictionaries_say() -> None:
    counted = {"kind": "value", "value": 10.0}
    exp = {"column": "exp", "kind": "number", "low": 0.0, "high": 40.0, "missing": counted}
    grade = {"column": "gr", "kind": "category", "values": ["K", "1"]}
    grade |= {"missing": {"kind": "indicator"}, "spelling": ["case"]}
    assert filled("exp", "gr") == [exp, grade]
    assert filled({"column": "exp", "high": 20}) == [{**exp, "high": 20}]
    assert filled({"column": "gr", "kind": "category"}) == [grade]


def test_what_is_stated_of_missing_values_may_be_short() -> None:
    counted = {"kind": "value", "value": 7}
    for short, whole in ((7, counted), ("refuse", {"kind": "refuse"}), (counted, counted)):
        (found,) = filled({"column": "exp", "missing": short})
        assert found["missing"] == whole


def test_a_manifest_of_version_1_has_what_it_knew() -> None:
    stated = Member(["exp", "gr"], refusal)
    exp, grade = completed(stated, lambda: (NORTH, SOUTH), 1)
    assert exp["missing"] == 10.0
    assert grade == {"column": "gr", "kind": "category", "values": ["K", "1"]}


def test_a_request_that_states_all_asks_no_dictionary() -> None:
    assert completed(Member([AGE], refusal), lambda: pytest.fail("asked")) == [AGE]


@over(
    ("stated", "of", "says"),
    [
        ("age", (NORTH, SOUTH), "`urn:north` does not state the public range of `age`"),
        ("gr", (NORTH, facts("south", exp=EXP)), "the same public list of values"),
        ("exp", (NORTH, facts("south", exp=replace(EXP, upper=41.0))), "the same public range"),
        ("marks", (NORTH, SOUTH), "`urn:north` has no such column"),
        (
            {"column": "gr", "kind": "number"},
            (NORTH, SOUTH),
            "does not state the public range of `gr`",
        ),
        (
            {"column": "age", "low": 0, "high": 1},
            (NORTH, SOUTH),
            "needs `missing`: .* does not state the value for a missing one",
        ),
    ],
)
def test_what_is_not_said_alike_must_be_stated(
    stated: Any, of: Sequence[DatasetFacts], says: str
) -> None:
    with pytest.raises(Malformed, match="request /features/1: .*" + says):
        filled(AGE, stated, of=of)


def test_what_is_no_feature_is_left_to_the_reader_of_manifests() -> None:
    for odd in (5, {"kind": "number"}, {"column": 5}, {"column": "exp", "kind": "text"}):
        assert filled(odd) == [odd]


def test_a_manifest_states_what_the_dictionary_of_its_contract_says(tmp_path: Path) -> None:
    with link(tmp_path) as pair:
        raw = description(pair.folder)
        raw["columns"][1] |= {"lower": 1, "upper": 12, "missing": 6}
        publish.publish(pair.school.ports, raw)
        negotiated(pair)
        (agreement,) = pair.lab.agreements()
        request = {
            "purpose": "https://w3id.org/dpv#AcademicResearch",
            "agreements": [agreement.id],
            "model": {"kind": "mlp", "hidden": [], "activation": "tanh"},
            "features": ["grade"],
            "target": {"column": "reading", "by": "sex", "thresholds": {"F": 430}},
            "unit": {"column": "pupil", "rows": 4},
            "privacy": {
                "epsilon": 1,
                "delta": 1e-6,
                "noiseMultiplier": 1,
                "samplingRate": 0.5,
                "steps": 3,
                "clip": 1,
            },
            "learningRate": 1,
            "rounds": 3,
        }
        manifest, data = complete(replace(pair.lab.ports, code_hash="0" * 64), request)
        assert manifest.features == (NumberFeature("grade", 1.0, 12.0, Missing("value", 6.0)),)
        assert b'"missing":{"kind":"value","value":6}' in data
