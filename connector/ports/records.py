"""The database: one repository for each kind of value, and transactions over all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from connector.domain.account import Account
from connector.domain.catalog.dataset import Dataset, Offer
from connector.domain.catalog.search import Search
from connector.domain.catalog.shelf import Entry
from connector.domain.contract.approval import Approval
from connector.domain.contract.duty import Deed, Duty
from connector.domain.contract.negotiation import Agreement, Negotiation, Role
from connector.domain.contract.notice import Notice, Standing, Telling
from connector.domain.contract.use import Counted, UseRecord
from connector.domain.credentials import (
    CredentialRequest,
    HeldCredential,
    IssuanceRequest,
    Presented,
    PublishedCopy,
)
from connector.domain.delivery import OutgoingMessage, ReceivedMessage
from connector.domain.federation.job import Job, JobSite, RoundRecord
from connector.domain.layer import KeptLayer
from connector.domain.log.audit import (
    Checkpoint,
    CosignedHead,
    Epoch,
    LogEntry,
    PeerLog,
    ReturnedHead,
    Sought,
    Stand,
)
from connector.domain.membership import Membership
from connector.domain.page import PAGE, Page
from connector.domain.participant import IssuerDocument, KeptList, Participant, StatusList
from connector.domain.privacy.budget import Reservation
from connector.domain.privacy.census import Census, RegisterPersons, SuppressedPersons
from connector.domain.privacy.promise import Claim
from connector.domain.privacy.register import Register
from connector.domain.privacy.tally import Forfeit
from connector.domain.transfer.extract import Extract
from connector.domain.transfer.requested import ReleasedTables, Requested
from connector.domain.transfer.transfer import Transfer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Not:
    """In `Repository.find`: a field that differs from the value."""

    value: object


@dataclass(frozen=True, slots=True)
class Among:
    """In `Repository.find`: a field that equals one of some values.

    Attributes:
        values: at least one; none is None.
    """

    values: Collection[object]

    def __post_init__(self) -> None:
        """Refuse what no row could be asked for by (a fault of the caller's code)."""
        if not self.values or None in self.values:
            raise RuntimeError("a list is of one value at least, and None is none")


class Repository(Protocol[T]):
    """One kind of value, by key, in the order of its table in `store/tables/records.py`."""

    def get(self, *key: str | int) -> T | None:
        """Return the value of a key, or None."""

    def lock(self, *key: str | int) -> T | None:
        """As `get`, and keep others from writing it until the transaction ends."""

    def put(self, value: T) -> None:
        """Insert the value, or replace the one with its key."""

    def add(self, value: T) -> bool:
        """Insert the value unless its key is taken; return whether it was inserted."""

    def find(self, **equal: object) -> list[T]:
        """Return the values whose fields equal these, oldest first; see `Not`."""

    def page(
        self, *, after: str = "", limit: int = PAGE, newest: bool = False, **equal: object
    ) -> Page[T]:
        """Return as `find`, at most `limit` rows after a page (0: all), whatever they hold.

        Where `newest` is set, the order is the other one: the newest first.
        """

    def keys(self, **equal: object) -> list[tuple[str | int, ...]]:
        """Return the keys of the values that `find` returns; nothing else of these is read."""

    def count(self, **equal: object) -> int:
        """Return how many values have fields that equal these."""

    def remove(self, *key: str | int) -> None:
        """Remove the value of a key, if it is there."""


class AuditLog(Protocol):
    """The node's RFC 6962 log, written in the transaction of what it records."""

    def append(self, kind: str, subject: str, **facts: Any) -> LogEntry:
        """Add an event. `facts` are JSON values without personal data."""

    def entries(
        self,
        *,
        start: int = 0,
        limit: int = 1000,
        subject: str | None = None,
        kind: str | None = None,
    ) -> list[LogEntry]:
        """Return entries from `start`, in order; of one subject or kind when given."""

    def page(self, sought: Sought, limit: int = 1000) -> Page[LogEntry]:
        """Return the entries that are looked for, whatever the rows hold; of a page no `next`."""

    def size(self) -> int:
        """Return how many entries there are."""

    def head(self) -> tuple[int, bytes]:
        """Return (size, RFC 6962 root) of the log."""

    def recent(self, kinds: tuple[str, ...], ask: Callable[[], Stand]) -> Stand:
        """Return how the log stands by now, or a second ago; asks where nobody here knows."""

    def since(self, *kinds: str) -> int:
        """Return how many entries there are up to and including the newest of these kinds."""

    def root(self, size: int) -> bytes:
        """Return the root when the log had `size` entries."""

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the inclusion proof (RFC 6962 section 2.1.1) of an entry in a tree of `size`."""

    def consistency(self, first: int, second: int) -> list[bytes]:
        """Return the consistency proof (RFC 6962 section 2.1.2) from `first` to `second`."""

    def check(self) -> str:
        """Recompute the log from its events; return its first fault, one line, or nothing."""


class Promises(Protocol):
    """What counts against a register's cap, as sums; one over a spoiled row is `RowDamaged`."""

    def standing(self, register_id: str, now: datetime) -> tuple[float, float]:
        """Return (Σε, Σδ) of the contracts that stand and run, which count in full."""

    def ended(self, register_id: str, now: datetime) -> list[Claim]:
        """Return, for each contract that counts in full no longer, what its jobs add up to.

        A contract of which only jobs are known, since a recovery, is among them.
        """

    def jobs(self, register_id: str) -> frozenset[str]:
        """Return the ids of all jobs that a register has a reservation of, open and closed."""

    def charged(self, register_id: str) -> tuple[float, float]:
        """Return Σε of the jobs with a committed round, and Σε of those and of open ones."""

    def astray(self) -> list[str]:
        """Return the registers whose sum is not that of the contracts; ``: of lost datasets."""

    def recount(self) -> None:
        """Count the contracts anew, by their own rows."""


class Notices(Repository[Notice], Protocol):
    """What parties signed about contracts after they were concluded."""

    def taken_back(self, party: str) -> Mapping[str, Standing]:
        """Return contract -> how it stands, where a party ended it, or suspended it last."""


class Approvals(Repository[Approval], Protocol):
    """What waits for persons, or waited."""

    def awaiting(self, roles: Collection[str], limit: int = PAGE) -> Page[Approval]:
        """Return what still waits for one of these roles, at least one; the oldest first."""


class Duties(Repository[Duty], Protocol):
    """Duties of contracts, as of the last look."""

    def urgent(self, *, debtor: str = "", after: str = "", limit: int = PAGE) -> Page[Duty]:
        """Return open duties of a debtor, or of all: those due first, then those without an end."""

    def contracts_due(self, now: datetime, limit: int) -> list[str]:
        """Return contracts with a duty to look at by now, the most urgent first."""

    def next_look(self) -> datetime | None:
        """Return when the next duty is to be looked at, UTC; None: not before something happens."""


class Uses(Repository[UseRecord], Protocol):
    """Uses of contracts that are counted."""

    def counted(self) -> list[Counted]:
        """Return how often contracts were used, by contract and action."""


class Shelf(Protocol):
    """The own catalog as a consumer may see it."""

    def page(
        self,
        caller: str,
        spaces: Collection[str],
        search: Search,
        *,
        after: str = "",
        before: str = "",
        limit: int,
    ) -> Page[Entry]:
        """Return datasets that are wanted and have an offer for a consumer, by id.

        Args:
            caller: DID of the consumer.
            spaces: as offers name the one in which it is dealt with.
            search: what is wanted.
            after: id of the last dataset before the page, which is `Page.next`.
            before: id of the first dataset after the page: it ends there. Its `Page.next` is that
                of its first dataset, and empty where none is before that.
            limit: most datasets.
        """


class UsedTokens(Protocol):
    """Which call tokens were used. Survives restarts."""

    def use(self, issuer: str, jti: str, expires: datetime) -> bool:
        """Record a token; return False when it was used before."""

    def forget(self, before: datetime) -> None:
        """Drop tokens that expired before a time."""


class Holdings(Protocol):
    """What is stored for members, and is dropped some time after it has ended."""

    def open_negotiations(self, peer: str, role: Role) -> int:
        """Return how many negotiations with a peer have not ended in which we have a role."""

    def bytes_by_member(self) -> dict[str, int]:
        """Return about how many bytes are stored for each member that will be dropped again."""

    def extract_bytes(self) -> dict[str, int]:
        """Return the bytes of the extracts of which there is a file, by consumer."""

    def drop(self, before: datetime, sent: datetime, limit: int) -> int:
        """Drop at most `limit` rows of what has ended; return how many that were.

        Args:
            before: when it ended at the latest.
            sent: when messages that need no answer any more were delivered at the latest.
            limit: most rows.
        """


class Transaction(Protocol):
    """All repositories in one database transaction."""

    participants: Repository[Participant]  # key: did
    issuers: Repository[IssuerDocument]  # key: did
    status_lists: Repository[StatusList]  # key: url
    kept_lists: Repository[KeptList]  # key: digest
    layers: Repository[KeptLayer]  # key: digest
    datasets: Repository[Dataset]  # key: id
    registers: Repository[Register]  # key: id
    persons: Repository[RegisterPersons]  # key: register_id
    suppressed: Repository[SuppressedPersons]  # key: register_id
    censuses: Repository[Census]  # key: dataset_id
    offers: Repository[Offer]  # key: id
    negotiations: Repository[Negotiation]  # key: pid
    agreements: Repository[Agreement]  # key: id
    notices: Notices  # key: agreement_id, party, number
    approvals: Approvals  # key: id
    requests: Repository[Requested]  # key: consumer, request_id
    released: Repository[ReleasedTables]  # key: use_id
    extracts: Repository[Extract]  # key: id
    transfers: Repository[Transfer]  # key: pid
    duties: Duties  # key: agreement_id, path
    deeds: Repository[Deed]  # key: agreement_id, party, number
    uses: Uses  # key: id
    tellings: Repository[Telling]  # key: id
    outbox: Repository[OutgoingMessage]  # key: id
    inbox: Repository[ReceivedMessage]  # key: peer, id
    reservations: Repository[Reservation]  # key: job_id
    jobs: Repository[Job]  # key: id
    sites: Repository[JobSite]  # key: job_id, site
    rounds: Repository[RoundRecord]  # key: job_id, round
    checkpoints: Repository[Checkpoint]  # key: origin, size
    peer_logs: Repository[PeerLog]  # key: origin
    epochs: Repository[Epoch]  # key: origin, number
    returned_heads: Repository[ReturnedHead]  # key: peer
    cosigned_heads: Repository[CosignedHead]  # key: peer
    forfeits: Repository[Forfeit]  # key: id
    members: Repository[Membership]  # key: did
    held_credentials: Repository[HeldCredential]  # key: issuer, id
    credential_requests: Repository[CredentialRequest]  # key: holder_pid
    issuance_requests: Repository[IssuanceRequest]  # key: issuer_pid
    presented: Repository[Presented]  # key: holder, question
    published_copies: Repository[PublishedCopy]  # key: url
    accounts: Repository[Account]  # key: name
    audit: AuditLog
    promises: Promises
    shelf: Shelf
    tokens: UsedTokens
    holdings: Holdings

    def due_messages(self, now: datetime, limit: int) -> list[OutgoingMessage]:
        """Return undelivered messages due by `now`: the oldest of each subject, peers in turns."""

    def after_commit(self, action: Callable[[], None]) -> None:
        """Run `action` once the transaction is committed; not at all if it is rolled back."""


class Store(Protocol):
    """The database."""

    def read(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that sees one state and writes nothing.

        Raises:
            StoreUnavailable: the database did not answer.
        """

    def write(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that commits at the end of its block, or rolls back on an exception.

        Writers run one after another on SQLite.

        Raises:
            StoreUnavailable: the database did not answer, or stayed locked.
        """
