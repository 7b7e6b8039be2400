"""Whole jobs, lead and sites together: every one ends with a stated outcome."""

from __future__ import annotations

import base64
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain.privacy.budget import ReservationState
from connector.errors import (
    AgreementUnknown,
    NotFound,
    PeerUnreachable,
    PreauError,
    QuotaReached,
    TooManyRequests,
    Unlawful,
    WorkerFailed,
)
from connector.services.federation.history import told
from connector.services.federation.lead import book
from connector.services.federation.lead import jobs as lead_jobs
from connector.services.federation.site import jobs as site_jobs
from connector.services.federation.site import names
from federated.job import JobState, is_final
from federated.privacy.rule import Rule
from tests.support.federation import LEAD, MARKETING, SITES, Federation, running, wait_for
from tests.support.jobs import all_running, over, rows, site_over, submitted, waiting


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    return Federation(tmp_path)


def test_a_job_from_submission_to_model(federation: Federation) -> None:
    lead = federation.lead
    with all_running(federation):
        job_id = submitted(federation)
        job = over(federation, job_id, JobState.COMPLETED)
        site_over(federation, job_id, JobState.COMPLETED)
        assert wait_for(lambda: lead.workers.running == 0)
    path = lead_jobs.result(lead.ports, job_id)
    assert str(path) == job.result
    assert path.read_bytes().startswith(b"model:")
    assert path.parent.parent == lead.home / "jobs"
    assert list(path.parent.glob("*.part")) == []
    assert lead.workers.lead.replies == {1: list(SITES), 2: list(SITES), 3: list(SITES)}
    for node in federation.sites:
        assert [number for number, _ in node.workers.site.updates] == [1, 2, 3]
        assert node.reservation(job_id).counted_rounds(Rule.RENYI) == 3
    assert lead.log(job_id) == [
        "job.submitted",
        "job.tried",
        *["job.site.accepted"] * 3,
        "job.sites.accepted",
        "job.running",
        *["job.round.completed"] * 3,
        "job.completed",
    ]


def test_a_job_that_cannot_run_ends_before_a_site_is_asked_and_is_tried_once(
    federation: Federation,
) -> None:
    lead = federation.lead
    part = {"persons": 9, "usable": 0, "labels": 2, "round_seconds": 9e9, "needs": 10**15}
    lead.workers.lead.tried = {"sites": {SITES[0]: part}, "rounds": 1}
    with all_running(federation):
        for _ in range(2):
            job = over(federation, submitted(federation), JobState.FAILED)
            assert (job.code, job.reason[:16]) == ("JOB_REFUSED", "request /target:")
        assert {row.decision for row in rows(federation, job.id).values()} == {"pending"}
        assert [tried["seconds"] for tried in lead.workers.lead.tries] == [2.0]
        assert not any(node.has_job(job.id) for node in federation.sites)

        part["usable"] = 9  # what is left is of this machine
        job = over(federation, submitted(federation, learningRate=0.4), JobState.COMPLETED)
    with lead.ports.store.read() as tx:
        (entry,) = (each for each in tx.audit.entries(subject=job.id) if each.kind == "job.tried")
    assert "1 of 3 rounds; `a site's worker needs" in told(entry)


def test_a_message_about_the_end_changes_nothing_at_sites_that_know_it(
    federation: Federation,
) -> None:
    with all_running(federation):
        job_id = submitted(federation)
        over(federation, job_id, JobState.COMPLETED)
        site_over(federation, job_id, JobState.COMPLETED)
        before = [node.job(job_id) for node in federation.sites]
        federation.deliver()
        assert [node.job(job_id) for node in federation.sites] == before
    with federation.lead.ports.store.read() as tx:
        assert all(m.delivered_at and not m.failed for m in tx.outbox.find())


