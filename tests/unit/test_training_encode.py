from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from federated.errors import ColumnMissing
from federated.task.feature import Missing, NumberFeature
from federated.training.rows.encode import encode
from federated.training.rows.entries import Persons
from federated.training.rows.table import Table, from_columns
from tests.support.each import over
from tests.support.training_rig import manifest

HEADER = ("pupil", "grade", "age", "class", "score")
ROWS = [
    ("a", "K", 5, "small", 431),
    ("b", "1", 10, "regular", 520.5),
    ("a", "1", 15, "other", 600),
    ("c", "K", None, None, 430),
    ("c", "1", 99, "small", None),
    ("d", "2", 8, "small", 500),
    (None, "K", 8, "small", 500),
    ("e", None, 8, "small", 500),
]


def _table(rows: list[tuple[object, ...]]) -> Table:
    return from_columns({name: [row[i] for row in rows] for i, name in enumerate(HEADER)})


def _encode(rows: list[tuple[object, ...]]) -> Persons:
    return encode(_table(rows), manifest())


def test_one_entry_a_person_with_a_usable_row() -> None:
    persons = _encode(ROWS)
    assert len(persons) == 3  # a, b, c; d and e have no label, one row has no person
    assert persons.inputs.shape == (3, 2, 3)
    assert persons.mask.tolist() == [[1, 1], [1, 0], [1, 0]]
    assert persons.labels.tolist() == [[1, 1], [0, 0], [0, 0]]
    assert all(array.dtype == np.float32 for array in (persons.inputs, persons.labels))


def test_numbers_are_clipped_to_the_public_range_and_scaled() -> None:
    rows = [(str(age), "K", age, "small", 431) for age in (-100, 5, 7.5, 10, 15, 1000)]
    assert _encode(rows).inputs[:, 0, 0].tolist() == [-1, -1, -0.5, 0, 1, 1]


def test_what_is_missing_or_not_listed_is_the_middle_or_nothing() -> None:
    persons = _encode(ROWS)
    assert persons.inputs[0].tolist() == [[-1, 1, 0], [1, 0, 0]]
    assert persons.inputs[1].tolist() == [[0, 0, 1], [0, 0, 0]]
    assert persons.inputs[2].tolist() == [[0, 0, 0], [0, 0, 0]]


def test_a_missing_number_counts_as_the_manifest_says() -> None:
    stated = manifest()
    age, *others = stated.features
    assert isinstance(age, NumberFeature)
    stated = replace(stated, features=(replace(age, missing=Missing("value", 15.0)), *others))
    assert encode(_table(ROWS), stated).inputs[2, 0].tolist() == [1, 0, 0]


@over(
    ("grade", "score", "label"),
    [("K", 430, 0), ("K", 430.001, 1), ("1", 520.5, 0), ("1", 521, 1), ("K", -1e9, 0)],
)
def test_a_label_is_strictly_above_the_threshold(grade: str, score: float, label: int) -> None:
    assert _encode([("a", grade, 8, "small", score)]).labels[0, 0] == label


@pytest.mark.parametrize(("grade", "score"), [("2", 500), (None, 500), ("K", None)])
def test_a_row_without_label_is_left_out(grade: str | None, score: float | None) -> None:
    assert len(_encode([("a", grade, 8, "small", score)])) == 0
    assert len(_encode([("a", grade, 8, "small", score), ("a", "K", 8, "small", 1)])) == 1


MANY = [("a", "K", age, "small", 431 + age) for age in range(5, 15)] + ROWS[1:2]


def test_of_many_rows_those_stay_that_a_keyed_digest_of_them_chooses() -> None:
    def ages(rows: list[tuple[object, ...]], key: bytes = b"one") -> list[float]:
        persons = encode(_table(rows), manifest(), key=key)
        (place,) = np.flatnonzero(persons.mask.sum(axis=1) == 2)
        return sorted(persons.inputs[place, :, 0].tolist())

    assert ages(MANY) == ages(MANY[::-1]) == ages([*ROWS[4:], *MANY[5:], *MANY[:5]])
    assert len({tuple(ages(MANY, bytes([n]))) for n in range(9)}) > 3
    # One more row of this person's changes no more than that row can; other persons change nothing.
    assert len(set(ages(MANY)) & set(ages([*MANY, ("a", "K", 15, "small", 446)]))) >= 1


def test_nobody_is_encoded_as_nobody() -> None:
    persons = _encode([("a", "9", 8, "small", 1)])
    assert persons.inputs.shape == (0, 2, 3)


def test_a_person_changes_no_other_entry() -> None:
    whole = _encode(ROWS)
    without = _encode([row for row in ROWS if row[0] != "b"])
    assert np.array_equal(np.delete(whole.inputs, 1, axis=0), without.inputs)
    assert np.array_equal(np.delete(whole.labels, 1, axis=0), without.labels)
    assert np.array_equal(np.delete(whole.mask, 1, axis=0), without.mask)


@over("column", HEADER)
def test_every_column_of_the_manifest_is_needed(column: str) -> None:
    table = _table(ROWS)
    with pytest.raises(ColumnMissing, match=f"`{column}`"):
        encode(Table(table.data.drop_columns([column])), manifest())
