"""Whole jobs: submitted, awaited, and what became of them at each node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from connector.domain.federation.job import Job, JobSite
from connector.domain.privacy.budget import ReservationState
from connector.services.federation.lead import jobs as lead_jobs
from federated.job import JobState, is_final
from tests.support.federation import Federation, Node, running, wait_for


@contextmanager
def all_running(federation: Federation, *without: Node) -> Iterator[None]:
    nodes = [node for node in (*federation.sites, federation.lead) if node not in without]
    with running(*nodes):
        yield


def submitted(federation: Federation, **changes: Any) -> str:
    return lead_jobs.submit(federation.lead.ports, federation.request(**changes)).id


def over(federation: Federation, job_id: str, state: JobState) -> Job:
    lead = federation.lead
    assert wait_for(lambda: is_final(lead.job(job_id).state)), lead.job(job_id)
    job = lead.job(job_id)
    assert job.state == state, (job.state, job.code, job.reason)
    return job


def site_over(
    federation: Federation, job_id: str, state: JobState, sites: Sequence[Node] | None = None
) -> None:
    """Each site has ended the job so, stopped its worker, and holds no open reservation."""
    for node in federation.sites if sites is None else sites:
        assert wait_for(lambda node=node: node.job(job_id).state == state), node.job(job_id)
        assert node.reservation(job_id).state is ReservationState.CLOSED
        assert wait_for(lambda node=node: node.workers.running == 0)


def rows(federation: Federation, job_id: str) -> dict[str, JobSite]:
    with federation.lead.ports.store.read() as tx:
        return {row.site: row for row in tx.sites.find(job_id=job_id)}


def hold_from_round(lead: Node, number: int) -> None:
    """Let the lead's worker wait before a round, once, until the node stops it."""
    script = lead.workers.lead

    class Replies(dict[int, list[str]]):
        def __setitem__(self, key: int, value: list[str]) -> None:
            super().__setitem__(key, value)
            if key == number - 1 and len(script.starts) == 1:
                script.hold.clear()

    script.replies = Replies()


def waiting(lead: Node, seconds: float) -> None:
    """Let a lead wait so long for sites that are away."""
    settings = replace(lead.ports.settings, site_wait_seconds=seconds)
    lead.ports = replace(lead.ports, settings=settings)
