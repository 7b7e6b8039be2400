"""Tries a submitted job on made-up rows, before any of its sites is asked.

Rules: what the job cannot run for ends it, with nothing spent; what follows from this machine, its
time and its memory, is a remark in the job's log, since sites may be faster or larger; a try that
was made before, of the same request by the same recipe, is not made again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from connector.domain.federation.job import Job
from connector.errors import JobRefused
from connector.ports import Ports, Worker
from connector.services.federation.lead import book
from connector.services.federation.request import rehearsal
from connector.services.federation.request.check import described
from connector.services.federation.request.rehearsal import Asked
from connector.services.federation.translation import translated
from federated.job import parse

SECONDS: Final = 2.0  # of rounds: what is wrong with a job shows in its first ones


def check(ports: Ports, job: Job, worker: Callable[[], Worker]) -> None:
    """Try a job, unless that was done.

    Args:
        ports: of the lead.
        job: that no site was asked for.
        worker: returns one of the role `rehearsal`, which goes on to lead the job.

    Raises:
        JobRefused: it cannot run as it is.
        WorkerFailed: the worker died, or did not answer in time.
        PreauError: it cannot run; the code says why.
    """
    with translated():
        manifest = parse(job.manifest)
    start = book.resume_from(ports, job).state
    asked = Asked(manifest, job.manifest, described(ports, manifest), SECONDS, start)
    found = rehearsal.known(ports, asked)
    if found is None:
        found = rehearsal.ask(ports, asked, worker())
    left = (manifest.deadline - ports.clock.now()).total_seconds()
    said = list(rehearsal.findings(found, manifest, ports.settings.worker_memory_bytes, left))
    for each in said:
        if each.code == JobRefused.code:
            raise JobRefused(f"request {each.where}: {each.what}")
    remarks = [each.what for each in said] or ["no finding"]
    with ports.store.write() as tx:
        tx.audit.append(
            "job.tried", job.id, rounds=found.rounds, of=manifest.turns, remarks=remarks
        )
