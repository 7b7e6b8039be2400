"""What is stored for each member, and what of it is dropped once it has ended: the port `Holdings`.

Rules: contracts, notices, charges, heads, epochs and the log are evidence: they are neither counted
here nor dropped. Everything else that a member's messages make grow is a row of these statements
(record 0050 has the table). A step drops a bounded number of rows, so that writers wait for none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)

from connector.domain.contract.negotiation import NegotiationState, Role
from connector.domain.delivery import INTRODUCTION
from connector.domain.federation.job import JobSide
from connector.domain.holdings import ROW_BYTES
from connector.domain.transfer.extract import ON_DISK
from connector.domain.transfer.transfer import TransferState
from connector.store.database.scope import Scope
from connector.store.tables import records
from connector.store.tables.approvals import ApprovalRow
from connector.store.tables.keyed import table_of
from connector.store.tables.messages import InboxRow, OutboxRow
from connector.store.tables.transfers import ExtractRow, RequestedRow, TransferRow
from federated.job import JobState, is_final

_CONTRACT: Final = NegotiationState.FINALIZED.value
_ENDS: Final = sorted((_CONTRACT, NegotiationState.TERMINATED.value))
_OVER: Final = sorted({state for state in JobState if is_final(state)} - {JobState.REFUSED})

_negotiation: Final = table_of(records.NegotiationRow).c
_offer: Final = table_of(records.OfferRow).c
_approval: Final = table_of(ApprovalRow).c
_inbox: Final = table_of(InboxRow).c
_outbox: Final = table_of(OutboxRow).c
_job: Final = table_of(records.JobRow).c
_extract: Final = table_of(ExtractRow).c
_request: Final = table_of(RequestedRow).c
_reservation: Final = table_of(records.ReservationRow).c
_transfer: Final = table_of(TransferRow).c
_token: Final = table_of(records.UsedTokenRow).c


_OPEN_WITH: Final = select(func.count()).where(
    _negotiation.peer == bindparam("asked_peer"),
    # All but the ends, as ranges that the index answers: a spoiled state counts as open.
    or_(
        _negotiation.state < _ENDS[0],
        and_(_negotiation.state > _ENDS[0], _negotiation.state < _ENDS[1]),
        _negotiation.state > _ENDS[1],
    ),
    _negotiation.role == bindparam("asked_role"),
)
_EXTRACTS: Final = (
    select(_extract.consumer, func.sum(_extract.bytes))
    .where(or_(*(_extract.state == each.value for each in ON_DISK)))
    .group_by(_extract.consumer)
)


class SqlHoldings:
    """Counts and drops by statements, without reading a value."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def open_negotiations(self, peer: str, role: Role) -> int:
        """Return how many negotiations with a peer have not ended in which we have a role."""
        asked = {"asked_peer": peer, "asked_role": role.value}
        return int(self._scope.ask(_OPEN_WITH, asked)[0][0])

    def bytes_by_member(self) -> dict[str, int]:
        """Return about how many bytes are stored for each member that will be dropped again."""
        found: Counter[str] = Counter()
        for query in _counts():
            rows: Iterable[Any] = self._scope.read(query)
            for member, size in rows:
                found[member] += int(size)
        return dict(found)

    def extract_bytes(self) -> dict[str, int]:
        """Return the bytes of the extracts of which there is a file, by consumer."""
        return {str(consumer): int(size) for consumer, size in self._scope.ask(_EXTRACTS, {})}

    def drop(self, before: datetime, sent: datetime, limit: int) -> int:
        """Drop at most `limit` rows of what has ended; return how many that were.

        Args:
            before: when it ended at the latest.
            sent: when messages that need no answer any more were delivered at the latest.
            limit: most rows.

        Raises:
            RuntimeError: the transaction is for reading.
        """
        done = 0
        for table, ended in _ENDED:
            if done < limit:
                conditions = ended(sent if ended is _delivered else before)
                rows = _seqs(table, conditions, limit - done)
                done += self._scope.change(delete(table).where(table.c.seq.in_(rows))).rowcount
        if done < limit:
            jobs = table_of(records.JobRow)
            rows = _seqs(jobs, _uncharged(before), limit - done)
            emptied = update(jobs).where(jobs.c.seq.in_(rows)).values(manifest=b"", signature="")
            done += self._scope.change(emptied).rowcount
        return done


def _seqs(table: Table, conditions: tuple[ColumnElement[bool], ...], limit: int) -> Select[Any]:
    return select(table.c.seq).where(*conditions).limit(limit)


