"""A federated job as a node holds it. The manifest is `federated/job.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class JobSide(StrEnum):
    """Whether we lead the job or are one of its sites."""

    LEAD = "lead"
    SITE = "site"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job, our side.

    Attributes:
        id: chosen by the lead; on a lead's node, the same.
        side: ours.
        peer: DID of the lead, on a site; our own DID on the lead.
        agreement_id: the contract it runs under, on a site; empty on the lead.
        manifest: canonical JSON (RFC 8785), exact bytes.
        manifest_digest: SHA-256, hex.
        signature: lead's compact JWS, detached payload `manifest`.
        state: of `federated.job.JobState`.
        round: last round completed (lead) or released (site); 0 before.
        code: stable code of a refusal or failure; empty otherwise.
        reason: one line; empty while running.
        result: path of the final model file, on the lead; empty before.
        created_at: UTC.
        updated_at: UTC.
    """

    id: str
    side: JobSide
    peer: str
    agreement_id: str
    manifest: bytes
    manifest_digest: str
    signature: str
    state: str
    round: int = 0
    code: str = ""
    reason: str = ""
    result: str = ""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class JobSite:
    """A site of a job, as the lead sees it.

    Attributes:
        job_id: the job.
        site: DID.
        agreement_id: contract with that site.
        decision: `pending`, `accepted`, `away` (accepted, and missed the last round that it was
            asked), `refused`, `left` (for good).
        code: stable code of its refusal, or of why it is waited for; empty otherwise.
        reason: one line.
        last_round: last round that its answer entered.
        rounds: how many rounds its answers entered.
        asked: newest round that it was handed; its answer may have been lost.
        bytes_sent: to the site, payload bytes.
        bytes_received: from the site, payload bytes.
    """

    job_id: str
    site: str
    agreement_id: str
    decision: str
    code: str = ""
    reason: str = ""
    last_round: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    rounds: int = 0
    asked: int = 0


@dataclass(frozen=True, slots=True)
class SiteScores:
    """What a site says of a model, with noise.

    Attributes:
        site: DID.
        counts: persons in each cell of the evaluation, see `federated/task/scores.py`.
    """

    site: str
    counts: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """A round at a site (released update, replayed byte for byte) or at the lead (checkpoint).

    Attributes:
        job_id: the job.
        round: from 1.
        request_digest: SHA-256 (hex) of the round's request; at the lead, of the state bytes.
        payload: the released update (site) or the state after the round (lead); empty between
            commit and release.
        answered: DIDs that answered (lead); at a site, those whose receipts it has seen, ours among
            them when our update entered.
        at: UTC.
        receipts: compact JWS of each site that answered; at a site its own first, the others' once
            the lead has handed them on.
        scores: at the lead, of the model that the round began with, where it evaluated.
    """

    job_id: str
    round: int
    request_digest: str
    payload: bytes
    answered: tuple[str, ...]
    at: datetime
    receipts: tuple[str, ...] = ()
    scores: tuple[SiteScores, ...] = ()
