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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import partial

from connector.domain.catalog.dataset import Dataset, Offer
from connector.domain.contract.negotiation import Agreement, Negotiation
from connector.domain.contract.notice import Notice, Telling
from connector.domain.delivery import OutgoingMessage, ReceivedMessage
from connector.domain.federation.job import Job, JobSite, RoundRecord
from connector.domain.log.audit import Checkpoint, CosignedHead, Epoch, PeerLog, ReturnedHead
from connector.domain.membership import Membership
from connector.domain.page import Damaged
from connector.domain.participant import IssuerDocument, KeptList, Participant, StatusList
from connector.domain.privacy.budget import Reservation
from connector.domain.privacy.census import Census, RegisterPersons
from connector.domain.privacy.register import Register
from connector.domain.privacy.tally import Forfeit
from connector.errors import StoreUnavailable
from connector.ports import AuditLog, Clock, Holdings, Promises, Repository, Shelf, UsedTokens
from connector.store import outbox, tables
from connector.store.audit_log import SqlAuditLog
from connector.store.engine import open_engine, reading, translated, writing
from connector.store.holdings import SqlHoldings
from connector.store.promises import SqlAgreements, SqlPromises
from connector.store.recent import Recent
from connector.store.repository import SqlRepository, SqlSeldom
from connector.store.scope import Scope
from connector.store.shelf import SqlDatasets, SqlShelf
from connector.store.tokens import SqlUsedTokens

WAIT_SECONDS = 10.0


class SqlTransaction:
    """All repositories in one database transaction: the port `Transaction`."""

    def __init__(self, scope: Scope, clock: Clock) -> None:
        self._scope = scope
        self.actions: list[Callable[[], None]] = []
        self.participants: Repository[Participant] = SqlSeldom(
            scope, Participant, tables.ParticipantRow
        )
        self.issuers: Repository[IssuerDocument] = SqlSeldom(
            scope, IssuerDocument, tables.IssuerRow
        )
        self.status_lists: Repository[StatusList] = SqlSeldom(
            scope, StatusList, tables.StatusListRow
        )
        self.datasets: Repository[Dataset] = SqlDatasets(scope)
        self.shelf: Shelf = SqlShelf(scope)
        self.registers: Repository[Register] = SqlRepository(scope, Register, tables.RegisterRow)
        self.persons: Repository[RegisterPersons] = SqlRepository(
            scope, RegisterPersons, tables.RegisterPersonsRow
        )
        self.censuses: Repository[Census] = SqlRepository(scope, Census, tables.CensusRow)
        self.offers: Repository[Offer] = SqlRepository(scope, Offer, tables.OfferRow)
        self.negotiations: Repository[Negotiation] = SqlRepository(
            scope, Negotiation, tables.NegotiationRow
        )
        promises = SqlPromises(scope)
        self.promises: Promises = promises
        self.agreements: Repository[Agreement] = SqlAgreements(scope, promises)
        self.notices: Repository[Notice] = SqlRepository(scope, Notice, tables.NoticeRow)
        self.tellings: Repository[Telling] = SqlRepository(scope, Telling, tables.TellingRow)
        self.outbox: Repository[OutgoingMessage] = SqlRepository(
            scope, OutgoingMessage, tables.OutboxRow
        )
        self.inbox: Repository[ReceivedMessage] = SqlRepository(
            scope, ReceivedMessage, tables.InboxRow
        )
        self.reservations: Repository[Reservation] = SqlRepository(
            scope, Reservation, tables.ReservationRow
        )
        self.jobs: Repository[Job] = SqlRepository(scope, Job, tables.JobRow)
        self.sites: Repository[JobSite] = SqlRepository(scope, JobSite, tables.JobSiteRow)
        self.rounds: Repository[RoundRecord] = SqlRepository(scope, RoundRecord, tables.RoundRow)
        self.checkpoints: Repository[Checkpoint] = SqlRepository(
            scope, Checkpoint, tables.CheckpointRow
        )
        self.peer_logs: Repository[PeerLog] = SqlRepository(scope, PeerLog, tables.PeerLogRow)
        self.epochs: Repository[Epoch] = SqlSeldom(scope, Epoch, tables.EpochRow)
        self.returned_heads: Repository[ReturnedHead] = SqlRepository(
            scope, ReturnedHead, tables.ReturnedHeadRow
        )
        self.cosigned_heads: Repository[CosignedHead] = SqlRepository(
            scope, CosignedHead, tables.CosignedHeadRow
        )
        self.kept_lists: Repository[KeptList] = SqlRepository(scope, KeptList, tables.KeptListRow)
        self.forfeits: Repository[Forfeit] = SqlRepository(scope, Forfeit, tables.ForfeitRow)
        self.members: Repository[Membership] = SqlRepository(
            scope, Membership, tables.MembershipRow
        )
        self._log = SqlAuditLog(scope, clock, self.after_commit)
        self.audit: AuditLog = self._log
        self.tokens: UsedTokens = SqlUsedTokens(scope)
        self.holdings: Holdings = SqlHoldings(scope)

    def hold(self) -> None:
        """Keep writers of other replicas waiting until the transaction ends."""
        self._log.hold()

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
        for part in vars(self).values():
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
        self._clock = clock
        self._wait = wait
        self._recent = Recent()
        self._writer = threading.Lock()
        self._here = threading.local()

    @contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        """Open a transaction that sees one state and writes nothing.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        with translated(), ExitStack() as opened:
            begin = partial(opened.enter_context, reading(self._engine))
            transaction = SqlTransaction(Scope(begin, self._recent, writable=False), self._clock)
            yield transaction
        _run(transaction.actions)

    @contextmanager
    def write(self) -> Iterator[SqlTransaction]:
        """Open a transaction that commits at the end of its block, or rolls back on an exception.

        Raises:
            StoreUnavailable: the database did not answer, or stayed locked.
            RuntimeError: this thread is already in a `write` block (a fault of the caller's code).
        """
        with self._turn(), translated(), ExitStack() as opened:
            scope = Scope(lambda: connection, self._recent, writable=True)
            opened.callback(lambda: self._recent.forget(scope.written))
            connection = opened.enter_context(writing(self._engine))
            transaction = SqlTransaction(scope, self._clock)
            if connection.dialect.name != "sqlite":
                transaction.hold()
            yield transaction
        _run(transaction.actions)

    def close(self) -> None:
        """Close all idle connections; the store may be used again."""
        self._engine.dispose()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until no other thread of this process writes."""
        if getattr(self._here, "writing", False):
            raise RuntimeError("a write block inside a write block would wait for itself")
        if not self._writer.acquire(timeout=self._wait):
            raise StoreUnavailable("the database stayed locked", hint="try again")
        self._here.writing = True
        try:
            yield
        finally:
            self._here.writing = False
            self._writer.release()


def _run(actions: list[Callable[[], None]]) -> None:
    for action in actions:
        action()
