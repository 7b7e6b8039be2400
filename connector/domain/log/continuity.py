"""Does a head of a log continue another? Pure: what a witness does with a head that it is shown.

Rules: within one epoch a log only grows, so two roots of one size are a fork at once, and any other
pair is settled by one proof between the two sizes: calls overtake one another, so that an older
head alone means nothing. A later epoch counts only by a signed record that covers what the witness
holds; an earlier one may be shown for as long as a call may have been under way.
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import Final

from connector.domain.log.audit import Checkpoint, Epoch, Head, PeerLog

# A call's token lives a minute, so what is older was not merely overtaken.
UNDER_WAY: Final = timedelta(minutes=2)


class Step(Enum):
    """What a witness does with a head."""

    KEEP = "keep it: it is the first"
    NOTHING = "nothing: it is known, or was overtaken"
    ASK = "ask once for the proof between the two"
    FORK = "it contradicts the one held"
    UNANNOUNCED = "it is of an epoch whose record has not arrived"


def step(held: Checkpoint | None, shown: Checkpoint, record: Epoch | None = None) -> Step:
    """Return what to do with a verified head, given the newest one held of the same log.

    A head of an earlier epoch, that a call under way still carries, counts for nothing: it is not
    kept, and proves nothing to anybody.

    Args:
        held: the newest one; None when there is none.
        shown: the verified head.
        record: of the epoch of `held`, where one was accepted: it says since when the earlier
            epoch is over. Each newer head that is held would prolong that otherwise.
    """
    if held is None:
        return Step.KEEP
    if shown.epoch > held.epoch:
        return Step.UNANNOUNCED
    if shown.epoch < held.epoch:
        over = record.at if record else held.at
        return Step.NOTHING if shown.at - over <= UNDER_WAY else Step.FORK
    if shown.size == held.size:
        return Step.NOTHING if shown.root == held.root else Step.FORK
    return Step.ASK


def covers(record: Epoch, held: Head | None) -> bool:
    """Return whether an epoch record answers for the newest head that somebody holds.

    It does when it begins a later epoch, and abandons that head or one that came after it.
    """
    if held is None:
        return True
    if record.number <= held.epoch or record.abandoned.place < held.place:
        return False
    return record.abandoned.place != held.place or record.abandoned.root == held.root


def remembers(kept: PeerLog | None, own: list[Epoch]) -> bool:
    """Return whether a witness knows the newest deposit that a peer ever left with it.

    One that went back itself may have forgotten newer ones, until the peer deposits again.

    Args:
        kept: what the witness holds of the peer's log.
        own: epochs of the witness.
    """
    begun = max((epoch.at for epoch in own), default=None)
    return begun is None or (kept is not None and bool(kept.deposit) and kept.at > begun)


def answered(head: Head, epochs: list[Epoch]) -> bool:
    """Return whether one of a node's own epoch records answers for a head of its own."""
    return any(covers(record, head) for record in epochs)
