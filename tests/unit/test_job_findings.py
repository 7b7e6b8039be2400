"""A job beside the data dictionaries: names, values, thresholds and ranges they do not know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from connector.domain.catalog.dataset import Column, ColumnClass
from connector.domain.catalog.dictionary import Category, Meaning
from connector.identity.descriptions.dataset_facts import DatasetFacts
from connector.services.federation.request.findings import against_dictionary
from tests.support.each import over
from tests.support.training_rig import manifest, task

REFUSED, MISSING, REMARK = "JOB_REFUSED", "COLUMN_MISSING", ""


def listed(*values: str) -> Meaning:
    return Meaning(categories=tuple(map(Category, values)))


MEANINGS = {
    "pupil": Meaning(),
    "grade": listed("K", "1"),
    "score": Meaning(lower=300.0, upper=700.0),
    "age": Meaning(lower=3.0, upper=20.0),
    "class": listed("small", "regular"),
    "passed": listed("0", "1"),
    "share": Meaning(lower=-1.0, upper=1.0),
    "odd": Meaning(),
}
FACTS = replace(
    DatasetFacts(*("",) * 4, *(True, (), "pupil", 4, 100), *("",) * 4, None),
    id="urn:d",
    columns=tuple(
        Column(
            name,
            ColumnClass.OTHER,
            "number" if name in ("score", "age", "passed", "share", "odd") else "category",
            meaning=meaning,
        )
        for name, meaning in MEANINGS.items()
    ),
)
NET = {"kind": "mlp", "hidden": [2], "activation": "tanh"}


def found(**changes: Any) -> list[tuple[str, str, str]]:
    job = manifest(**task(**{"model": NET, **changes}))
    findings = list(against_dictionary(job, FACTS))
    assert {each.dataset for each in findings} <= {"urn:d"}
    return [(each.where, each.code, each.what) for each in findings]


def by_group(**thresholds: float) -> dict[str, Any]:
    kind = {"kind": "threshold-by-group", "column": "score", "by": "grade"}
    return {"target": {**kind, "thresholds": thresholds}}


def number(column: str, low: float, high: float) -> dict[str, Any]:
    missing = {"kind": "refuse"}
    own = {"column": column, "kind": "number", "low": low, "high": high, "missing": missing}
    return {"features": [own]}


def category(column: str, *values: str, **more: Any) -> dict[str, Any]:
    own = {"column": column, "kind": "category", "values": values, "missing": {"kind": "refuse"}}
    return {"features": [{**own, **more}]}


def aim(kind: str, column: str, **more: Any) -> dict[str, Any]:
    return {"target": {"kind": kind, "column": column, **more}}


def test_a_job_that_fits_says_nothing() -> None:
    assert found() == []


CASES = [
    (by_group(K=430, l=520), "/target/thresholds", REFUSED, "`l` is not a value of `grade`"),
    (by_group(k=430, **{"1": 520}), "/target/thresholds", REFUSED, "did you mean `K`"),
    (by_group(K=430), "/target/thresholds", REMARK, "rows whose `grade` is `1` have no label"),
    (
        by_group(K=700, **{"1": 900}),
        "/target/thresholds",
        REFUSED,
        "no value of `score`, 300 to 70",
    ),
    (
        by_group(K=430, **{"1": 900}),
        "/target/thresholds",
        REMARK,
        "some thresholds lie outside the range",
    ),
    (aim("threshold", "score", above=299), "/target/above", REFUSED, "every value of `score`"),
    (aim("threshold", "odd", above=1), "/target/above", REMARK, "no range of `odd`"),
    (aim("binary", "score"), "/target/kind", REFUSED, "does not hold both 0 and 1"),
    (aim("binary", "share"), "/target/kind", REMARK, "neither 0 nor 1 have no label"),
    (aim("count", "share", most=2), "/target/kind", REMARK, "-1 to 1, is neither 0 nor a whole"),
    (aim("category", "grade", positive=["K", "1"]), "/target/positive", REFUSED, "every value of"),
    (aim("category", "grade", positive=["2"]), "/target/positive", REFUSED, "it lists `K`, `1`"),
    (aim("classes", "grade", values=["K", "2"]), "/target/values", REFUSED, "`2` is not a value"),
    (aim("number", "score", low=0, high=300), "/target", REFUSED, "lies outside the range"),
    (aim("number", "score", low=0, high=9000), "/target", REMARK, "twice as wide as the range"),
    (aim("count", "score", most=200), "/target", REFUSED, "lies outside the range"),
    (aim("threshold", "scores", above=400), "/target/column", MISSING, "did you mean `score`"),
    (number("grade", 1, 5), "/features/0/kind", MISSING, "choose the kind `category`"),
    (number("agge", 5, 15), "/features/0/column", MISSING, "did you mean `age`"),
    (number("age", 20, 90), "/features/0", REFUSED, "lies outside the range of `age`, 3 to 20"),
    (
        category("class", "small", "Regular"),
        "/features/0/values",
        REFUSED,
        "did you mean `regular`",
    ),
    (category("pupl", "a"), "/features/0/column", MISSING, "did you mean `pupil`"),
    ({"unit": {"column": "pupill", "rows": 2}}, "/unit/column", MISSING, "did you mean `pupil`"),
    (
        {"target": {**by_group(K=1)["target"], "by": "grades"}},
        "/target/by",
        MISSING,
        "did you mean `grade`",
    ),
]


@over(("changes", "where", "code", "says"), CASES)
def test_what_the_dictionary_does_not_know_is_named(
    changes: dict[str, Any], where: str, code: str, says: str
) -> None:
    assert any(
        (at, kind) == (where, code) and says in what for at, kind, what in found(**changes)
    ), found(**changes)


FINE = [
    category("class", "Small", "REGULAR", spelling=["case"]),
    aim("binary", "passed"),
    aim("classes", "grade", values=["1", "K"]),
    aim("category", "grade", positive=["K"]),
    aim("number", "score", low=300, high=700),
]


@over("changes", FINE)
def test_what_it_knows_is_no_finding(changes: dict[str, Any]) -> None:
    assert found(**changes) == []
