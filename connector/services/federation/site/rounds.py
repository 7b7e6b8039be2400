"""One round at a site: what is charged, what is replayed, what is kept, and how a job ends.

Rules: a round is charged and remembered before the worker computes; one that was missed costs
nothing; an update is stored before it is sent; the same request is answered with the same bytes,
another request for the same round is refused; below the contract's minimum of sites nothing more is
sent; a job that has ended releases what it did not commit and sends nothing more. Every step is one
transaction with its audit event, so that a node that dies between two of them goes on where it was.

Threads, streams and workers are `run.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from connector.domain.federation.frames import Finish, Round, RoundReply
from connector.domain.federation.job import Job, RoundRecord
from connector.errors import (
    BY_CODE,
    ContractExpired,
    JobCancelled,
    PeerFault,
    RoundRefused,
    TooFewSites,
)
from connector.jsonld.canonical import sha256_hex
from connector.ports import Ports, Transaction
from connector.services.privacy import budget
from federated.job import JobManifest, JobState, advance, is_final

MAX_REASON = 300
LOST_SHARE = 10


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ends.

    Attributes:
        state: a final state.
        code: stable code of `connector/errors/`; empty when completed.
        reason: one line; empty when completed.
    """

    state: JobState
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown of the last round that we signed.

    Attributes:
        number: of the round.
        receipts: ours first, then the others'.
        answered: sites whose receipts they are; ours among them when our update entered.
    """

    number: int
    receipts: tuple[str, ...]
    answered: tuple[str, ...]


def check_request(manifest: JobManifest, frame: Round, minimum: int) -> None:
    """Check which sites answered the round before, as the lead states it.

    Args:
        manifest: the job's.
        frame: the request.
        minimum: fewest sites, from the contract.

    Raises:
        RoundRefused: the statement cannot be true.
        TooFewSites: fewer answered than the contract demands.
    """
    answered = set(frame.answered)
    if not 1 <= frame.number <= manifest.turns:
        raise RoundRefused(f"round {frame.number} is not one of the job's {manifest.turns}")
    if len(answered) != len(frame.answered) or not answered <= set(manifest.sites):
        raise RoundRefused("the sites said to have answered are not those of the job")
    if frame.number == 1:
        if answered:
            raise RoundRefused("no site can have answered before round 1")
        answered = set(manifest.sites)
    if len(answered) < minimum:
        raise TooFewSites(f"{len(answered)} sites take part, the contract demands {minimum}")


def replay(tx: Transaction, job_id: str, frame: Round) -> RoundReply | None:
    """Return the reply to replay, or None: then the worker is asked. Nothing is charged.

    Raises:
        RoundRefused: as `charge`.
    """
    job = _going(tx.jobs.get(job_id))
    return _released(job, tx.rounds.get(job_id, frame.number), frame)


def charge(
    tx: Transaction,
    job_id: str,
    frame: Round,
    now: datetime,
    shown: Shown | None = None,
    *,
    trains: bool = True,
) -> RoundReply | None:
    """Commit a round before it starts; return the reply to replay, or None.

    A crash between this and `keep` leads here again: the same request is not committed twice.
    Rounds that were missed cost nothing. `shown` is what was checked before, see `following.py`.
    One that does not train evaluates, which is counted with the first round that is committed.

    Raises:
        RoundRefused: the job has ended, the round is out of order, or this round was asked with
            another request before.
        BudgetExceeded: the round goes beyond what was reserved.
    """
    job = _going(tx.jobs.lock(job_id))
    kept = tx.rounds.get(job_id, frame.number)
    reply = _released(job, kept, frame)
    if kept is not None:
        return reply
    remember(tx, job_id, shown)
    digest = sha256_hex(frame.message)
    if trains:
        budget.commit_next(tx, job_id)
    else:
        budget.commit_first(tx, job_id)
    tx.rounds.put(RoundRecord(job_id, frame.number, digest, b"", (), now))
    if job.state != JobState.RUNNING:
        tx.jobs.put(replace(job, state=advance(job.state, JobState.RUNNING), updated_at=now))
    tx.audit.append("job.round.committed", job_id, round=frame.number, request=digest)
    return None


def remember(tx: Transaction, job_id: str, shown: Shown | None) -> None:
    """Keep all sites' receipts of a round that we signed."""
    record = tx.rounds.lock(job_id, shown.number) if shown else None
    if shown is not None and record is not None:
        tx.rounds.put(replace(record, receipts=shown.receipts, answered=shown.answered))


