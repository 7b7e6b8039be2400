"""Targets of every kind, models that predict them, optimisers, and public models to start from."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from flwr.app import ConfigRecord, RecordDict

from federated import modelfile
from federated.errors import DataFileUnreadable, ManifestInvalid, RoundRefused
from federated.job import JobManifest, parse, render
from federated.task import target as targets
from federated.training import checkpoint, recipes
from federated.training.engine import Engine
from federated.training.exact import arithmetic
from federated.training.exact.losses import Loss
from federated.training.flower.messages import to_bytes as to_message_bytes
from federated.training.flower.records import (
    ARRAYS,
    ROUND,
    SETTINGS,
    digest,
    pack,
    unpack_record,
)
from federated.training.noise import SystemNoise
from federated.training.optimiser import gains, most_of_adam, rates
from federated.training.reach import is_within, reach
from federated.training.rows.encode import encode
from federated.training.rows.entries import Persons
from federated.training.rows.labels import encode_labels
from federated.training.rows.table import from_columns
from tests.support.each import over
from tests.support.exact_sums import people
from tests.support.flower import as_lead, request_to, site_of
from tests.support.learnable import CASES, KINDS, pairs, trained
from tests.support.training_rig import ForeseenNoise, document, manifest, task

ADAM = {"kind": "adam", "schedule": "cosine", "beta1": 0.9, "beta2": 0.99, "stability": 1e-8}
MOMENTUM = {"kind": "sgd", "schedule": "linear", "momentum": 0.9}
LOSSES = (Loss(), Loss(targets.CLASSES, 4), Loss(targets.NUMBER), Loss(targets.COUNT, 1, 12))


@pytest.mark.parametrize(("name", "kind"), pairs())
def test_real_rows_are_learned_better_than_by_a_constant(name: str, kind: str) -> None:
    found, job = trained(name, kind)
    if job.target.loss == targets.BINARY:
        assert found["auc"] > 0.6  # a constant has 0.5
    else:
        assert found["loss"] < 0.98 * found["constant"]
    data = json.dumps(render(job)).encode()
    assert parse(data) == job
    assert render(parse(data)) == json.loads(data)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.kind)
def test_no_weight_makes_a_derivative_large(loss: Loss) -> None:
    outputs = np.array([-1e9, -30, 0, 3, 1e9])[:, None, None] * np.ones(loss.outputs)
    outputs[:, :, 0] += 1
    for label in (0.0, 1.0):
        found = loss.derivative(outputs, np.full((5, 1), label))
        assert np.all(np.isfinite(found))
        bound = {targets.CLASSES: math.sqrt(2), targets.NUMBER: 2.0}.get(loss.kind, 1.0)
        assert np.linalg.norm(found, axis=2).max() <= bound * (1 + 1e-9)


def test_a_label_is_what_its_kind_has() -> None:
    values = np.array([-1.0, -0.5, 0, 0.5, 1, 3, 12, 13, np.nan])
    kept = [values[loss.is_label(values)].tolist() for loss in LOSSES]
    assert kept == [[0, 1], [0, 1, 3], [-1, -0.5, 0, 0.5, 1], [0, 1, 3, 12]]


# Labels and inputs

ROWS = from_columns(
    {
        "pupil": list("abcdefg"),
        "age": [5, 15, None, 10, 5, 5, 5],
        "class": ["small", "SMALL", "  Small", "régular", "other", None, "regular"],
        "score": ["0", "1", "2", "2.5", "-1", "99", ""],
        "grade": ["K", "k", "1", "2", None, "K", "K"],
    }
)


@over(
    ("target", "labels"),
    [
        ({"kind": "binary"}, [0, 1, None, None, None, None, None]),
        ({"kind": "threshold", "above": 1.5}, [0, 0, 1, 1, 0, 1, None]),
        ({"kind": "number", "low": 0, "high": 4}, [-1, -0.5, 0, 0.25, -1, 1, None]),
        ({"kind": "count", "most": 9}, [0, 1, 2, None, None, 9, None]),
        (
            {"kind": "threshold-by-group", "by": "grade", "thresholds": {"K": 0}},
            [0, None, None, None, None, 1, None],
        ),
        (
            {
                "kind": "threshold-by-group",
                "by": "grade",
                "thresholds": {"K": 0},
                "spelling": ["case"],
            },
            [0, 1, None, None, None, 1, None],
        ),
        (
            {"kind": "category", "column": "class", "positive": ["small"]},
            [1, 0, 0, 0, 0, None, 0],
        ),
        (
            {
                "kind": "classes",
                "column": "class",
                "values": ["regular", "small"],
                "spelling": ["accents", "case", "spaces"],
            },
            [1, 1, 1, 0, None, None, 0],
        ),
    ],
)
def test_labels_by_kind(target: dict[str, Any], labels: list[float | None]) -> None:
    model = {"kind": "mlp", "hidden": [], "activation": "tanh"}
    features = [{**task()["features"][0], "column": "age"}]
    job = manifest(**task(target={"column": "score", **target}, model=model, features=features))
    found = encode_labels(ROWS, job.target).astype(float)
    assert [None if np.isnan(v) else v for v in found] == labels


def _inputs(*features: dict[str, Any]) -> list[list[float]]:
    target = {"kind": "threshold", "column": "score", "above": 1}
    job = manifest(
        **task(features=list(features), target=target, unit={"column": "pupil", "rows": 1})
    )
    rows = from_columns({**ROWS.data.to_pydict(), "score": [1] * 7})
    return encode(rows, job).inputs[:, 0].tolist()


AGE = {"column": "age", "kind": "number", "low": 5, "high": 15}
CLASS = {"column": "class", "kind": "category", "values": ["small", "regular"]}


def test_what_a_missing_value_counts_as_is_stated() -> None:
    assert _inputs({**AGE, "missing": {"kind": "indicator"}})[1:4] == [[1, 0], [0, 1], [0, 0]]
    assert _inputs({**AGE, "missing": {"kind": "value", "value": 15}})[2] == [1]
    assert len(_inputs({**AGE, "missing": {"kind": "refuse"}})) == 6
    indicated = {**CLASS, "missing": {"kind": "indicator"}}
    assert _inputs(indicated)[:2] == [[1, 0, 0], [0, 0, 1]]
    assert _inputs({**CLASS, "missing": {"kind": "value", "value": "regular"}})[5] == [0, 1]
    assert len(_inputs({**CLASS, "missing": {"kind": "refuse"}})) == 2
    folded = {**CLASS, "missing": {"kind": "refuse"}, "spelling": ["case", "spaces", "accents"]}
    assert _inputs(folded) == [[1, 0], [1, 0], [1, 0], [0, 1], [0, 1]]


# What is refused, where, and what is allowed

NUMBER = {"kind": "number", "column": "score", "low": 0, "high": 1}
BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no missing": ({"features": [AGE]}, "/features/0/missing", "is missing"),
    "missing of version 1": (
        {"features": [{**AGE, "missing": 7}]},
        "/features/0/missing",
        "must be an object",
    ),
    "another missing": (
        {"features": [{**AGE, "missing": {"kind": "mean"}}]},
        "/features/0/missing/kind",
        "must be `indicator` or `value` or `refuse`",
    ),
    "missing outside": (
        {"features": [{**AGE, "missing": {"kind": "value", "value": 16}}]},
        "/features/0/missing/value",
        "within `low` and `high`",
    ),
    "missing not listed": (
        {"features": [{**CLASS, "missing": {"kind": "value", "value": "x"}}]},
        "/features/0/missing/value",
        "one of `values`",
    ),
    "values alike": (
        {"features": [{**CLASS, "values": ["a", "A"], "spelling": ["case"]}]},
        "/features/0",
        "",
    ),
    "target without kind": ({"target": document()["target"]}, "/target/kind", "must be a text"),
    "one class": (
        {"target": {"kind": "classes", "column": "score", "values": ["a"]}},
        "/target/values",
        "2 or more",
    ),
    "count of nothing": (
        {"target": {"kind": "count", "column": "score", "most": 0}},
        "/target/most",
        "must be 1 to 10000",
    ),
    "range of nothing": ({"target": {**NUMBER, "high": 0}}, "/target/high", "above 0"),
    "model of another target": (
        {"model": {"kind": "poisson"}, "target": NUMBER},
        "/model/kind",
        "`poisson` does not predict a target of kind `number`: must be `linear` or `mlp`",
    ),
    "embedding of numbers": (
        {
            "model": {**KINDS["embedding"]},
            "features": [{**AGE, "missing": {"kind": "refuse"}}],
        },
        "/model/kind",
        "needs a feature of kind `category`",
    ),
    "hidden layers of a regression": (
        {"model": {"kind": "logistic", "hidden": []}},
        "/model/hidden",
        "is not a known member: known are `kind`",
    ),
    "no optimiser": ({"optimiser": None}, "/optimiser/kind", ""),
    "momentum of one": (
        {"optimiser": {**MOMENTUM, "momentum": 1}},
        "/optimiser/momentum",
        "0 or more and below 1",
    ),
    "boundless Adam": (
        {"optimiser": {**ADAM, "beta2": 0.8}},
        "/optimiser/beta2",
        "above the square of `beta1`",
    ),
    "start without source": ({"start": {"digest": "0" * 64}}, "/start/source", "is missing"),
}


@over(("changes", "pointer", "fault"), BAD.values(), BAD)
def test_what_a_manifest_of_version_2_may_not_say(
    changes: dict[str, Any], pointer: str, fault: str
) -> None:
    assert parse(json.dumps(task()).encode())
    with pytest.raises(ManifestInvalid) as caught:
        parse(json.dumps(task(**changes)).encode())
    assert caught.value.pointer.startswith(pointer.rsplit("/", 1)[0])
    assert fault in caught.value.fault


# Optimisers


def _job(optimiser: dict[str, Any], **privacy: Any) -> JobManifest:
    merged = {**document()["privacy"], "steps": 12, **privacy}
    return manifest(**task(optimiser=optimiser, privacy=merged, rounds=3))


def _everybody(job: JobManifest, count: int) -> Engine:
    shape = (count, job.unit.rows)
    inputs = np.zeros((*shape, job.width), np.float32)
    inputs[:, :, 0] = 1
    ones = np.ones(shape, np.float32)
    return Engine(job, 100, Persons(inputs, ones, ones), SystemNoise())


def test_rates_follow_the_schedule_over_the_whole_job() -> None:
    for schedule, last in (("constant", 0.5), ("linear", 0.5 / 12), ("cosine", 0.00852)):
        job = _job({**MOMENTUM, "schedule": schedule})
        found = [rate for number in (1, 2, 3) for rate in rates(job, number)]
        assert found[0] == 0.5
        assert found[-1] == pytest.approx(last, rel=1e-3)
        assert found == sorted(found, reverse=True)


def test_momentum_is_what_it_is_written_out_to_be() -> None:
    job = _job({**MOMENTUM, "schedule": "constant"})
    plain = _job({**MOMENTUM, "schedule": "constant", "momentum": 0.0})
    assert gains(plain, 1).tolist() == [0.5] * 4
    assert np.allclose(gains(job, 1), 0.5 * np.array([3.439, 2.71, 1.9, 1.0]))


@pytest.mark.parametrize("optimiser", [ADAM, MOMENTUM], ids=["adam", "momentum"])
def test_a_round_begins_anew_so_that_a_restarted_worker_does_the_same(
    optimiser: dict[str, Any],
) -> None:
    job, persons = _job(optimiser), people(20, 2, recipes.net(_job(optimiser)))
    warm, fresh = (Engine(job, 100, persons, ForeseenNoise()) for _ in range(2))
    sent = recipes.initial(job)
    warm.run(sent, 1)
    one, two = warm.run(sent, 2), fresh.run(sent, 2)
    assert all(np.array_equal(one[name], two[name]) for name in one)
    other = fresh.run(sent, 1)  # the schedule has gone on
    assert any(not np.array_equal(one[name], other[name]) for name in one)


@over("number", [1, 3])
@over("optimiser", [ADAM, MOMENTUM], ["adam", "momentum"])
@over("noise", [0.3, 30.0])
def test_honest_updates_lie_within_reach_and_larger_ones_do_not(
    optimiser: dict[str, Any], number: int, noise: float
) -> None:
    job = _job(optimiser, noiseMultiplier=noise, samplingRate=1.0)
    sent, bound = recipes.initial(job), reach(job, 100, number)
    for _ in range(10):
        found = _everybody(job, 100).run(sent, number)
        assert is_within(sent, found, bound)
    longer = {n: sent[n] + np.float32(1.01 * bound.coordinate) for n in sent}
    assert not is_within(sent, longer, bound)


def test_adam_reaches_its_bound_and_not_beyond() -> None:
    # The hardest gradients for one step after T - 1 others, by equality in Cauchy and Schwarz.
    job = _job({**ADAM, "schedule": "constant"}, steps=3)
    (rate,), steps = rates(job, 1), 1
    assert most_of_adam(job, 1) == pytest.approx(rate * steps)
    whole = manifest(**task(optimiser={**ADAM, "schedule": "constant"}, rounds=1))
    first, second = 0.9, 0.99
    total = 0.0
    for t in range(1, 7):
        a = np.array([(1 - first) * first ** (t - s) / (1 - first**t) for s in range(1, t + 1)])
        b = np.array([(1 - second) * second ** (t - s) / (1 - second**t) for s in range(1, t + 1)])
        hardest = a / b
        total += 0.5 * float(a @ hardest) / math.sqrt(float(b @ hardest**2))
    assert most_of_adam(whole, 1) == pytest.approx(total)


# Public models


def test_a_model_file_has_the_digest_that_sites_compute() -> None:
    for changes in ({}, {"model": KINDS["embedding"]}):
        arrays = recipes.initial(manifest(**task(**changes)))
        assert modelfile.digest(checkpoint.save(arrays)) == digest(arrays)
    wide = {"a": np.zeros((3, 2), np.float64)}
    turned = {"a": np.asfortranarray(np.zeros((3, 2), np.float32))}
    for data in (b"", b"PK", checkpoint.save(wide), checkpoint.save(turned)):  # type: ignore[arg-type]
        with pytest.raises(DataFileUnreadable):
            modelfile.digest(data)


@pytest.fixture
def _lead() -> Iterator[None]:
    with as_lead():
        yield


@pytest.mark.usefixtures("_lead")
def test_round_1_begins_with_the_public_model_of_the_manifest() -> None:
    shape = manifest(**task())
    public = {n: np.full_like(array, 0.25) for n, array in recipes.initial(shape).items()}
    job = manifest(**task(start={"digest": digest(public), "source": "https://example.org/m"}))
    site = site_of(people(3, 2, recipes.net(job)), job=job)
    with pytest.raises(RoundRefused, match="another model"):
        site.check(1, to_message_bytes(request_to(job=job)))
    content = RecordDict({ARRAYS: pack(public), SETTINGS: ConfigRecord({ROUND: 1})})
    request = to_message_bytes(request_to(job=job, content=content))
    assert site.check(1, request) == digest(public)
    assert site.answer(1)


def test_what_is_looked_up_is_a_column_of_the_table() -> None:
    job = manifest(**task(model=KINDS["embedding"]))
    arrays = recipes.initial(job)
    assert next(iter(arrays)) == "embeddings.0.weight"
    assert arrays["embeddings.0.weight"].shape == (2, 2)
    back = recipes.split(recipes.joined(arrays), 1)
    assert all(np.array_equal(back[name], arrays[name]) for name in arrays)
    stepped = [np.array(each, order="C") for each in recipes.joined(arrays)]  # as a step makes them
    assert digest(unpack_record(pack(recipes.split(stepped, 1)), job)) == digest(arrays)
    value = arithmetic.product(
        arithmetic.scaled(np.array([[[0.0, 1.0]]])),
        arithmetic.weights(recipes.joined(arrays)[0]),
    )
    assert np.allclose(value[0, 0], arrays["embeddings.0.weight"][1], atol=1e-6)


def test_every_kind_of_target_has_a_case() -> None:
    assert {case.target["kind"] for case in CASES.values()} == set(targets.KINDS)
