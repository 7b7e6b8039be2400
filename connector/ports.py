"""What services need of the world, as protocols. `bootstrap/` alone knows what stands behind.

Services are plain functions whose first argument is `Ports`. A port translates foreign exceptions
into the tree of `connector/errors.py`, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO, Protocol, TypeVar

from connector.config import Settings
from connector.domain.asking import Asking
from connector.domain.calls import Calls
from connector.domain.catalog.dataset import Dataset, Offer
from connector.domain.catalog.search import Search
from connector.domain.catalog.shelf import Entry
from connector.domain.contract.approval import Approval
from connector.domain.contract.duty import Deed, Duty
from connector.domain.contract.negotiation import Agreement, Negotiation, Role
from connector.domain.contract.notice import Notice, Standing, Telling
from connector.domain.contract.use import UseRecord
from connector.domain.delivery import Courier, OutgoingMessage, ReceivedMessage, Reply, Turn
from connector.domain.federation.frames import Hello, LeadFrame, SiteFrame
from connector.domain.federation.job import Job, JobSite, RoundRecord
from connector.domain.holdings import Held
from connector.domain.log.audit import (
    Checkpoint,
    CosignedHead,
    Epoch,
    LogEntry,
    PeerLog,
    ReturnedHead,
    Stand,
)
from connector.domain.membership import Membership
from connector.domain.page import PAGE, Page
from connector.domain.participant import IssuerDocument, KeptList, Participant, StatusList
from connector.domain.privacy.budget import Reservation
from connector.domain.privacy.census import Census, RegisterPersons, SuppressedPersons
from connector.domain.privacy.promise import Claim
from connector.domain.privacy.register import Register
from connector.domain.privacy.tally import Forfeit, Tally
from connector.domain.thread import ThreadFault
from connector.domain.transfer.extract import Extract
from connector.domain.transfer.requested import ReleasedTables, Requested
from connector.domain.transfer.task import Done, Made, Task
from connector.domain.transfer.transfer import Transfer
from connector.enforcement.mechanism import Mechanisms
from federated.privacy.question import Question

T = TypeVar("T")


class Clock(Protocol):
    """Wall time."""

    def now(self) -> datetime:
        """Return the time, aware, UTC."""


class Identifiers(Protocol):
    """Fresh identifiers."""

    def new(self) -> str:
        """Return a new `urn:uuid:…`, unguessable."""


class Signer(Protocol):
    """An Ed25519 key that never leaves its keeper (file, vault, HSM)."""

    @property
    def key_id(self) -> str:
        """DID URL of the verification method."""

    @property
    def public_jwk(self) -> Mapping[str, str]:
        """Public key as JWK (RFC 8037)."""

    def sign(self, payload: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature (RFC 8032) of `payload`.

        Raises:
            KeyUnusable: the key cannot be used.
        """


@dataclass(frozen=True, slots=True)
class Not:
    """In `Repository.find`: a field that differs from the value."""

    value: object


class Repository(Protocol[T]):
    """One kind of value, by key. Keys are in the order of the table in `store/tables.py`."""

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

    def page(self, *, after: str = "", limit: int = PAGE, **equal: object) -> Page[T]:
        """Return as `find`, at most `limit` rows after a page (0: all), whatever they hold."""

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

    def page(self, subject: str | None, start: int = 0, limit: int = 1000) -> Page[LogEntry]:
        """Return as `entries`, whatever the rows hold."""

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


class Duties(Repository[Duty], Protocol):
    """Duties of contracts, as of the last look."""

    def contracts_due(self, now: datetime, limit: int) -> list[str]:
        """Return contracts with a duty to look at by now, the most urgent first."""

    def next_look(self) -> datetime | None:
        """Return when the next duty is to be looked at, UTC; None: not before something happens."""


