"""A job at its lead, from the first submission to its end: one thread, one worker process.

Rules: the job is tried before a site is asked (`tried.py`); a quorum of sites has accepted before
anything runs, and who has not decided is asked on; the
state after a round is stored before the next one starts, so that a lead or a worker that dies goes
on from there with the very same messages; the model is written in one step. Every wait is bounded.

Submitting is `submission.py`, rounds are `relay.py`, who takes part is `sites.py`, what is written
down is `book.py`; which jobs run is `LeadRunner`'s.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from connector.domain.federation.frames import Finish
from connector.domain.federation.job import Job
from connector.errors import (
    PreauError,
    StoreUnavailable,
    WorkerFailed,
    WorldFault,
    from_code,
)
from connector.identity.card import seal
from connector.ports import Ports, Worker
from connector.services.federation.deadline import Deadline
from connector.services.federation.lead import book, evaluation, release, tried
from connector.services.federation.lead import card as cards
from connector.services.federation.lead.evidence import CARD_NAME, RECEIPTS_NAME, gather
from connector.services.federation.lead.hub import LeadHub
from connector.services.federation.lead.relay import Relay
from connector.services.federation.lead.sites import Sites
from connector.services.federation.lead.submission import Aborted, Submission
from connector.services.federation.site.names import job_folder
from connector.services.federation.site.rounds import Ending, one_line
from connector.services.federation.translation import translated
from federated.job import MAX_SITES, JobState, is_final, parse
from federated.reading import Member
from federated.task.engine import recipe

WORKER_SECONDS = 120.0
RESULT_NAME = "model.npz"
T = TypeVar("T")
_OUTCOMES = {JobState.COMPLETED: "completed", JobState.CANCELLED: "cancelled"}

_log = logging.getLogger(__name__)


class LeadRun:
    """One job that this node leads."""

    resting = False

    def __init__(self, ports: Ports, hub: LeadHub, job: Job) -> None:
        self._ports = ports
        self._hub = hub
        self._job = job
        with translated():
            self._manifest = parse(job.manifest)
        self._aborted = threading.Event()
        self._deadline = Deadline(ports, job, self._manifest.deadline)
        self._relay = Relay(ports, hub, job, Sites(ports, hub, self._manifest), self._going)
        self._guard = threading.Lock()
        self._worker: Worker | None = None

    def run(self) -> None:
        """Lead until the job has ended, or `abort` is called."""
        ending: Ending | None = Ending(JobState.FAILED, PreauError.code, "the lead failed")
        result = ""
        try:
            self._hub.open(self._job.id, self._job.manifest_digest, self._manifest.sites)
            ending, result = self._lead()
        except Aborted:
            ending = None
        except StoreUnavailable:  # nothing can be written now: the job is taken up again
            ending = None
            raise
        except PreauError as exc:
            ending = Ending(JobState.FAILED, exc.code, one_line(exc.reason))
        finally:
            try:  # the sites are told first: a worker may take a moment to end
                self._end(None if self._aborted.is_set() else ending, result)
            finally:
                self._stop_worker()

    def abort(self) -> None:
        """Stop without deciding how the job ends: it was cancelled, or the node stops."""
        self._aborted.set()
        self._stop_worker()

    def _going(self) -> None:
        """See that the job goes on.

        Raises:
            DeadlinePassed: the job's time is over.
            Aborted: the job was ended elsewhere.
        """
        if self._aborted.is_set():
            raise Aborted
        self._deadline.check()

    def _lead(self) -> tuple[Ending, str]:
        quorum = self._manifest.quorum
        submission = Submission(self._ports, self._job, quorum, self._deadline, self._aborted)
        if self._job.state == JobState.SUBMITTED:
            self._twice(partial(tried.check, self._ports, self._job, self._tryer))
        submission.start()
        try:
            if self._job.state == JobState.SUBMITTED:
                refusal = submission.quorum(late=self._stop_worker)
                if refusal is not None:
                    return refusal, ""
            model = self._twice(partial(self._attempt, submission))
        finally:
            submission.stop()
        evidence = gather(self._ports, self._job.id, self._manifest)
        now = self._ports.clock.now()
        with self._ports.store.read() as tx:
            end = release.until(tx, self._manifest)
        card = cards.describe(evidence, model, now, end)
        self._write(RECEIPTS_NAME, evidence.receipts())
        self._write(CARD_NAME, seal(self._ports.signer, card))
        return Ending(JobState.COMPLETED), str(self._write(RESULT_NAME, model))

    def _settle(self, submission: Submission) -> None:
        """Wait a little for who has not decided, then for who accepted to be connected.

        Raises:
            Aborted: the job was ended elsewhere.
        """
        job, _ = book.load(self._ports, self._job.id)
        steps: tuple[JobState, ...] = ()
        if job.state == JobState.SUBMITTED:
            submission.settle(self._ports.settings.site_wait_seconds)
            steps = (JobState.ACCEPTED,)
        if not book.moved(self._ports, self._job.id, *steps, JobState.RUNNING):
            raise Aborted
        self._relay.gather()

    def _twice(self, work: Callable[[], T]) -> T:
        """Do what needs a worker, once more with another one when it dies.

        Raises:
            WorkerFailed: it died twice.
        """
        try:
            return work()
        except WorkerFailed:
            if self._aborted.is_set():
                raise
            _log.warning("the lead's worker failed and is started again")
            self._stop_worker()
            return work()

    def _attempt(self, submission: Submission) -> bytes:
        """Start a worker with the last checkpoint and serve it until it is done.

        The one that tried the job goes on with it.

        Raises:
            WorkerFailed: it died.
            TooFewSites: a round had too few answers.
            DeadlinePassed: the job's time is over.
        """
        job, _ = book.load(self._ports, self._job.id)
        last = book.resume_from(self._ports, job)
        worker = self._started_worker("lead")
        sites = list(self._manifest.sites)
        order: dict[str, Any] = {"op": "start", "manifest": job.manifest.decode(), "sites": sites}
        own = recipe(self._ports.code_hash, self._manifest.engine)
        # A job of an earlier release is led on by this one's code, which sees noised updates only.
        order |= {"round": job.round, "recipe": own}
        worker.send(order, last.state)
        self._settle(submission)  # the sites' workers and ours start at the same time
        self._receive(worker, "ready", None)
        for number in range(job.round + 1, self._manifest.turns + 1):
            last = self._round(worker, number, last)
        return self._receive(worker, "done", None)[1]

    def _round(self, worker: Worker, number: int, before: book.Completed) -> book.Completed:
        """Carry one round and keep it; return it."""
        header, payload = self._receive(worker, "round", number)
        digest = Member(header, _not_expected).child("digest").digest()
        replies = self._relay.round(number, before, _split(header, payload), digest)
        updates = [reply.message for reply in replies.values()]
        sizes = [len(update) for update in updates]
        reply = {"op": "replies", "round": number, "sites": list(replies), "sizes": sizes}
        worker.send(reply, b"".join(updates))
        header, state = self._receive(worker, "state", number)
        entered = self._relay.entered(
            number, replies, header.get("answered"), header.get("refused")
        )
        receipts = tuple(reply.receipt for reply in replies.values())
        scores = evaluation.scores_of(self._manifest, number, header.get("scores"), _not_expected)
        completed = book.Completed(state, entered, receipts, scores)
        if not book.checkpoint(self._ports, self._job.id, number, completed):
            raise Aborted
        worker.send({"op": "saved"})
        return completed

    def _receive(self, worker: Worker, op: str, number: int | None) -> tuple[dict[str, Any], bytes]:
        """Return the worker's next frame, which must be the one that is due.

        Raises:
            WorkerFailed: it is gone, silent, or sent another.
            PreauError: what it refused, by code.
        """
        self._deadline.check()
        header, payload = worker.receive(min(WORKER_SECONDS, self._deadline.left()))
        if header.get("op") == "failed":
            reason = one_line(str(header.get("reason", ""))) or "the worker gave no reason"
            raise from_code(str(header.get("code", "")), reason)
        if header.get("op") != op or (number is not None and header.get("round") != number):
            raise WorkerFailed("the lead's worker sent something unexpected")
        if not payload and op != "ready":
            raise WorkerFailed("the lead's worker sent an empty frame")
        return header, payload

    def _tryer(self) -> Worker:
        return self._started_worker("rehearsal")

    def _started_worker(self, role: str) -> Worker:
        """Return the worker that runs, or one of a role."""
        with self._guard:
            worker = self._worker
        if worker is not None:
            return worker
        worker = self._ports.workers.start(role, job_folder(self._ports, self._job.id))
        with self._guard:
            self._worker = worker
        if self._aborted.is_set():
            self._stop_worker()
            raise Aborted
        return worker

    def _stop_worker(self) -> None:
        with self._guard:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()

    def _write(self, name: str, content: bytes) -> Path:
        """Write a file of the result in one step, so that it is whole or not there.

        Raises:
            WorldFault: the file cannot be written.
        """
        target = job_folder(self._ports, self._job.id) / name
        part = target.with_suffix(".part")
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        except OSError as exc:
            raise WorldFault(f"cannot write `{target}`") from exc
        return target

    def _end(self, ending: Ending | None, result: str) -> None:
        """Write down the ending, and tell connected sites; a job that goes on is left as it is."""
        if ending is not None:
            book.finish(self._ports, self._job.id, ending, result)
        job, _ = book.load(self._ports, self._job.id)
        if is_final(job.state):
            outcome = _OUTCOMES.get(JobState(job.state), "failed")
            done = job.state == JobState.COMPLETED
            receipts = book.resume_from(self._ports, job).receipts if done else ()
            self._relay.dismiss(Finish(outcome, job.code, job.reason, receipts))
        self._hub.close(self._job.id)


def _split(header: Mapping[str, Any], payload: bytes) -> dict[str, bytes]:
    """Cut a worker's payload into one message per site.

    Raises:
        WorkerFailed: sites, sizes and payload do not fit.
    """
    part = Member(header, _not_expected)
    sites = [each.text() for each in part.child("sites").items(most=MAX_SITES)]
    sizes = [each.integer(least=1) for each in part.child("sizes").items(most=MAX_SITES)]
    if len(sites) != len(sizes) or sum(sizes) != len(payload):
        raise WorkerFailed(
            "the lead's worker sent a round whose size is not the one that it states"
        )
    messages, at = {}, 0
    for site, size in zip(sites, sizes, strict=True):
        messages[site] = payload[at : at + size]
        at += size
    return messages


def _not_expected(pointer: str, fault: str) -> WorkerFailed:
    return WorkerFailed(f"the lead's worker sent a frame whose `{pointer}` {fault}")
