"""Federated jobs that this node leads: submitting, looking, cancelling, and running them.

Rules: a job is signed and stored before any site hears of it; it is submitted and run by
`LeadRunner`, which takes up every job that has not ended, also after a restart; what is shown of
the privacy spent is what the accountant says, round by round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from connector.domain.federation.job import Job, JobSide, JobSite, RoundRecord
from connector.domain.page import PAGE, Page
from connector.errors import JobCancelled, NotFound, Unlawful
from connector.identity import jws
from connector.identity.receipts.job_receipts import MANIFEST_TYPE
from connector.jsonld.canonical import sha256_hex
from connector.ports import Ports
from connector.services.continuity import recovery
from connector.services.evidence.witness import check_peer
from connector.services.federation.lead import book, evaluation, release
from connector.services.federation.lead.evidence import CARD_NAME, RECEIPTS_NAME
from connector.services.federation.lead.hub import LeadHub
from connector.services.federation.lead.request import complete, start_model, usable
from connector.services.federation.lead.run import LeadRun
from connector.services.federation.lead.spent import epsilons
from connector.services.federation.receipts import shown as receipt_view
from connector.services.federation.request import check
from connector.services.federation.room import Room
from connector.services.federation.site.names import job_folder
from connector.services.federation.site.rounds import Ending, one_line
from connector.services.federation.threads import JobThreads
from connector.services.readable import Readable
from federated.job import JobManifest, JobState, parse

WAKEUP: Final = "lead"


class LeadRunner(JobThreads):
    """Runs the jobs that this node leads."""

    def __init__(self, ports: Ports, hub: LeadHub, room: Room | None = None) -> None:
        run = partial(LeadRun, ports, hub)
        super().__init__(ports, JobSide.LEAD, WAKEUP, run, book.finish, room)


def submit(ports: Ports, request: Mapping[str, Any]) -> Job:
    """Sign and store a job; its sites decide next.

    Args:
        ports: of the lead.
        request: see `request.complete`.

    Raises:
        Malformed: the request is not one.
        PreauError: contracts or data dictionaries speak against it, see `check.refuse`.
        AgreementUnknown: an agreement is not one that we may use.
        Unlawful: a party has taken one back; the class says how.
        ConfigurationInvalid: this node has no training recipe.
        InRecovery: this node went back to an older state.
        PeerRolledBack: a site's log went back, and its operator has not answered for it.
        PreauError: noise could not be calibrated, or the key cannot be used.
    """
    recovery.check(ports)
    manifest, data = complete(ports, request)
    check.refuse(ports, manifest)
    start = start_model(request)
    signature = jws.sign_detached(ports.signer, data, MANIFEST_TYPE)
    job = _job(ports, manifest, data, signature)
    with ports.store.write() as tx:
        tx.jobs.put(job)
        if start:  # the state before round 1
            tx.rounds.put(RoundRecord(job.id, 0, sha256_hex(start), start, (), job.created_at))
        for contract in manifest.contracts:
            check_peer(tx, contract.site)
            usable(tx, contract.agreement)  # calibrating noise takes time
            tx.sites.put(JobSite(job.id, contract.site, contract.agreement, book.PENDING))
        tx.audit.append(
            "job.submitted",
            job.id,
            manifest=job.manifest_digest,
            agreements=sorted(contract.agreement for contract in manifest.contracts),
        )
        tx.after_commit(partial(ports.wakeups.notify, WAKEUP))
    return job


def status(ports: Ports, job_id: str) -> Job:
    """Return a job, led or taken part in.

    Raises:
        NotFound: there is none of that id.
    """
    return book.load(ports, job_id)[0]


def jobs(ports: Ports, *, after: str = "", limit: int = PAGE, newest: bool = False) -> Page[Job]:
    """Return a page of the jobs, led or taken part in, oldest or newest first.

    Raises:
        Malformed: `after` is not a `Page.next`.
    """
    with ports.store.read() as tx:
        return tx.jobs.page(after=after, limit=limit, newest=newest)


def result(ports: Ports, job_id: str) -> Path:
    """Return the file of a completed job's model, while it may be held (`lead/release.py`).

    Raises:
        NotFound: no such job is led here, or its file or a contract of it is gone.
        Unlawful: the job has not completed.
        ContractExpired: a contract of it has ended.
    """
    job = _completed(ports, job_id)
    release.check(ports, job)
    path = Path(job.result)
    if not path.is_file():
        raise NotFound(f"the result of job `{job_id}` no longer exists")
    return path


def card(ports: Ports, job_id: str) -> bytes:
    """Return the card of a completed job's model, signed; see `connector/identity/card.py`.

    It stays when the model's time is over.

    Raises:
        NotFound: no such job is led here, or it has no card.
        Unlawful: the job has not completed.
    """
    return _beside(ports, job_id, CARD_NAME, "card")


def receipts(ports: Ports, job_id: str) -> bytes:
    """Return the receipts of a completed job, see `connector/identity/receipts/job_receipts.py`.

    They stay when the model's time is over.

    Raises:
        NotFound: no such job is led here, or it has none: an earlier release trained it.
        Unlawful: the job has not completed.
    """
    return _beside(ports, job_id, RECEIPTS_NAME, "receipts")


def evaluated(ports: Ports, job_id: str) -> dict[str, Any]:
    """Return how a job's models were evaluated so far, see `evaluation.described`.

    Raises:
        NotFound: no such job is led here, or it has no evaluation.
    """
    found = evaluation.described(parse(_led(ports, job_id).manifest), book.rounds(ports, job_id))
    if found is None:
        raise NotFound(f"job `{job_id}` has no evaluation")
    return found


def drawn(ports: Ports, job_id: str, figure: str, say: Callable[[str], str] = str) -> bytes:
    """Return the learning curve of a figure as SVG, see `curve.py`.

    Raises:
        NotFound: as `evaluated`, or no model was evaluated yet, or there is no such figure.
    """
    from connector.services.federation import curve  # noqa: PLC0415 - loads half a MB of XML

    return curve.drawn(evaluated(ports, job_id), figure, say)


def cancel(ports: Ports, job_id: str, reason: str = "") -> Job:
    """End a job that we lead, and tell its sites; a job that has ended stays as it is.

    Raises:
        NotFound: no such job is led here.
    """
    _led(ports, job_id)
    line = one_line(reason) or "cancelled by the lead"
    ending = Ending(JobState.CANCELLED, JobCancelled.code, line)
    with ports.store.write() as tx:
        book.finish_within(ports, tx, job_id, ending)
        tx.after_commit(partial(ports.wakeups.notify, WAKEUP))
    return status(ports, job_id)


def progress(ports: Ports, job_id: str) -> dict[str, Any]:
    """Return a job for a live view: rounds, and per site answers, bytes and ε.

    A site's `epsilon` is what the rounds that it answered cost a person there, at the manifest's δ,
    by the accountant; a round under way is added when it is answered. None where the accountant
    does not answer. The site's own ledger (`preau budget show` there) is what counts.

    Raises:
        NotFound: there is none of that id.
    """
    shown = Readable()
    with ports.store.read() as tx:
        job = book.held(tx, job_id)
        sites = shown.parts(partial(tx.sites.find, job_id=job_id))
        last = shown.part(partial(tx.rounds.get, job_id, job.round), None)
    manifest = _manifest(shown, job)
    evaluated = None
    if manifest is not None and (number := evaluation.newest(manifest, job.round)):
        with ports.store.read() as tx:
            record = shown.part(partial(tx.rounds.get, job_id, number), None)
        evaluated = evaluation.point(manifest, record)
    answered = any(site.last_round for site in sites)
    turns = range(1, manifest.turns + 1) if manifest and answered else ()
    curve = epsilons(ports, manifest, turns) if manifest else {0: 0.0}
    tokens = last.receipts if last else ()
    receipts = [shown.part(partial(receipt_view, token), None) for token in tokens]
    return {
        **_summary(job, manifest),
        "sites": [_site(site, curve) for site in sites],
        "answered": sorted(last.answered) if last else [],
        "receipts": [receipt for receipt in receipts if receipt is not None],
        "evaluated": evaluated,
        "fault": shown.fault,
    }


def summary(job: Job) -> dict[str, Any]:
    """Return a job in one line; a site keeps no manifest of a job that it refused."""
    shown = Readable()
    return {**_summary(job, _manifest(shown, job)), "fault": shown.fault}


def _manifest(shown: Readable, job: Job) -> JobManifest | None:
    return shown.part(partial(parse, job.manifest), None) if job.manifest else None


def _summary(job: Job, manifest: JobManifest | None) -> dict[str, Any]:
    return {
        "id": job.id,
        "side": str(job.side),
        "lead": job.peer,
        "agreement": job.agreement_id,
        "state": str(job.state),
        "round": job.round,
        "rounds": manifest.turns if manifest else 0,
        "code": job.code,
        "reason": job.reason,
        "result": job.result,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "epsilon": manifest.privacy.epsilon if manifest else None,
        "delta": manifest.privacy.delta if manifest else None,
    }


def _site(site: JobSite, epsilons: Mapping[int, float]) -> dict[str, Any]:
    return {
        "site": site.site,
        "agreement": site.agreement_id,
        "decision": site.decision,
        "code": site.code,
        "reason": site.reason,
        "last_round": site.last_round,
        "rounds": site.rounds,
        "bytes_sent": site.bytes_sent,
        "bytes_received": site.bytes_received,
        "epsilon": epsilons.get(site.rounds),
    }


def _led(ports: Ports, job_id: str) -> Job:
    job = status(ports, job_id)
    if job.side is not JobSide.LEAD:
        raise NotFound(f"this node leads no job `{job_id}`")
    return job


def _beside(ports: Ports, job_id: str, name: str, what: str) -> bytes:
    path = job_folder(ports, _completed(ports, job_id).id) / name
    if not path.is_file():
        raise NotFound(f"the model of job `{job_id}` has no {what}")
    return path.read_bytes()


def _completed(ports: Ports, job_id: str) -> Job:
    job = _led(ports, job_id)
    if job.state != JobState.COMPLETED:
        raise Unlawful(f"job `{job_id}` has no result: it is {job.state}")
    return job


def _job(ports: Ports, manifest: JobManifest, data: bytes, signature: str) -> Job:
    now = ports.clock.now()
    return Job(
        id=manifest.job,
        side=JobSide.LEAD,
        peer=ports.settings.did,
        agreement_id="",
        manifest=data,
        manifest_digest=sha256_hex(data),
        signature=signature,
        state=JobState.SUBMITTED,
        created_at=now,
        updated_at=now,
    )