def test_a_live_view_shows_rounds_bytes_and_epsilon(federation: Federation) -> None:
    lead = federation.lead
    with all_running(federation):
        job_id = submitted(federation)
        first = lead_jobs.progress(lead.ports, job_id)
        over(federation, job_id, JobState.COMPLETED)
    shown = lead_jobs.progress(lead.ports, job_id)
    assert (first["rounds"], first["epsilon"], first["delta"]) == (3, 1.5, 1e-6)
    assert (shown["round"], shown["state"], shown["answered"]) == (3, "COMPLETED", sorted(SITES))
    update = len(federation.site().workers.site.updates[0][1])
    for site in shown["sites"]:
        assert (site["decision"], site["last_round"], site["epsilon"]) == ("accepted", 3, 1.5)
        assert site["bytes_received"] == 3 * update
        assert site["bytes_sent"] > 0
    lead.accountant.failure = WorkerFailed("gone")
    unknown = lead_jobs.progress(lead.ports, job_id)
    assert [site["epsilon"] for site in unknown["sites"]] == [None] * 3


def test_a_job_whose_id_another_member_took_runs_to_its_end(federation: Federation) -> None:
    site = federation.site()
    job_id = submitted(federation)
    thief, (_, body) = federation.caller(site, SITES[1]), federation.submission()
    site_jobs.receive_job(site.ports, thief, {**body, "job_id": job_id})
    with site.ports.store.read() as tx:
        name = names.kept_as(tx, LEAD, job_id)
    with all_running(federation):
        over(federation, job_id, JobState.COMPLETED)
        assert wait_for(lambda: site.job(name).state == JobState.COMPLETED)
    assert (site.job(job_id).state, site.job(job_id).peer) == (JobState.REFUSED, SITES[1])
    shown = lead_jobs.progress(site.ports, name)
    assert {each["site"] for each in shown["receipts"]} == set(SITES)
    assert site.reservation(name).committed_rounds == 3


def test_a_site_shows_its_own_side(federation: Federation) -> None:
    job_id, body = federation.submission()
    site = federation.site()
    federation.ask(site, body)
    shown = lead_jobs.progress(site.ports, job_id)
    assert (shown["side"], shown["state"], shown["sites"]) == ("site", "ACCEPTED", [])
    _, bad = federation.submission(purpose=MARKETING)
    federation.ask(site, bad)
    refused = lead_jobs.progress(site.ports, bad["job_id"])
    assert (refused["state"], refused["code"], refused["rounds"]) == (
        "REFUSED",
        "PURPOSE_FORBIDDEN",
        0,
    )


def test_a_refusal_that_leaves_no_quorum_ends_the_job_and_frees_the_others(
    federation: Federation,
) -> None:
    lead, bad = federation.lead, federation.site(2)
    bad.ports = replace(bad.ports, code_hash="00" * 32)
    with all_running(federation):
        job_id = submitted(federation)
        job = over(federation, job_id, JobState.REFUSED)
        assert job.code == "JOB_REFUSED"
        assert SITES[2] in job.reason
        assert rows(federation, job_id)[SITES[2]].decision == "refused"
        accepted = [node for node in federation.sites[:2] if node.has_job(job_id)]
        federation.deliver()
        site_over(
            federation,
            job_id,
            JobState.FAILED,
            [node for node in accepted if node.job(job_id).state == JobState.FAILED],
        )
    for node in accepted:
        with node.ports.store.read() as tx:
            assert tx.reservations.find(state=ReservationState.OPEN) == []
    assert lead.log(job_id)[-1] == "job.refused"
    assert lead.workers.lead.starts == []


def test_the_message_alone_frees_a_site_whose_node_was_away(federation: Federation) -> None:
    """No stream: the site accepted, then the job was refused elsewhere."""
    site, bad = federation.site(0), federation.site(2)
    bad.ports = replace(bad.ports, code_hash="")
    bad_calls = threading.Event()
    with running(federation.lead):
        job_id = submitted(federation)
        over(federation, job_id, JobState.REFUSED)
        bad_calls.set()
    federation.deliver()
    if site.has_job(job_id):
        assert is_final(site.job(job_id).state)
    with site.ports.store.read() as tx:
        assert tx.reservations.find(state=ReservationState.OPEN) == []


def test_a_site_that_does_not_answer_is_asked_again(federation: Federation) -> None:
    lead = federation.lead
    lead.link.down.add(SITES[1])
    with all_running(federation):
        job_id = submitted(federation)
        assert wait_for(lambda: lead.link.calls.count((SITES[1], "JobSubmission")) >= 2)
        assert lead.job(job_id).state == JobState.SUBMITTED
        lead.link.down.clear()
        over(federation, job_id, JobState.COMPLETED)


