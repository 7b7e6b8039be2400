"""Whole jobs through real worker processes, on made-up rows and on Project STAR."""

from __future__ import annotations

import random
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federated.job import JobManifest
from federated.training.checkpoint import load, save
from federated.training.flower.messages import from_bytes
from federated.training.flower.records import ARRAYS, EVALUATION, digest, unpack
from federated.training.recipes import check, initial
from federated.training.rows.table import from_columns
from federated.training.score import evaluate
from tests.support import prefork, star_parts
from tests.support.training_rig import (
    SITES,
    Federation,
    contract,
    document,
    manifest,
    task,
    write_rows,
)

PUBLIC = {name: array / 2 for name, array in initial(manifest(**task())).items()}
TASK = task(
    start={"digest": digest(PUBLIC), "source": "https://models.example/reading"},
    evaluation={"every": 2, "bins": 4, "noiseMultiplier": 1.0},
    optimiser={
        "kind": "adam",
        "schedule": "linear",
        "beta1": 0.9,
        "beta2": 0.99,
        "stability": 1e-8,
    },
)
JOB = manifest(**TASK)


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Federation, Federation]:
    """Return the same job run twice: with all rows, and with half of the persons of each site.

    The first time its workers load their modules themselves, confined.
    """
    runs = []
    for persons in (100, 50):
        folder = tmp_path_factory.mktemp("job")
        files = {
            site: write_rows(folder / f"{index}.csv", persons * (index + 1), seed=index)
            for index, site in enumerate(SITES)
        }
        runs.append(Federation(TASK, files, folder))
        with nullcontext() if runs[1:] else prefork.whole():
            assert runs[-1].run(state=save(PUBLIC))
    return runs[0], runs[1]


def test_each_round_is_answered_and_saved(jobs: tuple[Federation, Federation]) -> None:
    rounds = [(number, answered) for number, answered, _ in jobs[0].states]
    assert rounds == [(number, list(SITES)) for number in (1, 2, 3, 4)]
    assert jobs[0].failure == {}
    assert len(jobs[0].isolation) == 1
    assert {tier.split("+")[0] for tier in jobs[0].isolation} == {"process"}


def test_the_first_request_is_the_same_whatever_the_rows(
    jobs: tuple[Federation, Federation],
) -> None:
    for site in SITES:
        assert jobs[0].requests[1, site] == jobs[1].requests[1, site]
        assert jobs[0].digests[1, site] == digest(PUBLIC)


def test_every_site_reads_the_same_model(jobs: tuple[Federation, Federation]) -> None:
    found = [{jobs[0].digests[number, site] for site in SITES} for number in (1, 2, 3, 4)]
    assert [len(each) for each in found] == [1, 1, 1, 1]
    assert len(set.union(*found)) == 4


def test_messages_are_as_large_and_as_many_whatever_the_rows(
    jobs: tuple[Federation, Federation],
) -> None:
    whole, half = jobs
    for messages, others in ((whole.requests, half.requests), (whole.updates, half.updates)):
        plain = [key for key in messages if not (messages is whole.updates and key[0] > 2)]
        assert [len(messages[key]) for key in plain] == [len(others[key]) for key in plain]
    assert len({len(data) for (number, _), data in whole.updates.items() if number < 3}) == 1


def test_the_state_weighs_sites_by_declared_population_whatever_the_rows(
    jobs: tuple[Federation, Federation],
) -> None:
    job = JOB
    for run in jobs:
        for number, _, state in run.states:
            contents = [from_bytes(run.updates[number, s], job).content for s in SITES]
            evaluated = job.evaluates(number)
            updates = [unpack(each, job, evaluated=evaluated) for each in contents]
            for name, array in check(load(state), job).items():
                mean = sum(
                    share * update[name]
                    for share, update in zip((1 / 6, 2 / 6, 3 / 6), updates, strict=True)
                )
                assert np.allclose(array, mean, atol=1e-6)


