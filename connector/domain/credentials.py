"""Credentials as a node holds, asks for, issues and is shown them (DCP 1.0).

What they say is read in `identity/dcp/`; here they are exact text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class HeldCredential:
    """A credential that an issuer delivered to this node.

    Attributes:
        issuer: DID.
        id: by which a newer one takes its place: its own, or a digest where it has none.
        token: VC-JWT, exact text.
        holder_pid: request of ours that it answers.
        received_at: UTC.
    """

    issuer: str
    id: str
    token: str = field(repr=False)
    holder_pid: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class CredentialRequest:
    """A request of this node at an issuer (DCP 1.0, section 6.4).

    Attributes:
        holder_pid: its id here.
        issuer: DID.
        credentials: ids of what is asked for.
        issuer_pid: its id at the issuer; empty until that is known.
        status: `RECEIVED`, `ISSUED` or `REJECTED`.
        reason: why it was rejected; may be empty.
        at: when it was made, UTC.
    """

    holder_pid: str
    issuer: str
    credentials: tuple[str, ...]
    issuer_pid: str
    status: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class IssuanceRequest:
    """A request of a holder at this node, and how far its answer is.

    Attributes:
        issuer_pid: its id here.
        holder: DID.
        holder_pid: its id at the holder.
        credentials: ids of what is asked for.
        status: `RECEIVED`, `ISSUED` or `REJECTED`.
        reason: why it was rejected; may be empty.
        access_token: which the holder gave for its Credential Service; may be empty.
        at: when it came, UTC.
        due_at: when its answer is next taken to the holder, UTC; None: it has it, or was given up.
        attempts: how often that was tried.
    """

    issuer_pid: str
    holder: str
    holder_pid: str
    credentials: tuple[str, ...]
    status: str
    reason: str
    access_token: str = field(repr=False)
    at: datetime
    due_at: datetime | None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Presented:
    """What a participant presented when it was asked by some scopes; it verified then.

    Attributes:
        holder: DID.
        question: SHA-256 (hex) of the scopes by which it was asked.
        credentials: VC-JWTs, exact text.
        at: when they were presented, UTC.
    """

    holder: str
    question: str
    credentials: tuple[str, ...] = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True)
class PublishedCopy:
    """A status list of an issuer of others' kind, as it was fetched.

    Attributes:
        url: its address.
        token: VC-JWT, exact text.
        fetched_at: UTC.
    """

    url: str
    token: str = field(repr=False)
    fetched_at: datetime
