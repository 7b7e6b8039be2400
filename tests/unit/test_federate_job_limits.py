"""What jobs a site still takes: a lead's places, the contract's budget, the cap of the data set."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.domain.federation.job import Job, JobSide
from connector.errors import TooManyRequests
from connector.protocol.messages import JobCancellation
from connector.services.evidence import own_log
from connector.services.federation.history import told
from connector.services.federation.room import Room
from connector.services.federation.site import cancellation
from connector.services.federation.threads import turns
from federated.job import JobState
from tests.support.contracts import NOW
from tests.support.federation import SITES, Federation, Node, running, wait_for


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    return Federation(tmp_path)


def allow_jobs(site: Node, most: int) -> None:
    settings = replace(site.ports.settings, max_jobs_per_lead=most)
    site.ports = replace(site.ports, settings=settings)


def small(federation: Federation) -> tuple[str, dict[str, Any]]:
    """Return a job of which the contract would pay many."""
    privacy = {**federation.request()["privacy"], "epsilon": 0.02, "noiseMultiplier": 10.0}
    return federation.submission(privacy=privacy)


def test_a_lead_has_two_jobs_at_a_site_at_a_time(federation: Federation) -> None:
    site = federation.site()
    first, body = small(federation)
    assert federation.ask(site, body)["accepted"]
    assert federation.ask(site, small(federation)[1])["accepted"]
    third, late = small(federation)
    asked = site.accountant.asked
    with pytest.raises(TooManyRequests, match="2 jobs of this lead have not ended here"):
        federation.ask(site, late)
    assert not site.has_job(third)
    assert site.accountant.asked == asked
    assert federation.ask(site, body)["accepted"]  # what was decided stays so
    cancel = JobCancellation(first, "enough").to_body()
    cancellation.cancel_job(site.ports, federation.caller(site), cancel)
    assert federation.ask(site, late)["accepted"]


def test_leads_take_turns_and_a_leads_oldest_job_comes_first() -> None:
    def job(lead: str, number: int) -> Job:
        stated = {"manifest": b"", "manifest_digest": "", "signature": "", "state": "ACCEPTED"}
        at = NOW + timedelta(seconds=number)
        return Job(
            id=f"{lead}{number}",
            side=JobSide.SITE,
            peer=lead,
            agreement_id="",
            created_at=at,
            updated_at=at,
            **stated,
        )

    waiting = [job("a", 3), job("a", 1), job("a", 2), job("b", 5), job("c", 4)]
    assert [each.id for each in turns(waiting, [], 9)] == ["a1", "c4", "b5", "a2", "a3"]
    assert [each.id for each in turns(waiting, ["a", "c"], 2)] == ["b5", "a1"]
    assert turns(waiting, [], 0) == []


def test_a_job_waits_for_memory_and_its_log_says_so(federation: Federation) -> None:
    site = federation.site()
    settings = replace(site.ports.settings, jobs_memory_bytes=600 * 1024**2)  # for one worker
    site.ports = replace(site.ports, settings=settings)
    jobs = [small(federation) for _ in range(2)]
    with running(site):
        for _, body in jobs:
            assert federation.ask(site, body)["accepted"]
        assert wait_for(lambda: any("job.waits" in site.log(job) for job, _ in jobs))
        assert wait_for(lambda: site.workers.running == 1)
        late = next(job for job, _ in jobs if "job.waits" in site.log(job))
        first = next(job for job, _ in jobs if job != late)
        lines = [told(entry) for entry in own_log.events(site.ports, 0, 99, late).values]
        assert any(line.startswith("waits for memory: it needs 5") for line in lines)
        cancel = JobCancellation(first, "enough").to_body()
        cancellation.cancel_job(site.ports, federation.caller(site), cancel)
        assert wait_for(lambda: len(site.workers.started) == 2)
        assert wait_for(lambda: site.workers.running == 1)


@pytest.mark.parametrize(
    ("most", "held", "need", "fits"),
    [(10, 0, 10, True), (10, 4, 6, True), (10, 4, 7, False), (10, 0, 99, True), (0, 9, 99, True)],
)
def test_a_job_fits_beside_others_or_runs_alone(
    federation: Federation, most: int, held: int, need: int, *, fits: bool
) -> None:
    room = Room(replace(federation.lead.ports.settings, jobs_memory_bytes=most))
    room.held += [lambda: held, lambda: 0]
    assert room.fits(need) is fits


def test_jobs_decided_at_the_same_time_do_not_pass_the_limit_together(
    federation: Federation,
) -> None:
    site = federation.site()
    allow_jobs(site, 1)
    late, body = small(federation)

    def meanwhile() -> None:
        site.accountant.before = lambda: None
        assert federation.ask(site, small(federation)[1])["accepted"]

    site.accountant.before = meanwhile
    with pytest.raises(TooManyRequests):
        federation.ask(site, body)
    assert not site.has_job(late)


def test_the_budget_is_used_up(federation: Federation) -> None:
    site = federation.site()
    allow_jobs(site, 8)
    for _ in range(2):
        assert federation.ask(site, federation.submission()[1])["accepted"]
    job_id, body = federation.submission()
    answer = federation.ask(site, body)
    assert (answer["accepted"], answer["code"]) == (False, "BUDGET_EXCEEDED")
    assert "has ε 0 of 3 left, 1.5 asked for" in answer["reasons"][0]
    assert site.job(job_id).state == JobState.REFUSED


def test_the_cap_of_the_dataset_is_used_up(federation: Federation) -> None:
    site = federation.site()
    allow_jobs(site, 8)
    second = federation.contract(SITES[0], 0xB000)
    for _ in range(2):
        assert federation.ask(site, federation.submission()[1])["accepted"]
    federation.agreements[SITES[0]] = second
    assert federation.ask(site, federation.submission()[1])["accepted"]
    answer = federation.ask(site, federation.submission()[1])
    assert answer["code"] == "CAP_EXCEEDED"
    (reason,) = answer["reasons"]
    assert reason.endswith("over all its contracts, has less left than the 1.5, 1e-06 asked for")
    assert "4.5" not in reason  # the cap and what others spent of it are the operator's own
