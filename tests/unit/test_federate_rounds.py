"""Rounds at a site: charged before they start, stored before they leave, replayed, not redrawn.

The lead is the test itself: it speaks through its hub, so that it can misbehave.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain.federation.frames import (
    Finish,
    Round,
    RoundRefusal,
    RoundReply,
)
from connector.errors import (
    PeerUnreachable,
    PreauError,
    TooManyRequests,
    TooManyStreams,
)
from connector.jsonld.canonical import sha256_hex
from connector.protocol.messages import JobCancellation
from connector.services.federation.deadline import patience
from connector.services.federation.site import run as site_run
from connector.services.federation.site.cancellation import cancel_job
from federated.job import JobState, is_final
from federated.privacy.rule import Rule
from tests.support.doubles import QuickPace
from tests.support.federation import (
    LEAD,
    SITES,
    running,
    signed_receipt,
    wait_for,
)
from tests.support.federation_workers import model_digest
from tests.support.site_rounds import Case, released

MISSED = RoundRefusal(1, "ROUND_MISSED", "the site's worker answered `WORKER_FAILED`")


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    found = Case(tmp_path)
    with running(found.site):
        yield found


def test_rounds_are_answered_and_the_job_completes(case: Case) -> None:
    for number in (1, 2, 3):
        frame = case.ask(number, f"m{number}".encode())
        assert released(frame) == (number, case.drawn[-1][1])
        assert case.site.reservation(case.job_id).committed_rounds == number
        assert case.job.round == number
    case.send(Finish("completed", "", "", case.receipts(3)))
    job = case.ended(JobState.COMPLETED)
    assert (job.code, job.reason) == ("", "")
    assert case.site.reservation(case.job_id).counted_rounds(Rule.RENYI) == 3
    assert case.site.log(case.job_id) == [
        "job.accepted",
        *("job.round.committed", "job.source", "job.round.released"),
        *["job.round.committed", "job.round.released"] * 2,
        "job.completed",
    ]


def test_the_worker_is_told_the_contract_and_where_the_rows_are(case: Case) -> None:
    case.ask(1)
    start = case.site.workers.site.orders[0]
    assert case.site.dataset is not None
    file = case.site.dataset.file
    assert start["data"] == {
        "path": file.path,
        "format": "csv",
        "digest": file.digest,
        "person_format": "text",
        "rows": [],
    }
    assert (start["population"], start["site"], start["node"]) == (1000, SITES[0], 1)
    assert start["manifest"].encode() == case.job.manifest
    assert len(case.site.workers.started) == 1


def test_the_log_has_digests_and_sizes_and_no_update(case: Case) -> None:
    case.ask(1, b"the request")
    update = case.drawn[0][1]
    with case.site.ports.store.read() as tx:
        text = b"".join(entry.event for entry in tx.audit.entries(subject=case.job_id))
    assert sha256_hex(update).encode() in text
    assert sha256_hex(b"the request").encode() in text
    assert update not in text


def test_the_same_request_is_replayed_byte_for_byte(case: Case) -> None:
    first = case.ask(1)
    assert case.ask(1) == first
    case.ask(2)
    assert case.ask(1) == first
    assert [number for number, _ in case.drawn] == [1, 2]
    assert case.site.reservation(case.job_id).committed_rounds == 2


def test_another_request_for_a_round_is_refused(case: Case) -> None:
    case.ask(1)
    frame = case.ask(1, b"other")
    assert isinstance(frame, RoundRefusal)
    assert frame.code == "ROUND_REFUSED"
    job = case.ended(JobState.FAILED)
    assert "another request" in job.reason
    assert len(case.drawn) == 1
    assert case.site.reservation(case.job_id).counted_rounds(Rule.RENYI) == 1


@pytest.mark.parametrize(
    ("number", "answered", "code"),
    [
        (2, SITES, "ROUND_REFUSED"),  # out of order
        (4, SITES, "ROUND_REFUSED"),
        (1, SITES, "ROUND_REFUSED"),  # nobody can have answered before
    ],
)
def test_a_first_round_that_may_not_be_answered(
    case: Case, number: int, answered: tuple[str, ...], code: str
) -> None:
    frame = case.ask(number, answered=answered)
    assert isinstance(frame, RoundRefusal)
    assert (frame.number, frame.code) == (number, code)
    case.ended(JobState.FAILED)
    assert case.drawn == []
    assert case.site.reservation(case.job_id).counted_rounds(Rule.RENYI) == 0


@pytest.mark.parametrize(
    ("answered", "code"),
    [
        (SITES[:2], "TOO_FEW_SITES"),
        ((), "TOO_FEW_SITES"),
        (SITES[1:], "TOO_FEW_SITES"),
        ((SITES[0], SITES[0], SITES[1]), "ROUND_REFUSED"),
        ((*SITES[:2], LEAD), "ROUND_REFUSED"),
        ((SITES[1], SITES[2], "did:web:x.example"), "ROUND_REFUSED"),
    ],
)
def test_below_the_agreed_sites_nothing_more_is_sent(
    case: Case, answered: tuple[str, ...], code: str
) -> None:
    assert isinstance(case.ask(1), RoundReply)
    frame = case.ask(2, answered=answered)
    assert isinstance(frame, RoundRefusal)
    assert frame.code == code
    case.ended(JobState.FAILED)
    assert len(case.drawn) == 1


def test_a_revoked_lead_gets_nothing(case: Case) -> None:
    case.ask(1)
    case.federation.revoke(case.site, LEAD)
    frame = case.ask(2)
    assert isinstance(frame, RoundRefusal)
    assert frame.code == "CREDENTIAL_REVOKED"
    case.ended(JobState.FAILED)
    assert len(case.drawn) == 1


def test_a_lead_that_is_revoked_while_the_worker_computes_gets_nothing(tmp_path: Path) -> None:
    case = Case(tmp_path)
    script = case.site.workers.site

    class Late(list[tuple[int, bytes]]):
        def append(self, item: tuple[int, bytes]) -> None:
            super().append(item)
            case.federation.revoke(case.site, LEAD)

    script.updates = Late()
    with running(case.site):
        frame = case.ask(1)
        assert isinstance(frame, RoundRefusal)
        assert frame.code == "CREDENTIAL_REVOKED"
        case.ended(JobState.FAILED)
    assert case.record(1) == b""
    assert (
        case.site.reservation(case.job_id).counted_rounds(Rule.RENYI) == 1
    )  # charged, though not released


def test_a_contract_that_is_gone_gets_nothing(case: Case) -> None:
    case.ask(1)
    with case.site.ports.store.write() as tx:
        tx.agreements.put(replace(case.federation.agreements[SITES[0]], finalized=False))
    frame = case.ask(2)
    assert isinstance(frame, RoundRefusal)
    assert frame.code == "AGREEMENT_UNKNOWN"
    case.ended(JobState.FAILED)


def test_the_deadline_ends_the_job(case: Case) -> None:
    case.ask(1)
    case.federation.pass_time(3601)
    frame = case.ask(2)
    assert isinstance(frame, RoundRefusal)
    assert frame.code == "DEADLINE_PASSED"
    case.ended(JobState.FAILED)


@pytest.mark.parametrize(
    ("finish", "state", "code"),
    [
        (Finish("failed", "TOO_FEW_SITES", "two\nof three"), JobState.FAILED, "TOO_FEW_SITES"),
        (Finish("failed", "NO_SUCH_CODE", ""), JobState.FAILED, "PEER_FAULT"),
        (Finish("cancelled", "JOB_CANCELLED", "enough"), JobState.CANCELLED, "JOB_CANCELLED"),
        (Finish("completed", "", ""), JobState.FAILED, "ROUND_REFUSED"),
    ],
)
def test_the_lead_ends_the_job(case: Case, finish: Finish, state: JobState, code: str) -> None:
    case.ask(1)
    case.send(finish)
    job = case.ended(state)
    assert job.code == code
    assert "\n" not in job.reason
    assert job.reason
    assert case.site.reservation(case.job_id).counted_rounds(Rule.RENYI) == 1


def test_a_worker_that_dies_is_replaced_once_for_the_same_round(case: Case) -> None:
    case.site.workers.site.die_in = [1]
    assert isinstance(case.ask(1), RoundReply)
    assert len(case.site.workers.started) == 2
    assert case.site.reservation(case.job_id).committed_rounds == 1


def test_a_worker_that_dies_of_a_message_is_replaced_before_anything_is_charged(
    case: Case,
) -> None:
    case.site.workers.site.die_reading = [1]
    assert isinstance(case.ask(1), RoundReply)
    assert len(case.site.workers.started) == 2
    assert case.site.reservation(case.job_id).committed_rounds == 1


def test_a_message_that_ends_the_worker_twice_is_refused_and_costs_nothing(case: Case) -> None:
    assert isinstance(case.ask(1), RoundReply)
    case.site.workers.site.die_reading = [2, 2]
    frame = case.ask(2)
    assert frame == RoundRefusal(2, "ROUND_REFUSED", "the site's worker answered `ROUND_REFUSED`")
    job = case.ended(JobState.FAILED)
    assert "could not be read" in job.reason
    assert case.site.reservation(case.job_id).counted_rounds(Rule.RENYI) == 1
    assert case.record(2) is None
    assert case.site.log(case.job_id).count("job.round.committed") == 1


@pytest.mark.parametrize("code", ["ROUND_REFUSED", "NO_SUCH_CODE"])
def test_a_message_that_the_worker_refuses_costs_nothing(case: Case, code: str) -> None:
    case.site.workers.site.refuse_reading = code
    frame = case.ask(1)
    assert isinstance(frame, RoundRefusal)
    assert "byte 7" not in frame.reason
    assert "byte 7" in case.ended(JobState.FAILED).reason
    assert case.site.reservation(case.job_id).counted_rounds(Rule.RENYI) == 0
    assert case.record(1) is None
    assert case.drawn == []


@pytest.mark.parametrize("digest", ["", "0" * 63, "G" * 64])
def test_a_digest_that_is_none_is_no_answer(case: Case, digest: str) -> None:
    case.site.workers.site.misread = [digest]
    frame = case.ask(1)
    assert isinstance(frame, RoundRefusal)
    assert frame.code == "WORKER_FAILED"
    case.ended(JobState.FAILED)
    assert case.site.reservation(case.job_id).counted_rounds(Rule.RENYI) == 0


def test_a_replacement_that_reads_another_model_computes_nothing(case: Case) -> None:
    script = case.site.workers.site
    script.die_in = [1]
    script.misread = ["0" * 64]  # the second reading is the right one
    assert case.ask(1) == MISSED
    assert case.drawn == []
    assert case.job.state == JobState.RUNNING


def test_a_worker_that_dies_twice_costs_the_round(case: Case) -> None:
    case.site.workers.site.die_in = [1, 1]
    assert case.ask(1) == MISSED
    assert case.job.state == JobState.RUNNING
    assert case.site.reservation(case.job_id).committed_rounds == 1
    assert released(case.ask(1)) == (1, case.drawn[0][1])  # charged, and nothing had left
    assert case.site.reservation(case.job_id).committed_rounds == 1


@pytest.mark.parametrize(
    "code", ["DATA_FILE_CHANGED", "ROUND_REFUSED", "NO_SUCH_CODE", "UNTRUSTED"]
)
def test_the_words_of_a_worker_do_not_leave(tmp_path: Path, code: str) -> None:
    """One round in vain is allowed in a job of three, the next ends it."""
    case = Case(tmp_path, quorum=2)
    case.site.workers.site.refuse = code
    with running(case.site):
        assert case.ask(1) == MISSED
        frame = case.ask(2, answered=SITES[1:])
        assert frame == RoundRefusal(2, "WORKER_FAILED", MISSED.reason)
        assert "row 7" in case.ended(JobState.FAILED).reason
    assert case.site.reservation(case.job_id).counted_rounds(Rule.RENYI) == 2


def test_a_worker_that_does_not_start_is_told_to_the_lead(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.site.workers.site.start_failure = "DATA_FILE_UNREADABLE"
    with running(case.site):
        frame = case.answer()
        assert isinstance(frame, RoundRefusal)
        assert (frame.number, frame.code) == (1, "DATA_FILE_UNREADABLE")
        case.ended(JobState.FAILED)


def test_a_silent_worker_ends_the_round_in_its_time(tmp_path: Path) -> None:
    case = Case(tmp_path, roundSeconds=0.3)
    case.site.workers.site.silent = True
    with running(case.site):
        assert case.ask(1) == MISSED


def test_a_broken_stream_is_opened_again_and_the_update_sent_once_more(case: Case) -> None:
    case.site.link.cut_replies = 1
    frame = case.ask(1)
    assert released(frame) == (1, case.drawn[0][1])
    assert len(case.drawn) == 1


def test_a_lead_that_is_away_is_waited_for(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.site.link.down.add(LEAD)
    case.hub.close(case.job_id)
    with running(case.site):
        assert wait_for(lambda: case.site.workers.started)
        case.site.link.down.clear()  # it is back, but does not know the job yet
        case.open()
        assert isinstance(case.ask(1), RoundReply)


@pytest.mark.parametrize(
    "error",
    [TooManyRequests("x", retry_after=0.01), TooManyStreams("x"), PeerUnreachable("x")],
    ids=lambda error: error.code,
)
def test_a_lead_that_is_busy_ends_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: PreauError
) -> None:
    case, tries = Case(tmp_path), []
    honest = case.site.link.participate

    def busy(lead: Any, hello: Any) -> Any:
        tries.append(hello)
        if len(tries) < 4:
            raise error
        return honest(lead, hello)

    monkeypatch.setattr(site_run, "LONGEST_PAUSE", 0.02)
    monkeypatch.setattr(site_run, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(case.site.link, "participate", busy)
    with running(case.site):
        assert isinstance(case.ask(1), RoundReply)
    assert len(tries) == 4


def test_a_lead_that_never_comes_is_given_up_at_the_deadline(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.site.link.down.add(LEAD)
    with running(case.site):
        assert wait_for(lambda: case.site.workers.started)
        case.federation.pass_time(3601)
        assert case.ended(JobState.FAILED).code == "DEADLINE_PASSED"


def day_long(folder: Path, **settings: Any) -> Case:
    """A job of a day, whose site's pauses are short."""
    case = Case(folder, deadlineSeconds=86_400)
    ports = case.site.ports
    case.site.ports = replace(ports, settings=replace(ports.settings, **settings))
    return case