def test_a_site_that_never_answers_fails_the_job_at_the_deadline(federation: Federation) -> None:
    lead = federation.lead
    lead.link.down.add(SITES[1])
    with all_running(federation):
        job_id = submitted(federation)
        assert wait_for(lambda: lead.link.calls.count((SITES[1], "JobSubmission")) >= 2)
        assert wait_for(lambda: book.load(lead.ports, job_id)[1][0].decision == book.ACCEPTED)
        for _ in range(7):  # longer than sites wait for a lead that is away
            federation.pass_time(500)
        assert lead.job(job_id).state == JobState.SUBMITTED
        federation.pass_time(101)
        job = over(federation, job_id, JobState.FAILED)
    assert job.code == "PEER_UNREACHABLE"
    assert SITES[1] in job.reason


@pytest.mark.parametrize(
    "error",
    [TooManyRequests("x"), QuotaReached("x", retry_after=0.05), PeerUnreachable("x")],
    ids=lambda error: error.code,
)
def test_a_site_that_is_busy_ends_no_job(
    federation: Federation, monkeypatch: pytest.MonkeyPatch, error: PreauError
) -> None:
    link, tries = federation.lead.link, []
    honest = link.call

    def busy(peer: Any, kind: str, body: Any, *, seconds: float = 10.0) -> Any:
        if kind == "JobSubmission" and peer.did == SITES[1]:
            tries.append(kind)
            if len(tries) < 3:
                raise error
        return honest(peer, kind, body, seconds=seconds)

    monkeypatch.setattr(link, "call", busy)
    with all_running(federation):
        over(federation, submitted(federation), JobState.COMPLETED)
    assert len(tries) == 3


def test_a_job_beyond_what_a_lead_may_run_waits_for_its_turn(federation: Federation) -> None:
    site, lead = federation.site(), federation.lead
    settings = replace(site.ports.settings, max_jobs_per_lead=1)
    site.ports = replace(site.ports, settings=settings)
    lead.workers.lead.hold.clear()
    with all_running(federation):
        first = submitted(federation)
        assert wait_for(lambda: len(lead.hub.connected(first)) == 3)
        late = submitted(federation)
        assert wait_for(lambda: lead.link.calls.count((SITES[0], "JobSubmission")) >= 3)
        assert lead.job(late).state == JobState.SUBMITTED
        lead.workers.lead.hold.set()
        over(federation, first, JobState.COMPLETED)
        over(federation, late, JobState.COMPLETED)


def test_a_led_job_whose_manifest_cannot_be_read_ends_at_its_sites(federation: Federation) -> None:
    lead, site = federation.lead, federation.site()
    job_id = submitted(federation)
    job = lead.job(job_id)
    body = {
        "job_id": job_id,
        "manifest": base64.b64encode(job.manifest).decode(),
        "signature": job.signature,
    }
    assert federation.ask(site, body)["accepted"]
    with lead.ports.store.write() as tx:
        tx.jobs.put(replace(job, manifest=b"{}"))
    with running(lead):
        assert over(federation, job_id, JobState.FAILED).code == "MALFORMED_MESSAGE"
    federation.deliver()
    site_over(federation, job_id, JobState.CANCELLED, [site])


def test_a_led_job_that_has_ended_keeps_no_state(federation: Federation) -> None:
    with all_running(federation):
        job_id = submitted(federation)
        over(federation, job_id, JobState.COMPLETED)
    with federation.lead.ports.store.read() as tx:
        kept = tx.rounds.find(job_id=job_id)
    assert len(kept) == 3
    assert all(not record.payload and record.request_digest for record in kept)


def test_a_site_that_is_revoked_is_not_asked(federation: Federation) -> None:
    federation.revoke(federation.lead, SITES[1])
    with all_running(federation):
        job_id = submitted(federation)
        job = over(federation, job_id, JobState.REFUSED)
    assert job.code == "CREDENTIAL_REVOKED"
    assert (SITES[1], "JobSubmission") not in federation.lead.link.calls


