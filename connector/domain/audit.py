"""What a node remembers of its own acts. The tree itself is `domain/merkle.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One event of the audit log.

    Attributes:
        index: position, from 0.
        kind: what happened, dotted lower case (`negotiation.agreed`, `job.refused` …).
        at: UTC.
        subject: id that it is about (agreement, negotiation, job, dataset, peer DID).
        event: canonical JSON (RFC 8785) of the whole event, exact bytes; no personal data.
        leaf: RFC 6962 leaf hash of `event`.
    """

    index: int
    kind: str
    at: datetime
    subject: str
    event: bytes
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Signed head of a log (C2SP signed-note layout).

    Attributes:
        origin: DID of the node whose log it is.
        size: entries.
        root: RFC 6962 tree hash, 32 bytes.
        note: the whole signed note, exact text.
        at: when it was made or received, UTC.
    """

    origin: str
    size: int
    root: bytes
    note: str
    at: datetime
