"""A site's decision about a job, and the jobs that it runs.

Rules: a job is decided once: the same submission gets the same answer again, another one under the
same id is refused; checks go from cheap to dear, and the accountant comes last, outside any
transaction; nothing of the data is read before all have passed but the file's digest; acceptance,
reservation and audit event are one transaction. What the world withholds (a peer, the accountant)
decides nothing, and the lead asks again.

The checks themselves are `federation/fitting.py`, `judge.py` and `services/privacy/budget.py`; a
job's life after acceptance is `run.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from connector.domain.decision import Refusal
from connector.domain.federation.job import Job, JobSide
from connector.domain.participant import Participant
from connector.domain.privacy.budget import Reservation
from connector.enforcement.mechanisms import evaluation, train
from connector.enforcement.terms import FEDERATED_TRAINING
from connector.errors import (
    AgreementUnknown,
    JobCancelled,
    Malformed,
    ManifestTampered,
    PreauError,
    TooManyRequests,
)
from connector.identity import agreement as agreements
from connector.identity import document as documents
from connector.identity import jws
from connector.identity.key import Relationship
from connector.identity.receipts.job_receipts import MANIFEST_TYPE
from connector.jsonld.canonical import sha256_hex
from connector.ports import Ports, Transaction
from connector.protocol.messages import JobDecision, JobSubmission
from connector.services.approval import reviewing
from connector.services.continuity import recovery
from connector.services.continuity.counting import forfeited
from connector.services.duties import uses
from connector.services.evidence.own_log import head
from connector.services.evidence.witness import check_peer
from connector.services.federation.fitting import SiteCase, check, check_cost, check_stands
from connector.services.federation.receipts import check_others
from connector.services.federation.room import Room
from connector.services.federation.site import cancellation, counting
from connector.services.federation.site.cost import reservation
from connector.services.federation.site.judge import check_file, check_policy
from connector.services.federation.site.names import WAKEUP, kept_as
from connector.services.federation.site.readiness import Readiness
from connector.services.federation.site.rounds import end, one_line
from connector.services.federation.site.run import SiteRun
from connector.services.federation.threads import JobThreads
from connector.services.federation.translation import translated
from connector.services.negotiation.plans import plan_of
from connector.services.privacy import budget
from connector.services.privacy.registers import register_of
from connector.services.publication.verdicts import passed
from federated.job import JobManifest, JobState, parse
from federated.task.engine import EXACT, recipe

ATTEMPTS: Final = 5


class SiteRunner(JobThreads):
    """Runs the jobs that this node accepted as a site."""

    def __init__(self, ports: Ports, room: Room | None = None) -> None:
        super().__init__(ports, JobSide.SITE, WAKEUP, partial(SiteRun, ports), end, room)
        self._readiness = Readiness(ports)

    def _reconcile(self) -> None:
        super()._reconcile()
        self._readiness.look()


def receive_job(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Decide about a job, once and for all, and return the decision.

    Raises:
        Malformed: the message cannot be read, or its job id is known with other content.
        InRecovery: this node went back to an older state.
        PeerRolledBack: the lead's log went back, and its operator has not answered for it.
        PreauError: the decision could not be reached now; nothing was changed.
    """
    message = JobSubmission.from_body(body)
    with ports.store.read() as tx:
        known = tx.jobs.get(kept_as(tx, caller.did, message.job_id))
        if known is None and cancellation.overtook(tx, caller.did, message.job_id):
            return _overtaken(message)
        if known is None:
            recovery.check_within(ports, tx)
            check_peer(tx, caller.did)
    if known is not None:
        return _again(known, message)
    try:
        case = _case(ports, caller, message)
        with ports.store.read() as tx:
            _check_room(ports, tx, caller)
        refusal = _check(ports, case, _use(caller, message, case))
    except _Refused as exc:
        return _refuse(ports, caller, message, exc.refusal, exc.agreement_id)
    if refusal is not None:
        return _refuse(ports, caller, message, refusal, case.agreement.id)
    return _charge(ports, caller, message, case)


class _Refused(Exception):
    """A refusal on its way to the answer."""

    def __init__(self, refusal: Refusal, agreement_id: str = "") -> None:
        super().__init__(refusal.code)
        self.refusal = refusal
        self.agreement_id = agreement_id