def test_a_site_that_refuses_a_round_ends_the_job_with_its_reason(federation: Federation) -> None:
    federation.site(1).workers.site.refuse = "DATA_FILE_CHANGED"
    with all_running(federation):
        job_id = submitted(federation)
        job = over(federation, job_id, JobState.FAILED)
        site_over(federation, job_id, JobState.FAILED)
    assert job.code == "TOO_FEW_SITES"
    assert SITES[1] in job.reason
    assert "WORKER_FAILED" in job.reason
    row = rows(federation, job_id)[SITES[1]]
    assert (row.decision, row.code) == ("away", "ROUND_MISSED")
    for node in federation.sites:  # at most the one round that was committed is spent
        assert node.reservation(job_id).counted_rounds(Rule.RENYI) <= 1


def test_a_silent_site_ends_the_round_within_its_time(federation: Federation) -> None:
    federation.site(2).workers.site.silent = True
    with all_running(federation):
        job_id = submitted(federation, roundSeconds=0.5)
        job = over(federation, job_id, JobState.FAILED)
        site_over(federation, job_id, JobState.FAILED)
    assert job.code == "TOO_FEW_SITES"
    assert SITES[2] in job.reason


@pytest.mark.parametrize("back", [True, False])
def test_a_site_without_which_there_is_no_quorum_is_waited_for_until_the_deadline(
    federation: Federation, *, back: bool
) -> None:
    lead, gone = federation.lead, federation.site(0)
    waiting(lead, 0.2)
    lead.workers.lead.hold.clear()
    with all_running(federation):
        job_id = submitted(federation, roundSeconds=0.5)
        assert wait_for(lambda: len(lead.hub.connected(job_id)) == 3)
        gone.stop()
        lead.workers.lead.hold.set()
        assert wait_for(lambda: len(federation.site(1).workers.site.updates) == 1)
        assert not wait_for(lambda: is_final(lead.job(job_id).state), 1.0)
        if back:
            gone.start()
            over(federation, job_id, JobState.COMPLETED)
            return
        federation.pass_time(3601)
        job = over(federation, job_id, JobState.FAILED)
    assert job.code == "DEADLINE_PASSED"
    assert f"round 1 waited for `{SITES[0]}`" in job.reason


def test_a_worker_that_does_not_start_at_a_site_ends_the_job(federation: Federation) -> None:
    federation.site(0).workers.site.start_failure = "DATA_FILE_UNREADABLE"
    with all_running(federation):
        job_id = submitted(federation)
        job = over(federation, job_id, JobState.FAILED)
        site_over(federation, job_id, JobState.FAILED)
    assert job.code == "TOO_FEW_SITES"
    assert "DATA_FILE_UNREADABLE" in job.reason


def test_an_answer_that_is_no_update_does_not_count(federation: Federation) -> None:
    federation.lead.workers.lead.ignore = {SITES[1]}
    with all_running(federation):
        job_id = submitted(federation)
        job = over(federation, job_id, JobState.FAILED)
    assert job.code == "TOO_FEW_SITES"
    assert rows(federation, job_id)[SITES[1]].code == "UPDATE_REFUSED"
    assert "`did:web:est.example`: UPDATE_REFUSED, its answer to round 1: too far" in job.reason
    with federation.lead.ports.store.read() as tx:
        assert tx.rounds.find(job_id=job_id) == []


@pytest.mark.parametrize(("longer", "left"), [(4000, False), (4200, True)])
def test_an_answer_far_longer_than_its_request_never_reaches_the_worker(
    tmp_path: Path, longer: int, *, left: bool
) -> None:
    federation = Federation(tmp_path, sites="2")
    federation.site(1).workers.site.longer = longer
    with all_running(federation):
        job_id = submitted(federation, quorum=2)
        over(federation, job_id, JobState.COMPLETED)
    assert (rows(federation, job_id)[SITES[1]].code == "UPDATE_REFUSED") is left


def test_a_site_that_is_revoked_during_the_job_gets_no_further_round(
    federation: Federation,
) -> None:
    lead = federation.lead
    lead.workers.lead.hold.clear()
    with all_running(federation):
        job_id = submitted(federation)
        assert wait_for(lambda: len(lead.hub.connected(job_id)) == 3)
        federation.revoke(lead, SITES[1])
        lead.workers.lead.hold.set()
        job = over(federation, job_id, JobState.FAILED)
        site_over(federation, job_id, JobState.FAILED)
    assert "CREDENTIAL_REVOKED" in job.reason
    assert federation.site(1).workers.site.updates == []


