"""What each rule would make of jobs, before anything is signed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connector.errors import Malformed
from connector.services.privacy.forecast import MOST_JOBS, Outcome, plan
from federated.privacy.rule import Rule, order_for
from tests.support.federation import Federation, Node

# In the arithmetic of the test's accountant a job of six steps costs 1.5, whatever is asked of it.
JOB = {"noiseMultiplier": 1.0, "samplingRate": 0.5, "steps": 6, "delta": 1e-6}


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Federation(tmp_path).lead


def by_rule(found: list[Outcome]) -> dict[Rule, Outcome]:
    return {each.budget.accounting.rule: each for each in found}


def test_each_rule_takes_the_jobs_that_fit_in_their_order(node: Node) -> None:
    small = {**JOB, "steps": 1}
    found = by_rule(plan(node.ports, 3.0, 1e-5, [JOB, {**JOB, "steps": 8}, JOB, small]))
    sums, renyi = found[Rule.SUMS], found[Rule.RENYI]
    assert (sums.admitted, sums.spent, sums.left) == ((1, 3), 3.0, 0.0)
    assert renyi.budget.accounting.order == order_for(3.0, 1e-5)
    assert renyi.admitted == (1, 4)
    assert renyi.spent + renyi.left == pytest.approx(3.0)


def test_sums_take_as_many_jobs_as_delta_allows(node: Node) -> None:
    tiny = {**JOB, "steps": 1, "delta": 4e-6}
    found = by_rule(plan(node.ports, 3.0, 1e-5, [tiny] * 3))
    assert found[Rule.SUMS].admitted == (1, 2)
    assert found[Rule.RENYI].admitted == (1, 2, 3)


def test_noise_that_is_left_out_is_calibrated(node: Node) -> None:
    asked = {"epsilon": 1.0, "samplingRate": 0.5, "steps": 6, "delta": 1e-6}
    assert by_rule(plan(node.ports, 3.0, 1e-5, [asked]))[Rule.SUMS].spent == pytest.approx(
        1.0, abs=0.01
    )


def test_no_jobs_spend_nothing(node: Node) -> None:
    assert [(each.admitted, each.spent) for each in plan(node.ports, 3.0, 1e-5, [])] == [
        ((), 0.0),
        ((), 0.0),
    ]


@pytest.mark.parametrize(
    ("epsilon", "delta", "jobs"),
    [
        (0.0, 1e-5, []),
        (3.0, 1.0, []),
        (float("nan"), 1e-5, []),
        (3.0, 1e-5, [{}]),
        (3.0, 1e-5, [{**JOB, "delta": "1e-6"}]),
        (3.0, 1e-5, [{**JOB, "delta": 0}]),
        (3.0, 1e-5, [{**JOB, "steps": 2.5}]),
        (3.0, 1e-5, [{**JOB, "steps": -1}]),
        (3.0, 1e-5, [{**JOB, "noiseMultiplier": True}]),
        (3.0, 1e-5, [{**JOB, "samplingRate": 2}]),
        (3.0, 1e-5, [{**JOB, "sigma": 2}]),
        (3.0, 1e-5, [JOB] * (MOST_JOBS + 1)),
    ],
)
def test_a_plan_that_is_none_is_refused(
    node: Node, epsilon: float, delta: float, jobs: list[dict[str, Any]]
) -> None:
    with pytest.raises(Malformed):
        plan(node.ports, epsilon, delta, jobs)
