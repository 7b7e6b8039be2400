"""A job at its site, from the first connection to its end: one thread, one worker process.

Rules: trust, contract and number of sites are judged before each round and again before its update
leaves; the worker reads a round's message before the round is charged, and computes after; its
update is stored before it is sent (`rounds.py`); a worker that dies is replaced once for
the same round; a message that the worker cannot read costs nothing; what the lead learns
of a failure is a code, never the worker's own words; what took rows ends at a public time
(`federation/padding.py`), also when it fails; a broken stream is opened again with growing
pauses until the manifest's deadline, and not sooner than the lead says. Every wait is bounded by
the round or the deadline. A job whose lead asks no new round for `patience` rests: it holds no
worker and no place among `max_jobs`, and is taken up again when the lead is back. It ends by the
deadline, or after `lead_silence_hours`. A lead that is connected and has not asked the first round
is not silent: it waits for other sites.

What a job may cost is decided before (`jobs.py`); which jobs run is `SiteRunner`'s.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from connector.domain.federation.frames import Finish, Hello, Round, RoundRefusal, RoundReply
from connector.domain.federation.job import Job
from connector.domain.participant import Participant
from connector.errors import (
    PASSING,
    ApprovalDiffers,
    ContractExpired,
    DataFault,
    DeadlinePassed,
    EngineRefused,
    InRecovery,
    NotFound,
    PeerFault,
    PreauError,
    RoundMissed,
    RoundRefused,
    StoreUnavailable,
    TooManyRequests,
    TooManyStreams,
    Untrusted,
    WorkerFailed,
    WorldFault,
)
from connector.identity.receipts import round_receipt
from connector.identity.receipts.round_receipt import RoundReceipt
from connector.ports import Ports, SiteStream, Transaction
from connector.services.approval import reviewing
from connector.services.continuity import custody, recovery
from connector.services.federation.deadline import Deadline, patience
from connector.services.federation.pace import padded
from connector.services.federation.padding import ends_at
from connector.services.federation.site import counting, source
from connector.services.federation.site.following import Unshown, check_before, finished
from connector.services.federation.site.judge import may_answer
from connector.services.federation.site.names import WAKEUP
from connector.services.federation.site.rounds import (
    Ending,
    Shown,
    charge,
    check_lost,
    check_request,
    end,
    keep,
    lost,
    one_line,
    replay,
)
from connector.services.federation.site.work import SiteWork
from connector.services.federation.translation import translated
from federated.job import JobState, is_final, parse

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
LONGEST_WAIT = 30.0
RECOVERY_PAUSE = 15.0
REST_PAUSE = 30.0  # between two looks for a lead that is away
# What ends a stream and may pass: the lead is restarting, busy, or cannot judge us just now.
_PASSING = (WorldFault, NotFound, TooManyStreams, TooManyRequests, Untrusted, ContractExpired)

T = TypeVar("T")
_log = logging.getLogger(__name__)


class SiteRun:
    """One job at this site.

    Attributes:
        resting: whether its worker was let go since the lead is away.
    """

    def __init__(self, ports: Ports, job: Job) -> None:
        self._ports = ports
        self._job_id = job.id
        self._lead = job.peer
        with translated():
            self._manifest = parse(job.manifest)
        self._hello = Hello(self._manifest.job, job.manifest_digest)
        self._work = SiteWork(ports, job, self._manifest)
        self._aborted = threading.Event()
        self._deadline = Deadline(ports, job, self._manifest.deadline)
        self._asked = (0, ports.pace.now())  # the newest round, and when it was asked
        self._stream: SiteStream | None = None
        self._worker_fault: PreauError | None = None
        self._most_silence = ports.settings.lead_silence_hours * 3600.0
        self.resting = False
        self._charged = 0  # the newest round that was charged here
        self._committed: dict[str, str] = {}  # digest of rows -> the log's commitment to it
        self._lost: set[int] = set()  # rounds that were charged and entered nothing
        self._deposited = False  # whether the lead holds a tally that counts this job in full

    def run(self) -> None:
        """Take part until the job has ended, or `abort` is called."""
        ending: Ending | None = Ending(JobState.FAILED, PreauError.code, "the site failed")
        try:
            ending = self._serve()
        except StoreUnavailable:  # nothing can be written now: the job is taken up again
            ending = None
            raise
        except InRecovery as exc:  # the job stays as it is until the operator has confirmed
            ending = None
            self._tell(exc)
            self._aborted.wait(RECOVERY_PAUSE)
            raise
        except PreauError as exc:
            ending = None if self._aborted.is_set() else _failed(exc)
        finally:
            try:  # what is not spent is free at once: a worker may take a moment to end
                if ending is not None:
                    ended = end(self._ports, self._job_id, ending)
                    recovery.note(self._ports)
                    _log.info("ended: %s %s", ended.state, ended.code)
            finally:
                self._work.stop()
                self._close()

    def abort(self) -> None:
        """Stop without deciding how the job ends: it was ended elsewhere, or the node stops."""
        self._aborted.set()
        self._work.stop()
        self._close()

    def _serve(self) -> Ending | None:
        """Start the worker, then follow the lead over as many streams as it takes."""
        while not self._ports.asking.over.wait(FIRST_PAUSE):
            if self._aborted.is_set():
                return None
        recovery.check(self._ports)
        engine = self._manifest.engine
        if engine not in self._ports.engines:  # since it was accepted
            return self._give_up(EngineRefused(f"this site does not run the engine `{engine}`"))
        with self._ports.store.read() as tx:
            self._lost = lost(tx, self._job_id, self._ports.settings.did)
        try:
            self._work.prepare(self._left())
        except (WorkerFailed, DataFault, PeerFault) as exc:
            self._worker_fault = exc
            return self._give_up(exc)
        decided = reviewing.Use(self._lead, self._manifest.job, recipe=self._work.recipe)
        try:
            reviewing.check_recipe(self._ports, decided)
        except ApprovalDiffers as exc:
            return self._give_up(exc)
        self._asked = (0, self._ports.pace.now())
        pause = FIRST_PAUSE
        while not self._aborted.is_set():
            if self._left() <= 0:
                raise self._late()
            began = time.monotonic()
            try:
                return self._follow()
            except _PASSING as exc:
                _log.info("stream ended: %s", exc.code)
                said = exc.retry_after
            self._rest()
            # A stream that lived for a while ends the row of failures.
            lived = time.monotonic() - began > LONGEST_PAUSE
            pause = FIRST_PAUSE if lived else min(pause * 2, LONGEST_PAUSE)
            pause = REST_PAUSE if self.resting else pause
            self._aborted.wait(min(max(pause, said), max(self._left(), 0.0)))
        return None

    def _follow(self) -> Ending | None:
        """Follow one stream.

        Raises:
            PeerUnreachable: it broke.
            DeadlinePassed: the job's time is over.
            PreauError: the lead refused us.
        """
        self._close()
        if not self._deposited:
            custody.deposit(self._ports, self._peer())
            self._deposited = True
        stream = self._stream = self._ports.wire.participate(self._peer(), self._hello)
        while not self._aborted.is_set():
            left = self._left()
            if left <= 0:
                late = self._late()
                self._refuse(0, late)
                return _failed(late)
            frame = stream.receive(min(left, LONGEST_WAIT))
            if frame is None and not self._asked[0]:  # the lead is there, and gathers its sites
                self._asked = (0, self._ports.pace.now())
            self._rest()
            if isinstance(frame, Finish):
                return finished(self._ports, self._job(), self._manifest, frame)
            if isinstance(frame, Round):
                ending = self._answer(stream, frame)
                if ending is not None:
                    return ending
        return None

    def _answer(self, stream: SiteStream, frame: Round) -> Ending | None:
        """Answer one round; return how the job ends when we cannot.

        A round that was charged and cannot be answered is missed, and the job goes on with the next
        one: as often as `check_lost` allows.

        Raises:
            PeerUnreachable: the stream broke; the update is kept and sent on the next one.
            PreauError: nothing may be answered now, and perhaps on the next one.
        """
        try:
            reply = self._reply(frame)
        except InRecovery:
            raise
        except Unshown as exc:  # nothing was charged: it may be shown, and asked again
            lacks = f"its receipts of round {exc.number} are due before round {frame.number}"
            stream.send(RoundRefusal(exc.number, RoundMissed.code, lacks))
            return None
        except (PeerFault, DataFault, WorkerFailed, DeadlinePassed) as exc:
            if self._aborted.is_set():
                return None
            if _may_pass(exc):
                raise
            _log.info("round %d refused: %s", frame.number, exc.code)
            if self._missed(frame, exc):
                return None
            self._refuse(frame.number, exc)
            return _failed(exc)
        stream.send(reply)
        return None

    def _missed(self, frame: Round, exc: PreauError) -> bool:
        """Tell the lead that a charged round is missed; False when none may be missed any more."""
        if frame.number != self._charged or not self._hidden(frame.number, exc):
            return False
        self._lost.add(frame.number)
        try:
            check_lost(self._manifest, self._lost)
        except RoundRefused:
            return False
        self._refuse(frame.number, exc, RoundMissed.code)
        return True

    def _reply(self, frame: Round) -> RoundReply:
        """Return the round's reply: the one that was released, or a new one, stored first."""
        began, starts = self._ports.pace.now(), self._work.starts
        if frame.number > self._asked[0]:  # the same round again is no sign of progress
            self._asked = (frame.number, self._ports.pace.now())
        self._judge(frame)
        with self._ports.store.read() as tx:
            reply = replay(tx, self._job_id, frame)
        if reply is not None:
            return reply
        shown = self._follow_up(frame)
        if self.resting:  # the lead is back: the job is taken up again, with a worker
            self.abort()
            raise RoundRefused("the job is resumed")
        self._check_time(starts, began)
        most = self._ports.pace.now() - began + self._round_left(began)  # from `began`, too
        unit = partial(self._work.unit, starts)
        with padded(self._ports.pace, unit, stop=self._aborted, began=began, most=most):
            digest = self._asking(lambda: self._work.check(frame, lambda: self._round_left(began)))
            self._check_time(starts, began)
            added, key = self._counted(frame, digest)
            with self._ports.store.write() as tx:
                now, trains = self._ports.clock.now(), frame.number <= self._manifest.rounds
                reply = charge(tx, self._job_id, frame, now, shown, trains=trains)
            if reply is not None:
                return reply
            self._charged = frame.number
            recovery.record(self._ports)  # INVARIANT: on the disk before anything is released
            sides = added.sides if added else ()
            update = self._asking(
                lambda: self._work.update(frame, digest, lambda: self._round_left(began), sides)
            )
        if self._round_left(began) <= 0:
            raise WorkerFailed("the round took longer than the manifest allows")
        self._judge(frame)
        with self._ports.store.write() as tx:
            receipt = self._receipt(tx, frame.number, digest)
            exact = added.left.context if added else ""
            signed = round_receipt.sign(self._ports.signer, replace(receipt, key=key, exact=exact))
            if added is not None:  # INVARIANT: counted before it leaves
                counting.keep(self._ports, tx, self._job_id, added)
            reply = RoundReply(frame.number, update, signed)
            kept = keep(tx, self._job_id, reply, self._ports.clock.now())
        self._committed[self._work.source] = receipt.source
        self._lost.discard(frame.number)
        return kept

    def _check_time(self, starts: int, began: float) -> None:
        """Check that a round can be answered in its time, by public numbers, before it is charged.

        Raises:
            RoundRefused: it cannot.
        """
        unit, spent = self._work.unit(starts), self._ports.pace.now() - began
        if ends_at(spent, unit) > spent + self._round_left(began):
            raise RoundRefused(f"a round takes {unit:.3g} s here, and the manifest allows less")

    def _follow_up(self, frame: Round) -> Shown | None:
        """Check what the rounds before were, and that not too many were charged in vain.

        Raises:
            Unshown: the last that we signed is not shown.
            SplitView: sites read different models.
            RoundRefused: it is not shown that they did not, or too many were lost.
        """
        shown = check_before(
            *(self._ports, self._job(), self._manifest),
            *(frame.number - 1, frame.receipts, frame.answered),
        )
        if shown is not None and self._ports.settings.did not in shown.answered:
            self._lost.add(shown.number)
        check_lost(self._manifest, self._lost - {frame.number})
        return shown

    def _counted(self, frame: Round, digest: str) -> tuple[counting.Added | None, str]:
        """Return the sum over sites that a round adds to, and our key of one that is to come.

        Raises:
            RoundRefused: the receipts of the round before name no sum that we may add to.
        """
        if not self._manifest.exact:
            return None, ""
        if frame.number == self._manifest.rounds and self._work.enough:
            return None, counting.key(self._ports, self._work.held())
        if self._manifest.evaluates(frame.number):
            return counting.added(self._ports, self._work.held(), frame, digest), ""
        return None, ""

    def _receipt(self, tx: Transaction, number: int, digest: str) -> RoundReceipt:
        """Return our receipt of a round."""
        rows = self._work.source
        known = self._committed.get(rows)
        return RoundReceipt(
            job=self._manifest.job,
            manifest=self._hello.manifest_digest,
            round=number,
            site=self._ports.settings.did,
            digest=digest,
            recipe=self._work.recipe,
            versions=self._work.versions,
            adjacency=self._work.adjacency,
            events=self._manifest.released(number),
            source=known or source.committed(tx, self._job_id, rows),
        )

    def _asking(self, ask: Callable[[], T]) -> T:
        """Ask the worker, and note whose words a failure has.

        Raises:
            PreauError: what the worker answered.
        """
        try:
            return ask()
        except PreauError as exc:
            self._worker_fault = exc
            raise

    def _judge(self, frame: Round) -> None:
        recovery.check(self._ports)
        self._deadline.check()
        taking_part = len(frame.answered) if frame.number > 1 else len(self._manifest.sites)
        minimum = may_answer(self._ports, self._job(), self._manifest, taking_part)
        check_request(self._manifest, frame, minimum)

    def _give_up(self, exc: PreauError) -> Ending | None:
        """Tell the lead, once, that nothing will come; then the job is over here."""
        if self._aborted.is_set():
            return None
        self._tell(exc)
        return _failed(exc)

    def _tell(self, exc: PreauError) -> None:
        """Tell the lead why nothing will come."""
        with contextlib.suppress(PreauError):  # it learns it by the deadline of the round instead
            if self._stream is None:
                self._stream = self._ports.wire.participate(self._peer(), self._hello)
            self._refuse(self._job().round + 1, exc)

    def _refuse(self, number: int, exc: PreauError, as_code: str = "") -> None:
        """Send a refusal; nothing of a failure's own words leaves, since they may speak of rows.

        What fails once a round is charged has one code: the worker has touched rows by then. In the
        same words is said that it took too long, whoever noticed.
        """
        hidden = self._hidden(number, exc)
        code = WorkerFailed.code if hidden and number == self._charged else exc.code
        reason = f"the site's worker answered `{code}`" if hidden else exc.reason
        with contextlib.suppress(PreauError):  # a broken stream tells the lead as much
            if self._stream is not None:
                self._stream.send(RoundRefusal(number, as_code or code, one_line(reason)))

    def _hidden(self, number: int, exc: PreauError) -> bool:
        charged = number == self._charged
        return exc is self._worker_fault or (charged and isinstance(exc, WorkerFailed))

    def _rest(self) -> None:
        """Let the worker go, and another job have its place, where the lead has been silent."""
        if not self.resting and self._silent() >= patience(self._manifest.round_seconds):
            self.resting = True
            self._work.stop()
            self._ports.wakeups.notify(WAKEUP)
            _log.info("the lead is away: the job rests")

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _left(self) -> float:
        """Return the seconds until the deadline, or until the lead has been silent too long."""
        return min(self._deadline.left(), self._most_silence - self._silent())

    def _silent(self) -> float:
        return self._ports.pace.now() - self._asked[1]

    def _late(self) -> DeadlinePassed:
        try:
            self._deadline.check()
        except DeadlinePassed as exc:
            return exc
        return DeadlinePassed(
            f"the lead asked for no new round for {self._most_silence / 3600:g} h"
        )

    def _round_left(self, began: float) -> float:
        spent = self._ports.pace.now() - began
        return min(self._manifest.round_seconds - spent, self._left())

    def _job(self) -> Job:
        with self._ports.store.read() as tx:
            job = tx.jobs.get(self._job_id)
        if job is None or is_final(job.state):
            self._aborted.set()
            raise NotFound(f"job `{self._job_id}` is over")
        return job

    def _peer(self) -> Participant:
        with self._ports.store.read() as tx:
            lead = tx.participants.get(self._lead)
        if lead is None:
            raise NotFound(f"the lead `{self._lead}` is no longer known")
        return lead


def _may_pass(exc: PreauError) -> bool:
    """Whether what forbids an answer follows from a clock, or from papers that are fetched anew.

    No manifest's deadline lies beyond its contract's end (`federation/fitting.py`), so a contract
    that is said to have ended before is said so by a clock that jumped.
    """
    return isinstance(exc, ContractExpired) or (
        isinstance(exc, Untrusted) and isinstance(exc, PASSING)
    )


def _failed(exc: PreauError) -> Ending:
    return Ending(JobState.FAILED, exc.code, one_line(exc.reason))
