"""The unit of work: the port `Store` over SQLite or PostgreSQL.

Rules: what a `write` block does is there in whole or not at all, also after `kill -9`; writers run
one after another on both databases (within the process at a lock, between replicas at the head row
of the audit log), so that a check made in a block still holds when it commits and nothing can
deadlock; actions for after the commit run only once it is on disk.

Rows, keys and queries are the parts' own affair (`repository.py`, `audit_log.py` …).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar, cast

from connector.domain.account import Account
from connector.domain.catalog.dataset import Dataset, Offer
from connector.domain.contract.duty import Deed
from connector.domain.contract.negotiation import Agreement, Negotiation
from connector.domain.contract.notice import Telling
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
from connector.domain.log.audit import Checkpoint, CosignedHead, Epoch, PeerLog, ReturnedHead
from connector.domain.membership import Membership
from connector.domain.page import Damaged
from connector.domain.participant import IssuerDocument, KeptList, Participant, StatusList
from connector.domain.privacy.budget import Reservation
from connector.domain.privacy.census import Census, RegisterPersons, SuppressedPersons
from connector.domain.privacy.register import Register
from connector.domain.privacy.tally import Forfeit
from connector.domain.transfer.extract import Extract
from connector.domain.transfer.requested import ReleasedTables, Requested
from connector.domain.transfer.transfer import Transfer
from connector.errors import StoreUnavailable
from connector.ports import (
    Approvals,
    AuditLog,
    Clock,
    Duties,
    Holdings,
    Notices,
    Promises,
    Repository,
    Shelf,
    UsedTokens,
    Uses,
)
from connector.store import outbox
from connector.store.audit_log import SqlAuditLog
from connector.store.database.engine import Idle, open_engine, translation
from connector.store.database.scope import Scope
from connector.store.database.session import open_session
from connector.store.holdings import SqlHoldings
from connector.store.notices import SqlNotices
from connector.store.promises import SqlAgreements, SqlPromises
from connector.store.recent import Answers, Recent
from connector.store.repository import SqlRepository, SqlSeldom
from connector.store.shelf import SqlDatasets, SqlShelf
from connector.store.tables import credentials, records
from connector.store.tables.accounts import AccountRow
from connector.store.tables.approvals import SqlApprovals
from connector.store.tables.duties import DeedRow, SqlDuties, SqlUses
from connector.store.tables.keyed import Row
from connector.store.tables.messages import InboxRow, OutboxRow
from connector.store.tables.transfers import ExtractRow, ReleasedRow, RequestedRow, TransferRow
from connector.store.tokens import SqlUsedTokens

T = TypeVar("T")

WAIT_SECONDS = 10.0


class _Part(Generic[T]):
    """A part of a transaction, made when it is first asked for: most transactions ask for few."""

    def __init__(self, make: Callable[[Scope], T]) -> None:
        self._make = make

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, transaction: SqlTransaction, _owner: type | None = None) -> T:
        made = self._make(transaction._scope)  # noqa: SLF001 - of this module
        transaction.__dict__[self._name] = made  # found before this descriptor from now on
        return made


def _of(kind: type[T], row: type[Row], repository: type[SqlRepository[T]] = SqlRepository) -> Any:
    return _Part(lambda scope: repository(scope, kind, row))


class SqlTransaction:
    """All repositories in one database transaction: the port `Transaction`."""

    participants: Repository[Participant] = _of(Participant, records.ParticipantRow, SqlSeldom)
    issuers: Repository[IssuerDocument] = _of(IssuerDocument, records.IssuerRow, SqlSeldom)
    status_lists: Repository[StatusList] = _of(StatusList, records.StatusListRow, SqlSeldom)
    kept_lists: Repository[KeptList] = _of(KeptList, records.KeptListRow)
    layers: Repository[KeptLayer] = _of(KeptLayer, records.LayerRow, SqlSeldom)
    datasets: Repository[Dataset] = cast("Any", _Part(SqlDatasets))
    registers: Repository[Register] = _of(Register, records.RegisterRow)
    persons: Repository[RegisterPersons] = _of(RegisterPersons, records.RegisterPersonsRow)
    suppressed: Repository[SuppressedPersons] = _of(SuppressedPersons, records.SuppressedPersonsRow)
    censuses: Repository[Census] = _of(Census, records.CensusRow)
    offers: Repository[Offer] = _of(Offer, records.OfferRow)
    negotiations: Repository[Negotiation] = _of(Negotiation, records.NegotiationRow)
    agreements: Repository[Agreement] = cast("Any", _Part(SqlAgreements))
    notices: Notices = cast("Any", _Part(SqlNotices))
    approvals: Approvals = cast("Any", _Part(SqlApprovals))
    requests: Repository[Requested] = _of(Requested, RequestedRow)
    released: Repository[ReleasedTables] = _of(ReleasedTables, ReleasedRow)
    extracts: Repository[Extract] = _of(Extract, ExtractRow)
    transfers: Repository[Transfer] = _of(Transfer, TransferRow)
    duties: Duties = cast("Any", _Part(SqlDuties))
    deeds: Repository[Deed] = _of(Deed, DeedRow)
    uses: Uses = cast("Any", _Part(SqlUses))
    tellings: Repository[Telling] = _of(Telling, records.TellingRow)
    outbox: Repository[OutgoingMessage] = _of(OutgoingMessage, OutboxRow)
    inbox: Repository[ReceivedMessage] = _of(ReceivedMessage, InboxRow)
    reservations: Repository[Reservation] = _of(Reservation, records.ReservationRow)
    jobs: Repository[Job] = _of(Job, records.JobRow)
    sites: Repository[JobSite] = _of(JobSite, records.JobSiteRow)
    rounds: Repository[RoundRecord] = _of(RoundRecord, records.RoundRow)
    checkpoints: Repository[Checkpoint] = _of(Checkpoint, records.CheckpointRow)
    peer_logs: Repository[PeerLog] = _of(PeerLog, records.PeerLogRow)
    epochs: Repository[Epoch] = _of(Epoch, records.EpochRow, SqlSeldom)
    returned_heads: Repository[ReturnedHead] = _of(ReturnedHead, records.ReturnedHeadRow, SqlSeldom)
    cosigned_heads: Repository[CosignedHead] = _of(CosignedHead, records.CosignedHeadRow, SqlSeldom)
    forfeits: Repository[Forfeit] = _of(Forfeit, records.ForfeitRow)
    members: Repository[Membership] = _of(Membership, records.MembershipRow)
    held_credentials: Repository[HeldCredential] = _of(
        HeldCredential, credentials.HeldCredentialRow
    )
    credential_requests: Repository[CredentialRequest] = _of(
        CredentialRequest, credentials.CredentialRequestRow
    )
    issuance_requests: Repository[IssuanceRequest] = _of(
        IssuanceRequest, credentials.IssuanceRequestRow
    )
    presented: Repository[Presented] = _of(Presented, credentials.PresentedRow, SqlSeldom)
    published_copies: Repository[PublishedCopy] = _of(
        PublishedCopy, credentials.PublishedCopyRow, SqlSeldom
    )
    accounts: Repository[Account] = _of(Account, AccountRow, SqlSeldom)
    promises: Promises = cast("Any", _Part(SqlPromises))
    shelf: Shelf = cast("Any", _Part(SqlShelf))
    tokens: UsedTokens = cast("Any", _Part(SqlUsedTokens))
    holdings: Holdings = cast("Any", _Part(SqlHoldings))

    def __init__(self, scope: Scope, clock: Clock) -> None:
        self._scope = scope
        self.actions: list[Callable[[], None]] = []
        self._log = SqlAuditLog(scope, clock, self.after_commit)
        self.audit: AuditLog = self._log

    def hold(self) -> None:
        """Keep writers of other replicas waiting until the transaction ends."""
        self._log.hold()

    @property
    def written(self) -> set[str]:
        """Names of the tables that it changed, of those that are asked by `Scope.recently`."""
        return self._scope.written

    def end(self, *, commit: bool) -> None:
        """Commit or roll back.

        Raises:
            StoreUnavailable: it could not be committed.
        """
        try:
            if commit:
                self._log.settle()
        except BaseException:
            self._scope.end(commit=False)
            raise
        self._scope.end(commit=commit)

    def known(self) -> Mapping[str, Answers]:
        """Return what tables say once the transaction is committed, where that is known."""
        return {records.AuditHeadRow.NAME: self._log.grown()}

    def due_messages(self, now: datetime, limit: int) -> list[OutgoingMessage]:
        """Return undelivered messages due by `now`; see `ports.Transaction`."""
        return outbox.due_messages(self._scope, now, limit)

    def damaged(self, seconds: float) -> tuple[list[Damaged], bool]:
        """Return the rows of all repositories that cannot be read, and whether all were looked at.

        Args:
            seconds: after which the look ends.
        """
        found: list[Damaged] = []
        whole, until = True, time.monotonic() + seconds
        for name in [name for name, part in vars(type(self)).items() if isinstance(part, _Part)]:
            part = getattr(self, name)
            if isinstance(part, SqlRepository):
                more, all_ = part.damaged(until)
                found, whole = [*found, *more], whole and all_
        return found, whole

    def after_commit(self, action: Callable[[], None]) -> None:
        """Run `action` once the transaction is committed; not at all if it is rolled back."""
        self.actions.append(action)


class SqlStore:
    """The node's database: the port `Store`. The schema is brought up by `migrations.upgrade`."""

    def __init__(self, url: str, clock: Clock, *, wait: float = WAIT_SECONDS) -> None:
        """Open a database; nothing is connected before the first transaction.

        Args:
            url: `sqlite:///PATH` or `postgresql+psycopg://…`.
            clock: stamps audit entries.
            wait: seconds that a transaction waits for another before it gives up.

        Raises:
            ConfigurationInvalid: not a URL of a database that this node knows.
            StoreUnavailable: the SQLite file cannot be created.
        """
        self._engine = open_engine(url, wait)
        self._idle = Idle(self._engine)
        self._clock = clock
        self._wait = wait
        self._recent = Recent()
        self._writer = threading.Lock()
        self._here = threading.local()

    def read(self) -> AbstractContextManager[SqlTransaction]:
        """Open a transaction that sees one state and writes nothing.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        return _Block(self, writable=False)

    def write(self) -> AbstractContextManager[SqlTransaction]:
        """Open a transaction that commits at the end of its block, or rolls back on an exception.

        Raises:
            StoreUnavailable: the database did not answer, or stayed locked.
            RuntimeError: this thread is already in a `write` block (a fault of the caller's code).
        """
        return _Block(self, writable=True)

    def close(self) -> None:
        """Close all idle connections; the store may be used again."""
        self._idle.dispose()

    def begun(self, *, writable: bool) -> SqlTransaction:
        """Return a transaction; it takes a connection once it is asked something."""
        begin = partial(open_session, self._idle, writable=writable)
        return SqlTransaction(Scope(begin, self._recent, writable=writable), self._clock)

    def ended(self, transaction: SqlTransaction, *, commit: bool) -> None:
        """End a transaction.

        Raises:
            StoreUnavailable: it could not be committed.
        """
        known: Mapping[str, Answers] = {}
        try:
            transaction.end(commit=commit)
            if commit:
                known = transaction.known()
        finally:
            self._recent.forget(transaction.written, known)

    def take_turn(self) -> None:
        """Wait until no other thread of this process writes.

        Raises:
            StoreUnavailable: one writes for too long.
            RuntimeError: it is this thread (a fault of the caller's code).
        """
        if getattr(self._here, "writing", False):
            raise RuntimeError("a write block inside a write block would wait for itself")
        if not self._writer.acquire(timeout=self._wait):
            raise StoreUnavailable("the database stayed locked", hint="try again")
        self._here.writing = True

    def leave_turn(self) -> None:
        """Let the next thread write."""
        self._here.writing = False
        self._writer.release()


class _Block:
    """A `with` block of a store; no generator, which would take as long as a query."""

    def __init__(self, store: SqlStore, *, writable: bool) -> None:
        self._store = store
        self._writable = writable

    def __enter__(self) -> SqlTransaction:
        """Open the transaction; a writer waits for its turn."""
        if self._writable:
            self._store.take_turn()
        transaction = self._transaction = self._store.begun(writable=self._writable)
        if self._writable:
            try:
                transaction.hold()
            except BaseException as exc:
                self._end(exc)
                raise
        return transaction

    def __exit__(
        self, _kind: type[BaseException] | None, exc: BaseException | None, _trace: object
    ) -> None:
        """End the transaction, and do what was to be done after its commit."""
        self._end(exc)
        if exc is None:
            for action in self._transaction.actions:
                action()

    def _end(self, exc: BaseException | None) -> None:
        """Commit, or roll back on an exception, and call a failure of the database by its name."""
        failed = exc
        try:
            self._store.ended(self._transaction, commit=exc is None)
        except Exception as failure:  # noqa: BLE001 - raised again, by its name
            failed = failure
        finally:
            if self._writable:
                self._store.leave_turn()
        fault = translation(failed) if failed is not None else None
        if fault is not None:
            raise fault from failed
        if failed is not None and failed is not exc:
            raise failed
