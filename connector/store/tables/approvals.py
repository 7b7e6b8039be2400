"""The SQL table of what waits for a decision of persons, and the port `Approvals`."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from datetime import datetime
from functools import cache, partial
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Index,
    Select,
    String,
    and_,
    bindparam,
    not_,
    or_,
    select,
)

from connector.domain.contract.approval import Approval, ApprovalState
from connector.domain.page import PAGE, Page
from connector.store.database.prepared import Names
from connector.store.database.scope import Scope
from connector.store.repository import MOST, SqlRepository
from connector.store.tables.declared import column
from connector.store.tables.keyed import LONG, UTC_TIME, WHOLE, Row, keyed, table_of

_DECIDES: Final = "decides_{}"
_ACCEPTED: Final = "accepted_{}"
_ESCAPE: Final = "/"


class ApprovalRow(Row, table=True):
    """`Approval`."""

    NAME = "approval"
    PARTS = (
        keyed("approval", "id"),
        Index("approval_state", "state", "dataset_id"),
        Index("approval_agreement", "agreement_id"),
    )

    id: str
    peer: str
    dataset_id: str
    offer_id: str
    roles: str = column(LONG)
    acceptances: str = column(LONG)
    state: str
    code: str
    reason: str
    asked_at: datetime = column(UTC_TIME)
    remind_at: datetime = column(UTC_TIME)
    reminded: bool
    lapses_at: datetime = column(UTC_TIME)
    closed_at: datetime | None = column(UTC_TIME)
    notice: str
    tries: int = column(WHOLE)
    try_at: datetime | None = column(UTC_TIME)
    subject: str
    agreement_id: str
    request: str
    figures: str
    asked: bytes
    recipe: str


class SqlApprovals(SqlRepository[Approval]):
    """What waits for persons, by who decides."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope, Approval, ApprovalRow)

    def awaiting(self, roles: Collection[str], limit: int = PAGE) -> Page[Approval]:
        """Return what still waits for one of these roles; see `ports.Approvals`."""
        values: dict[str, Any] = {"asked_state": ApprovalState.PENDING.value}
        for number, role in enumerate(sorted(roles)):
            named = json.dumps(role)
            values[_DECIDES.format(number)] = _literal(named)
            values[_ACCEPTED.format(number)] = _literal(f'"role":{named}')
        found, _ = self._taken(partial(_awaiting, len(roles)), values, limit)
        return Page.of(found, "")


def _literal(text: str) -> str:
    """Return a text that `LIKE` takes as it stands."""
    return re.sub(f"([{_ESCAPE}%_])", rf"{_ESCAPE}\1", text)


def _holds(column: Any, name: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column.contains(bindparam(name, type_=String()), escape=_ESCAPE)
    return found


@cache
def _awaiting(roles: int, fields: Names) -> Select[Any]:
    """Return the query; both lists are JSON text, in which a quoted role stands for itself."""
    row: Any = table_of(ApprovalRow).c
    missing = [
        and_(
            _holds(row.roles, _DECIDES.format(number)),
            not_(_holds(row.acceptances, _ACCEPTED.format(number))),
        )
        for number in range(roles)
    ]
    return (
        select(row.seq, *(row[name] for name in fields))
        .where(row.state == bindparam("asked_state", type_=row.state.type), or_(*missing))
        .order_by(row.seq)
        .limit(bindparam(MOST, type_=BigInteger()))
    )
