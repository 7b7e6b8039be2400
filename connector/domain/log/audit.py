"""What a node remembers of its own acts. The tree itself is `domain/log/merkle.py`."""

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
class Sought:
    """Which entries of a log are looked for: those of which all of this is so.

    Attributes:
        start: lowest index.
        subjects: ids of which an entry is about one; None: about anything.
        kind: what happened; without a dot the first part of it, as `job`; empty: anything.
        since: not before, UTC; None: from the first.
        before: UTC; None: to the last.
        newest: whether the newest come first.
    """

    start: int = 0
    subjects: tuple[str, ...] | None = None
    kind: str = ""
    since: datetime | None = None
    before: datetime | None = None
    newest: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """A state of a log.

    Attributes:
        epoch: how often the node has resumed from an older state; entries count within an epoch.
        size: entries.
        root: RFC 6962 tree hash, 32 bytes.
    """

    epoch: int
    size: int
    root: bytes

    @property
    def place(self) -> tuple[int, int]:
        """How far the log has come: epoch, then entries."""
        return self.epoch, self.size


@dataclass(frozen=True, slots=True)
class Stand:
    """How a log stands: what its node signs of it.

    Attributes:
        head: its state.
        since: entries up to and including the newest of some kinds.
    """

    head: Head
    since: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Signed head of a log (C2SP signed-note layout).

    Attributes:
        origin: DID of the node whose log it is.
        size: entries.
        root: RFC 6962 tree hash, 32 bytes.
        note: the whole signed note, exact text.
        at: when it was made or received, UTC.
        epoch: see `Head`.
        charged: entries up to and including the newest without which more could be spent; what
            was signed without that statement says the most, its size.
    """

    origin: str
    size: int
    root: bytes
    note: str
    at: datetime
    epoch: int = 0
    charged: int = 0

    @property
    def head(self) -> Head:
        """The state that it signs."""
        return Head(self.epoch, self.size, self.root)


@dataclass(frozen=True, slots=True)
class PeerLog:
    """What this node keeps of a peer's log, beside the newest head.

    Attributes:
        origin: DID of the peer.
        deposit: newest note of the peer's that came with a sealed tally; empty when none did.
        sealed: that tally, which only the peer can read.
        contradiction: note that contradicts what the peer had shown; empty when none does.
        reason: one line, why it does.
        at: when the deposit came, UTC; where there is none, when the contradiction did.
        unproven: note of a head that the peer signed and has not joined to the one held, since it
            did not answer with a proof; empty when there is none.
        refusal: code of the newest refusal to prove it; empty when there is none.
    """

    origin: str
    deposit: str
    sealed: bytes
    contradiction: str
    reason: str
    at: datetime
    unproven: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Epoch:
    """A node's signed statement that its log goes on from an older state.

    Attributes:
        origin: DID of the node.
        number: of the epoch that begins, from 1.
        abandoned_epoch: epoch of the newest head that counts no more.
        abandoned_size: its entries.
        abandoned_root: its root.
        resumed: signed note of the head from which the log goes on.
        record: the signed statement, compact JWS.
        held: note of the abandoned history that this node held; empty for the own log.
        at: when it was made or accepted, UTC.
    """

    origin: str
    number: int
    abandoned_epoch: int
    abandoned_size: int
    abandoned_root: bytes
    resumed: str
    record: str
    held: str
    at: datetime

    @property
    def abandoned(self) -> Head:
        """The newest head that counts no more."""
        return Head(self.abandoned_epoch, self.abandoned_size, self.abandoned_root)


@dataclass(frozen=True, slots=True)
class CosignedHead:
    """The newest head of the own log that a peer cosigned.

    Attributes:
        peer: DID of the peer.
        size: entries.
        note: the signed note with the peer's line.
        at: when the peer cosigned it, by its clock, UTC.
    """

    peer: str
    size: int
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReturnedHead:
    """What a peer holds of this node's own log, as it gave it back.

    Attributes:
        peer: DID of the peer.
        note: the newest head that it holds; empty when it holds none.
        deposit: the newest note that came with a sealed tally; empty when none did.
        sealed: that tally.
        at: when it was received, UTC.
    """

    peer: str
    note: str
    deposit: str
    sealed: bytes
    at: datetime
