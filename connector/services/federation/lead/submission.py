"""Submits a job to its sites and collects their decisions.

Rules: all sites are asked at once, each until it has decided or the job's deadline; a site that is
away or busy, or whose persons have yet to decide, is asked again, not sooner than it says; an
answer is kept as soon as it is there, so that a lead that dies does not ask again. A job starts
with a quorum: a refusal is final for its site, and ends the job only where it leaves no quorum. Who
accepts later joins at the next round (`sites.py`). Sites that have accepted wait as long as they
see the lead connected.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from connector.domain.federation.job import Job
from connector.errors import PASSING, ApprovalAwaited, PeerUnreachable, PreauError, WorldFault
from connector.ports import Ports
from connector.protocol.messages import JobDecision, JobSubmission
from connector.services import correlation
from connector.services.federation.deadline import Deadline
from connector.services.federation.lead import book
from connector.services.federation.site.rounds import Ending, one_line
from connector.services.guard import guarded
from connector.services.membership import dealing
from federated.job import JobState

CALL_SECONDS = 60.0
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
LATE_SECONDS = 20.0
LOOK_SECONDS = 0.25  # how soon an abort is seen
STOP_SECONDS = 0.5
UNASKED = "it was not asked"


class Aborted(Exception):
    """The job was ended elsewhere, or the node stops: its thread stops, and decides nothing."""


class Submission:
    """One job on its way to its sites."""

    def __init__(
        self, ports: Ports, job: Job, quorum: int, deadline: Deadline, aborted: threading.Event
    ) -> None:
        """Prepare to ask.

        Args:
            ports: of the lead.
            job: to submit.
            quorum: fewest sites that a round needs.
            deadline: of the job; sites are asked until then.
            aborted: set when the job was ended elsewhere.
        """
        self._ports = ports
        self._job = job
        self._quorum = quorum
        self._aborted = aborted
        self._deadline = deadline
        self._over = threading.Event()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._accepted: set[str] = set()
        self._refused: dict[str, tuple[str, str]] = {}
        self._waiting: dict[str, tuple[str, str]] = {}  # what each waits for: code, reason

    def start(self) -> None:
        """Begin to ask who has not decided, each site in a thread of its own."""
        _, rows = book.load(self._ports, self._job.id)
        for row in rows:
            if row.decision == book.REFUSED:
                self._refused[row.site] = (row.code, row.reason)
            elif row.decision != book.PENDING:
                self._accepted.add(row.site)
            else:
                self._waiting[row.site] = (PeerUnreachable.code, UNASKED)
        if len(self._accepted) + len(self._waiting) < self._quorum:
            return
        name = f"submit-{self._job.id[-12:]}"
        for site in list(self._waiting):
            # A call in flight has its own end; nobody waits for it when the job is over.
            thread = threading.Thread(target=self._run, args=(site,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def quorum(self, late: Callable[[], None]) -> Ending | None:
        """Wait until a quorum has accepted; return how the job ends when none can.

        Args:
            late: called once this takes long, as where persons have yet to decide.

        Raises:
            Aborted: the job was ended elsewhere.
        """
        patient = time.monotonic() + LATE_SECONDS
        while True:
            if time.monotonic() > patient:
                patient = math.inf
                late()
            with self._changed:
                if len(self._accepted) >= self._quorum:
                    return None
                if len(self._accepted) + len(self._waiting) < self._quorum:
                    return self._ending(JobState.REFUSED, self._refused)
                if self._deadline.left() <= 0:
                    return self._ending(JobState.FAILED, self._waiting)
                self._changed.wait(LOOK_SECONDS)
            if self._aborted.is_set():
                raise Aborted

    def settle(self, seconds: float) -> None:
        """Wait until all have decided, for so many seconds at most.

        Raises:
            Aborted: the job was ended elsewhere.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            with self._changed:
                if not self._waiting:
                    return
                self._changed.wait(min(left, LOOK_SECONDS))
            if self._aborted.is_set():
                raise Aborted

    def stop(self) -> None:
        """Ask no more: the job is over here."""
        self._over.set()
        until = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0.0))

    def _ending(self, state: JobState, sites: Mapping[str, tuple[str, str]]) -> Ending:
        """Return an ending that names sites, each with its reason."""
        code = next(iter(sites.values()))[0]
        lines = "; ".join(f"`{site}`: {reason}" for site, (_, reason) in sites.items())
        return Ending(state, code, one_line(lines))

    def _run(self, site: str) -> None:
        with correlation.about(self._job.id):
            while not self._done() and site in self._waiting:
                guarded(self._ports, "submission", partial(self._ask, site), self._over.wait)

    def _ask(self, site: str) -> None:
        """Ask one site until it decides, or the asking is over."""
        pause = FIRST_PAUSE
        while not self._done():
            try:
                decision = self._call(site)
                reason = "; ".join(decision.reasons) or "no reason was given"
                self._decided(site, "" if decision.accepted else decision.code, reason)
            except PASSING as exc:
                self._waits(site, exc)
                self._rest(max(pause, exc.retry_after))
                pause = min(pause * 2, LONGEST_PAUSE)
            except PreauError as exc:
                self._decided(site, exc.code, exc.reason)
                return
            else:
                return

    def _waits(self, site: str, exc: PreauError) -> None:
        """Note what a site that has yet to decide waits for, once for each that is new."""
        # Which fault of the world it is says nothing to whoever waits for the site.
        code = PeerUnreachable.code if isinstance(exc, WorldFault) else exc.code
        line = one_line(exc.reason)
        with self._changed:
            known = self._waiting[site]
            self._waiting[site] = (code, line)
        new = known[0] != code or known[1] == UNASKED
        if new or (isinstance(exc, ApprovalAwaited) and known[1] != line):
            book.waits(self._ports, self._job.id, site, code, line)

    def _done(self) -> bool:
        return self._over.is_set() or self._aborted.is_set() or self._deadline.left() <= 0

    def _rest(self, seconds: float) -> None:
        """Wait, unless all is over before."""
        until = time.monotonic() + min(seconds, max(self._deadline.left(), 0.0))
        while not self._done() and (left := until - time.monotonic()) > 0:
            self._over.wait(min(left, LOOK_SECONDS))

    def _decided(self, site: str, code: str, reason: str) -> None:
        line = one_line(reason) if code else ""
        decision = book.REFUSED if code else book.ACCEPTED
        book.decided(self._ports, self._job.id, site, decision, code, line)
        with self._changed:
            self._waiting.pop(site, None)
            if code:
                self._refused[site] = (code, line)
            else:
                self._accepted.add(site)
            self._changed.notify_all()

    def _call(self, site: str) -> JobDecision:
        message = JobSubmission(self._job.id, self._job.manifest, self._job.signature)
        peer = dealing.known_site(self._ports, self._job.id, site)
        seconds = min(CALL_SECONDS, max(self._deadline.left(), 0.1))
        answer: Mapping[str, Any] = self._ports.wire.call(
            peer, JobSubmission.__name__, message.to_body(), seconds=seconds
        )
        decision = JobDecision.from_body(answer)
        if decision.job_id != self._job.id or (not decision.accepted and not decision.code):
            raise WorldFault(f"`{site}` did not answer with a decision about this job")
        return decision
