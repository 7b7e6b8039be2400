"""Laws of figures from histograms: without noise they are those of the rows, with it they cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federated.task import scores
from federated.task.evaluation import Evaluation
from federated.task.scores import Scores
from federated.task.target import Binary, Classes, Count, Number, Target
from federated.training.score import area

BINS = 10
ROWS = st.lists(st.tuples(st.integers(0, BINS - 1), st.booleans()), min_size=2, max_size=60)
CLASSES = Classes("c", ("a", "b", "c"))
NUMBER = Number("n", -5.0, 15.0)
TARGETS: tuple[Target, ...] = (Binary("b"), CLASSES, NUMBER, Count("k", 8))


def cells(target: Target) -> int:
    return Evaluation(1, BINS, 1.0).cells(target)


@given(ROWS)
def test_without_noise_the_figures_are_those_of_the_rows(rows: list[tuple[int, bool]]) -> None:
    place, label = (np.array(each) for each in zip(*rows, strict=True))
    chance = (place + 0.5) / BINS
    counts = np.bincount(label * BINS + place, minlength=2 * BINS).astype(float)
    found = scores.figures(Binary("b"), Scores(tuple(counts), 0.0))
    right = np.where(label, chance, 1 - chance)
    expected = {
        "persons": len(rows),
        "accuracy": np.mean((chance > 0.5) == label),
        "loss": -np.log(right).mean(),
        "positive": label.mean(),
        "calibration": chance.mean() - label.mean(),
    }
    if 0 < label.sum() < len(label):
        expected["auc"] = area(label.astype(float), chance)
    else:
        assert found["auc"].value is None
        assert (found["auc"].low, found["auc"].high) == (0, 1)
    for name, value in expected.items():
        figure = found[name]
        assert figure.value == pytest.approx(value, abs=1e-9), name
        assert figure.low == pytest.approx(value, abs=1e-4), name
        assert figure.high == pytest.approx(value, abs=1e-4), name
    observed = [row["observed"] for row in scores.reliability(Scores(tuple(counts), 0.0))]
    assert [each is None for each in observed] == [at not in place for at in range(BINS)]


@given(st.lists(st.integers(0, BINS - 1), min_size=1, max_size=40))
def test_residuals_are_in_the_unit_of_the_column(places: list[int]) -> None:
    reach = scores.widest(NUMBER)
    off = np.array(scores.middles(BINS, -reach, reach))[places]
    counts = np.bincount(places, minlength=BINS).astype(float)
    found = scores.figures(NUMBER, Scores(tuple(counts), 0.0))
    assert found["bias"].value == pytest.approx(off.mean(), abs=1e-9)
    assert found["mae"].value == pytest.approx(np.abs(off).mean())
    assert found["rmse"].value == pytest.approx(math.sqrt((off**2).mean()))
    assert found["loss"].value == pytest.approx((off**2).mean() / 2)


@pytest.mark.parametrize("target", TARGETS, ids=lambda each: str(each.loss))
def test_intervals_hold_the_exact_figure_as_often_as_they_say(target: Target) -> None:
    draw = np.random.default_rng(7)
    true = draw.integers(5, 60, cells(target)).astype(float)
    exact = scores.figures(target, Scores(tuple(true), 0.0))
    held = dict.fromkeys(exact, 0)
    tries, noise = 400, 6.0
    for _ in range(tries):
        sites = [
            Scores(tuple(true / 2 + draw.normal(0, noise, len(true))), noise**2) for _ in range(2)
        ]
        found = scores.figures(target, scores.pooled(sites))
        for name, figure in found.items():
            assert figure.low is not None
            assert figure.high is not None
            held[name] += figure.low - 1e-9 <= exact[name].value <= figure.high + 1e-9
    # 95 % of 400, less four deviations of the count.
    assert min(held.values()) >= 363, held


def test_what_noise_hides_has_the_ends_of_its_range() -> None:
    found = scores.figures(Binary("b"), Scores((0.1,) * 2 * BINS, 100.0))
    assert (found["accuracy"].low, found["accuracy"].high) == (0, 1)
    assert (found["loss"].low, found["loss"].high) == (0, None)
    assert scores.figures(Binary("b"), Scores((-3.0,) * 2 * BINS, 1.0))["auc"].value is None
