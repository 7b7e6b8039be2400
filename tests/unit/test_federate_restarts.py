"""Jobs whose lead, site or worker dies, or whose clock jumps, and that go on."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from connector.domain.federation.job import JobSite
from connector.services.federation.lead import book, relay
from connector.services.federation.lead import run as lead_run
from connector.services.federation.lead.sites import Sites
from federated.job import JobState
from tests.support.federation import SITES, Federation, Node, wait_for
from tests.support.jobs import all_running, hold_from_round, over, rows, site_over, submitted


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    return Federation(tmp_path)


def test_the_leads_worker_is_started_again_from_the_checkpoint(federation: Federation) -> None:
    federation.lead.workers.lead.die_before = [3]
    with all_running(federation):
        job_id = submitted(federation)
        over(federation, job_id, JobState.COMPLETED)
    starts = federation.lead.workers.lead.starts
    assert [number for number, _ in starts] == [0, 2]
    assert starts[1][1]
    for node in federation.sites:
        assert [number for number, _ in node.workers.site.updates] == [1, 2, 3]


def test_a_lead_that_dies_goes_on_from_its_checkpoint(federation: Federation) -> None:
    """Round 2 is under way when the lead's node dies; sites replay what they had released."""
    lead = federation.lead
    with all_running(federation):
        hold_from_round(lead, 2)
        job_id = submitted(federation)
        assert wait_for(lambda: lead.job(job_id).round == 1)
        lead.restart()
        over(federation, job_id, JobState.COMPLETED)
        site_over(federation, job_id, JobState.COMPLETED)
    starts = lead.workers.lead.starts
    assert [number for number, _ in starts] == [0, 1]
    for node in federation.sites:
        assert node.reservation(job_id).committed_rounds == 3
        assert [number for number, _ in node.workers.site.updates] == [1, 2, 3]


def test_a_lead_that_dies_after_its_sites_released_gets_the_same_bytes(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = federation.lead
    kept = book.checkpoint
    crash = threading.Event()

    def lose(ports: Any, job_id: str, number: int, completed: Any) -> bool:
        if number == 2 and not crash.is_set():
            crash.set()
            return False  # the node dies before the state of round 2 is written
        return kept(ports, job_id, number, completed)

    monkeypatch.setattr(lead_run.book, "checkpoint", lose)
    with all_running(federation):
        job_id = submitted(federation)
        assert crash.wait(20)
        lead.restart()
        over(federation, job_id, JobState.COMPLETED)
    for node in federation.sites:
        assert [number for number, _ in node.workers.site.updates] == [1, 2, 3]
        assert node.reservation(job_id).committed_rounds == 3


def test_a_clock_that_jumps_at_the_lead_lets_no_site_go(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, ready = [], Sites.ready

    def looking(self: Sites) -> Any:
        looks.append(found := ready(self))
        return found

    monkeypatch.setattr(relay, "ASK_SECONDS", 0.02)
    monkeypatch.setattr(Sites, "ready", looking)
    lead = federation.lead
    with all_running(federation):
        hold_from_round(lead, 2)
        job_id = submitted(federation)
        assert wait_for(lambda: lead.job(job_id).round == 1)
        federation.clock.advance(-86_400 * 400)
        lead.workers.lead.hold.set()
        assert wait_for(lambda: looks.count([]) >= 2)
        assert {row.decision for row in lead_rows(lead, job_id)} == {"away"}
        assert lead.job(job_id).state == JobState.RUNNING
        federation.clock.advance(86_400 * 400)
        over(federation, job_id, JobState.COMPLETED)
    assert {row.decision for row in lead_rows(lead, job_id)} == {"accepted"}


def lead_rows(lead: Node, job_id: str) -> list[JobSite]:
    with lead.ports.store.read() as tx:
        return tx.sites.find(job_id=job_id)


def test_a_lead_that_comes_back_after_the_deadline_fails_the_job(federation: Federation) -> None:
    lead = federation.lead
    with all_running(federation):
        hold_from_round(lead, 2)
        job_id = submitted(federation)
        assert wait_for(lambda: lead.job(job_id).round == 1)
        lead.stop()
        federation.clock.advance(3601)
        lead.reopen()
        lead.start()
        job = over(federation, job_id, JobState.FAILED)
        site_over(federation, job_id, JobState.FAILED)
    assert job.code == "DEADLINE_PASSED"


def test_a_lead_that_dies_while_submitting_asks_only_who_has_not_decided(
    federation: Federation,
) -> None:
    lead = federation.lead
    lead.link.down.add(SITES[2])
    with all_running(federation):
        job_id = submitted(federation)
        assert wait_for(
            lambda: [r.decision for r in rows(federation, job_id).values()].count("accepted") == 2
        )
        lead.stop()
        asked = list(lead.link.calls)
        lead.link.down.clear()
        lead.reopen()
        lead.start()
        over(federation, job_id, JobState.COMPLETED)
    new = lead.link.calls[len(asked) :]
    assert (SITES[2], "JobSubmission") in new
    assert (SITES[0], "JobSubmission") not in new


def test_a_refusal_that_was_kept_counts_after_a_restart(federation: Federation) -> None:
    job_id = submitted(federation)
    lead = federation.lead
    book.decided(lead.ports, job_id, SITES[1], "refused", "CAP_EXCEEDED", "too much")
    with all_running(federation):
        job = over(federation, job_id, JobState.REFUSED)
    assert (job.code, job.reason) == ("CAP_EXCEEDED", f"`{SITES[1]}`: too much")
    assert lead.link.calls == []


def test_a_site_that_dies_in_a_round_comes_back_in_time(federation: Federation) -> None:
    lead, site = federation.lead, federation.site(0)
    with all_running(federation):
        hold_from_round(lead, 2)
        job_id = submitted(federation)
        assert wait_for(lambda: lead.job(job_id).round == 1)
        site.stop()
        lead.workers.lead.hold.set()
        site.reopen()
        site.start()
        over(federation, job_id, JobState.COMPLETED)
    assert site.reservation(job_id).committed_rounds == 3
    assert [number for number, _ in site.workers.site.updates] == [1, 2, 3]