def _counts() -> list[Select[Any]]:
    def size(*long: ColumnElement[Any]) -> ColumnElement[int]:
        return func.sum(
            sum((func.length(each) for each in long), start=func.length("")) + ROW_BYTES
        )

    rows = func.count() * ROW_BYTES
    words = (_negotiation.policy, _negotiation.offered, _negotiation.asked)
    texts = (_negotiation.description, _negotiation.reasons, _negotiation.said)
    return [
        select(_negotiation.peer, size(*words, *texts))
        .where(_negotiation.state != _CONTRACT)
        .group_by(_negotiation.peer),
        select(_offer.audience, size(_offer.policy, _offer.reserve, _offer.coverage))
        .where(_offer.derived_from != "")
        .group_by(_offer.audience),
        select(_approval.peer, size(_approval.asked)).group_by(_approval.peer),
        select(_request.consumer, rows).where(_request.code != "").group_by(_request.consumer),
        select(_transfer.peer, rows).where(_transfer.passed == 0).group_by(_transfer.peer),
        select(_inbox.peer, size(_inbox.answer)).group_by(_inbox.peer),
        select(_outbox.peer, size(_outbox.body))
        .where(_outbox.delivered_at.is_(None))  # the others are dropped within hours
        .group_by(_outbox.peer),
        select(_job.peer, size(_job.manifest, _job.signature))
        .where(_job.side == JobSide.SITE.value)
        .group_by(_job.peer),
        select(_token.issuer, rows).group_by(_token.issuer),
    ]


def _handled(before: datetime) -> tuple[ColumnElement[bool], ...]:
    return (_inbox.received_at < before,)


def _delivered(before: datetime) -> tuple[ColumnElement[bool], ...]:
    # Of introductions the newest is kept: it says what the peer was told.
    return _outbox.delivered_at < before, _outbox.kind != INTRODUCTION


def _given_up(before: datetime) -> tuple[ColumnElement[bool], ...]:
    """What failed for good, unless its negotiation stands: then it may be sent again."""
    stands = _negotiation.state != NegotiationState.TERMINATED.value
    needed = select(_negotiation.seq).where(_negotiation.pid == _outbox.subject, stands).exists()
    failed = _outbox.delivered_at.is_(None) & (_outbox.failed != "")
    return failed, _outbox.created_at < before, ~needed, _outbox.kind != INTRODUCTION


def _came_to_nothing(before: datetime) -> tuple[ColumnElement[bool], ...]:
    """Negotiations that ended before anything was drawn up."""
    over = _negotiation.state == NegotiationState.TERMINATED.value
    return over, _negotiation.updated_at < before, _negotiation.agreement_id == ""


def _decided(before: datetime) -> tuple[ColumnElement[bool], ...]:
    """What persons decided: the log says it for good."""
    return (_approval.closed_at < before,)


def _declined(before: datetime) -> tuple[ColumnElement[bool], ...]:
    """Requests for uses that were refused; those that were granted are evidence."""
    return _request.code != "", _request.at < before


def _broken_off(before: datetime) -> tuple[ColumnElement[bool], ...]:
    """Transfers that ended before data flowed; the others are evidence."""
    over = _transfer.state == TransferState.TERMINATED.value
    return over, _transfer.passed == 0, _transfer.updated_at < before


def _narrowed(before: datetime) -> tuple[ColumnElement[bool], ...]:
    """Offers that were written for a negotiation, and that none has on its table."""
    used = select(_negotiation.seq).where(_negotiation.offer_id == _offer.id).exists()
    return _offer.derived_from != "", _offer.withdrawn, _offer.created_at < before, ~used


def _refused(before: datetime) -> tuple[ColumnElement[bool], ...]:
    site = _job.side == JobSide.SITE.value
    return site, _job.state == JobState.REFUSED.value, _job.updated_at < before


def _uncharged(before: datetime) -> tuple[ColumnElement[bool], ...]:
    """Jobs of others that ended before they spent anything: their manifests prove nothing."""
    over = _job.state.in_(_OVER)
    mine = (_reservation.job_id == _job.id, _reservation.committed_rounds > 0)
    spent = select(_reservation.seq).where(*mine).exists()
    site = _job.side == JobSide.SITE.value
    return site, over, _job.updated_at < before, func.length(_job.manifest) > 0, ~spent


# Negotiations go before the offers that they name.
_ENDED: Final[tuple[tuple[Table, Callable[[datetime], tuple[ColumnElement[bool], ...]]], ...]] = (
    (table_of(InboxRow), _handled),
    (table_of(OutboxRow), _delivered),
    (table_of(OutboxRow), _given_up),
    (table_of(records.NegotiationRow), _came_to_nothing),
    (table_of(ApprovalRow), _decided),
    (table_of(RequestedRow), _declined),
    (table_of(TransferRow), _broken_off),
    (table_of(records.OfferRow), _narrowed),
    (table_of(records.JobRow), _refused),
)
