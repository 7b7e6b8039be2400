"""Submits a job to its sites and collects their decisions.

Rules: all sites are asked at once, each until it has decided or the job's deadline; a site that is
away or busy is asked again, not sooner than it says; an answer is kept as soon as it is there, so
that a lead that dies does not ask again; the first refusal ends the asking, since a job without one
of its sites is another job. Sites that have accepted wait as long as they see the lead connected.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from connector.domain.federation.job import Job
from connector.errors import PASSING, ApprovalAwaited, PeerUnreachable, PreauError, WorldFault
from connector.ports import Ports
from connector.protocol.messages import JobDecision, JobSubmission
from connector.services.federation.deadline import Deadline
from connector.services.federation.lead import book
from connector.services.federation.site.rounds import Ending, one_line
from connector.services.membership import onboard
from federated.job import JobState

CALL_SECONDS = 60.0
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
LOOK_SECONDS = 0.25  # how soon an abort is seen


class Submission:
    """One job on its way to its sites."""

    def __init__(
        self, ports: Ports, job: Job, deadline: Deadline, aborted: threading.Event
    ) -> None:
        """Prepare to ask.

        Args:
            ports: of the lead.
            job: to submit.
            deadline: of the job; sites are asked until then.
            aborted: set when the job was ended elsewhere.
        """
        self._ports = ports
        self._job = job
        self._aborted = aborted
        self._deadline = deadline
        self._enough = threading.Event()

    def run(self) -> Ending | None:
        """Ask the sites; return how the job ends when one does not accept."""
        _, rows = book.load(self._ports, self._job.id)
        for row in rows:
            if row.decision == book.REFUSED:
                return _refused(row.site, row.code, row.reason)
        waiting = [row.site for row in rows if row.decision == book.PENDING]
        with ThreadPoolExecutor(max(len(waiting), 1), thread_name_prefix="submit") as pool:
            endings = [ending for ending in pool.map(self._ask, waiting) if ending is not None]
        # A refusal says more than a site that nobody waited for any longer.
        return min(endings, key=lambda ending: ending.state != JobState.REFUSED, default=None)

    def _ask(self, site: str) -> Ending | None:
        """Ask one site until it decides; return how the job ends when it does not accept."""
        pause, code, last = FIRST_PAUSE, PeerUnreachable.code, "it was not asked"
        while self._deadline.left() > 0 and not (self._enough.is_set() or self._aborted.is_set()):
            try:
                decision = self._call(site)
            except PASSING as exc:
                silent = isinstance(exc, WorldFault)
                if exc.reason != last and isinstance(exc, ApprovalAwaited):
                    book.waits(self._ports, self._job.id, site, exc.code, one_line(exc.reason))
                code, last = PeerUnreachable.code if silent else exc.code, exc.reason
                self._rest(max(pause, exc.retry_after))
                pause = min(pause * 2, LONGEST_PAUSE)
            except PreauError as exc:
                return self._decided(site, exc.code, exc.reason)
            else:
                reason = "; ".join(decision.reasons) or "no reason was given"
                return self._decided(site, "" if decision.accepted else decision.code, reason)
        return Ending(JobState.FAILED, code, one_line(f"`{site}`: {last}"))

    def _rest(self, seconds: float) -> None:
        """Wait, unless all is over before."""
        until = time.monotonic() + min(seconds, max(self._deadline.left(), 0.0))
        while not self._aborted.is_set() and (left := until - time.monotonic()) > 0:
            if self._enough.wait(min(left, LOOK_SECONDS)):
                return

    def _decided(self, site: str, code: str, reason: str) -> Ending | None:
        if not code:
            book.decided(self._ports, self._job.id, site, book.ACCEPTED, "", "")
            return None
        self._enough.set()
        line = one_line(reason)
        book.decided(self._ports, self._job.id, site, book.REFUSED, code, line)
        return _refused(site, code, line)

    def _call(self, site: str) -> JobDecision:
        message = JobSubmission(self._job.id, self._job.manifest, self._job.signature)
        peer = onboard.known(self._ports, site)
        seconds = min(CALL_SECONDS, max(self._deadline.left(), 0.1))
        answer: Mapping[str, Any] = self._ports.wire.call(
            peer, JobSubmission.__name__, message.to_body(), seconds=seconds
        )
        decision = JobDecision.from_body(answer)
        if decision.job_id != self._job.id or (not decision.accepted and not decision.code):
            raise WorldFault(f"`{site}` answered no decision about this job")
        return decision


def _refused(site: str, code: str, reason: str) -> Ending:
    return Ending(JobState.REFUSED, code, one_line(f"`{site}`: {reason}"))
