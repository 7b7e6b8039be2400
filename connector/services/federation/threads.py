"""Runs jobs in threads: one a job, a bounded number at once, each ended when its job has ended.

Rules: the database says which jobs run, so that a restart goes on where it was; leads take turns,
so that nobody's many jobs keep another's waiting; a job whose turn it is waits for memory
(`room.py`), and its log says so; nothing is polled in the hot path: the watcher
sleeps until it is woken by name; `stop` ends every thread within a bounded time. What a job does is
its `Run`.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from connector.domain.federation.job import Job, JobSide
from connector.errors import PreauError, StoreUnavailable
from connector.ports import Ports
from connector.services import correlation
from connector.services.federation.room import Room
from connector.services.federation.site.rounds import Ending, one_line
from connector.services.guard import guarded
from federated.job import JobState, is_final

LONGEST_SLEEP = 15.0
STOP_SECONDS = 15.0

_log = logging.getLogger(__name__)


class Run(Protocol):
    """One job's life on this node.

    Attributes:
        resting: whether it holds no worker, so that another job may have its place.
    """

    resting: bool

    def run(self) -> None:
        """Work until the job has ended or `abort` was called."""
        ...

    def abort(self) -> None:
        """Make `run` return soon, without deciding how the job ends."""
        ...


def turns(waiting: Iterable[Job], held: Iterable[str], free: int) -> list[Job]:
    """Return the jobs that begin next, one a place: leads take turns, a lead's oldest job first.

    Args:
        waiting: jobs without a place.
        held: the lead of each job that has one.
        free: places.
    """
    places, chosen = Counter(held), list[Job]()
    left = sorted(waiting, key=lambda job: job.created_at)
    while left and len(chosen) < free:
        job = min(left, key=lambda job: places[job.peer])  # the oldest of those with the fewest
        left.remove(job)
        places[job.peer] += 1
        chosen.append(job)
    return chosen


class JobThreads:
    """The threads of all jobs of one side."""

    def __init__(
        self,
        ports: Ports,
        side: JobSide,
        wakeup: str,
        make: Callable[[Job], Run],
        end: Callable[[Ports, str, Ending], Ending],
        room: Room | None = None,
    ) -> None:
        """Prepare; nothing runs before `start`.

        Args:
            ports: of this node.
            side: whose jobs.
            wakeup: name of the event that says that a job began or ended.
            make: makes a job's run; raises PreauError for a job that cannot be run.
            end: ends such a job on this side.
            room: memory of workers, shared with the other side; its own where none is given.
        """
        self._ports = ports
        self._side = side
        self._wakeup = wakeup
        self._make = make
        self._end = end
        self._room = room or Room(ports.settings)
        self._room.held.append(self._held)
        self._room.waking.append(partial(ports.wakeups.notify, wakeup))
        self._waiting: set[str] = set()  # jobs whose log says that they wait for memory
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._running: dict[str, tuple[Run, threading.Thread, int]] = {}
        self._watcher: threading.Thread | None = None

    def start(self) -> None:
        """Start the watcher, which takes up every job that has not ended."""
        self._watcher = threading.Thread(target=self._watch, name=f"{self._wakeup}-watcher")
        self._watcher.start()

    def stop(self) -> None:
        """End all threads; jobs stay as they are and go on after the next start."""
        self._stopping.set()
        self._ports.wakeups.notify(self._wakeup)
        if self._watcher is not None:
            self._watcher.join(STOP_SECONDS)
        with self._guard:
            running = list(self._running.values())
        aborting = self._abort(run for run, _, _ in running)
        for thread in (*aborting, *(thread for _, thread, _ in running)):
            thread.join(STOP_SECONDS)

    def working(self) -> int:
        """Return how many jobs have a place among those that run at the same time."""
        with self._guard:
            return sum(not run.resting for run, _, _ in self._running.values())

    def _held(self) -> int:
        with self._guard:
            return sum(need for run, _, need in self._running.values() if not run.resting)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            guarded(self._ports, f"{self._wakeup}-watcher", self._look, self._stopping.wait)

    def _look(self) -> None:
        try:
            self._reconcile()
        except StoreUnavailable as exc:
            _log.warning("jobs cannot be read: %s", exc.reason)
        self._ports.wakeups.wait(self._wakeup, LONGEST_SLEEP)

    def _reconcile(self) -> None:
        """Abort runs whose job has ended, then start what has not: see `turns`."""
        with self._ports.store.read() as tx:
            going = {
                job.id: job
                for state in JobState
                if not is_final(state)
                for job in tx.jobs.page(limit=0, side=self._side, state=state).values
            }
        with self._guard:
            running = dict(self._running)
        self._abort(run for job_id, (run, _, _) in running.items() if job_id not in going)
        self._waiting &= going.keys()
        free = self._ports.settings.max_jobs - self.working()
        held = [going[job_id].peer for job_id in running if job_id in going]
        new = [job for job in going.values() if job.id not in running]
        with self._room.deciding:
            for job in turns(new, held, free):
                need = self._room.need(job)
                if not self._room.fits(need):
                    self._wait(job, need)
                    return
                self._begin(job, need)

    def _abort(self, runs: Iterable[Run]) -> list[threading.Thread]:
        """Abort runs, all at once: each may have to wait a moment for its worker to end."""
        name, pause = f"{self._wakeup}-abort", self._stopping.wait
        threads = [
            threading.Thread(target=guarded, args=(self._ports, name, run.abort, pause), name=name)
            for run in runs
        ]
        for thread in threads:
            thread.start()
        return threads

    def _wait(self, job: Job, need: int) -> None:
        """Say in the log, once, that a job waits for memory."""
        if job.id in self._waiting:
            return
        self._waiting.add(job.id)
        with self._ports.store.write() as tx:
            most, free = self._room.most, self._room.free()
            tx.audit.append("job.waits", job.id, needs=need, free=free, most=most)

    def _begin(self, job: Job, need: int) -> None:
        try:
            run = self._make(job)
        except PreauError as exc:  # it can never run here: it gets an end instead
            self._end(self._ports, job.id, Ending(JobState.FAILED, exc.code, one_line(exc.reason)))
            return
        thread = threading.Thread(target=self._work, args=(job.id, run), name=f"job-{job.id[-12:]}")
        with self._guard:
            self._running[job.id] = (run, thread, need)
        thread.start()

    def _work(self, job_id: str, run: Run) -> None:
        def attempt() -> None:
            try:
                run.run()
            except PreauError as exc:  # the job stays as it is and is taken up again
                _log.warning("%s: %s", exc.code, exc.reason)
                self._stopping.wait(1.0)

        try:
            with correlation.about(job_id):
                guarded(self._ports, f"{self._wakeup}-run", attempt, self._stopping.wait)
        finally:
            with self._guard:
                del self._running[job_id]
            if not self._stopping.is_set():
                self._room.wake()
