"""A job's id stands for one decision at a site, and belongs to the lead that asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain.holdings import ROW_BYTES
from connector.domain.privacy.budget import ReservationState
from connector.errors import Malformed
from connector.protocol.messages import JobCancellation
from connector.services.federation.site import cancellation, names
from connector.services.federation.site import jobs as site_jobs
from connector.services.privacy import budget
from federated.job import JobState
from federated.privacy.rule import Rule
from tests.support.federation import LEAD, MARKETING, SITES, Federation, set_at


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    return Federation(tmp_path)


def cancel(federation: Federation, job_id: str, reason: str = "enough", did: str = LEAD) -> Any:
    site = federation.site()
    body = JobCancellation(job_id, reason).to_body()
    return cancellation.cancel_job(site.ports, federation.caller(site, did), body)


def test_the_same_submission_gets_the_same_decision(federation: Federation) -> None:
    site = federation.site()
    job_id, body = federation.submission()
    first = federation.ask(site, body)
    assert federation.ask(site, body) == first
    _, bad = federation.submission(set_at("purpose", to=MARKETING))
    refusal = federation.ask(site, bad)
    assert federation.ask(site, bad) == refusal
    assert site.log(job_id) == ["job.accepted"]
    with site.ports.store.read() as tx:
        assert len(tx.reservations.find()) == 1


def test_another_manifest_under_a_known_id_is_refused(federation: Federation) -> None:
    site = federation.site()
    job_id, body = federation.submission()
    assert federation.ask(site, body)["accepted"]
    _, other = federation.submission(set_at("job", to=job_id), learningRate=0.25)
    with pytest.raises(Malformed, match="another manifest"):
        federation.ask(site, {**other, "job_id": job_id})
    assert site.log(job_id) == ["job.accepted"]


def test_no_member_takes_a_jobs_id_from_its_lead(federation: Federation) -> None:
    site = federation.site()
    job_id, body = federation.submission()
    thief = federation.caller(site, SITES[1])
    assert not site_jobs.receive_job(site.ports, thief, body)["accepted"]
    assert cancel(federation, job_id, did=SITES[1])["accepted"]
    answer = federation.ask(site, body)
    assert (answer["accepted"], answer["job_id"]) == (True, job_id)
    assert federation.ask(site, body)["accepted"]  # the same decision again
    with site.ports.store.read() as tx:
        name = names.kept_as(tx, LEAD, job_id)
        (going,) = tx.jobs.find(state=JobState.ACCEPTED)
        (reserved,) = tx.reservations.find()
    assert name == going.id == reserved.job_id != job_id
    assert (going.peer, site.log(name)) == (LEAD, ["job.accepted"])
    assert cancel(federation, job_id)["accepted"]
    assert site.job(name).state == JobState.CANCELLED


def test_a_cancellation_of_an_invented_job_leaves_no_job_and_no_event(
    federation: Federation,
) -> None:
    site = federation.site()
    job_id, body = federation.submission()
    with site.ports.store.read() as tx:
        before = tx.audit.head()
    for did in (LEAD, SITES[1]):
        assert cancel(federation, job_id, did=did)["accepted"]
    with pytest.raises(Malformed, match="urn:uuid"):
        cancel(federation, "urn:preau:job:" + "ab" * 32)
    with site.ports.store.read() as tx:
        assert (tx.jobs.find(), tx.audit.head()) == ([], before)
    with site.ports.store.write() as tx:
        tx.inbox.remove(LEAD, job_id)
    assert federation.ask(site, body)["accepted"]  # another member's cancellation is nothing


def test_cancellations_of_invented_jobs_fill_no_more_than_a_members_room(
    federation: Federation,
) -> None:
    site = federation.site()
    room = replace(site.ports.settings, member_stored_bytes=3 * ROW_BYTES)
    site.ports = replace(site.ports, settings=room)
    invented = [f"urn:uuid:00000000-0000-4000-9000-{number:012}" for number in range(6)]
    for job_id in invented:
        assert cancel(federation, job_id)["accepted"]
    assert cancel(federation, invented[0], did=SITES[1])["accepted"]
    with site.ports.store.read() as tx:
        assert [each.peer for each in tx.inbox.find()] == [LEAD, LEAD, LEAD, SITES[1]]


def test_a_charge_without_its_job_is_no_jobs_reservation(federation: Federation) -> None:
    """After a recovery only the charge is known: a job under that id is charged anew."""
    site = federation.site()
    job_id, body = federation.submission()
    federation.ask(site, body)
    with site.ports.store.write() as tx:
        budget.release(tx, job_id)
        tx.jobs.remove(job_id)
    assert federation.ask(site, body)["accepted"]
    with site.ports.store.read() as tx:
        states = {item.job_id: item.state for item in tx.reservations.find()}
        assert states.pop(job_id) is ReservationState.CLOSED
        assert states == {names.kept_as(tx, LEAD, job_id): ReservationState.OPEN}


def test_a_cancelled_job_releases_its_budget(federation: Federation) -> None:
    site = federation.site()
    job_id, body = federation.submission()
    federation.ask(site, body)
    assert cancel(federation, job_id)["accepted"]
    assert cancel(federation, job_id)["accepted"]
    job = site.job(job_id)
    assert (job.state, job.code, job.reason) == (JobState.CANCELLED, "JOB_CANCELLED", "enough")
    kept = site.reservation(job_id)
    assert (kept.state, kept.counted_rounds(Rule.RENYI)) == (ReservationState.CLOSED, 0)
    assert site.log(job_id) == ["job.accepted", "job.cancelled"]
    assert federation.ask(site, body)["accepted"]  # the decision of old, which changes nothing
    assert site.job(job_id).state == JobState.CANCELLED


def test_a_submission_overtaken_by_its_cancellation_is_refused(federation: Federation) -> None:
    job_id, body = federation.submission()
    assert cancel(federation, job_id)["accepted"]
    answer = federation.ask(federation.site(), body)
    assert (answer["accepted"], answer["code"]) == (False, "JOB_CANCELLED")


def test_only_its_lead_cancels_a_job(federation: Federation) -> None:
    site = federation.site()
    job_id, body = federation.submission()
    federation.ask(site, body)
    assert cancel(federation, job_id, did=SITES[1])["accepted"]  # of a job of its own
    assert site.job(job_id).state == JobState.ACCEPTED


def test_a_job_said_to_be_completed_without_a_receipt_has_failed(federation: Federation) -> None:
    site = federation.site()
    job_id, body = federation.submission()
    federation.ask(site, body)
    cancel(federation, job_id, "completed")
    assert (site.job(job_id).state, site.job(job_id).code) == (JobState.FAILED, "ROUND_REFUSED")
    assert site.reservation(job_id).committed_rounds == 0