def test_a_lead_that_asks_no_new_round_is_given_up_after_the_sites_own_time(tmp_path: Path) -> None:
    case = day_long(tmp_path, lead_silence_hours=2)
    case.site.link.down.add(LEAD)
    with running(case.site):
        assert wait_for(lambda: case.site.link.calls)  # its worker is ready: it calls the lead
        case.federation.pass_time(7201)
        job = case.ended(JobState.FAILED)
    assert (job.code, job.reason) == ("DEADLINE_PASSED", "the lead asked for no new round for 2 h")
    assert case.site.reservation(case.job_id).counted_rounds(Rule.RENYI) == 0


@pytest.mark.parametrize("away", [True, False])
def test_a_job_rests_while_its_lead_is_silent_and_goes_on_when_it_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, away: bool
) -> None:
    monkeypatch.setattr(site_run, "REST_PAUSE", 0.05)
    monkeypatch.setattr(site_run, "LONGEST_WAIT", 0.05)
    case = day_long(tmp_path, max_jobs=1)
    with running(case.site):
        assert isinstance(case.ask(1), RoundReply)
        if away:
            case.site.link.down.add(LEAD)
            case.hub.close(case.job_id)
        case.federation.pass_time(601)
        assert wait_for(lambda: not case.site.workers.running)
        assert case.job.state == JobState.RUNNING
        assert case.site.runners[0].working() == 0  # so that another job may run
        if away:
            case.site.link.down.discard(LEAD)
            case.open()
        assert isinstance(case.ask(1), RoundReply)  # what was released needs no worker
        assert len(case.site.workers.started) == 1
        assert isinstance(case.ask(2), RoundReply)
        assert len(case.site.workers.started) == 2
        assert case.site.runners[0].working() == 1


