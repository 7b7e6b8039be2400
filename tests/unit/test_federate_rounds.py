"""Rounds at a site: charged before they start, stored before they leave, replayed, not redrawn.

The lead is the test itself: it speaks through its hub, so that it can misbehave.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connector.domain.budget import ReservationState
from connector.domain.federation import (
    Finish,
    LeadFrame,
    Round,
    RoundRefusal,
    RoundReply,
    SiteFrame,
)
from connector.domain.job import Job
from connector.errors import NotFound, RoundRefused, StoreUnavailable, WorkerFailed
from connector.jsonld.canonical import sha256_hex
from connector.protocol.messages import JobCancellation
from connector.services import federate_round
from connector.services.federate_run import SiteRun, patience
from connector.services.federate_site import cancel_job
from connector.services.federate_work import job_folder
from connector.services.lead_hub import Left
from federated.job import JobState, is_final, parse
from federated.privacy.rule import Rule
from tests.support.federation import (
    LEAD,
    SITES,
    Federation,
    Node,
    running,
    signed_receipt,
    wait_for,
)
from tests.support.federation_workers import model_digest


class Case:
    """A job that a site has accepted, and a lead that sends what it likes."""

    def __init__(self, folder: Path, **changes: object) -> None:
        self.federation = Federation(folder)
        self.site = self.federation.site()
        self.models: dict[int, bytes] = {}
        self.own: dict[int, str] = {}
        self.hub = self.federation.lead.hub
        self.job_id, body = self.federation.submission(**changes)
        assert self.federation.ask(self.site, body)["accepted"]
        self.open()

    def open(self) -> None:
        job = self.job
        self.hub.open(self.job_id, job.manifest_digest, parse(job.manifest).sites)

    @property
    def job(self) -> Job:
        return self.site.job(self.job_id)

    @property
    def drawn(self) -> list[tuple[int, bytes]]:
        return self.site.workers.site.updates

    def send(self, frame: LeadFrame) -> None:
        self.hub.send(self.job_id, SITES[0], frame)

    def answer(self) -> SiteFrame:
        """Return the site's next frame, past departures."""
        for _ in range(20):
            got = self.hub.receive(self.job_id, 10)
            assert got is not None, "the site sent nothing"
            if not isinstance(got[1], Left):
                return got[1]
        raise AssertionError("the site keeps leaving")

    def ask(
        self, number: int, message: bytes = b"m", answered: tuple[str, ...] | None = None
    ) -> SiteFrame:
        before = SITES if number > 1 else ()
        receipts = self.receipts(number - 1) if number > 1 else ()
        self.models[number] = message
        self.send(Round(number, before if answered is None else answered, message, receipts))
        frame = self.answer()
        if isinstance(frame, RoundReply):
            self.own[number] = frame.receipt
        return frame

    def receipts(self, number: int) -> tuple[str, ...]:
        """Return the receipts of a round as an honest lead hands them on."""
        digest = model_digest(self.models.get(number, b""))
        others = [
            signed_receipt(self.federation, self.job, site, number, digest) for site in SITES[1:]
        ]
        return (self.own[number], *others) if number in self.own else tuple(others)

    def charge(self, message: bytes = b"m") -> RoundReply | None:
        """Charge round 1, as the site does."""
        now = self.federation.clock.now()
        with self.site.ports.store.write() as tx:
            return federate_round.charge(tx, self.job_id, Round(1, (), message), now)

    def keep(self, update: bytes, number: int = 1) -> RoundReply:
        """Store a reply, as the site does."""
        digest = model_digest(b"m")
        token = signed_receipt(self.federation, self.job, SITES[0], number, digest)
        reply, now = RoundReply(number, update, token), self.federation.clock.now()
        with self.site.ports.store.write() as tx:
            return federate_round.keep(tx, self.job_id, reply, now)

    def ended(self, state: JobState) -> Job:
        assert wait_for(lambda: self.job.state == state), self.job
        assert wait_for(lambda: self.site.workers.running == 0)
        assert self.site.reservation(self.job_id).state is ReservationState.CLOSED
        return self.job

    def record(self, number: int) -> bytes | None:
        with self.site.ports.store.read() as tx:
            found = tx.rounds.get(self.job_id, number)
        return found.payload if found else None