class Shelf(Protocol):
    """The own catalog as a consumer may see it."""

    def page(self, caller: str, search: Search, *, after: str = "", limit: int) -> Page[Entry]:
        """Return datasets that are wanted and have an offer for a consumer, by id.

        Args:
            caller: DID of the consumer.
            search: what is wanted.
            after: id of the last dataset before the page, which is `Page.next`.
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
    datasets: Repository[Dataset]  # key: id
    registers: Repository[Register]  # key: id
    persons: Repository[RegisterPersons]  # key: register_id
    suppressed: Repository[SuppressedPersons]  # key: register_id
    censuses: Repository[Census]  # key: dataset_id
    offers: Repository[Offer]  # key: id
    negotiations: Repository[Negotiation]  # key: pid
    agreements: Repository[Agreement]  # key: id
    notices: Notices  # key: agreement_id, party, number
    approvals: Repository[Approval]  # key: id
    requests: Repository[Requested]  # key: consumer, request_id
    released: Repository[ReleasedTables]  # key: use_id
    extracts: Repository[Extract]  # key: id
    transfers: Repository[Transfer]  # key: pid
    duties: Duties  # key: agreement_id, path
    deeds: Repository[Deed]  # key: agreement_id, party, number
    uses: Repository[UseRecord]  # key: id
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


class Web(Protocol):
    """Guarded HTTPS client for peer-supplied addresses."""

    def get(self, url: str, *, limit: int = 1 << 20) -> bytes:
        """Fetch a document: HTTPS only, no redirect, bounded in time and size.

        Raises:
            AddressForbidden: the address is not one that this node may fetch.
            PeerUnreachable: no answer, or not 200.
            MessageTooLarge: more than `limit` bytes.
        """

    def post(self, url: str, body: bytes, *, limit: int = 1 << 16) -> bytes:
        """As `get`, posting a JSON body."""


class PeerWire(Protocol):
    """Calls to peers over gRPC. Kinds and bodies are those of `connector/protocol/messages.py`."""

    def call(
        self,
        peer: Participant,
        kind: str,
        body: Mapping[str, Any],
        *,
        seconds: float = 10.0,
        carries: bool = False,
    ) -> Mapping[str, Any]:
        """Send one message, with a token made for it, and return the answer.

        Where it `carries`, the peer's next message may come with it.

        Raises:
            PeerUnreachable: no answer within `seconds`.
            TooManyRequests: the answer carries more than the peer may send.
            PreauError: the refusal that the peer answered with, by its code.
        """

    def participate(self, lead: Participant, hello: Hello) -> SiteStream:
        """Open the stream of a federated job, as its site.

        Raises:
            PeerUnreachable: the lead does not answer.
            PreauError: the lead refused.
        """

    def fetch(self, provider: Participant, pid: str, offset: int) -> Iterator[bytes]:
        """Fetch the bytes of a transfer, by the provider's pid, as they come.

        Raises:
            PeerUnreachable: the provider does not answer, or broke off.
            PreauError: the provider refused, or stopped.
        """


class SiteStream(Protocol):
    """A site's end of a job's stream."""

    def receive(self, seconds: float) -> LeadFrame | None:
        """Return the next frame, or None when none came within `seconds`.

        Raises:
            PeerUnreachable: the stream broke.
        """

    def send(self, frame: SiteFrame) -> None:
        """Send a frame.

        Raises:
            PeerUnreachable: the stream is broken.
        """

    def close(self) -> None:
        """End the stream."""


class ExtractFiles(Protocol):
    """Files of extracts, in the node's home."""

    def read(self, extract: Extract, offset: int, size: int) -> bytes:
        """Return `size` bytes of an extract that is ready, from an offset on.

        Raises:
            ExtractUnavailable: they are not there, or the file is not as it was made.
        """


class Accountant(Protocol):
    """Cost of mechanisms, computed outside the node's process."""

    def costs(self, questions: Sequence[Question]) -> list[float]:
        """Return the answer to each question; infinity where events have no finite cost.

        Raises:
            WorkerFailed: the computation did not end.
        """

    def calibrate(self, *, epsilon: float, delta: float, sampling_rate: float, steps: int) -> float:
        """Return the smallest σ with which `steps` steps cost at most `epsilon` at `delta`.

        Raises:
            WorkerFailed: the computation did not end.
            JobRefused: no σ within bounds reaches the target.
        """


