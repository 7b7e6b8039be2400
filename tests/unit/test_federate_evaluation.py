"""Jobs that evaluate: what is charged, what the lead holds, and that nothing is charged twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from connector.errors import JobRefused, NotFound
from connector.identity.receipts import round_receipt
from connector.management.views.jobs import EvaluationView, JobView
from connector.sdk import curve
from connector.services.federation.lead import book
from connector.services.federation.lead import jobs as lead_jobs
from federated.job import JobState
from federated.privacy.event import Kind
from tests.support.federation import SITES, Federation
from tests.support.jobs import all_running, over, site_over, submitted

# Twice 1 / σ²: of the model after round 2, and after the last.
ASKED: dict[str, Any] = {"every": 2, "bins": 4, "noiseMultiplier": 2.0}


def _privacy(federation: Federation, epsilon: float) -> dict[str, Any]:
    return {**federation.request()["privacy"], "epsilon": epsilon}


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    return Federation(tmp_path)


def test_models_are_evaluated_and_charged_before(federation: Federation) -> None:
    lead = federation.lead
    with all_running(federation):
        job_id = submitted(federation, evaluation=ASKED, privacy=_privacy(federation, 2.0))
        job = over(federation, job_id, JobState.COMPLETED)
        site_over(federation, job_id, JobState.COMPLETED)
    assert job.round == 4
    for node in federation.sites:
        kept = node.reservation(job_id)
        assert (kept.committed_rounds, kept.rounds, kept.epsilon) == (3, 3, 2.0)
        assert [(each.kind, each.count) for each in kept.events.once] == [(Kind.GAUSSIAN, 2)]
        assert [number for number, _ in node.workers.site.updates] == [1, 2, 3, 4]
    keys = [node.workers.site.orders[0]["held_key"] for node in federation.sites]
    assert len(set(keys)) == len(SITES)

    found = lead_jobs.evaluated(lead.ports, job_id)
    assert [each["round"] for each in found["curve"]] == [2, 3]
    for each in found["curve"]:
        assert [part["site"] for part in each["sites"]] == list(SITES)
        (persons,) = [f for f in each["pooled"]["figures"] if f["name"] == "persons"]
        assert persons["value"] == 3 * sum(range(1, 9))
        assert len(each["reliability"]) == 4
    receipts = [
        [round_receipt.unverified(token).events for token in each.receipts]
        for each in book.rounds(lead.ports, job_id)
    ]
    kinds = [{tuple(e.kind for e in found.items) for found in each if found} for each in receipts]
    both = (Kind.SAMPLED_GAUSSIAN, Kind.GAUSSIAN)
    assert kinds == [{both[:1]}, {both[:1]}, {both}, {both[1:]}]
    view = EvaluationView.model_validate(found)
    picture = ET.fromstring(curve.drawn(view, "auc"))  # noqa: S314 - drawn here
    lines = [each.tag.rpartition("}")[2] for each in picture]
    assert (lines.count("circle"), lines.count("polyline"), lines.count("polygon")) == (2, 5, 1)
    with pytest.raises(NotFound, match="`accuracy`"):
        curve.drawn(view, "rmse")
    shown = JobView.model_validate(lead_jobs.progress(lead.ports, job_id))
    assert shown.evaluated == view.curve[-1]
    card = json.loads(lead_jobs.card(lead.ports, job_id))["card"]
    assert card["evaluation"] == found
    assert lead_jobs.progress(federation.site().ports, job_id)["evaluated"] is None
    spent = [site["epsilon"] for site in lead_jobs.progress(lead.ports, job_id)["sites"]]
    assert spent == [2.0] * 3


def test_the_same_persons_are_held_out_by_each_job_of_a_contract(federation: Federation) -> None:
    privacy = {**_privacy(federation, 1.0), "noiseMultiplier": 2.0}
    with all_running(federation):
        for _ in range(2):
            job_id = submitted(federation, evaluation=ASKED, privacy=privacy)
            over(federation, job_id, JobState.COMPLETED)
            site_over(federation, job_id, JobState.COMPLETED)
    orders = federation.site().workers.site.orders
    keys = [each["held_key"] for each in orders if each["op"] == "start"]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_worker_that_dies_in_an_evaluation_is_charged_once(federation: Federation) -> None:
    federation.site().workers.site.die_in = [4]
    with all_running(federation):
        job_id = submitted(federation, evaluation=ASKED, privacy=_privacy(federation, 2.0))
        over(federation, job_id, JobState.COMPLETED)
        site_over(federation, job_id, JobState.COMPLETED)
    kept = federation.site().reservation(job_id)
    assert (kept.committed_rounds, kept.events.of(kept.committed_rounds)[1].count) == (3, 2)


def test_what_evaluations_cost_must_lie_within_the_jobs_epsilon(federation: Federation) -> None:
    with pytest.raises(JobRefused, match="/privacy"):
        submitted(federation, evaluation=ASKED)
    _, body = federation.submission(evaluation=ASKED)
    assert federation.ask(federation.site(), body)["code"] == JobRefused.code
    with pytest.raises(NotFound, match="no evaluation"):
        lead_jobs.evaluated(federation.lead.ports, submitted(federation))
