"""What each rule would make of jobs, before anything is signed."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Malformed, NotFound
from connector.ports import Ports
from connector.sdk.training import simulation
from connector.services.privacy import standing
from connector.services.privacy.capacity import Rounds, Tables, of_agreement, of_budget
from connector.services.privacy.forecast import MOST_JOBS, Outcome, plan
from federated.privacy import ledger
from federated.privacy.event import Kind, event, sampled_gaussian
from federated.privacy.ledger import Amount, Budget
from federated.privacy.process import ProcessAccountant
from federated.privacy.question import Divergence, Epsilon
from federated.privacy.rule import Rule, order_for
from tests.support.each import over
from tests.support.federation import SITES, Federation, Node, reservation

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


@over(
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
        (3.0, 1e-5, [{"privacy": JOB, "rounds": 4}]),
        (3.0, 1e-5, [{"privacy": JOB, "round": 3}]),
        (3.0, 1e-5, [{"privacy": JOB, "evaluation": {}}]),  # its noise follows from an ε
        (3.0, 1e-5, [{"privacy": JOB, "evaluation": {"noiseMultiplier": 0}}]),
        (3.0, 1e-5, [{"privacy": JOB, "evaluation": {"every": 0, "noiseMultiplier": 9}}]),
    ],
)
def test_a_plan_that_is_none_is_refused(
    node: Node, epsilon: float, delta: float, jobs: list[dict[str, Any]]
) -> None:
    with pytest.raises(Malformed):
        plan(node.ports, epsilon, delta, jobs)


@pytest.mark.parametrize("what", [Tables(0.1), Tables(0.2, 1e-7), Rounds(4.0, 0.05, 10)])
def test_what_is_said_to_fit_is_admitted_and_one_more_is_not(
    node: Node, what: Rounds | Tables
) -> None:
    ports = replace(node.ports, accountant=ProcessAccountant())
    for room in of_budget(ports, 2.0, 1e-6, what):
        assert room.left == pytest.approx(2.0)
        assert 1 < room.most < 1000
        for number, fits in ((room.most, True), (room.most + 1, False)):
            assert ledger.admits(room.budget, _charged(ports, room.budget, what, number)) == fits


def test_sums_take_tables_by_their_epsilon_and_delta(node: Node) -> None:
    for table, most in ((Tables(0.25), 4), (Tables(0.1, 4e-7), 2), (Tables(1.1), 0)):
        assert of_budget(node.ports, 1.0, 1e-6, table)[0].most == most


def test_a_contract_is_planned_beside_what_is_charged_to_it_and_to_its_register(
    tmp_path: Path,
) -> None:
    federation = Federation(tmp_path)
    did = SITES[0]
    site, agreement = federation.nodes[did], federation.agreements[did]
    with site.ports.store.write() as tx:
        for job, contract in (("urn:a", agreement.id), ("urn:b", "urn:another")):
            tx.reservations.add(reservation(job, contract, agreement.dataset_id, epsilon=1.0))
    rooms = of_agreement(site.ports, agreement.id, Tables(0.5))
    assert [(room.where.split()[1], room.left, room.most) for room in rooms] == [
        ("contract", 2.0, 4),
        ("register", 2.5, 5),
    ]
    (line,) = standing.contracts(site.ports).values
    assert ([job.job_id for job in line.jobs], line.together) == (["urn:a"], (1.0,))
    with pytest.raises(NotFound, match="provides no contract"):
        of_agreement(federation.lead.ports, agreement.id, Tables(0.5))


@over(
    "what",
    [
        *(Tables(0.0), Tables(1, 1), Rounds(0, 0.1, 1), Rounds(1, 2, 1), Rounds(1, 1, 0)),
        *(Rounds(1, 1, 1, 0.0, 0.1), Rounds(1, 1, 1, every=2), Rounds(1, 1, 1, 0.0, 9, -1)),
    ],
)
def test_what_is_no_release_is_refused(node: Node, what: Rounds | Tables) -> None:
    with pytest.raises(Malformed):
        of_budget(node.ports, 1.0, 1e-6, what)


def test_plans_and_trials_say_what_a_job_that_evaluates_is_charged(tmp_path: Path) -> None:
    federation = Federation(tmp_path)
    site, ours = federation.site(), ProcessAccountant()
    for one in (site, federation.lead):
        one.ports = replace(one.ports, accountant=ours)
    stated = {name: JOB[name] for name in ("delta", "samplingRate", "steps")}
    asked = {
        "privacy": {**stated, "epsilon": 2.0, "clip": 1.0},
        "evaluation": {"every": 2, "noiseMultiplier": 5.0},
    }
    job_id, body = federation.submission(**asked)
    assert federation.ask(site, body)["accepted"]
    kept = site.reservation(job_id)
    request = federation.request(**asked)

    assert by_rule(plan(site.ports, 3.0, 1e-5, [request]))[Rule.SUMS].spent == kept.epsilon
    assert simulation._asked(ours, request, {}, 3, None).epsilon == kept.epsilon
    (trained,) = kept.events.items
    alone = Rounds(trained["noise_multiplier"], 0.5, 2, kept.delta)
    evaluated = replace(alone, evaluation_noise=5.0, every=2)
    found = [
        of_budget(site.ports, kept.epsilon, kept.delta, each)[0].most for each in (alone, evaluated)
    ]
    assert found[1] == kept.rounds == 3 < found[0]


def _charged(ports: Ports, budget: Budget, what: Rounds | Tables, number: int) -> list[Amount]:
    """Return what a ledger is charged: of a table, by the events of one with nine cells."""
    sums, order = budget.accounting.rule is Rule.SUMS, budget.accounting.order
    if isinstance(what, Rounds):
        one = sampled_gaussian(what.noise_multiplier, what.sampling_rate, what.steps * number)
        asked = Epsilon((one,), budget.delta) if sums else Divergence((one,), order)
        (cost,) = ports.accountant.costs([asked])
        return [(cost, budget.delta) if sums else (cost,)]
    if sums:
        return [(what.epsilon, what.delta)] * number
    one = event(Kind.DISCRETE_LAPLACE, 1, scale=1 / what.epsilon, sensitivity=1)
    if what.delta:
        bits = -math.log(what.delta)
        scale = math.sqrt(9 / 2) / (math.sqrt(bits + what.epsilon) - math.sqrt(bits))
        one = event(Kind.DISCRETE_GAUSSIAN, 9, scale=scale, sensitivity=1)
    return [(ports.accountant.costs([Divergence((one,), order)])[0],)] * number
