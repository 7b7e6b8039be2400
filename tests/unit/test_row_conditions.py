"""Conditions on rows: what a contract may state, the tests that it becomes, and who passes them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from connector.bootstrap.mechanisms import MECHANISMS
from connector.domain.catalog.dataset import Column, ColumnClass
from connector.domain.catalog.dictionary import Category, Meaning
from connector.enforcement.compile import compile_agreement
from connector.enforcement.coverage import cover
from connector.enforcement.ground import Ground
from connector.enforcement.mechanisms import row_conditions, train
from connector.enforcement.plan import Label
from connector.enforcement.steps import registry
from connector.enforcement.steps.minimise import RowTest
from connector.errors import ConstraintUnknown, PolicyInvalid
from federated.errors import WorkerFailed
from federated.training.roles import site as site_role
from federated.training.rows import row_test
from federated.training.rows.table import from_columns
from policies_odrl import Answer, Constraint, Literal, Operator, contains, explain, from_sentences
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import PREAU
from tests.support.each import over
from tests.support.policies import agreed, amount, name_is, one_rule
from tests.support.training_rig import SITES, manifest, write_rows

OTHER = ColumnClass.OTHER
REGION = Meaning(categories=(Category("Nord"), Category("Est"), Category("Sud-Ouest")))
PUPILS = Ground(
    (
        Column("ine", ColumnClass.DIRECT_IDENTIFIER, "category"),
        Column("région", OTHER, "category", meaning=REGION),
        Column("born", OTHER, "category"),
        Column("born in", OTHER, "category"),
        Column("seen", OTHER, "category", meaning=Meaning(leaves_as="month")),
        Column("grade", OTHER, "number", meaning=Meaning(lower=0, upper=12)),
    ),
    "ine",
    4,
)
TRAINING = (
    amount("epsilon", "2"),
    amount("delta", "0.00001"),
    name_is("unitOfPrivacy", PREAU + "Person"),
)


def where(*conditions: str, operator: Operator = Operator.IS_ALL_OF) -> Constraint:
    return Constraint(PREAU + "rowCondition", operator, tuple(map(Literal, conditions)))


def chosen(action: str, *terms: Constraint, ground: Ground = PUPILS) -> tuple[RowTest, ...]:
    """The tests of the rows that a contract lets be used."""
    more = TRAINING if action == train.FEDERATED_TRAINING else ()
    plan = compile_agreement(agreed(one_rule(action, *terms, *more)), MECHANISMS, ground)
    if more:
        return train.rows_of(plan)
    return registry.table(plan.uses[0].steps).minimise.rows


STATED: dict[str, tuple[str, str, tuple[str | float, ...]]] = {
    "région in Nord | Sud-Ouest": ("région", "anyOf", ("Nord", "Sud-Ouest")),
    "région not in Est": ("région", "noneOf", ("Est",)),
    "born from 2010-09-01": ("born", "atLeast", ("2010-09-01",)),
    "born to 2011-08-31": ("born", "atMost", ("2011-08-31",)),
    "grade in 6 | 5.0": ("grade", "anyOf", (6, 5)),
    "grade from 2.5": ("grade", "atLeast", (2.5,)),
    "born not in a | not in | from b": ("born", "noneOf", ("a", "not in", "from b")),
}


@over("action", ["read", "aggregate", train.FEDERATED_TRAINING])
@over("text", STATED)
def test_a_condition_becomes_a_test_of_the_step(action: str, text: str) -> None:
    assert chosen(action, where(text)) == (RowTest(*STATED[text]),)


def test_conditions_of_several_constraints_all_count_and_each_once() -> None:
    first, second = where("grade from 2", "grade to 9"), where("grade from 2.0", "région in Est")
    found = [(each.column, each.test) for each in chosen("read", first, second)]
    assert found == [("grade", "atLeast"), ("grade", "atMost"), ("région", "anyOf")]


UNFIT = {
    "town in Lyon": "the dataset has no such column",
    "grade in high": "its values are not valid for column `grade`",
    "grade from 1 | 2": "its values are not valid for column `grade`",
    "born from 2010": "its values are not valid for column `born`",
    "born to 2010-02-30": "its values are not valid for column `born`",
    "région in Nord |  Est": "its values are not valid for column `région`",
    "région in Nord | Ouest": "the dictionary of `région` has no `Ouest`",
    "grade to 13": "the dictionary of `grade` has no `13`",
    "born in in Lyon": "it matches two columns",
    "ine in 1": "identifies persons",
}


@over("text", UNFIT)
def test_what_the_dictionary_does_not_know_is_refused_by_name(text: str) -> None:
    for action in ("read", "aggregate", train.FEDERATED_TRAINING):
        with pytest.raises(PolicyInvalid) as caught:
            chosen(action, where(text))
        assert UNFIT[text] in caught.value.reason


def test_a_column_that_leaves_coarser_or_not_at_all_chooses_rows_too() -> None:
    listed = Constraint(PREAU + "columns", Operator.IS_ANY_OF, (Literal("grade"),))
    for action in ("read", "aggregate"):
        found = chosen(action, listed, where("seen from 2024-09-01", "région in Est"))
        assert [each.column for each in found] == ["seen", "région"]


def test_the_step_upholds_it_and_nothing_else_does() -> None:
    (_, line) = cover(one_rule("read", where("grade from 2")), MECHANISMS)
    assert (line.label, line.by.partition(":")[0]) == (Label.ENFORCED, "minimising step")
    for item in (
        where("grade"),
        where("grade in"),
        where("grade from 2", operator=Operator.IS_ANY_OF),
    ):
        with pytest.raises(ConstraintUnknown, match="rowCondition"):
            cover(one_rule("read", item), MECHANISMS)


def test_only_conditions_that_the_signed_step_has_are_met() -> None:
    policy = one_rule("read", where("grade from 2", "région in Est"))
    rows = (RowTest("grade", "atLeast", (2,)), RowTest("région", "anyOf", ("Nord",)))
    assert list(row_conditions.met(policy, ODRL + "read", rows)) == ["grade from 2"]
    assert row_conditions.met(policy, ODRL + "aggregate", rows) == {}


def test_more_conditions_are_stricter() -> None:
    none, one, two = (
        one_rule("read", *terms)
        for terms in ((), (where("a in 1"),), (where("a in 1", "b from 2"),))
    )
    apart = one_rule("read", where("b from 2"), where("a in 1"))
    for wide, strict in ((none, one), (one, two), (none, two), (two, apart), (apart, two)):
        assert contains(wide, strict).answer is Answer.YES
    for wide, strict in ((none, one), (one, two)):
        assert contains(strict, wide).answer is Answer.NO
    assert contains(one, one_rule("read", where("a in 2"))).answer is Answer.NO


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize("conditions", [("a in 1 | 2",), ("a in 1 | 2", "b from 2")])
def test_a_person_can_read_and_write_it(lang: str, conditions: Sequence[str]) -> None:
    policy = one_rule("read", where(*conditions))
    said = explain(policy, lang)
    assert any("lignes" in it if lang == "fr" else "rows" in it for it in said)
    assert (
        from_sentences(said, lang).permissions[0].constraints == policy.permissions[0].constraints
    )


# Training: the same tests, on the rows that a worker reads

TABLE = from_columns({"n": ["1", "2.0", "", None, "x"], "t": ["2010-01-01", "b", "NA", None, "a"]})
PASS: list[tuple[str, str, tuple[str | float, ...], list[int]]] = [
    ("n", "anyOf", (2, 7), [1]),
    ("n", "noneOf", (2,), [0]),
    ("n", "atLeast", (1.5,), [1]),
    ("n", "atMost", (1,), [0]),
    ("t", "anyOf", ("a", "NA"), [4]),
    ("t", "noneOf", ("a",), [0, 1]),
    ("t", "atLeast", ("2009-12-31",), [0]),
    ("t", "atMost", ("2009-12-31",), []),
]


@over(("column", "test", "values", "kept"), PASS)
def test_rows_that_take_part_in_training(
    column: str, test: str, values: tuple[str | float, ...], kept: list[int]
) -> None:
    stated = RowTest(column, test, values).body()
    assert row_test.passing(TABLE, [row_test.RowTest.of(stated)]).nonzero()[0].tolist() == kept


def test_a_worker_trains_on_no_row_but_those_of_the_step(tmp_path: Path) -> None:
    path, trained = write_rows(tmp_path / "rows.csv", 12), list[int]()
    nobody = site_role._suppressed({"key": ""}, b"")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    data = {"path": str(path), "format": "csv", "person_format": "text", "digest": digest}
    grade = RowTest("grade", "anyOf", ("K",))
    for rows in ([], [grade], [RowTest("grade", "anyOf", ("none",))]):
        stated = {**data, "rows": [each.body() for each in rows]}
        header = {"data": stated, "population": 100, "site": SITES[0], "key": "", "row_key": ""}
        persons, _ = site_role._read(manifest(), header, nobody)
        trained.append(int(persons.whole().mask.sum()))
    assert trained == [24, 12, 0]
    wrong = {**data, "rows": [{**grade.body(), "is": "like"}]}
    with pytest.raises(WorkerFailed):
        site_role._read(manifest(), {**header, "data": wrong}, nobody)