def _case(ports: Ports, caller: Participant, message: JobSubmission) -> SiteCase:
    """Verify the signature, read the manifest, and put together what is to be checked."""
    try:
        with translated():
            manifest = _verified(caller, message)
    except PreauError as exc:
        raise _no(exc) from exc
    stated = manifest.contract(ports.settings.did)
    name = stated.agreement if stated else ""
    with ports.store.read() as tx:
        agreement = tx.agreements.get(name) if name else None
        dataset = tx.datasets.get(agreement.dataset_id) if agreement else None
        checked = dataset is not None and passed(tx, dataset)
    # Another party's contract and one that does not exist get the same answer.
    if agreement is None or dataset is None or agreement.consumer != caller.did:
        reason = "the manifest names no agreement of this consumer's with us"
        raise _no(AgreementUnknown(f"{reason}; if it was lost, negotiate it again"))
    kept, training = train.steps_of(plan_of(agreement))
    engine = manifest.engine
    return SiteCase(
        manifest=manifest,
        job_id=message.job_id,
        caller=caller.did,
        site=ports.settings.did,
        agreement=agreement,
        document=agreements.read(agreement.document),
        training=training,
        exact=evaluation.step_of(plan_of(agreement)),
        kept=kept,
        dataset=dataset,
        checked=checked,
        recipe=recipe(ports.code_hash, engine) if engine in ports.engines else "",
        sources=ports.code_hash,
        now=ports.clock.now(),
    )


def _verified(caller: Participant, message: JobSubmission) -> JobManifest:
    """Read the manifest, once the caller's signature over its exact bytes is verified."""
    try:
        jws.verify_detached(
            message.signature,
            message.manifest,
            documents.read(caller.document, caller.did),
            Relationship.ASSERTION,
            MANIFEST_TYPE,
        )
    except PreauError as exc:
        raise ManifestTampered(f"the manifest's signature: {exc.reason}") from exc
    return parse(message.manifest)


def _check(ports: Ports, case: SiteCase, use: reviewing.Use) -> Refusal | None:
    """Every check but the accountant's, cheap ones first, persons last.

    Raises:
        WorldFault: a peer does not answer.
        ApprovalAwaited: persons have yet to decide.
    """
    refusal = check(case)
    if refusal is None:
        reviewing.check_waiting(ports, use)
    return (
        refusal
        or check_policy(ports, case.agreement, case.manifest, len(case.manifest.sites))
        or check_others(ports, case.manifest)
        or check_file(ports, case.dataset)
        or counting.refusal(
            ports, counting.held_of(ports, case.manifest, case.agreement, case.dataset)
        )
        or reviewing.check(ports, case.agreement, use)
    )


def _use(caller: Participant, message: JobSubmission, case: SiteCase) -> reviewing.Use:
    """Return what persons decide on, where they do."""
    manifest = case.manifest
    asked, sites = manifest.privacy, len(manifest.sites)
    figures = (
        f"trains on {len(manifest.columns)} columns in {manifest.rounds} rounds with {sites} sites "
        f"for ε {asked.epsilon:g} at δ {asked.delta:g}"
    )
    if manifest.exact:
        figures += (
            ", its model evaluated by exact counts of persons held out, summed over sites: not DP, "
            "and outside that ε"
        )
    elif manifest.evaluation is not None:
        times = manifest.evaluation.times(manifest.rounds)
        figures += f", evaluated {times} times on persons held out, all of it within that ε"
    if manifest.start is not None:
        figures += f", starting from the public model `{manifest.start.source}`"
    if manifest.engine != EXACT:
        figures += f", by the engine `{manifest.engine}`"
    figures += f"; job `{message.job_id}`"
    return reviewing.Use(
        caller.did, message.job_id, message.manifest, one_line(figures), case.recipe
    )


def _charge(
    ports: Ports, caller: Participant, message: JobSubmission, case: SiteCase
) -> Mapping[str, Any]:
    """Reserve the job's budget and accept it, or refuse it for what is left.

    Raises:
        TooManyRequests: other jobs were accepted each time while this one was accounted for, or
            the lead has as many as it may.
    """
    new = reservation(case.manifest, case.agreement, case.dataset, case.now)
    for _ in range(ATTEMPTS):
        with ports.store.read() as tx:
            epoch = head(tx, ports.settings.did).epoch
            refusal = _lapsed(tx, case)
            seen = budget.spending(tx, register_of(tx, case.dataset))
        if refusal is not None:
            return _refuse(ports, caller, message, refusal, case.agreement.id)
        figures = budget.account(ports.accountant, seen, case.agreement, new)
        refusal = check_cost(case.manifest, figures.epsilon) or budget.check_job(figures)
        if refusal is not None:
            return _refuse(ports, caller, message, refusal, case.agreement.id)
        with ports.store.write() as tx:
            name = kept_as(tx, caller.did, message.job_id)
            known = tx.jobs.lock(name)
            if known is not None:
                return _again(known, message)
            if cancellation.overtook(tx, caller.did, message.job_id):
                return _overtaken(message)
            _check_room(ports, tx, caller)
            recovery.check_within(ports, tx)
            if _lapsed(tx, case) is not None or head(tx, ports.settings.did).epoch != epoch:
                continue  # the accountant took its time: what is spent, or the contract, changed
            charged = replace(new, job_id=name, epsilon=figures.epsilon)
            if budget.reserve(tx, seen, charged):
                return _accept(ports, tx, caller, message, charged)
    raise TooManyRequests("other jobs on this dataset are being decided", hint="submit again")