def test_an_update_is_arrays_and_constants_only(jobs: tuple[Federation, Federation]) -> None:
    job = JOB
    for (number, _), data in jobs[0].updates.items():
        message = from_bytes(data, job)
        evaluated = job.evaluates(number)
        assert set(message.content) == ({ARRAYS, EVALUATION} if evaluated else {ARRAYS})
        assert unpack(message.content, job, evaluated=evaluated)
        assert message.metadata.created_at == 0
        assert message.metadata.ttl == job.deadline.timestamp()
        assert message.metadata.group_id == str(number)


def test_held_out_persons_are_counted_where_the_manifest_says(
    jobs: tuple[Federation, Federation],
) -> None:
    for run, persons in zip(jobs, (100, 50), strict=True):
        assert {number for number, found in run.scores.items() if found} == {3, 4}
        for found in (run.scores[3], run.scores[4]):
            assert set(found) == set(SITES)
            for index, site in enumerate(SITES):
                assert len(found[site]) == 8
                held = 0.2 * persons * (index + 1)
                # Persons are drawn with a deviation of 0.4 √N, and eight cells have noise of 1.
                assert abs(sum(found[site]) - held) < 8 * (0.16 * 5 * held + 8) ** 0.5


def test_two_runs_never_draw_the_same_noise(jobs: tuple[Federation, Federation]) -> None:
    assert jobs[0].updates[1, SITES[0]] != jobs[1].updates[1, SITES[0]]


def test_a_job_without_its_quorum_fails_with_a_reason(tmp_path: Path) -> None:
    files = {site: write_rows(tmp_path / f"{index}.csv", 20) for index, site in enumerate(SITES)}
    run = Federation(
        document(), files, tmp_path, silent=lambda number, site: number == 2 and site == SITES[1]
    )
    assert run.run() == b""
    assert run.failure == {
        "op": "failed",
        "code": "TOO_FEW_SITES",
        "reason": "2 sites answered round 2, quorum is 3",
    }
    assert [number for number, _, _ in run.states] == [1]


# Project STAR


def _star(populations: list[int]) -> dict[str, Any]:
    return document(
        model={"kind": "mlp", "hidden": [32], "activation": "tanh"},
        features=star_parts.features(),
        target={"column": "read", "by": "gr", "thresholds": star_parts.THRESHOLDS},
        unit={"column": "id", "rows": 4},
        privacy={
            "epsilon": 3,
            "delta": 1e-5,
            "noiseMultiplier": 2.0,
            "samplingRate": 0.2,
            "steps": 40,
            "clip": 2.0,
        },
        learningRate=2.0,
        rounds=4,
        contracts=[contract(s, count) for s, count in zip(SITES, populations, strict=True)],
    )


def test_project_star_is_learned_across_three_institutions(tmp_path: Path) -> None:
    records = star_parts.rows()
    parts = star_parts.parts(records)
    pupils = [{record["id"] for record in part} for part in parts]
    assert not pupils[0] & pupils[1]
    assert not pupils[1] & pupils[2]
    assert not pupils[0] & pupils[2]
    held = set(random.Random(5).sample(sorted(set.union(*pupils)), 2000))  # noqa: S311
    kept = [[record for record in part if record["id"] not in held] for part in parts]
    files = {
        site: star_parts.write(rows, tmp_path / f"{index}.csv")
        for index, (site, rows) in enumerate(zip(SITES, kept, strict=True))
    }
    whole = _star([round(len(ids), -1) for ids in pupils])
    run = Federation(whole, files, tmp_path)
    model = run.run()
    job: JobManifest = manifest(**whole)
    rows = from_columns(star_parts.columns([r for r in records if r["id"] in held]))
    # Chance is 0.5, what pooled rows without privacy reach is about 0.70; 40 steps reach 0.68 to
    # 0.70. A model that learned nothing lies above 0.6 with a chance far below 1e-9.
    assert evaluate(model, job, rows)["auc"] > 0.6
    assert len({len(update) for update in run.updates.values()}) == 1