def lost(tx: Transaction, job_id: str, site: str) -> set[int]:
    """Return the rounds that were charged here and that, as far as we know, entered nothing.

    Either we released no update, or the others' receipts came without ours.
    """
    return {
        record.round
        for record in tx.rounds.find(job_id=job_id)
        if not record.payload or (record.answered and site not in record.answered)
    }


def check_lost(manifest: JobManifest, rounds: Collection[int]) -> None:
    """Check that not too many rounds were charged in vain: a lead may say that we were silent.

    Raises:
        RoundRefused: one, and one in ten of the job's rounds, is the most.
    """
    if len(rounds) > 1 + manifest.rounds // LOST_SHARE:
        raise RoundRefused(f"{len(rounds)} rounds were charged here, but are not in the model")


def keep(tx: Transaction, job_id: str, reply: RoundReply, now: datetime) -> RoundReply:
    """Store a round's reply before it is sent; return what to send.

    Raises:
        RoundRefused: the job has ended meanwhile, or the round was never committed.
    """
    job = _going(tx.jobs.lock(job_id))
    number, update = reply.number, reply.message
    record = tx.rounds.lock(job_id, number)
    if record is None or not update or not reply.receipt:
        raise RoundRefused(f"round {number} was not committed")
    if record.payload:  # INVARIANT: what was released once is what is sent, always
        return _reply(record)
    tx.rounds.put(replace(record, payload=update, at=now, receipts=(reply.receipt,)))
    tx.jobs.put(replace(job, round=number, updated_at=now))
    tx.audit.append(
        "job.round.released",
        job_id,
        round=number,
        update=sha256_hex(update),
        bytes=len(update),
        receipt=reply.receipt,
    )
    return reply


def end(ports: Ports, job_id: str, ending: Ending) -> Ending:
    """End a job at this site and release what it did not spend; return how it has ended.

    The first ending stands.
    """
    with ports.store.write() as tx:
        return end_within(tx, job_id, ending, ports.clock.now())


def end_within(tx: Transaction, job_id: str, ending: Ending, now: datetime) -> Ending:
    """As `end`, in a transaction of the caller's."""
    job = tx.jobs.lock(job_id)
    if job is None or is_final(job.state):
        return Ending(JobState(job.state), job.code, job.reason) if job else ending
    state = advance(job.state, ending.state)
    tx.jobs.put(replace(job, state=state, code=ending.code, reason=ending.reason, updated_at=now))
    budget.release(tx, job_id)
    forget_payloads(tx, job_id)
    facts = {"code": ending.code, "reason": ending.reason} if ending.code else {}
    tx.audit.append(f"job.{state.lower()}", job_id, rounds=job.round, **facts)
    return ending


def forget_payloads(tx: Transaction, job_id: str) -> None:
    """Drop the bytes of a job that has ended: nothing is replayed any more; the digests stay."""
    for record in tx.rounds.find(job_id=job_id):
        if record.payload:
            tx.rounds.put(replace(record, payload=b""))


def ending_of(frame: Finish) -> Ending:
    """Return what the lead's last frame means for a job that has not completed."""
    reason = one_line(frame.reason) or "the lead gave no reason"
    if frame.outcome == "cancelled":
        return Ending(JobState.CANCELLED, JobCancelled.code, reason)
    code = frame.code if frame.code in BY_CODE else PeerFault.code
    return Ending(JobState.FAILED, code, reason)


def check_time(valid_until: datetime | None, now: datetime) -> None:
    """Check that the contract is not over. When the job is, says `federation/deadline.py`.

    Raises:
        ContractExpired: it is.
    """
    if valid_until is not None and now >= valid_until:
        raise ContractExpired(f"the contract ended at {valid_until:%Y-%m-%dT%H:%M:%SZ}")


def one_line(text: str) -> str:
    """Return a peer's text as one bounded line that can be shown."""
    line = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(line.split())[:MAX_REASON]


def _released(job: Job, kept: RoundRecord | None, frame: Round) -> RoundReply | None:
    """Return what was released for this request before, or None when it may be computed.

    Raises:
        RoundRefused: the round is out of order, or was asked with another request before.
    """
    past = frame.number <= job.round
    if kept is None or (past and not kept.payload):
        if past:
            raise RoundRefused(
                f"round {frame.number} was asked for, but this node is at round {job.round}"
            )
        return None
    if kept.request_digest != sha256_hex(frame.message):
        raise RoundRefused(f"round {frame.number} was already asked for with another request")
    return _reply(kept) if kept.payload else None


def _reply(kept: RoundRecord) -> RoundReply:
    return RoundReply(kept.round, kept.payload, kept.receipts[0] if kept.receipts else "")


def _going(job: Job | None) -> Job:
    if job is None or is_final(job.state):
        raise RoundRefused("the job has ended at this site")
    return job
