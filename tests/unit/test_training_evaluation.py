"""Evaluations at a site: who is held out, what a person weighs, and that nobody moves another."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from audit.bound import bound
from audit.cells import NO_FAULT
from audit.evaluations import Evaluations
from audit.faults import FAULTS
from audit.rig import DELTA
from federated.aggregation import Side, counted, side
from federated.errors import ManifestInvalid
from federated.job import parse, render
from federated.manifest import JobManifest
from federated.privacy.event import Kind, merged
from federated.task import scores
from federated.task.evaluation import HELD_OUT, Evaluation
from federated.task.scores import Scores
from federated.training import evaluation
from federated.training.checkpoint import save
from federated.training.evaluation import Evaluator, weight
from federated.training.recipes import initial
from federated.training.rows.encode import encode, encode_apart
from federated.training.rows.entries import Persons, pooled
from federated.training.rows.table import Table, from_columns
from federated.training.score import evaluate
from tests.support.training_rig import ForeseenNoise, document, manifest, task

ASKED = {"every": 2, "bins": 100, "noiseMultiplier": 2.0}
TARGETS: dict[str, dict[str, Any]] = {
    "binary": {"target": {"kind": "threshold", "column": "score", "above": 500}},
    "classes": {
        "target": {"kind": "classes", "column": "class", "values": ["small", "regular", "aide"]},
        "features": [{"column": "age", "kind": "number", "low": 5, "high": 15, "missing": 9}],
        "model": {"kind": "softmax"},
    },
    "number": {
        "target": {"kind": "number", "column": "score", "low": 400, "high": 600},
        "model": {"kind": "linear"},
    },
    "count": {
        "target": {"kind": "count", "column": "age", "most": 15},
        "features": [{"column": "score", "kind": "number", "low": 400, "high": 600, "missing": 9}],
        "model": {"kind": "poisson"},
    },
}


def job(kind: str = "binary", **changes: Any) -> JobManifest:
    stated = {"features": [], **TARGETS[kind]}
    if not stated["features"]:
        stated["features"] = task()["features"]
    for each in stated["features"]:
        if not isinstance(each["missing"], dict):
            each["missing"] = {"kind": "refuse"}
    return manifest(**{**task(), **stated, "evaluation": ASKED, **changes})


def rows(persons: int = 400, seed: int = 1) -> Table:
    draw = np.random.default_rng(seed)
    size = 2 * persons
    return from_columns(
        {
            "pupil": [str(at // 2) for at in range(size)],
            "grade": ["K", "1"] * persons,
            "age": draw.integers(5, 16, size).tolist(),
            "class": draw.choice(["small", "regular"], size).tolist(),
            "score": draw.integers(400, 601, size).tolist(),
        }
    )


def sums(of: JobManifest, persons: Persons) -> np.ndarray:
    assert of.evaluation is not None
    exact = Evaluator(of, of.evaluation, 100, persons, ForeseenNoise())
    return np.array(exact.run(initial(of)))


def test_everybody_is_either_trained_on_or_held_out_whatever_the_order() -> None:
    whole, of = rows(), job()
    trained, held = encode_apart(whole, of, key=b"k", held_key=b"own")
    assert len(trained) + len(held) == len(encode(whole, of)) == 400
    assert abs(len(held) - HELD_OUT * 400) < 40
    back = whole.take(np.arange(whole.rows)[::-1])
    again = encode_apart(back, of, key=b"k", held_key=b"own")[1]
    assert np.array_equal(sums(of, again), sums(of, held))
    other = encode_apart(whole, of, key=b"k", held_key=b"another")[1]
    assert not np.array_equal(sums(of, other), sums(of, held))


@pytest.mark.parametrize("kind", TARGETS)
def test_one_person_adds_the_same_cells_whoever_else_is_there(kind: str) -> None:
    of = job(kind)
    assert of.evaluation is not None
    everyone = encode(rows(), of)
    whole = sums(of, everyone)
    for person in (0, 17, 399):
        kept = np.arange(len(everyone)) != person
        alone, rest = (
            sums(of, Persons(*(each[at] for each in _arrays(everyone)))) for at in ([person], kept)
        )
        assert np.array_equal(whole, alone + rest)
        assert 0 < alone.sum() <= weight(of.evaluation)
        assert alone.sum() > weight(of.evaluation) - of.unit.rows
        assert (alone >= 0).all()


@pytest.mark.parametrize("kind", TARGETS)
def test_without_noise_the_figures_are_those_of_the_rows(kind: str) -> None:
    of = job(kind)
    assert of.evaluation is not None
    table = rows()
    counts = sums(of, encode(table, of)) / weight(of.evaluation)
    found = scores.figures(of.target, Scores(tuple(counts), 0.0))
    exact = evaluate(_model(of), of, table)
    names = {"binary": "auc accuracy loss", "classes": "accuracy loss", "number": "rmse mae"}
    for name in names.get(kind, "mae").split():
        # A score is off by half of a bin at most.
        assert found[name].value == pytest.approx(exact[name], rel=0.03, abs=0.02), name
    assert found["persons"].value == pytest.approx(400, abs=0.1)


def test_a_round_is_charged_what_it_releases() -> None:
    of = job()
    assert [number for number in range(1, of.turns + 1) if of.evaluates(number)] == [3, 4]
    released = [event for number in range(1, of.turns + 1) for event in of.released(number).items]
    evaluated = [event.count for event in released if event.kind is Kind.GAUSSIAN]
    (once,) = of.events.once
    assert (once.count, once["noise_multiplier"]) == (sum(evaluated), 2.0)
    assert merged(released) == merged(of.events.of(of.rounds))
    assert merged(of.events.of(0)) == ()
    assert once in of.events.of(1)
    plain = replace(of, evaluation=None)
    assert (plain.turns, plain.events.once) == (3, ())


@pytest.mark.parametrize(
    ("stated", "pointer"),
    [
        ({**ASKED, "noiseMultiplier": 0}, "/evaluation/noiseMultiplier"),
        ({**ASKED, "bins": 5}, "/evaluation/bins"),
        ({**ASKED, "every": 0}, "/evaluation/every"),
        ({"every": 1, "bins": 4}, "/evaluation/noiseMultiplier"),
    ],
)
def test_what_is_no_evaluation_is_refused_by_name(stated: dict[str, Any], pointer: str) -> None:
    with pytest.raises(ManifestInvalid) as caught:
        job(evaluation=stated)
    assert caught.value.pointer == pointer


def test_a_manifest_is_written_as_it_is_read_and_version_1_has_none() -> None:
    of = job()
    assert of.evaluation == Evaluation(2, 100, 2.0)
    assert parse(json.dumps(render(of)).encode()) == of
    with pytest.raises(ManifestInvalid):
        parse(json.dumps(document(evaluation=ASKED)).encode())


# --- without noise: sums over sites

EXACT = {"every": 3, "bins": 4, "noiseMultiplier": "none"}


def of_sites(of: JobManifest, minimum: int = 1) -> list[Evaluator]:
    """Return an evaluator of each site, with the masks of all of them."""
    assert of.evaluation is not None
    found = []
    for seed, own in enumerate(of.sites):
        held = encode(rows(40, seed), of)
        found.append(Evaluator(of, of.evaluation, 100, held, ForeseenNoise(), minimum))
        found[-1].sides = [_mask(own, other) for other in of.sites if other != own]
    return found


def _mask(own: str, other: str) -> Side:
    shared = hashlib.sha256("".join(sorted((own, other))).encode()).digest()
    return side(shared, own, other, b"a round")


@pytest.mark.parametrize("kind", TARGETS)
def test_without_noise_the_sites_tell_their_sum_and_each_person_counts_once(kind: str) -> None:
    of = job(kind, evaluation=EXACT)
    parts = of_sites(of, minimum=0)  # nobody is in one of the classes
    told = [each.run(initial(of)) for each in parts]
    assert all(each is not None for each in told)
    whole = counted([each for each in told if each])
    both = pooled([encode(rows(40, at), of) for at in range(3)])
    assert of.evaluation is not None
    one = Evaluator(of, of.evaluation, 100, both, ForeseenNoise())
    assert whole == one._sum(initial(of)).tolist()
    assert sum(whole) == len(both) == 120
    assert [each.run(initial(of)) for each in parts] == [None] * 3  # a mask hides one vector


def _seen(of: JobManifest) -> bool:
    """Return whether what leaves one of the sites could be its own counts."""
    told = of_sites(of)[0].run(initial(of)) or []
    return min(told) >= 0 and max(told) <= 40


@pytest.mark.parametrize("fault", [False, True])
def test_nobody_sees_what_a_site_counts_unless_a_fault_was_planted(
    *, fault: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault:
        monkeypatch.setattr(evaluation, "masked", lambda cells, _: cells)
    assert _seen(job(evaluation=EXACT)) is fault


def test_a_site_with_few_persons_or_few_of_a_class_or_few_masks_adds_nothing() -> None:
    of = job(evaluation=EXACT)
    (site, *_) = of_sites(of)
    at = site._sum(initial(of))
    fewest = int(min(at[:4].sum(), at[4:].sum()))
    enough, short = (of_sites(of, minimum)[0] for minimum in (fewest, fewest + 1))
    assert (enough.enough, short.enough) == (True, False)
    assert short.run(initial(of)) is None
    enough.sides = enough.sides[:1]
    assert enough.run(initial(of)) is None
    assert of_sites(job("number", evaluation=EXACT), 40)[0].enough
    assert not of_sites(job("number", evaluation=EXACT), 41)[0].enough


def test_exact_counts_cost_no_epsilon_and_are_of_the_last_model() -> None:
    of = job(evaluation=EXACT)
    assert [number for number in range(1, of.turns + 1) if of.evaluates(number)] == [4]
    assert of.events == replace(of, evaluation=None).events
    assert of.released(4).items == ()
    assert parse(json.dumps(render(of)).encode()) == of
    with pytest.raises(ManifestInvalid) as caught:
        job(evaluation={**EXACT, "every": 2})
    assert caught.value.pointer == "/evaluation/every"


def _arrays(persons: Persons) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return persons.inputs, persons.labels, persons.mask


def _model(of: JobManifest) -> bytes:
    return save(initial(of))


@pytest.mark.parametrize("fault", [NO_FAULT, "held out, counted twice"])
def test_an_attack_proves_less_than_was_charged_unless_a_fault_was_planted(fault: str) -> None:
    worlds, claim, sure = Evaluations(rows=2), 3.0, 1 - 1e-7
    with FAULTS[fault]():
        found = worlds.scores(worlds.curve.noise_of(claim, DELTA), 16, 11)
    proved = bound(*found, worlds.curve, DELTA, confidence=sure, seed=11).fitted
    assert proved > claim / 4
    assert (proved <= claim) is (fault == NO_FAULT)
