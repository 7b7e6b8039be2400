"""A lead's cancellation of a job at its site.

Rules: what was not spent is free again; a job that is not here leaves no job, whatever id its lead
invents: only the cancellation is remembered, as a message that was handled, and not while as much
is stored for the lead as may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from connector.domain.delivery import ReceivedMessage
from connector.domain.holdings import ROW_BYTES
from connector.domain.participant import Participant
from connector.errors import JobCancelled
from connector.ports import Ports, Transaction
from connector.protocol.messages import JobCancellation, JobDecision
from connector.services.approval import reviewing
from connector.services.federation.lead.book import COMPLETED_REASON
from connector.services.federation.site.following import concluded
from connector.services.federation.site.names import WAKEUP, kept_as
from connector.services.federation.site.rounds import Ending, end_within, one_line
from federated.job import JobState, is_final, parse

_CANCELLED: Final = "job.cancelled"  # where other handled messages have their digest


def cancel_job(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """End a job for its lead. Idempotent.

    A submission that is overtaken by its cancellation is refused, see `overtook`.

    Raises:
        Malformed: the message cannot be read.
    """
    message = JobCancellation.from_body(body)
    now = ports.clock.now()
    reason = one_line(message.reason) or "cancelled by the lead"
    completed = _completed(ports, caller, message)
    with ports.store.write() as tx:
        name = kept_as(tx, caller.did, message.job_id)
        job = tx.jobs.lock(name)
        if job is None:
            reviewing.void(ports, tx, caller.did, message.job_id, JobCancelled.code)
        if job is None and ports.held.of(caller.did) < ports.settings.member_stored_bytes:
            tx.inbox.add(ReceivedMessage(message.job_id, caller.did, _CANCELLED, b"", now))
            ports.held.add(caller.did, ROW_BYTES)
        elif job is not None and not is_final(job.state):
            called_off = Ending(JobState.CANCELLED, JobCancelled.code, reason)
            end_within(tx, job.id, completed or called_off, now)
            tx.after_commit(partial(ports.wakeups.notify, WAKEUP))
    return JobDecision(message.job_id, accepted=True, code="", reasons=()).to_body()


def overtook(tx: Transaction, lead: str, job_id: str) -> bool:
    """Whether a lead's cancellation of a job came before the job."""
    claim = tx.inbox.get(lead, job_id)
    return claim is not None and claim.digest == _CANCELLED


def _completed(ports: Ports, caller: Participant, message: JobCancellation) -> Ending | None:
    """Return how a job ends whose rounds are all done, as its lead says; None for another."""
    with ports.store.read() as tx:
        job = tx.jobs.get(kept_as(tx, caller.did, message.job_id))
    if job is None or is_final(job.state) or message.reason != COMPLETED_REASON:
        return None
    return concluded(ports, job, parse(job.manifest), message.receipts)
