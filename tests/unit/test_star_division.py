"""The division of Project STAR: no pupil in two académies, none kept out in a file."""

from __future__ import annotations

import csv
from itertools import combinations
from pathlib import Path

import pupils
import pytest


@pytest.fixture(scope="module")
def division() -> pupils.Division:
    return pupils.divide(pupils.load())


def ids(records: list[pupils.Record]) -> set[str]:
    return {record["id"] for record in records}


def test_all_records_are_there(division: pupils.Division) -> None:
    sides = [*division.parts.values(), *division.kept_out.values()]
    assert sum(map(len, sides)) == 26_796
    assert len(set().union(*map(ids, sides))) == 11_598


def test_the_parts_share_no_pupil(division: pupils.Division) -> None:
    for one, other in combinations(division.parts.values(), 2):
        assert ids(one).isdisjoint(ids(other))


def test_pupils_kept_out_are_in_no_part(division: pupils.Division) -> None:
    kept_out = set().union(*map(ids, division.kept_out.values()))
    assert 0.18 < len(kept_out) / 11_598 < 0.22
    for part in division.parts.values():
        assert ids(part).isdisjoint(kept_out)


def test_no_pupil_has_more_rows_than_the_contract_says(division: pupils.Division) -> None:
    for part in division.parts.values():
        counts: dict[str, int] = {}
        for record in part:
            counts[record["id"]] = counts.get(record["id"], 0) + 1
        assert max(counts.values()) <= pupils.UNIT["rows"]


def test_one_academie_is_small(division: pupils.Division) -> None:
    sizes = {name: division.population(name) for name in division.parts}
    assert sizes["sud"] * 4 < min(sizes["nord"], sizes["centre"])
    assert all(size % 100 == 0 for size in sizes.values())


def test_another_seed_keeps_other_pupils_out() -> None:
    records = pupils.load()
    one, other = (pupils.divide(records, seed=seed).kept_out["nord"] for seed in (1, 2))
    assert ids(one) != ids(other)


def test_a_written_part_is_read_back(division: pupils.Division, tmp_path: Path) -> None:
    file = tmp_path / "sud.csv"
    pupils.write(division.parts["sud"], file)
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(division.parts["sud"])
    assert list(rows[0]) == [name for name, *_ in pupils.COLUMNS]
    assert ids(rows) == ids(division.parts["sud"])