def _lapsed(tx: Transaction, case: SiteCase) -> Refusal | None:
    """Return why nothing may be charged to the contract now, whatever it was when it was read."""
    agreement = tx.agreements.get(case.agreement.id) or case.agreement
    return check_stands(replace(case, agreement=agreement)) or forfeited(
        tx, agreement.id, case.dataset.register_id
    )


def _check_room(ports: Ports, tx: Transaction, caller: Participant) -> None:
    """See that one lead does not take the places of all: that decides nothing, it may ask again.

    Raises:
        TooManyRequests: as many of its jobs as it may have here have not ended.
    """
    most, side = ports.settings.max_jobs_per_lead, JobSide.SITE
    going = (JobState.ACCEPTED, JobState.RUNNING)
    here = sum(len(tx.jobs.find(side=side, peer=caller.did, state=state)) for state in going)
    if here >= most:
        raise TooManyRequests(
            f"{here} jobs of this lead have not ended here, at most {most} may run",
            hint="wait until one has ended, or cancel it",
        )


def _overtaken(message: JobSubmission) -> Mapping[str, Any]:
    why = ("its lead has cancelled it already",)
    return JobDecision(
        message.job_id, accepted=False, code=JobCancelled.code, reasons=why
    ).to_body()


def _accept(
    ports: Ports, tx: Transaction, caller: Participant, message: JobSubmission, new: Reservation
) -> Mapping[str, Any]:
    job = _record(new.job_id, caller, message, None, new.agreement_id, ports.clock.now())
    tx.jobs.put(job)
    uses.note(ports, tx, job.agreement_id, job.id, FEDERATED_TRAINING)
    tx.audit.append(
        "job.accepted",
        job.id,
        lead=caller.did,
        agreement=new.agreement_id,
        manifest=job.manifest_digest,
        epsilon=new.epsilon,
        delta=new.delta,
    )
    tx.after_commit(partial(recovery.note, ports))
    tx.after_commit(partial(ports.wakeups.notify, WAKEUP))
    return _decision(job, message.job_id)


def _refuse(
    ports: Ports, caller: Participant, message: JobSubmission, refusal: Refusal, agreement_id: str
) -> Mapping[str, Any]:
    now = ports.clock.now()
    with ports.store.write() as tx:
        name = kept_as(tx, caller.did, message.job_id)
        known = tx.jobs.lock(name)
        if known is not None:
            return _again(known, message)
        job = _record(name, caller, message, refusal, agreement_id, now)
        tx.jobs.put(job)
        reviewing.void(ports, tx, caller.did, message.job_id, job.code)
        tx.audit.append(
            "job.refused",
            job.id,
            lead=caller.did,
            agreement=agreement_id,
            manifest=job.manifest_digest,
            code=job.code,
            reason=job.reason,
        )
    return _decision(job, message.job_id)


def _again(job: Job, message: JobSubmission) -> Mapping[str, Any]:
    """Answer a known job of the caller's: the same decision for the same submission, nothing else.

    Raises:
        Malformed: the id came with another manifest before.
    """
    if job.manifest_digest not in ("", sha256_hex(message.manifest)):
        raise Malformed(f"job `{message.job_id}` came with another manifest before")
    return _decision(job, message.job_id)


def _decision(job: Job, job_id: str) -> Mapping[str, Any]:
    if job.state == JobState.REFUSED:
        return JobDecision(job_id, accepted=False, code=job.code, reasons=(job.reason,)).to_body()
    return JobDecision(job_id, accepted=True, code="", reasons=()).to_body()


def _record(
    name: str,
    caller: Participant,
    message: JobSubmission,
    refusal: Refusal | None,
    agreement_id: str,
    now: datetime,
) -> Job:
    """Return the job as it is stored; of a refused one the manifest's digest is enough."""
    job = Job(
        id=name,
        side=JobSide.SITE,
        peer=caller.did,
        agreement_id=agreement_id,
        manifest=message.manifest,
        manifest_digest=sha256_hex(message.manifest) if message.manifest else "",
        signature=message.signature,
        state=JobState.ACCEPTED,
        created_at=now,
        updated_at=now,
    )
    if refusal is None:
        return job
    reason = one_line("; ".join(refusal.reasons))
    refused = replace(job, manifest=b"", signature="", state=JobState.REFUSED)
    return replace(refused, code=refusal.code, reason=reason)


def _no(exc: PreauError) -> _Refused:
    return _Refused(Refusal(exc.code, (exc.reason,)))