@pytest.mark.parametrize("code", ["JOB_REFUSED", "WORKER_FAILED"])
def test_a_leads_worker_that_fails_ends_the_job(federation: Federation, code: str) -> None:
    federation.lead.workers.lead.failure = code
    with all_running(federation):
        job_id = submitted(federation)
        job = over(federation, job_id, JobState.FAILED)
        site_over(federation, job_id, JobState.FAILED)
    assert job.code == code


def test_a_job_can_be_cancelled(federation: Federation) -> None:
    lead = federation.lead
    lead.workers.lead.hold.clear()
    with all_running(federation):
        job_id = submitted(federation)
        assert wait_for(lambda: len(lead.hub.connected(job_id)) == 3)
        job = lead_jobs.cancel(lead.ports, job_id, "enough\nof it")
        assert (job.state, job.code, job.reason) == (
            JobState.CANCELLED,
            "JOB_CANCELLED",
            "enough of it",
        )
        federation.deliver()
        site_over(federation, job_id, JobState.CANCELLED)
        assert wait_for(lambda: lead.workers.running == 0)
        again = lead_jobs.cancel(lead.ports, job_id, "again")
    assert again.reason == "enough of it"
    for node in federation.sites:
        assert node.reservation(job_id).counted_rounds(Rule.RENYI) == 0


def test_a_job_cancelled_while_submitting_reaches_no_first_round(federation: Federation) -> None:
    lead = federation.lead
    lead.link.down.add(SITES[2])
    with all_running(federation):
        job_id = submitted(federation)
        assert wait_for(
            lambda: [r.decision for r in rows(federation, job_id).values()].count("accepted") == 2
        )
        lead_jobs.cancel(lead.ports, job_id)
        lead.link.down.clear()
        federation.deliver()
        site_over(federation, job_id, JobState.CANCELLED, federation.sites[:2])
    assert lead.job(job_id).state == JobState.CANCELLED
    assert lead.workers.lead.starts == []
    third = federation.site(2)
    if third.has_job(job_id):
        assert is_final(third.job(job_id).state)


def test_questions_about_jobs_that_are_not_led_here(federation: Federation) -> None:
    lead, site = federation.lead, federation.site()
    job_id, body = federation.submission()
    federation.ask(site, body)
    for question in (lead_jobs.result, lead_jobs.cancel):
        with pytest.raises(NotFound):
            question(site.ports, job_id)
        with pytest.raises(NotFound):
            question(lead.ports, "urn:none")
    with pytest.raises(NotFound):
        lead_jobs.progress(lead.ports, "urn:none")
    assert [job.id for job in lead_jobs.jobs(site.ports).values] == [job_id]


def test_a_result_only_of_a_completed_job_whose_file_is_there(federation: Federation) -> None:
    lead = federation.lead
    with all_running(federation):
        job_id = submitted(federation)
        over(federation, job_id, JobState.COMPLETED)
    waiting = submitted(federation)
    with pytest.raises(Unlawful):
        lead_jobs.result(lead.ports, waiting)
    lead_jobs.result(lead.ports, job_id).unlink()
    with pytest.raises(NotFound):
        lead_jobs.result(lead.ports, job_id)


def test_an_agreement_of_another_role_cannot_be_used(federation: Federation) -> None:
    with pytest.raises(AgreementUnknown):
        lead_jobs.submit(federation.site().ports, federation.request())


def test_a_completed_message_cannot_reach_a_site_that_is_away_and_is_kept(
    federation: Federation,
) -> None:
    lead = federation.lead
    with all_running(federation):
        job_id = submitted(federation)
        over(federation, job_id, JobState.COMPLETED)
        lead.link.down.update(SITES)
        federation.deliver()
    with lead.ports.store.read() as tx:
        waiting = tx.outbox.find()
    assert {message.peer for message in waiting} == set(SITES)
    assert all(message.delivered_at is None and not message.failed for message in waiting)
    assert PeerUnreachable.code
