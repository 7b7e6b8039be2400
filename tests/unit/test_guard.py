"""A background thread outlives what nobody foresaw, and says what it was without its text."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap import wiring
from connector.bootstrap.system import ThreadWakeups
from connector.bootstrap.threads import exchange
from connector.bootstrap.threads.exchange import Exchange
from connector.bootstrap.threads.renewal import Renewal
from connector.domain.delivery import OUTBOX
from connector.domain.federation.job import JobSide
from connector.ports import Ports
from connector.services import guard
from connector.services.evidence.witness import Witness
from connector.services.federation.threads import JobThreads
from connector.services.guard import guarded, place
from connector.services.membership import onboard
from connector.services.messages import deliver
from tests.support.doubles import ports_for_tests, settings_for_tests

SECRET = "the name of a person"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "PAUSE_SECONDS", 0.01)


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    settings = settings_for_tests(
        tmp_path, "did:web:node.example", space="", status_refresh_seconds=0.01
    )
    made = ports_for_tests(tmp_path, "did:web:node.example", settings=settings)
    return replace(made, wakeups=ThreadWakeups())


def failing(then: threading.Event) -> Callable[..., Any]:
    """Return a step that fails in a way that nobody foresaw, and goes through the third time."""
    tries: list[int] = []

    def step(*_: Any) -> Any:
        tries.append(1)
        if len(tries) < 3:
            raise LookupError(SECRET)
        then.set()
        return []

    return step


def test_a_fault_is_noted_without_its_text(ports: Ports, caplog: pytest.LogCaptureFixture) -> None:
    pauses: list[float] = []
    for _ in range(2):
        assert not guarded(ports, "t", failing(threading.Event()), pauses.append)
    fault = ports.faults["t"]
    assert (fault.kind, fault.times, fault.at) == ("LookupError", 2, ports.clock.now())
    assert SECRET not in repr(fault) + caplog.text
    assert "LookupError" in caplog.text
    assert pauses == [guard.PAUSE_SECONDS] * 2


def test_what_goes_through_leaves_no_note(ports: Ports) -> None:
    assert guarded(ports, "t", lambda: None, lambda _: pytest.fail("no pause"))
    assert ports.faults == {}


def test_what_ends_a_process_is_not_held_up(ports: Ports) -> None:
    def step() -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        guarded(ports, "t", step, lambda _: None)


def test_the_place_is_in_our_own_code(ports: Ports) -> None:
    with pytest.raises(TypeError) as caught:
        ports.settings.path(3)  # type: ignore[arg-type] - the fault
    assert place(caught.tb).startswith("connector.config:")
    assert place(None) == "unknown:0 unknown"


def test_the_outbox_goes_on(ports: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    came, stop = threading.Event(), threading.Event()
    step = failing(came)
    monkeypatch.setattr(deliver.Dispatcher, "dispatch", lambda _self: float(bool(step())))
    thread = threading.Thread(target=deliver.run, args=(ports, stop))
    thread.start()
    assert came.wait(20)
    stop.set()
    ports.wakeups.notify(OUTBOX)
    thread.join(20)
    assert not thread.is_alive()
    assert ports.faults[OUTBOX].times == 2


def test_the_job_watcher_goes_on(ports: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    came = threading.Event()
    step = failing(came)
    monkeypatch.setattr(JobThreads, "_reconcile", lambda _self: step())
    nobody: Any = None
    jobs = JobThreads(ports, JobSide.SITE, "jobs", nobody, nobody)
    jobs.start()
    assert came.wait(20)
    jobs.stop()
    assert ports.faults["jobs-watcher"].times == 2


def test_all_runs_whose_jobs_have_ended_are_aborted_at_once(ports: Ports) -> None:
    """Each abort waits for the other: one after another neither would end."""
    both, done = threading.Barrier(2), threading.Semaphore(0)

    class Slow:
        resting = False

        def run(self) -> None: ...

        def abort(self) -> None:
            both.wait(20)
            done.release()

    nobody: Any = None
    jobs = JobThreads(ports, JobSide.SITE, "jobs", nobody, nobody)
    jobs._running = {name: (Slow(), threading.current_thread(), 0) for name in ("x", "y")}
    jobs._reconcile()
    assert done.acquire(timeout=20)
    assert done.acquire(timeout=20)


def test_a_run_that_fails_unforeseen_is_noted_and_taken_up_later(ports: Ports) -> None:
    class Failing:
        def run(self) -> None:
            raise LookupError(SECRET)

        def abort(self) -> None: ...

    nobody: Any = None
    jobs = JobThreads(ports, JobSide.SITE, "jobs", nobody, nobody)
    jobs._stopping.set()  # so that the pause is none
    jobs._running["x"] = (Failing(), threading.current_thread())
    jobs._work("x", Failing())
    assert (ports.faults["jobs-run"].kind, ports.faults["jobs-run"].times) == ("LookupError", 1)
    assert jobs._running == {}


class Quiet:
    """An identity whose keys need nothing."""

    def follow(self, *, told: bool) -> None:  # noqa: ARG002 - as the real one
        return None

    def retire(self) -> None:
        return None

    def awaits_membership(self) -> bool:
        return False


@pytest.mark.parametrize("which", ["_membership", "_refresh"])
def test_the_renewal_goes_on(ports: Ports, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    came, other = threading.Event(), threading.Event()
    step = failing(came)
    monkeypatch.setattr(onboard, "refresh", lambda _ports: other.set() or [])
    monkeypatch.setattr(Renewal, which, lambda _self: step() == [])
    quiet: Any = Quiet()
    running = Renewal(ports, quiet)
    running.start()
    assert came.wait(20)
    if which == "_membership":
        assert other.wait(20)  # what fails beside it did not keep the peers from being refreshed
    running.stop()
    assert ports.faults["renewal"].times == 2


def test_the_witness_goes_on(ports: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    came = threading.Event()
    step = failing(came)
    monkeypatch.setattr(Witness, "see", lambda _self, *shown: step(*shown))
    checkpoints = wiring._checkpoints(ports)
    checkpoints.start()
    for peer in "abc":
        checkpoints.received(peer, b"note")
    assert came.wait(20)
    checkpoints.stop()
    assert ports.faults["witness"].times == 2


def test_the_exchange_with_peers_goes_on(ports: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    came = threading.Event()
    step = failing(came)
    over: list[bool] = []

    def turn(_: Exchange) -> None:
        over.append(ports.asking.over.is_set())
        step()

    ports.asking.over.clear()
    monkeypatch.setattr(Exchange, "_turn", turn)
    monkeypatch.setattr(exchange, "_SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(exchange, "PAUSE_SECONDS", 0.0)
    running = Exchange(ports)
    running.start()
    assert came.wait(20)
    running.stop()
    assert over[:3] == [False] * 3  # who failed to ask its peers spends nothing yet
    assert ports.asking.over.is_set()
    assert ports.faults["exchange"].times == 2


def test_one_odd_peer_keeps_no_other_from_being_refreshed(ports: Ports) -> None:
    seen: list[str] = []

    def step(_ports: Ports, about: str) -> None:
        seen.append(about)
        if about == "a":
            raise LookupError(SECRET)

    for about in "ab":
        onboard._try(step, ports, about)
    assert seen == ["a", "b"]
    assert ports.faults["renewal"].times == 1
