"""Steps on tables: each is read as it was written, and what is near it but wrong is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from connector.enforcement.plan import Step
from connector.enforcement.steps import registry
from connector.enforcement.steps.generalise import Band, Coding, Level
from connector.enforcement.steps.table import TableSteps
from connector.errors import StepUnknown
from connector.jsonld.canonical import canonical
from tests.support.each import over

SCOPE = {"kind": "contract", "of": ["urn:uuid:1"]}
GOOD: dict[str, dict[str, Any]] = {
    "where": {"runs": "delivered"},
    "minimise": {
        "columns": ["ine", "birth", "score"],
        "rows": [{"column": "score", "is": "atLeast", "values": [2.5]}],
    },
    "pseudonymise": {"columns": ["ine"], "scope": SCOPE},
    "generalise": {"column": "birth", "how": "year"},
    "aggregate": {
        "dimensions": ["birth"],
        "measures": ["score"],
        "functions": ["count", "sum"],
        "minimum": 11,
        "dominance": {"largest": 2, "percent": 85},
        "pRatio": 10,
        "rounding": 5,
    },
    "noise": {
        "epsilon": 1,
        "delta": 1e-6,
        "unit": "urn:person",
        "rowsPerPerson": 1,
        "ranges": {"score": {"low": 0, "high": 20, "unit": 0.01}},
        "categories": {"region": ["A", "B"]},
    },
    "sum": {
        "sites": ["did:web:b", "did:web:c"],
        "minimumSites": 3,
        "minimum": 10,
        "ranges": {"score": [0, 20]},
        "categories": {"region": ["A", "B"]},
        "parameters": 0.33,
        "points": 30,
    },
    "evaluate": {
        "sites": ["did:web:b", "did:web:c"],
        "minimumSites": 3,
        "minimum": 10,
        "evaluations": 1,
    },
    "release": {"level": "Minimised", "formats": ["parquet", "csv"]},
}
# kind, what is changed in the good step, to what is as good, to what is not
VECTORS: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = [
    ("where", {"runs": "query"}, {"runs": "anywhere"}),
    ("where", {}, {"more": 1}),
    ("minimise", {"columns": ["ine"]}, {"columns": []}),
    ("minimise", {"columns": ["ine", "Ine"]}, {"columns": ["ine", "ine"]}),
    ("minimise", {"columns": ["*"]}, {"columns": "*"}),
    ("minimise", {"rows": []}, {"rows": None}),
    *(
        ("minimise", {"rows": [{**row, **good}]}, {"rows": [{**row, **bad}]})
        for row in [GOOD["minimise"]["rows"][0]]
        for good, bad in (
            ({"is": "anyOf"}, {"is": "like"}),
            ({"is": "noneOf", "values": [1, 2]}, {"is": "atMost", "values": [1, 2]}),
            ({"values": ["2024-09-01"]}, {"values": [None]}),
            ({"values": [1]}, {"values": [True]}),
            ({"values": [-1]}, {"values": []}),
        )
    ),
    ("pseudonymise", {"columns": ["ine", "score"]}, {"columns": []}),
    (
        "pseudonymise",
        {"scope": {**SCOPE, "kind": "delivery"}},
        {"scope": {**SCOPE, "kind": "all"}},
    ),
    ("pseudonymise", {"scope": {**SCOPE, "of": ["a", "a"]}}, {"scope": {**SCOPE, "of": []}}),
    ("generalise", {"how": "decade"}, {"how": "week"}),
    ("generalise", {"how": "suppress"}, {"how": None}),
    ("generalise", {"how": {"width": 5, "from": 0}}, {"how": {"width": 0, "from": 0}}),
    ("generalise", {"how": {"width": 0.5, "from": -1}}, {"how": {"width": 5}}),
    ("generalise", {"how": {"top": 3}}, {"how": {}}),
    ("generalise", {"how": {"bottom": 3, "top": 3}}, {"how": {"bottom": 4, "top": 3}}),
    (
        "generalise",
        {"how": {"hierarchy": "communes", "level": "region"}},
        {"how": {"hierarchy": "communes"}},
    ),
    (
        "generalise",
        {"how": {"hierarchy": "Groups", "level": "epci", "digest": "a" * 64}},
        {"how": {"hierarchy": "Groups", "level": "epci", "digest": "a" * 63}},
    ),
    ("generalise", {"how": {"bottom": -5}}, {"how": {"bottom": -5, "width": 2, "from": 0}}),
    ("aggregate", {"dimensions": []}, {"dimensions": None}),
    ("aggregate", {"functions": ["persons", "mean"]}, {"functions": ["max"]}),
    ("aggregate", {"functions": ["count"]}, {"functions": []}),
    ("aggregate", {"minimum": 1}, {"minimum": 0}),
    ("aggregate", {"minimum": 5}, {"minimum": 5.5}),
    ("aggregate", {"dominance": None}, {"dominance": {"largest": 0, "percent": 85}}),
    ("aggregate", {"pRatio": None}, {"pRatio": 101}),
    ("aggregate", {"rounding": None}, {"rounding": 1}),
    ("noise", {"epsilon": 0.1}, {"epsilon": 0}),
    ("noise", {"delta": 1e-9}, {"delta": 1.5}),
    ("noise", {"rowsPerPerson": 3}, {"rowsPerPerson": 0}),
    *(
        ("noise", {"ranges": good}, {"ranges": {"score": {"low": 0, "high": 1, "unit": 1, **bad}}})
        for good, bad in (({}, {"low": 2}), ({}, {"unit": 0}), ({}, {"more": 1}))
    ),
    ("noise", {"categories": {}}, {"categories": {"region": []}}),
    ("noise", {"categories": {"region": ["A"]}}, {"categories": {"region": ["A", "A"]}}),
    ("noise", {"units": {"commune": ["243500139"]}}, {"units": {"commune": ["1", "1"]}}),
    ("sum", {"sites": ["a", "b", "c"]}, {"sites": ["did:web:b"]}),
    ("sum", {"minimumSites": 4}, {"minimumSites": 2}),
    ("sum", {"ranges": {}}, {"ranges": {"score": [1, 1]}}),
    ("sum", {"categories": {}}, {"categories": {"region": ["A", "A"]}}),
    ("sum", {"categories": {"sex": ["F", "M"]}}, {"categories": {"score": ["1", "2"]}}),
    ("sum", {"parameters": 0.1}, {"parameters": 0.34}),
    ("sum", {"points": 1}, {"points": 31}),
    ("evaluate", {"sites": ["a", "b", "c"]}, {"sites": ["did:web:b"]}),
    ("evaluate", {"minimumSites": 4}, {"minimumSites": 2}),
    ("evaluate", {"minimum": 1}, {"minimum": 0}),
    ("evaluate", {"evaluations": 3}, {"evaluations": 0}),
    ("release", {"level": "Raw"}, {"level": "Synthetic"}),
    ("release", {"formats": ["arrow", "jsonl"]}, {"formats": ["xlsx"]}),
    ("release", {"formats": ["csv"]}, {"formats": []}),
]


def step(kind: str, **changed: Any) -> Step:
    later = "units" in changed or "digest" in (changed.get("how") or ())
    return Step(kind, 2 if later else 1, {**GOOD[kind], **changed})


@over(("kind", "good", "bad"), VECTORS)
def test_what_is_near_a_step_but_wrong_is_refused(
    kind: str, good: Mapping[str, Any], bad: Mapping[str, Any]
) -> None:
    read = registry.typed(step(kind, **good))
    written = json.loads(canonical(registry.signed(read).body))
    assert written == step(kind, **good).body
    version = step(kind, **good).version
    assert registry.typed(Step(kind, version, written)) == read
    with pytest.raises(StepUnknown, match="version"):
        registry.typed(Step(kind, 3 - version, written))  # it says what the other cannot
    with pytest.raises(StepUnknown):
        registry.typed(step(kind, **bad))


def test_ways_to_generalise_are_told_apart() -> None:
    hows = {"width": 5, "from": 0}, {"top": 3}, {"hierarchy": "communes", "level": "region"}
    read = [registry.typed(step("generalise", how=how)).how for how in hows]  # type: ignore[attr-defined]
    assert read == [Band(5, 0), Coding(None, 3), Level("communes", "region")]


DELIVER = ("where", "minimise", "pseudonymise", "generalise", "release")
QUERY = {"runs": "query"}
CELLS = {"level": "Aggregated"}


def use(*kinds: str, **changed: Mapping[str, Any]) -> tuple[Step, ...]:
    return tuple(step(kind, **changed.get(kind, {})) for kind in kinds)


TRAINED = (
    Step("where", 1, {"runs": "training"}),
    Step(
        "train",
        1,
        {"epsilon": 1, "delta": 1e-6, "unit": "u", "rowsPerPerson": 1, "minimumSites": 1},
    ),
)
LAWFUL: dict[str, tuple[Step, ...]] = {
    "rows": use("where", "minimise", "release"),
    "rows with pseudonyms": use(*DELIVER, release={"level": "Pseudonymised"}),
    "two columns made coarser": (
        *use("where", "minimise", "generalise"),
        step("generalise", column="score", how={"width": 5, "from": 0}),
        step("release"),
    ),
    "cells": use("where", "minimise", "aggregate", "release", where=QUERY, release=CELLS),
    "cells with noise": use(
        *("where", "minimise", "generalise", "aggregate", "noise", "release"),
        where=QUERY,
        release=CELLS,
        aggregate={"dominance": None, "pRatio": None},
    ),
}
UNLAWFUL: dict[str, tuple[Step, ...]] = {
    "nothing": (),
    "no place": use("minimise", "release"),
    "no columns stated": use("where", "release"),
    "nothing that leaves": use("where", "minimise"),
    "coarser before pseudonyms": use("where", "minimise", "generalise", "pseudonymise", "release"),
    "twice minimised": use("where", "minimise", "minimise", "release"),
    "noise without cells": use("where", "minimise", "noise", "release"),
    "something after the release": use("where", "minimise", "release", "generalise"),
    "training of a table": (TRAINED[0], *use("minimise", "release")),
    "a table trained": (step("where"), TRAINED[1]),
    "rows of a query": use("where", "minimise", "release", where=QUERY),
    "cells delivered": use("where", "minimise", "aggregate", "release", release=CELLS),
    "cells called rows": use("where", "minimise", "aggregate", "release", where=QUERY),
    "rows called cells": use("where", "minimise", "release", release=CELLS),
    "pseudonyms of none": use("where", "minimise", "release", release={"level": "Pseudonymised"}),
    "a column made coarser twice": use("where", "minimise", "generalise", "generalise", "release"),
    "pseudonyms made coarser": use(*DELIVER, generalise={"column": "ine"}),
    "a pseudonym of a column that is not used": use(*DELIVER, pseudonymise={"columns": ["name"]}),
    "a column made coarser that is not used": use(*DELIVER, generalise={"column": "name"}),
    "cells of a column that is not used": use(
        *("where", "minimise", "aggregate", "release"),
        where=QUERY,
        release=CELLS,
        aggregate={"measures": ["wage"]},
    ),
    "noise, and a rule of concentration": use(
        *("where", "minimise", "generalise", "aggregate", "noise", "release"),
        where=QUERY,
        release=CELLS,
        aggregate={"pRatio": None},
    ),
    "cells of pseudonyms": use(
        *("where", "minimise", "pseudonymise", "aggregate", "release"),
        where=QUERY,
        release=CELLS,
        aggregate={"dimensions": ["ine"]},
    ),
    "cells of no values": use(
        *("where", "minimise", "generalise", "aggregate", "release"),
        where=QUERY,
        release=CELLS,
        generalise={"how": "suppress"},
    ),
}


@over("name", LAWFUL)
def test_steps_in_order_are_a_use_of_a_table(name: str) -> None:
    found = registry.table(LAWFUL[name])
    assert isinstance(found, TableSteps)
    kept = [found.where, found.minimise, found.pseudonymise, *found.generalise]
    kept += [found.aggregate, found.noise, found.release]
    assert tuple(registry.signed(each) for each in kept if each) == LAWFUL[name]


@over("name", UNLAWFUL)
def test_steps_out_of_order_are_refused(name: str) -> None:
    with pytest.raises(StepUnknown):
        registry.table(UNLAWFUL[name])


def test_a_training_use_is_no_table() -> None:
    assert [each.kind for each in registry.ordered(TRAINED)] == ["where", "train"]
    with pytest.raises(StepUnknown, match="read rows"):
        registry.table(TRAINED)