def released(frame: SiteFrame) -> tuple[int, bytes]:
    """Return round and update of a reply."""
    assert isinstance(frame, RoundReply), frame
    return frame.number, frame.message


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
    assert case.site.reservation(case.job_id).counted_steps(Rule.RENYI) == 6
    assert case.site.log(case.job_id) == [
        "job.accepted",
        *["job.round.committed", "job.round.released"] * 3,
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
    assert case.site.reservation(case.job_id).counted_steps(Rule.RENYI) == 2


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
    assert case.site.reservation(case.job_id).counted_steps(Rule.RENYI) == 0


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


def test_our_own_answer_must_have_entered(case: Case) -> None:
    manifest = parse(case.job.manifest)
    others = ("did:web:a", "did:web:b", "did:web:c")
    wide = replace(
        manifest,
        contracts=(*manifest.contracts, *(replace(manifest.contracts[0], site=o) for o in others)),
    )
    frame = Round(2, others, b"m")
    with pytest.raises(RoundRefused, match="did not enter"):
        federate_round.check_request(wide, SITES[0], frame, 3)
    federate_round.check_request(wide, "did:web:a", frame, 3)


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
        case.site.reservation(case.job_id).counted_steps(Rule.RENYI) == 2
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
    case.federation.clock.advance(3601)
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
    assert case.site.reservation(case.job_id).counted_steps(Rule.RENYI) == 2


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
    assert case.site.reservation(case.job_id).counted_steps(Rule.RENYI) == 2
    assert case.record(2) is None
    assert case.site.log(case.job_id).count("job.round.committed") == 1


@pytest.mark.parametrize("code", ["ROUND_REFUSED", "NO_SUCH_CODE"])
def test_a_message_that_the_worker_refuses_costs_nothing(case: Case, code: str) -> None:
    case.site.workers.site.refuse_reading = code
    frame = case.ask(1)
    assert isinstance(frame, RoundRefusal)
    assert "byte 7" not in frame.reason
    assert "byte 7" in case.ended(JobState.FAILED).reason
    assert case.site.reservation(case.job_id).counted_steps(Rule.RENYI) == 0
    assert case.record(1) is None
    assert case.drawn == []


@pytest.mark.parametrize("digest", ["", "0" * 63, "G" * 64])
def test_a_digest_that_is_none_is_no_answer(case: Case, digest: str) -> None:
    case.site.workers.site.misread = [digest]
    frame = case.ask(1)
    assert isinstance(frame, RoundRefusal)
    assert frame.code == "WORKER_FAILED"
    case.ended(JobState.FAILED)
    assert case.site.reservation(case.job_id).counted_steps(Rule.RENYI) == 0


def test_a_replacement_that_reads_another_model_computes_nothing(case: Case) -> None:
    script = case.site.workers.site
    script.die_in = [1]
    script.misread = ["0" * 64]  # the second reading is the right one
    frame = case.ask(1)
    assert isinstance(frame, RoundRefusal)
    assert frame.code == "WORKER_FAILED"
    case.ended(JobState.FAILED)
    assert case.drawn == []


def test_a_worker_that_dies_twice_ends_the_job(case: Case) -> None:
    case.site.workers.site.die_in = [1, 1]
    frame = case.ask(1)
    assert frame == RoundRefusal(1, "WORKER_FAILED", "the site's worker answered `WORKER_FAILED`")
    case.ended(JobState.FAILED)
    assert case.site.reservation(case.job_id).counted_steps(Rule.RENYI) == 2


@pytest.mark.parametrize(
    "code", ["DATA_FILE_CHANGED", "ROUND_REFUSED", "NO_SUCH_CODE", "UNTRUSTED"]
)
def test_the_words_of_a_worker_do_not_leave(case: Case, code: str) -> None:
    case.site.workers.site.refuse = code
    frame = case.ask(1)
    assert frame == RoundRefusal(1, "WORKER_FAILED", "the site's worker answered `WORKER_FAILED`")
    job = case.ended(JobState.FAILED)
    assert "row 7" in job.reason


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
        frame = case.ask(1)
        assert isinstance(frame, RoundRefusal)
        assert frame.code == "WORKER_FAILED"
        case.ended(JobState.FAILED)


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


def test_a_lead_that_never_comes_is_given_up_at_the_deadline(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.site.link.down.add(LEAD)
    with running(case.site):
        assert wait_for(lambda: case.site.workers.started)
        case.federation.clock.advance(3601)
        assert case.ended(JobState.FAILED).code == "DEADLINE_PASSED"


def test_a_lead_that_asks_no_new_round_is_given_up(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.site.link.down.add(LEAD)
    with running(case.site):
        assert wait_for(lambda: case.site.workers.started)
        case.federation.clock.advance(601)
        job = case.ended(JobState.FAILED)
    assert (job.code, job.reason) == (
        "DEADLINE_PASSED",
        "the lead asked no new round for 600 s",
    )
    assert case.site.reservation(case.job_id).counted_steps(Rule.RENYI) == 0


def test_the_same_round_again_is_no_sign_of_progress(case: Case) -> None:
    case.ask(1)
    case.federation.clock.advance(400)
    assert isinstance(case.ask(1), RoundReply)
    case.federation.clock.advance(201)
    case.send(Round(1, (), b"m"))
    job = case.ended(JobState.FAILED)
    assert job.code == "DEADLINE_PASSED"


def test_a_lead_that_asks_a_new_round_in_time_is_followed(case: Case) -> None:
    for number in (1, 2, 3):
        case.federation.clock.advance(599)
        assert isinstance(case.ask(number), RoundReply)
    assert case.job.state == JobState.RUNNING


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


def test_a_cancellation_stops_the_run(case: Case) -> None:
    case.ask(1)
    lead = case.federation.caller(case.site)
    cancel_job(case.site.ports, lead, JobCancellation(case.job_id, "enough").to_body())
    job = case.ended(JobState.CANCELLED)
    assert job.reason == "enough"
    assert case.site.reservation(case.job_id).counted_steps(Rule.RENYI) == 2


def test_completion_told_by_message_counts_once_all_rounds_are_released(case: Case) -> None:
    for number in (1, 2, 3):
        case.ask(number)
    lead = case.federation.caller(case.site)
    told = JobCancellation(case.job_id, "completed", case.receipts(3))
    cancel_job(case.site.ports, lead, told.to_body())
    case.ended(JobState.COMPLETED)


class Crash(BaseException):
    """Stands for `kill -9`: nothing catches it."""


def crashed(site: Node, case: Case) -> None:
    """Reopen the site's database, as after a crash."""
    assert case.job_id
    site.reopen()


def test_crash_between_commit_and_release(tmp_path: Path) -> None:
    """The round is run again, without a second commit."""
    case = Case(tmp_path)
    assert case.charge() is None
    crashed(case.site, case)
    assert case.site.reservation(case.job_id).committed_rounds == 1
    with running(case.site):
        reply = case.ask(1)
        assert released(reply) == (1, case.drawn[0][1])
        assert case.site.reservation(case.job_id).committed_rounds == 1
        assert isinstance(case.ask(2), RoundReply)
    assert case.site.log(case.job_id).count("job.round.committed") == 2


def test_another_request_after_a_crash_between_commit_and_release_is_refused(
    tmp_path: Path,
) -> None:
    case = Case(tmp_path)
    case.charge()
    crashed(case.site, case)
    with running(case.site):
        frame = case.ask(1, b"other")
        assert isinstance(frame, RoundRefusal)
        case.ended(JobState.FAILED)
    assert case.drawn == []


def test_crash_between_release_and_send(tmp_path: Path) -> None:
    """What was stored is what is sent: the worker is not asked again."""
    case = Case(tmp_path)
    case.charge()
    case.keep(b"released")
    crashed(case.site, case)
    with running(case.site):
        assert released(case.ask(1)) == (1, b"released")
        assert case.drawn == []
        assert isinstance(case.ask(2), RoundReply)
    assert case.site.reservation(case.job_id).committed_rounds == 2


def test_a_crash_inside_a_step_leaves_nothing_of_it(tmp_path: Path) -> None:
    case = Case(tmp_path)
    now = case.federation.clock.now()

    def crash_after(done: object) -> None:
        assert done is None
        raise Crash

    with pytest.raises(Crash), case.site.ports.store.write() as tx:
        crash_after(federate_round.charge(tx, case.job_id, Round(1, (), b"m"), now))
    crashed(case.site, case)
    assert case.site.reservation(case.job_id).committed_rounds == 0
    assert case.record(1) is None
    assert case.site.log(case.job_id) == ["job.accepted"]


def test_a_running_job_goes_on_after_a_restart(case: Case) -> None:
    first = case.ask(1)
    case.site.restart()
    assert case.ask(1) == first
    assert isinstance(case.ask(2), RoundReply)
    assert case.site.reservation(case.job_id).committed_rounds == 2


def test_what_was_released_once_stays(tmp_path: Path) -> None:
    case = Case(tmp_path)
    assert case.charge() is None
    first = case.keep(b"one")
    assert first.message == b"one"
    assert case.keep(b"two") == first
    assert case.charge() == first
    with pytest.raises(RoundRefused):
        case.keep(b"x", number=2)
    federate_round.end(
        case.site.ports, case.job_id, federate_round.Ending(JobState.FAILED, "X", "x")
    )
    with pytest.raises(RoundRefused):
        case.keep(b"one")
    with pytest.raises(RoundRefused):
        case.charge()


def test_the_first_ending_stands(tmp_path: Path) -> None:
    case = Case(tmp_path)
    first = federate_round.Ending(JobState.FAILED, "WORKER_FAILED", "gone")
    assert federate_round.end(case.site.ports, case.job_id, first) == first
    second = federate_round.Ending(JobState.CANCELLED, "JOB_CANCELLED", "enough")
    assert federate_round.end(case.site.ports, case.job_id, second) == first
    assert federate_round.end(case.site.ports, "urn:none", second) == second
    assert case.site.log(case.job_id).count("job.failed") == 1


def test_a_run_whose_job_is_gone_ends_by_itself(tmp_path: Path) -> None:
    case = Case(tmp_path)
    run = SiteRun(case.site.ports, case.job)
    federate_round.end(
        case.site.ports, case.job_id, federate_round.Ending(JobState.FAILED, "X", "x")
    )
    case.send(Round(1, (), b"m"))
    run.run()
    assert case.drawn == []
    assert case.site.workers.running == 0


def test_a_stored_manifest_that_cannot_be_read_ends_the_job(tmp_path: Path) -> None:
    case = Case(tmp_path)
    with case.site.ports.store.write() as tx:
        tx.jobs.put(replace(case.job, manifest=b"{}"))
    with running(case.site):
        assert case.ended(JobState.FAILED).code == "MALFORMED_MESSAGE"


def test_jobs_beyond_the_limit_wait_their_turn(tmp_path: Path) -> None:
    case = Case(tmp_path)
    settings = replace(case.site.ports.settings, max_jobs=1)
    case.site.ports = replace(case.site.ports, settings=settings)
    second, body = case.federation.submission()
    assert case.federation.ask(case.site, body)["accepted"]
    with running(case.site):
        assert isinstance(case.ask(1), RoundReply)
        assert len(case.site.workers.started) == 1
        case.send(Finish("cancelled", "JOB_CANCELLED", "enough"))
        assert wait_for(lambda: len(case.site.workers.started) == 2)
    assert case.site.job(second).state == JobState.ACCEPTED


def test_a_store_that_is_away_does_not_end_the_watcher(case: Case) -> None:
    store = case.site.ports.store
    failures = iter([StoreUnavailable("locked")])

    class Flaky:
        def read(self) -> object:
            error = next(failures, None)
            if error is not None:
                raise error
            return store.read()

    watcher = case.site._runners[0]
    watcher._ports = replace(watcher._ports, store=Flaky())
    case.site.ports.wakeups.notify("job")
    assert wait_for(lambda: next(failures, None) is None)
    assert isinstance(case.ask(1), RoundReply)


def test_names_that_are_not_there(case: Case) -> None:
    with pytest.raises(WorkerFailed):
        job_folder(case.site.ports, "urn:uuid:../..")
    with pytest.raises(NotFound):
        case.hub.send("urn:none", SITES[0], Finish("failed", "", ""))
