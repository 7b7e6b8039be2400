"""A site that dies or is restarted in the middle of a round, and jobs that wait or have ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connector.domain.federation.frames import (
    Finish,
    Round,
    RoundRefusal,
    RoundReply,
)
from connector.errors import NotFound, RoundRefused, StoreUnavailable, WorkerFailed
from connector.services.federation.site import rounds
from connector.services.federation.site.names import job_folder
from connector.services.federation.site.run import SiteRun
from federated.job import JobState
from tests.support.federation import (
    SITES,
    Node,
    running,
    wait_for,
)
from tests.support.site_rounds import Case, released


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    found = Case(tmp_path)
    with running(found.site):
        yield found


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
        crash_after(rounds.charge(tx, case.job_id, Round(1, (), b"m"), now))
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
    rounds.end(case.site.ports, case.job_id, rounds.Ending(JobState.FAILED, "X", "x"))
    with pytest.raises(RoundRefused):
        case.keep(b"one")
    with pytest.raises(RoundRefused):
        case.charge()


def test_the_first_ending_stands(tmp_path: Path) -> None:
    case = Case(tmp_path)
    first = rounds.Ending(JobState.FAILED, "WORKER_FAILED", "gone")
    assert rounds.end(case.site.ports, case.job_id, first) == first
    second = rounds.Ending(JobState.CANCELLED, "JOB_CANCELLED", "enough")
    assert rounds.end(case.site.ports, case.job_id, second) == first
    assert rounds.end(case.site.ports, "urn:none", second) == second
    assert case.site.log(case.job_id).count("job.failed") == 1


def test_a_run_whose_job_is_gone_ends_by_itself(tmp_path: Path) -> None:
    case = Case(tmp_path)
    run = SiteRun(case.site.ports, case.job)
    rounds.end(case.site.ports, case.job_id, rounds.Ending(JobState.FAILED, "X", "x"))
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

    watcher = case.site.runners[0]
    watcher._ports = replace(watcher._ports, store=Flaky())
    case.site.ports.wakeups.notify("job")
    assert wait_for(lambda: next(failures, None) is None)
    assert isinstance(case.ask(1), RoundReply)


def test_names_that_are_not_there(case: Case) -> None:
    with pytest.raises(WorkerFailed):
        job_folder(case.site.ports, "urn:uuid:../..")
    with pytest.raises(NotFound):
        case.hub.send("urn:none", SITES[0], Finish("failed", "", ""))
