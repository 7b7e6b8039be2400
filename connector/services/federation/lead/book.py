"""What a lead writes down of its job: the sites' decisions, checkpoints, and how it ends.

Rules: each step is one transaction with its audit event; the first ending stands; every site that
may still hold a reservation is told of the end by a message in the same transaction, so that a
lead that dies at any instant leaves no site waiting. Threads and streams are others' affair
(`run.py`, `relay.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from connector.domain.federation.job import Job, JobSite, RoundRecord, SiteScores
from connector.enforcement.terms import FEDERATED_TRAINING
from connector.errors import NotFound
from connector.jsonld.canonical import sha256_hex
from connector.ports import Ports, Transaction
from connector.protocol.messages import JobCancellation
from connector.services.duties import uses
from connector.services.federation.site.rounds import Ending, forget_payloads
from connector.services.messages.sending import enqueue
from federated.job import JobState, advance, is_final

PENDING = "pending"
ACCEPTED = "accepted"
REFUSED = "refused"
LEFT = "left"
AWAY = "away"
# Where a site of a job stands at its lead.
STANDINGS: Final[Mapping[str, str]] = {
    PENDING: "has not decided; is asked again until the deadline, and can join at the next round",
    ACCEPTED: "takes part",
    AWAY: "takes part, but missed its last round; is asked for the next one",
    REFUSED: "refused the job, for good",
    LEFT: "took part, and takes no further part",
}
COMPLETED_REASON = "completed"


@dataclass(frozen=True, slots=True)
class Completed:
    """A round that is over, as the lead holds it; before the first, what the job starts from.

    Attributes:
        state: npz bytes after it; empty once the job has ended, and before the first round where
            training starts from no public model.
        answered: DIDs whose update entered it.
        receipts: compact JWS of each site that answered it.
        scores: what sites said of the model that it began with, where it evaluated.
    """

    state: bytes = b""
    answered: tuple[str, ...] = ()
    receipts: tuple[str, ...] = ()
    scores: tuple[SiteScores, ...] = ()


def load(ports: Ports, job_id: str) -> tuple[Job, list[JobSite]]:
    """Return a job and its sites, in the manifest's order.

    Raises:
        NotFound: there is no such job.
    """
    with ports.store.read() as tx:
        return held(tx, job_id), tx.sites.find(job_id=job_id)


def held(tx: Transaction, job_id: str) -> Job:
    """Return a job.

    Raises:
        NotFound: there is no such job.
    """
    job = tx.jobs.get(job_id)
    if job is None:
        recovered = tx.reservations.get(job_id) is not None
        hint = f"only its charge is known, since a recovery: `preau audit log --subject {job_id}`"
        raise NotFound(f"no job `{job_id}`", hint=hint if recovered else "")
    return job


def decided(ports: Ports, job_id: str, site: str, decision: str, code: str, reason: str) -> None:
    """Write down what a site decided, or why it left."""
    with ports.store.write() as tx:
        row = tx.sites.lock(job_id, site)
        if row is None:
            return
        tx.sites.put(replace(row, decision=decision, code=code, reason=reason))
        if decision == ACCEPTED:
            name = f"{job_id} {row.agreement_id}"
            uses.note(ports, tx, row.agreement_id, name, FEDERATED_TRAINING)
        tx.audit.append(f"job.site.{decision}", job_id, site=site, code=code, reason=reason)


def away(ports: Ports, job_id: str, site: str, code: str, reason: str) -> None:
    """Write down that a site missed a round, once until it answers again."""
    with ports.store.write() as tx:
        row = tx.sites.lock(job_id, site)
        if row is None or row.decision not in (ACCEPTED, AWAY):
            return
        if (row.decision, row.code) != (AWAY, code):
            tx.sites.put(replace(row, decision=AWAY, code=code, reason=reason))
            tx.audit.append("job.site.away", job_id, site=site, code=code, reason=reason)


def waits(ports: Ports, job_id: str, site: str, code: str, reason: str) -> None:
    """Write down what a site that has yet to decide waits for."""
    with ports.store.write() as tx:
        row = tx.sites.lock(job_id, site)
        if row is not None and row.decision == PENDING:
            tx.sites.put(replace(row, code=code, reason=reason))
            tx.audit.append("job.site.waits", job_id, site=site, code=code, reason=reason)


def moved(ports: Ports, job_id: str, *states: JobState) -> bool:
    """Move a job through states; False when it has ended meanwhile."""
    with ports.store.write() as tx:
        job = tx.jobs.lock(job_id)
        if job is None or is_final(job.state):
            return False
        for state in states:
            if job.state != state:
                job = replace(job, state=advance(job.state, state))
                # A site's own `job.accepted` says that something may be spent there.
                whose = "job.sites" if state is JobState.ACCEPTED else "job"
                tx.audit.append(f"{whose}.{state.lower()}", job_id)
        tx.jobs.put(replace(job, updated_at=ports.clock.now()))
    return True


def count(
    ports: Ports,
    job_id: str,
    sent: Mapping[str, int],
    received: Mapping[str, int],
    handed: Mapping[str, int],
) -> None:
    """Add payload bytes to the sites' counts, and keep the newest round that each was handed."""
    with ports.store.write() as tx:
        for site in {*sent, *received}:
            row = tx.sites.lock(job_id, site)
            if row is not None:
                tx.sites.put(
                    replace(
                        row,
                        bytes_sent=row.bytes_sent + sent.get(site, 0),
                        bytes_received=row.bytes_received + received.get(site, 0),
                        asked=max(row.asked, handed.get(site, 0)),
                    )
                )


