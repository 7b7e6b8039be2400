"""Jobs that evaluate: what is charged, what the lead holds, and that nothing is charged twice."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from connector.domain.federation.frames import Round
from connector.errors import JobRefused, NotFound, RoundRefused, SumRefused, TooFewSites
from connector.identity.receipts import round_receipt
from connector.management.views.jobs import EvaluationView, JobView
from connector.services.federation import curve
from connector.services.federation.lead import book
from connector.services.federation.lead import jobs as lead_jobs
from connector.services.federation.site import counting
from federated.job import JobState, parse
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
    picture = ET.fromstring(curve.drawn(found, "auc"))  # noqa: S314 - drawn here
    lines = [each.tag.rpartition("}")[2] for each in picture]
    assert (lines.count("circle"), lines.count("polyline"), lines.count("polygon")) == (2, 5, 1)
    with pytest.raises(NotFound, match="`accuracy`"):
        curve.drawn(found, "rmse")
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


# --- without noise

EXACT: dict[str, Any] = {"bins": 4, "noiseMultiplier": "none"}


def _ran(federation: Federation, **changes: Any) -> str:
    job_id = submitted(federation, evaluation=EXACT, **changes)
    over(federation, job_id, JobState.COMPLETED)
    site_over(federation, job_id, JobState.COMPLETED)
    return job_id


def _sides(federation: Federation) -> list[list[tuple[str, bool]]]:
    """Return the masks that each site's worker had in the last round."""
    found = []
    for node in federation.sites:
        orders = [it for it in node.workers.site.orders if it.get("round") == 4]
        found.append(
            [tuple(each) for each in [it for it in orders if it["op"] == "go"][-1]["sides"]]
        )
    return found


def test_a_contract_may_permit_counts_without_noise_and_counts_them(tmp_path: Path) -> None:
    federation = Federation(tmp_path, exact="1")
    lead = federation.lead
    with all_running(federation):
        job_id = _ran(federation)
    for node in federation.sites:
        kept = node.reservation(job_id)
        assert (kept.epsilon, kept.events.once) == (1.5, ())
        assert [each["minimum"] for each in node.workers.site.orders if each["op"] == "start"] == [
            2
        ]
        assert "job.counted" in node.log(job_id)
    masks = _sides(federation)
    pairs = Counter(key for each in masks for key, _ in each)
    assert [len(each) for each in masks] == [2, 2, 2]
    assert set(pairs.values()) == {2}  # each mask is added by one site, and subtracted by another
    assert {(key, adds) for each in masks for key, adds in each} == {
        (key, adds) for key in pairs for adds in (True, False)
    }
    rounds = [
        [round_receipt.unverified(it) for it in each.receipts]
        for each in book.rounds(lead.ports, job_id)
    ]
    assert [len({it.key for it in each if it.key}) for each in rounds] == [0, 0, 3, 0]
    assert [len({it.exact for it in each if it.exact}) for each in rounds] == [0, 0, 0, 1]
    found = lead_jobs.evaluated(lead.ports, job_id)
    assert (found["noiseMultiplier"], found["dp"]) == ("none", False)
    (only,) = found["curve"]
    assert (only["round"], only["dp"], only["sites"]) == (3, False, [])
    assert all(each["low"] == each["value"] == each["high"] for each in only["pooled"]["figures"])
    view = EvaluationView.model_validate(found)
    assert b"not DP" in curve.drawn(view.model_dump(by_alias=True), "auc")
    assert json.loads(lead_jobs.card(lead.ports, job_id))["card"]["evaluation"] == found
    _, body = federation.submission(evaluation=EXACT, privacy=_privacy(federation, 1.5))
    answer = federation.ask(federation.site(), body)
    assert answer["code"] == SumRefused.code
    assert "evaluations without noise, and all were made" in answer["reasons"][0]


def test_a_site_counts_with_those_whose_receipts_it_is_shown(tmp_path: Path) -> None:
    federation = Federation(tmp_path, exact="9")
    with all_running(federation):
        job_id = _ran(federation)
    node, other = federation.sites[:2]
    manifest = parse(node.job(job_id).manifest)
    assert node.dataset is not None
    agreement = federation.agreements[SITES[0]]
    held = counting.held_of(node.ports, manifest, agreement, node.dataset)
    shown = book.rounds(federation.lead.ports, job_id)[2].receipts

    def added(*receipts: str, digest: str = "ab" * 32) -> counting.Added | None:
        return counting.added(node.ports, held, Round(4, SITES, b"", receipts), digest)

    first, again = added(*shown), added(*shown, digest="cd" * 32)
    assert first is not None
    assert again is not None
    assert not {each.key for each in first.sides} & {each.key for each in again.sides}
    assert added(*shown[:2]) is None
    assert added(*shown[1:]) is None  # ours is not among them
    mine, its = map(round_receipt.unverified, shown[:2])
    forged = round_receipt.sign(other.member.signer, replace(its, key=mine.key))
    for receipts, why in (
        ((shown[0], forged, shown[2]), "the same key"),
        ((*shown, forged), "two keys"),
        (
            (round_receipt.sign(node.member.signer, replace(mine, key=its.key)), *shown[1:]),
            "than ours",
        ),
    ):
        with pytest.raises(RoundRefused, match=why):
            added(*receipts)
    with node.ports.store.write() as tx:
        counting.keep(node.ports, tx, "urn:uuid:another", first)
    with node.ports.store.write() as tx, pytest.raises(SumRefused, match="same masks"):
        counting.keep(node.ports, tx, "urn:uuid:third", first)


def test_no_counts_leave_where_a_site_has_too_few_persons(tmp_path: Path) -> None:
    federation = Federation(tmp_path, exact="2")
    federation.site(1).workers.site.enough = False
    with all_running(federation):
        job_id = _ran(federation)
    assert _sides(federation) == [[], [], []]
    assert all("job.counted" not in node.log(job_id) for node in federation.sites)


def test_counts_without_noise_need_the_term_and_three_sites_that_it_names(tmp_path: Path) -> None:
    federation = Federation(tmp_path, sites="2")
    for at, change in enumerate((_other_sites, None)):
        terms = {"exact": "9", "alter": change}
        federation.agreements[SITES[at]] = federation.contract(SITES[at], 0xB000 + at, **terms)
    names = [federation.agreements[each].id for each in SITES]
    few = {"agreements": names[:2], "quorum": 2}
    cases: list[tuple[int, dict[str, Any], str, str]] = [
        (0, {}, JobRefused.code, "preau:sites"),
        (1, few, TooFewSites.code, "at least 3 sites, 2 take part"),
        (2, {}, JobRefused.code, "preau:exactEvaluation"),
    ]
    for at, changes, code, why in cases:
        _, body = federation.submission(evaluation=EXACT, **changes)
        answer = federation.ask(federation.site(at), body)
        assert answer["code"] == code
        assert why in answer["reasons"][0]


def _other_sites(plan: dict[str, Any]) -> dict[str, Any]:
    for step in plan["uses"][1]["steps"][1:]:
        step["sites"] = ["did:web:ouest.example", "did:web:ile.example"]
    return plan


def test_what_evaluations_cost_must_lie_within_the_jobs_epsilon(federation: Federation) -> None:
    with pytest.raises(JobRefused, match="/privacy"):
        submitted(federation, evaluation=ASKED)
    _, body = federation.submission(evaluation=ASKED)
    assert federation.ask(federation.site(), body)["code"] == JobRefused.code
    with pytest.raises(NotFound, match="no evaluation"):
        lead_jobs.evaluated(federation.lead.ports, submitted(federation))
