"""Until when this node may hold the model of a job that it led, and that it lets go of it then.

Rules: a model is held by the lead, the assignee of the contracts that it was trained under, and no
longer than the first of them runs: what a contract permits ends with it. What cannot be read
refuses. The card stays: it is evidence, and tells of no person.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from connector.domain import instant
from connector.domain.federation.job import Job, JobSide
from connector.errors import ContractExpired, PreauError, WorldFault
from connector.ports import Ports, Transaction
from connector.services.federation.translation import translated
from connector.services.lookup import require
from federated.job import JobManifest, JobState, parse


def until(tx: Transaction, manifest: JobManifest) -> datetime | None:
    """Return when the first contract of a job ends, UTC; None where none does.

    Raises:
        NotFound: a contract is not here any more.
    """
    names = [item.agreement for item in manifest.contracts]
    ends = [require(tx.agreements.get(name), "agreement", name).valid_until for name in names]
    return min((each for each in ends if each is not None), default=None)


def check(ports: Ports, job: Job) -> None:
    """Check that the model of a job may still be held.

    Raises:
        ContractExpired: a contract that it was trained under has ended.
        NotFound: a contract is not here any more.
        PreauError: the manifest cannot be read.
    """
    with ports.store.read() as tx:
        with translated():
            manifest = parse(job.manifest)
        end = until(tx, manifest)
    if end is not None and ports.clock.now() >= end:
        raise ContractExpired(
            f"the model of job `{job.id}` was available until {instant.text(end)}",
            hint="negotiate and train again; `preau job status` and the card stay",
        )


def let_go(ports: Ports) -> int:
    """Remove the models that may not be held any more; return how many.

    Raises:
        WorldFault: a file cannot be removed.
        StoreUnavailable: the database did not answer.
    """
    with ports.store.read() as tx:
        led = tx.jobs.find(side=JobSide.LEAD, state=JobState.COMPLETED)
    over = [job for job in led if job.result and _is_over(ports, job)]
    for job in over:
        _remove(ports, job)
    return len(over)


def _is_over(ports: Ports, job: Job) -> bool:
    try:
        check(ports, job)
    except ContractExpired:
        return True
    except PreauError:  # nobody is given it, but whether its time is over is not known
        return False
    return False


def _remove(ports: Ports, job: Job) -> None:
    try:
        Path(job.result).unlink(missing_ok=True)
    except OSError as exc:
        raise WorldFault(f"the model of job `{job.id}` cannot be removed") from exc
    with ports.store.write() as tx:
        kept = tx.jobs.lock(job.id)
        if kept is not None and kept.result:
            tx.jobs.put(replace(kept, result=""))
            tx.audit.append("job.model-removed", job.id, code=ContractExpired.code)
