"""The node's own log shown to others, and evidence from it.

Rules: a head is signed once for each state of the log; it says in which epoch the log is, and how
long it was when a job was last accepted, or registers last allowed less. Evidence leaves the node
only when its operator exports it. Others' logs are `witness.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from connector.domain.log.audit import Checkpoint, Head, LogEntry, Sought, Stand
from connector.domain.page import Page
from connector.domain.participant import Participant
from connector.errors import LogBroken, Malformed
from connector.identity import checkpoint as checkpoints
from connector.ports import Ports, Transaction
from connector.protocol.messages import ConsistencyProof, ConsistencyRequestMessage
from connector.services.readable import Readable

PAGE: Final = 1000
MEND: Final = "restore the database from a backup (`preau restore`), and find out who wrote to it"
ACCEPTED: Final = "job.accepted"  # the kind of entry that says that a job may spend
CHARGED: Final = "use.charged"  # the same of a table with noise
SPENDING: Final = (ACCEPTED, CHARGED)
LOWERED: Final = "register.lowered"
MERGED: Final = "register.merged"
COUNTED: Final = "use.counted"  # of a contract, before it is made
_WEIGHTY: Final = (*SPENDING, LOWERED, MERGED, COUNTED)


def events(
    ports: Ports,
    start: int = 0,
    limit: int = PAGE,
    subject: str | None = None,
    *,
    kind: str = "",
    since: datetime | None = None,
    before: datetime | None = None,
) -> Page[LogEntry]:
    """Return entries of the own log, in order, whatever they hold; of one subject when given.

    An agreement's entries include those of the negotiation that led to it.

    Args:
        ports: of the node.
        start: lowest index.
        limit: most entries.
        subject: what they are about.
        kind: what happened, or the first part of it.
        since: not before, UTC.
        before: UTC.
    """
    with ports.store.read() as tx:
        agreement = Readable().part(partial(tx.agreements.get, subject), None) if subject else None
        subjects = None if subject is None else (subject, *((agreement.pid,) if agreement else ()))
        sought = Sought(start, subjects, kind, since, before)
        return tx.audit.page(sought, min(limit, PAGE))


def check_whole(ports: Ports) -> None:
    """Check that the own log is the one that was written, entry by entry.

    Raises:
        LogBroken: it was edited or cut.
        StoreUnavailable: the database did not answer.
    """
    with ports.store.read() as tx:
        fault = tx.audit.check()
    if fault:
        raise LogBroken(f"the audit log was edited: {fault}", hint=MEND)


def checkpoint(ports: Ports) -> Checkpoint:
    """Return the signed head of the own log.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    with ports.store.read() as tx:
        return signed(ports, tx)


def head(tx: Transaction, did: str) -> Head:
    """Return the own log's head in its epoch."""
    size, root = tx.audit.head()
    epochs = (epoch.number for epoch in tx.epochs.find(origin=did))
    return Head(max(epochs, default=0), size, root)


def weighty(tx: Transaction) -> int:
    """Return how many entries there are up to the newest without which more could be spent."""
    return tx.audit.since(*_WEIGHTY)


def _stand(tx: Transaction, did: str) -> Stand:
    """Return what is signed of the own log, of one state of it."""
    since = weighty(tx)
    return Stand(head(tx, did), since)


def signed(ports: Ports, tx: Transaction, tally: bytes = b"") -> Checkpoint:
    """Sign the head of the own log as a transaction sees it.

    Args:
        ports: of this node.
        tx: the transaction.
        tally: SHA-256 of the sealed tally that goes with the note; empty: none does.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    did = ports.settings.did
    stand = _stand(tx, did)
    now, charged = stand.head, stand.since
    note = checkpoints.make(ports.signer, did, now, charged, tally)
    return Checkpoint(did, now.size, now.root, note, ports.clock.now(), now.epoch, charged)


class SignedHead:
    """The newest signed head of the own log, signed once for each state of it; thread-safe."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._signed: tuple[Stand, bytes] | None = None

    def note(self) -> bytes:
        """Return the signed note of the log as it is now.

        Raises:
            KeyUnusable: the key cannot be used.
        """
        did = self._ports.settings.did
        with self._ports.store.read() as tx:
            now = tx.audit.recent(_WEIGHTY, partial(_stand, tx, did))
        kept = self._signed  # one value, so that no thread sees half of another's
        if kept is None or kept[0] != now:
            note = checkpoints.make(self._ports.signer, did, now.head, now.since)
            kept = self._signed = (now, note.encode())
        return kept[1]


def consistency(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Answer a peer that asks for the proof between two sizes of the own log.

    Raises:
        Malformed: the body is not a request, or the log was never that long.
    """
    del caller  # any member may witness
    request = ConsistencyRequestMessage.from_body(body)
    with ports.store.read() as tx:
        size = tx.audit.size()
        if request.to_size > size:
            raise Malformed(f"the log has {size} entries, not {request.to_size}")
        proof = tx.audit.consistency(request.from_size, request.to_size)
    return ConsistencyProof(hashes=tuple(proof)).to_body()