class Worker(Protocol):
    """A process that computes for one job. Frames are (JSON header, payload)."""

    @property
    def pid(self) -> int:
        """Process id."""

    def send(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        """Send one frame.

        Raises:
            WorkerFailed: the process is gone.
        """

    def receive(self, seconds: float) -> tuple[dict[str, Any], bytes]:
        """Return the next frame.

        Raises:
            WorkerFailed: the process is gone, or silent for `seconds`.
        """

    def stop(self) -> None:
        """End the process, at once if it does not end by itself."""


class Workers(Protocol):
    """Starts worker processes."""

    def start(self, role: str, folder: Path) -> Worker:
        """Start a worker in the role `site`, `lead` or `census`; it writes in `folder` only.

        Raises:
            WorkerFailed: it did not start, or the extra `federated` is not installed.
        """


class Sources(Protocol):
    """Data files of the institution."""

    def digest(self, path: Path) -> str:
        """Return the SHA-256 (hex) of the file.

        Raises:
            DataFileMissing: no such file.
            DataFileUnreadable: it cannot be read.
        """


class PersonKey(Protocol):
    """The key under which persons are compared. It is kept outside the database."""

    def __call__(self, *, make: bool) -> bytes:
        """Return its 32 bytes.

        Args:
            make: whether to make one when there is none.

        Raises:
            KeyUnusable: it is missing and may not be made, or cannot be used.
        """


class Wakeups(Protocol):
    """Named events by which threads of the node wake one another; no polling in the hot path."""

    def notify(self, name: str) -> None:
        """Wake whoever waits for `name`; remembered when nobody does."""

    def wait(self, name: str, seconds: float) -> bool:
        """Wait for `name`; return whether it came within `seconds`."""


class Pace(Protocol):
    """Time that passes, for waits that others can see."""

    def now(self) -> float:
        """Return seconds on a clock that never goes back."""

    def wait(self, stop: Event, seconds: float) -> bool:
        """Wait for `seconds`, or until `stop` is set; return whether it is."""


class Charges(Protocol):
    """What was charged, outside the database: in a file of the home, and sealed for peers."""

    def recorded(self) -> Tally | None:
        """Return the newest tally of the home; None when there is no record at all.

        Raises:
            KeyUnusable: the record is there and cannot be read.
        """

    def record(self, tally: Tally) -> None:
        """Write a tally to the disk, unless one that came as far is there; return once it is safe.

        Raises:
            KeyUnusable: it cannot be written.
        """

    def seal(self, tally: Tally) -> bytes:
        """Return a tally as only this node can read it; the same bytes for the same tally.

        Raises:
            KeyUnusable: the key cannot be used.
            MessageTooLarge: it is larger than peers take.
        """

    def unseal(self, sealed: bytes) -> Tally:
        """Return a tally that this node sealed.

        Raises:
            SignatureInvalid: it did not, or the bytes were altered.
            KeyUnusable: the key cannot be used.
        """


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything a service may use.

    Attributes:
        own_document: returns the node's own DID document, exact bytes served now.
        own_membership: returns the node's own membership credential, or an empty string.
        person_key: returns the key of the persons' digests.
        pseudonym_key: returns the key from which those of scopes of pseudonyms are derived.
        preparing: carries out a use of a table, and writes its file (`connector/preparing`).
        mechanisms: the ways in which this node lets data be used.
        code_hash: SHA-256 (hex) of the training recipe that the node would run; empty: none.
        faults: by thread, its last fault that nobody foresaw (`services/guard.py`).
        asking: what peers were asked of the own log since the node started.
        calls: how many calls of peers were answered, and how.
        held: how much is stored for each member.
        reply: what the answer to the call that is handled takes along; None: nothing.
        turn: what the delivery under way goes on with; None: the dispatcher sends all.
        courier: who sends what opens a negotiation.
    """

    settings: Settings
    clock: Clock
    ids: Identifiers
    signer: Signer
    store: Store
    web: Web
    wire: PeerWire
    accountant: Accountant
    workers: Workers
    sources: Sources
    extracts: ExtractFiles
    wakeups: Wakeups
    pace: Pace
    charges: Charges
    own_document: Callable[[], bytes]
    own_membership: Callable[[], str]
    person_key: PersonKey
    pseudonym_key: PersonKey
    preparing: Callable[[Task, BinaryIO], Made]
    mechanisms: Mechanisms
    code_hash: str = ""
    faults: MutableMapping[str, ThreadFault] = field(default_factory=dict, compare=False)
    asking: Asking = field(default_factory=Asking, compare=False)
    calls: Calls = field(default_factory=Calls, compare=False)
    held: Held = field(default_factory=Held, compare=False)
    reply: Reply | None = None
    turn: Turn | None = None
    courier: Courier = field(default_factory=Courier, compare=False)
    done: Done = field(default_factory=Done, compare=False)
