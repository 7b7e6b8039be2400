"""The border between domain values and rows: what becomes a column, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given

from connector.domain.catalog.dataset import Column, ColumnClass, DataFile, Dataset, PrivacyCap
from connector.errors import Malformed
from connector.store.mapping import from_row, to_row
from tests.support.doubles import NOON
from tests.support.values import values_of

STAR = Dataset(
    id="urn:star",
    title="STAR",
    description="",
    personal=True,
    columns=(Column("pupil", ColumnClass.DIRECT_IDENTIFIER, "category"),),
    person_column="pupil",
    rows_per_person=4,
    population=5000,
    collection_purpose="urn:p",
    legal_basis="urn:b",
    retention="P5Y",
    territory="FR",
    register_id="urn:register",
    cap=PrivacyCap(6.0, 1e-5),
    file=DataFile("/data/star.csv", "csv", "00"),
    credential="jwt",
    published_at=NOON,
)


def test_nested_values_become_json_text() -> None:
    row = to_row(STAR)
    assert json.loads(row["columns"]) == [
        {
            "name": "pupil",
            "kind": "direct identifier",
            "datatype": "category",
            "description": "",
            "meaning": {
                "labels": [],
                "unit": "",
                "lower": None,
                "upper": None,
                "categories": [],
                "missing": None,
                "lacking": "",
                "spelling": [],
                "territory": "",
                "hierarchy": None,
                "leaves_as": "",
            },
        }
    ]
    assert json.loads(row["cap"]) == {"epsilon": 6.0, "delta": 1e-5}
    assert row["population"] == 5000


def test_an_absent_nested_value_becomes_an_empty_column() -> None:
    open_data = replace(STAR, cap=None)
    assert to_row(open_data)["cap"] is None
    assert from_row(Dataset, to_row(open_data)) == open_data


def test_enumerations_come_back_as_their_class() -> None:
    assert from_row(Dataset, to_row(STAR)).columns[0].kind is ColumnClass.DIRECT_IDENTIFIER


def test_a_dataset_stored_before_there_was_a_dictionary_states_none() -> None:
    row = to_row(STAR)
    (column,) = json.loads(row["columns"])
    for holder, name in ((column["meaning"], "hierarchy"), (column, "meaning")):
        del holder[name]
        assert from_row(Dataset, {**row, "columns": json.dumps([column])}) == STAR


@given(values_of(Dataset))
def test_any_dataset_comes_back_equal(value: Dataset) -> None:
    assert from_row(Dataset, to_row(value)) == value


@pytest.mark.parametrize(
    "bad",
    [
        replace(STAR, title="a\x00b"),
        replace(STAR, title="\udfff"),
        replace(STAR, columns=(Column("a\x00b", ColumnClass.OTHER, "number"),)),
        replace(STAR, population=2**63),
    ],
    ids=["nul", "surrogate", "nested nul", "number"],
)
def test_what_one_database_could_not_hold_is_refused(bad: Dataset) -> None:
    with pytest.raises(Malformed):
        to_row(bad)


@pytest.mark.parametrize("epsilon", [float("nan"), float("inf")])
def test_a_cap_that_is_no_number_is_refused(epsilon: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_row(replace(STAR, cap=PrivacyCap(epsilon, 1e-5)))


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        to_row(replace(STAR, published_at=NOON.replace(tzinfo=None)))
