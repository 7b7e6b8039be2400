"""Trials on rows of one's own: how persons are divided, and that the engine is a site's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connector.errors import DescriptionIncomplete, JobRefused, Malformed, PreauError
from connector.sdk import simulate
from federated.errors import DataFault
from federated.training import rehearsal, simulation
from federated.training.checkpoint import load
from federated.training.engine import Engine
from federated.training.flower.client import Site, make_app
from federated.training.recipes import initial
from federated.training.rows.division import Division, divide
from federated.training.rows.table import Table, from_columns
from tests.support.command import invoked
from tests.support.each import over
from tests.support.flower import JOB, as_lead, persons_of
from tests.support.training_rig import SITES, ForeseenNoise, task, write_rows

PERSONS = [f"p{number}" for number in range(200)]
REQUEST: dict[str, Any] = {
    name: task()[name] for name in ("features", "target", "unit", "optimiser", "purpose")
} | {
    "model": {"kind": "logistic"},
    "privacy": {"epsilon": 3, "delta": 1e-5, "samplingRate": 0.5, "steps": 20, "clip": 1},
    "learningRate": 1.0,
    "rounds": 2,
}


def rows_of(persons: list[str]) -> Table:
    """Return two rows of each person, the second at another place."""
    twice = [*persons, *persons]
    return from_columns({"person": twice, "place": ["a"] * len(persons) + ["b"] * len(persons)})


def who(table: Table) -> set[str]:
    return set(table.text("person").to_pylist())


def whole(division: Division) -> list[set[str]]:
    return [who(part) for part in (*division.parts.values(), division.kept_out)]


def test_persons_are_dealt_evenly_and_kept_together() -> None:
    division = divide(rows_of(PERSONS), "person", 7, kept_out=0.2, seed=0)
    parts = whole(division)
    assert set.union(*parts) == set(PERSONS)
    assert sum(map(len, parts)) == len(PERSONS)
    assert division.populations == tuple(map(len, parts[:-1]))
    assert max(division.populations) - min(division.populations) <= 1
    assert [part.rows for part in division.parts.values()] == [2 * n for n in division.populations]
    assert 0.1 < len(parts[-1]) / len(PERSONS) < 0.3


def test_a_seed_keeps_the_same_persons_out_and_another_one_others() -> None:
    first, again, other = (
        who(divide(rows_of(PERSONS), "person", 3, kept_out=0.2, seed=seed).kept_out)
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_column_says_the_site_and_a_person_may_be_at_two() -> None:
    division = divide(rows_of(PERSONS), "person", "place", kept_out=0.2, seed=0)
    first, second, out = whole(division)
    assert list(division.parts) == ["a", "b"]
    assert first == second == set(PERSONS) - out


def test_rows_of_nobody_are_at_no_site() -> None:
    table = from_columns({"person": ["x", "y", "z", None, ""], "place": ["a"] * 5})
    division = divide(table, "person", "place", kept_out=0.5, seed=3)
    assert sum(part.rows for part in division.parts.values()) + division.kept_out.rows == 3


@pytest.mark.parametrize(("split", "kept_out"), [(300, 0.2), (2, 1e-9), ("place", 1 - 1e-9)])
def test_too_few_persons_are_refused(split: str | int, kept_out: float) -> None:
    with pytest.raises(DataFault, match="200 persons are too few"):
        divide(rows_of(PERSONS), "person", split, kept_out=kept_out, seed=0)


def test_a_trial_ends_with_the_model_of_a_job_under_the_same_noise() -> None:
    """Messages, sites and strategy of a real job, beside the trial; neither has noise."""
    shares = [persons_of(count) for count in (3, 5, 9)]
    sites = {
        site: Site(make_app(Engine(JOB, 100 * n, share, ForeseenNoise()), JOB), JOB, site)
        for n, (site, share) in enumerate(zip(SITES, shares, strict=True), start=1)
    }
    real = rehearsal.Rehearsed()
    with as_lead():
        rehearsal._rounds(JOB, sites, real, 60, b"")
    assert real.rounds == JOB.rounds
    tried = simulation.train(JOB, shares, ForeseenNoise())
    for name, array in load(real.model).items():
        assert tried[name] == pytest.approx(array, abs=1e-6)
        assert not np.array_equal(array, initial(JOB)[name])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("rows") / "own.csv", 300)


def test_a_grid_is_tried_with_noise_and_without(file: Path) -> None:
    grid = {"privacy.epsilon": [0.05, 8], "noise": [True, False]}
    told: list[float] = []
    found = simulate(
        REQUEST, file, split=3, grid=grid, seeds=2, seen=lambda point: told.append(point.noise)
    )
    assert [(row["privacy.epsilon"], row["noise"]) for row in found] == [
        ("0.05", "true"),
        ("0.05", "false"),
        ("8", "true"),
        ("8", "false"),
    ]
    strict, _, loose, free = found
    assert 0.049 < strict["ε"] <= 0.05
    assert free["ε"] == np.inf
    assert strict["σ"] > loose["σ"] > free["σ"] == 0
    assert told == [row["σ"] for row in found]
    assert [row["sites"] for row in found] == [3] * 4
    assert float(free["auc"].split()[0]) > 0.95  # the label follows the age


def test_a_job_that_evaluates_is_tried_with_fewer_persons_and_more_noise(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, trained = simulation.train, list[int]()

    def counting(job: Any, shares: Any, *more: Any) -> Any:
        trained.append(sum(map(len, shares)))
        return train(job, shares, *more)

    monkeypatch.setattr(simulation, "train", counting)
    evaluation = {"evaluation": {"noiseMultiplier": 3}}
    plain, evaluated = (
        simulate({**REQUEST, **more}, file, split=1, seeds=1)[0] for more in ({}, evaluation)
    )
    assert 0.6 < trained[1] / trained[0] < 0.95  # one person in five is held out
    assert evaluated["persons"] == plain["persons"]
    assert evaluated["σ"] > plain["σ"]
    assert 2.99 < evaluated["ε"] <= 3


def test_processes_give_what_one_gives(file: Path) -> None:
    """Without noise and with everybody drawn, a trial is the same wherever it runs."""
    request = {**REQUEST, "privacy": {**REQUEST["privacy"], "samplingRate": 1}}
    asked = {"split": "class", "grid": {"noise": [False]}, "seeds": 2}
    one, two = (simulate(request, file, processes=count, **asked)[0] for count in (1, 2))
    assert one["auc"] == two["auc"]
    assert one["fewest"] < one["persons"] / 2


@over(
    ("change", "grid", "kind", "why"),
    [
        ({"features": ["age"]}, {}, Malformed, "/features: must each state `kind`"),
        ({"target": {}}, {}, Malformed, "/target"),
        ({}, {"privacy.epsilom": [1]}, Malformed, "/privacy/epsilom"),
        ({}, {"rounds.x": [1]}, Malformed, "grid `rounds.x`"),
        ({}, {"noise": ["no"]}, Malformed, "grid `noise`"),
        ({}, {"split": [0]}, Malformed, "`split` must be"),
        ({}, {"rounds": []}, Malformed, "1 to 100 points, not 0"),
        ({}, {"privacy.noiseMultiplier": [0.5]}, JobRefused, "declares ε 3, its noise"),
        ({}, {"split": [150]}, PreauError, "a site of 1 persons is too small"),
        ({}, {"split": ["school"]}, PreauError, "no column `school`"),
    ],
)
def test_what_cannot_be_tried_is_refused(
    file: Path,
    change: dict[str, Any],
    grid: dict[str, list[Any]],
    kind: type[PreauError],
    why: str,
) -> None:
    with pytest.raises(kind) as caught:
        simulate({**REQUEST, **change}, file, split=2, grid=grid, seeds=1)
    assert why in caught.value.reason


def test_what_a_request_leaves_out_follows_from_a_dictionary(file: Path, tmp_path: Path) -> None:
    other = {"class": "other", "datatype": "category"}
    dictionary = tmp_path / "dataset.json"
    columns = [
        {"name": "pupil", **other},
        {**other, "name": "grade", "categories": ["K", "1"]},
        {"name": "age", "class": "other", "datatype": "number", "lower": 5, "upper": 15}
        | {"missing": "indicator"},
        {"name": "class", **other, "categories": ["small", "regular"], "missing": "refuse"},
        {"name": "score", "class": "sensitive", "datatype": "number", "lower": 0, "upper": 900},
    ]
    dictionary.write_text(json.dumps({"title": "own", "columns": columns}), encoding="utf-8")
    found = {"dictionary": json.loads(dictionary.read_text()), "split": 2, "seeds": 1}
    request = tmp_path / "request.json"
    request.write_text(json.dumps({**REQUEST, "features": ["age", "class"]}), encoding="utf-8")
    words = ("job", "simulate", str(file), "--request", str(request), "--split", "2", "--json")
    words += ("--seeds", "1", "--processes", "1")
    assert invoked([*words]).exit_code == 1
    (row,) = json.loads(invoked([*words, "--dictionary", str(dictionary)]).stdout)
    (typed,) = simulate(REQUEST, file, split=2, seeds=1)
    fixed = ("sites", "persons", "fewest", "ε", "σ", "constant")  # the rest has noise
    assert [row[name] for name in fixed] == [typed[name] for name in fixed]

    lost = {**REQUEST["target"], "thresholds": {"k": 430}}
    with pytest.raises(JobRefused, match="did you mean `K`"):
        simulate({**REQUEST, "target": lost}, file, **found)
    bad = {"columns": [{"name": "age", "class": "other", "datatype": "text"}]}
    with pytest.raises(DescriptionIncomplete, match="number or category"):
        simulate(REQUEST, file, **{**found, "dictionary": bad})


def test_the_command_prints_each_point(file: Path, tmp_path: Path) -> None:
    request = tmp_path / "request.json"
    request.write_text(json.dumps(REQUEST), encoding="utf-8")
    words = ("job", "simulate", str(file), "--request", str(request), "--seeds", "1")
    words += ("--processes", "1", "--kept-out", "0.3")
    grid = ("--grid", "split=1,class", "--grid", "rounds=[2]")
    done = invoked([*words, *grid], env={"COLUMNS": "400"})
    assert done.exit_code == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[3:5]] == ["1", "class"]
    assert done.stderr.splitlines()[0].startswith("split=1 rounds=2: done")
    (row,) = json.loads(invoked([*words, "--split", "2", "--json"]).stdout)
    assert row["sites"] == 2
    for wrong in ("split", "split=", "rounds=[2"):
        refused = invoked([*words, "--grid", wrong])
        assert refused.exit_code == 1
        assert f"--grid `{wrong}`" in refused.stderr
