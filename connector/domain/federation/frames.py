"""Frames of a federated job between a site and the lead, as values.

The wire form is `protos/connector/peer/v1/federation.proto`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hello:
    """First frame of a stream, site to lead.

    Attributes:
        job_id: the job.
        manifest_digest: SHA-256 (hex) of the manifest that the site accepted.
    """

    job_id: str
    manifest_digest: str


@dataclass(frozen=True, slots=True)
class Round:
    """Lead to site: compute this round.

    Attributes:
        number: from 1.
        answered: DIDs whose update entered the round before; empty in round 1.
        message: Flower message, bytes.
        receipts: compact JWS of each site that answered the round before; empty in round 1.
    """

    number: int
    answered: tuple[str, ...]
    message: bytes
    receipts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RoundReply:
    """Site to lead: the noised update.

    Attributes:
        number: the round.
        message: Flower message, bytes.
        receipt: the site's compact JWS, see `connector/identity/receipts/round_receipt.py`.
    """

    number: int
    message: bytes
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class RoundRefusal:
    """Site to lead: nothing more comes for this job.

    Attributes:
        number: the round that was asked.
        code: stable code of `connector/errors/`.
        reason: one line.
    """

    number: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Lead to site: the job is over.

    Attributes:
        outcome: `completed`, `failed` or `cancelled`.
        code: stable code; empty when completed.
        reason: one line.
        receipts: of the last round, when completed.
    """

    outcome: str
    code: str
    reason: str
    receipts: tuple[str, ...] = ()


SiteFrame = RoundReply | RoundRefusal
LeadFrame = Round | Finish
