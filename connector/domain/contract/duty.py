"""Duties of a contract as its parties keep them, and what they sign about them. Pure.

Rules: where a duty stands follows from the signed policy, the deeds of both parties and the uses
(`enforcement/obligations.py`); a row says it as of the last look, for lists and for the clock. The
debtor signs that it did a duty, its creditor that it need not be done, and the provider when an
event took place. A deed is never changed or taken back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from connector.domain.contract.approval import Happening

ACTS_BEFORE: Final = timedelta(seconds=60)  # a deadline, what a node does itself
OPEN: Final = frozenset({"due", "missing", "violated", "undetermined"})  # states of the engine


class DeedKind(StrEnum):
    """What a deed says."""

    DONE = "done"  # a duty was done
    WAIVED = "waived"  # a duty need not be done
    HAPPENED = "happened"  # an event that periods run from took place, or will
    BREACHED = "breached"  # what is prohibited was done
    DESTROYED = "destroyed"  # the copies that the provider's node held are, whoever owes deletion


class Gone(StrEnum):
    """What became of what was delivered, as a receipt of deletion says."""

    DESTROYED = "destroyed"  # by the node: the copy that it held, or its key
    ATTESTED = "attested"  # by persons, of a file that left the node


@dataclass(frozen=True, slots=True)
class Deletion:
    """One delivery, or one copy that a node held, in a receipt of deletion.

    Attributes:
        digest: SHA-256 of the file, hex.
        gone: see `Gone`.
        of: which one: the consumer's id of a transfer, or the extract of a copy that the provider's
            node held. Empty in receipts of before: all that were delivered until then.
    """

    digest: str
    gone: Gone
    of: str = ""


@dataclass(frozen=True, slots=True)
class Deed:
    """A party's signed statement about a duty, a prohibition or an event of a contract.

    Attributes:
        agreement_id: the contract.
        party: DID of who signed.
        number: grows with each deed of a party about a contract.
        kind: see `DeedKind`.
        about: JSON pointer into the policy, or IRI of the event.
        at: when it took place, or is to, UTC.
        evidence: SHA-256 of what shows it, hex; may be empty.
        note: one line that names no person: where to find it, or why it is waived.
        deletions: what was deleted; only of a duty to delete.
        statement: the signed text, compact JWS.
        stated_at: when it was signed, UTC.
        unnamed: digests of what was delivered and no deletion names, as this node finds.
    """

    agreement_id: str
    party: str
    number: int
    kind: DeedKind
    about: str
    at: datetime
    evidence: str
    note: str
    deletions: tuple[Deletion, ...]
    statement: str
    stated_at: datetime
    unnamed: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether it says all that it must: a receipt of deletion names all that was delivered."""
        return not self.unnamed


@dataclass(frozen=True, slots=True)
class Duty:
    """A duty of a contract, as of the last look; all its occasions together.

    Attributes:
        agreement_id: the contract.
        path: JSON pointer into the policy.
        action: IRI of what has to be done.
        debtor: DID or IRI of who must do it.
        creditor: DID of the other party of the contract, which may waive it.
        towards: IRIs of the parties that the duty names, such as who is informed.
        state: as the policy's evaluation says, see `DutyState` there.
        since: start of the earliest occasion that is open, UTC; None where none is, or unknown.
        due: its deadline, UTC; None where there is none.
        done_at: when it was done last, UTC; None where it never was.
        open: occasions on which it is still to be done.
        note: why its state cannot be told; else empty.
        reminded: deadline that was last reminded of, UTC.
        escalated: deadline whose passing was last logged, UTC; of one without, the time of that.
        waived: reason, where the creditor waived it.
        changes: when time alone may change where it stands, UTC; None: never.
        look_at: when the clock has to look at it, UTC; None: not before something happens.
        notice: what is still to be told of it to an address of the institution.
        tries: how often that was tried.
        try_at: when it is tried next, UTC; None where nothing is to be told.
    """

    agreement_id: str
    path: str
    action: str
    debtor: str
    creditor: str
    towards: tuple[str, ...]
    state: str
    since: datetime | None
    due: datetime | None
    done_at: datetime | None
    open: int
    note: str
    reminded: datetime | None = None
    escalated: datetime | None = None
    waived: str = ""
    changes: datetime | None = None
    look_at: datetime | None = None
    notice: Happening = Happening.NONE
    tries: int = 0
    try_at: datetime | None = None

    @property
    def id(self) -> str:
        """What a person names it by."""
        return f"{self.agreement_id}#{self.path}"

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done."""
        return self.state in OPEN

    def remind_at(self, ahead: timedelta) -> datetime | None:
        """Return from when on its debtor is reminded, UTC; None where nobody is.

        Args:
            ahead: how long before the deadline; at most half the time that there is for it.
        """
        if self.due is None or self.state != "due" or self.reminded == self.due:
            return None
        room = ahead if self.since is None else min(ahead, (self.due - self.since) / 2)
        return self.due - room

    @property
    def unescalated(self) -> bool:
        """Whether it is overdue, and that was not logged of this deadline."""
        if self.state != "violated":
            return False
        return self.escalated is None or (self.due is not None and self.escalated != self.due)

    def looked_at(self, ahead: timedelta, own: str, now: datetime) -> Duty:
        """Return it with the time of the next look.

        Args:
            ahead: as `remind_at`.
            own: DID of this node, which reminds only its own institution.
            now: UTC.
        """
        remind = self.remind_at(ahead) if self.debtor == own else None
        acts = self.due - ACTS_BEFORE if self.debtor == own and self.due is not None else None
        acts = acts if acts is not None and acts > now else None
        moments = (self.changes, remind, acts, self.try_at, now if self.unescalated else None)
        return replace(self, look_at=min(filter(None, moments), default=None))


def next_number(deeds: Iterable[Deed], party: str, now: datetime) -> int:
    """Return the number of a party's next deed; see `notice.next_number`."""
    used = (each.number for each in deeds if each.party == party)
    return max(int(now.timestamp()), max(used, default=0) + 1)


def duty_id(name: str) -> tuple[str, str]:
    """Return the contract and the pointer that a duty's id names; the pointer may be empty."""
    agreement, _, path = name.partition("#")
    return agreement, path