def test_the_same_round_again_is_no_sign_of_progress(tmp_path: Path) -> None:
    case = day_long(tmp_path, lead_silence_hours=1)
    with running(case.site):
        case.ask(1)
        case.federation.pass_time(2400)
        assert isinstance(case.ask(1), RoundReply)
        case.federation.pass_time(1201)
        case.send(Round(1, (), b"m"))
        job = case.ended(JobState.FAILED)
    assert job.code == "DEADLINE_PASSED"


def test_a_lead_that_asks_a_new_round_in_time_is_followed(case: Case) -> None:
    for number in (1, 2, 3):
        case.federation.pass_time(599)
        assert isinstance(case.ask(number), RoundReply)
    assert case.job.state == JobState.RUNNING


@pytest.mark.parametrize("jump", [7200, -7200, 86_400 * 40, -86_400 * 400])
def test_a_clock_that_jumps_ends_no_running_job(case: Case, jump: float) -> None:
    """While papers or the contract are not valid by it, nothing is answered; then all goes on."""
    case.ask(1)
    streams = case.site.link.calls.count((LEAD, "participate"))
    case.federation.clock.advance(jump)
    case.send(Round(2, SITES, b"m", case.receipts(1)))
    if jump != 7200:
        assert wait_for(lambda: case.site.link.calls.count((LEAD, "participate")) > streams)
        assert case.record(2) is None
        case.federation.clock.advance(-jump)
    assert isinstance(case.answer(), RoundReply)
    assert case.job.state == JobState.RUNNING