def checkpoint(ports: Ports, job_id: str, number: int, completed: Completed) -> bool:
    """Keep the state after a round; False when the job has ended meanwhile.

    Only the newest state's bytes are kept; of older rounds, digest and sites.
    """
    now = ports.clock.now()
    with ports.store.write() as tx:
        job = tx.jobs.lock(job_id)
        if job is None or is_final(job.state):
            return False
        state, answered, receipts = completed.state, completed.answered, completed.receipts
        digest = sha256_hex(state)
        kept = RoundRecord(job_id, number, digest, state, answered, now, receipts, completed.scores)
        tx.rounds.put(kept)
        before = tx.rounds.lock(job_id, number - 1)
        if before is not None:
            tx.rounds.put(replace(before, payload=b""))
        for site in answered:
            row = tx.sites.lock(job_id, site)
            if row is not None:
                here = replace(row, last_round=number, rounds=row.rounds + 1)
                tx.sites.put(replace(here, decision=ACCEPTED, code="", reason=""))
                if row.decision == AWAY:
                    tx.audit.append("job.site.back", job_id, site=site, round=number)
        tx.jobs.put(replace(job, round=number, updated_at=now))
        tx.audit.append(
            "job.round.completed",
            job_id,
            round=number,
            sites=sorted(answered),
            state=digest,
            receipts=[sha256_hex(token.encode()) for token in receipts],
        )
    return True


def resume_from(ports: Ports, job: Job) -> Completed:
    """Return the last completed round."""
    with ports.store.read() as tx:
        return _completed(tx, job)


def older(tx: Transaction, row: JobSite, before: int) -> tuple[str, ...]:
    """Return the receipts of rounds before one of which a site may have signed the last.

    That is the last that its answer entered, or the last that it was handed: its answer may have
    been lost.
    """
    last = sorted(each for each in {row.last_round, row.asked} if 0 < each < before)
    found = filter(None, (tx.rounds.get(row.job_id, each) for each in last))
    return tuple(token for record in found for token in record.receipts)


def rounds(ports: Ports, job_id: str) -> list[RoundRecord]:
    """Return the rounds of a job, in order; not what it started from, which is kept as round 0."""
    with ports.store.read() as tx:
        found = [record for record in tx.rounds.find(job_id=job_id) if record.round]
    return sorted(found, key=lambda record: record.round)


def finish(ports: Ports, job_id: str, ending: Ending, result: str = "") -> Ending:
    """End a job and tell its sites; return how it has ended, which may be otherwise."""
    with ports.store.write() as tx:
        return finish_within(ports, tx, job_id, ending, result)


def finish_within(
    ports: Ports, tx: Transaction, job_id: str, ending: Ending, result: str = ""
) -> Ending:
    """As `finish`, in a transaction of the caller's."""
    job = tx.jobs.lock(job_id)
    if job is None:
        return ending
    if is_final(job.state):
        return Ending(JobState(job.state), job.code, job.reason)
    state, now = advance(job.state, ending.state), ports.clock.now()
    code, reason = ending.code, ending.reason
    ended = replace(job, state=state, code=code, reason=reason, result=result, updated_at=now)
    tx.jobs.put(ended)
    forget_payloads(tx, job_id)
    facts = {"code": code, "reason": reason} if code else {}
    tx.audit.append(f"job.{state.lower()}", job_id, rounds=job.round, **facts)
    receipts = _completed(tx, job).receipts
    for row in tx.sites.find(job_id=job_id):
        if row.decision != REFUSED:
            _tell(ports, tx, row, ending, (*receipts, *older(tx, row, job.round)))
    return ending


def _completed(tx: Transaction, job: Job) -> Completed:
    record = tx.rounds.get(job.id, job.round)
    return Completed(record.payload, record.answered, record.receipts) if record else Completed()


def _tell(
    ports: Ports, tx: Transaction, row: JobSite, ending: Ending, receipts: tuple[str, ...]
) -> None:
    done = ending.state is JobState.COMPLETED
    reason = COMPLETED_REASON if done else f"{ending.code}: {ending.reason}"
    message = JobCancellation(row.job_id, reason, receipts if done else ())
    enqueue(ports, tx, ports.ids.new(), row.site, f"{row.job_id} {row.site}", message)