def test_a_job_ends_by_the_time_that_passed_and_not_by_the_clock(case: Case) -> None:
    case.ask(1)
    case.federation.pass_time(3601)
    case.federation.clock.advance(-3601)
    frame = case.ask(2)
    assert isinstance(frame, RoundRefusal)
    assert frame.code == "DEADLINE_PASSED"
    case.ended(JobState.FAILED)


class Looking(QuickPace):
    """A pace that counts how often somebody looked at it."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    def now(self) -> float:
        self.looks += 1
        return super().now()


def test_a_lead_that_is_connected_may_wait_for_other_sites_before_the_first_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_run, "LONGEST_WAIT", 0.05)
    case, pace = Case(tmp_path), Looking()
    case.site.ports = replace(case.site.ports, pace=pace)
    with running(case.site):
        assert wait_for(lambda: SITES[0] in case.hub.connected(case.job_id))
        for _ in range(4):
            seen = pace.looks
            assert wait_for(lambda seen=seen: pace.looks > seen + 4)
            case.federation.pass_time(500)
        assert isinstance(case.ask(1), RoundReply)


@pytest.mark.parametrize(("seconds", "waited"), [(0.5, 600), (60, 600), (61, 610), (3600, 36_000)])
def test_patience_is_ten_rounds_or_ten_minutes(seconds: float, waited: float) -> None:
    assert patience(seconds) == waited


@pytest.mark.parametrize("outcome", ["completed", "failed", "cancelled"])
def test_a_job_that_has_ended_keeps_digests_and_no_update(case: Case, outcome: str) -> None:
    for number in (1, 2, 3):
        case.ask(number)
    assert all(case.record(number) for number in (1, 2, 3))  # until then, each can be replayed
    case.send(Finish(outcome, "", ""))
    assert wait_for(lambda: is_final(case.job.state))
    with case.site.ports.store.read() as tx:
        kept = tx.rounds.find(job_id=case.job_id)
    assert [record.payload for record in kept] == [b"", b"", b""]
    assert {record.request_digest for record in kept} == {sha256_hex(b"m")}


@pytest.mark.parametrize("busy", [True, False])
def test_a_cancellation_stops_the_run(case: Case, *, busy: bool) -> None:
    """Also one whose worker computes: nobody waits for the end of its step."""
    case.site.workers.site.silent = busy
    case.send(Round(1, (), b"m"))
    assert wait_for(lambda: case.site.reservation(case.job_id).committed_rounds == 1)
    assert busy or isinstance(case.answer(), RoundReply)
    lead = case.federation.caller(case.site)
    cancel_job(case.site.ports, lead, JobCancellation(case.job_id, "enough").to_body())
    job = case.ended(JobState.CANCELLED)
    assert job.reason == "enough"
    assert case.site.reservation(case.job_id).counted_rounds(Rule.RENYI) == 1


@pytest.mark.parametrize("way", ["round", "end", "message"])
@pytest.mark.parametrize(("shown", "counted"), [(2, 3), (1, 1)])
def test_a_receipt_of_a_round_that_we_forgot_counts_the_job_in_full(
    case: Case, way: str, shown: int, counted: int
) -> None:
    """Home and database of a snapshot, which was taken after round 1; the lead was at round 2."""
    case.ask(1)
    digest = model_digest(b"m")
    receipts = tuple(
        signed_receipt(case.federation, case.job, site, number, digest)
        for site, number in ((SITES[0], shown), (SITES[1], 2), (SITES[2], 2))
    )
    if way == "round":
        case.send(Round(3, SITES, b"m", receipts))
    elif way == "end":
        case.send(Finish("completed", "", "", receipts))
    else:
        lead = case.federation.caller(case.site)
        message = JobCancellation(case.job_id, "completed", receipts)
        cancel_job(case.site.ports, lead, message.to_body())
    assert wait_for(lambda: is_final(case.job.state))
    assert case.site.reservation(case.job_id).counted_rounds(Rule.RENYI) == counted
    assert ("job.rounds.forgotten" in case.site.log(case.job_id)) == (counted == 3)


def test_completion_told_by_message_counts_once_all_rounds_are_released(case: Case) -> None:
    for number in (1, 2, 3):
        case.ask(number)
    lead = case.federation.caller(case.site)
    told = JobCancellation(case.job_id, "completed", case.receipts(3))
    cancel_job(case.site.ports, lead, told.to_body())
    case.ended(JobState.COMPLETED)
