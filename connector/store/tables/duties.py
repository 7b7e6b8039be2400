"""The SQL tables of duties, deeds and uses, and the ports `Duties` and `Uses`; see `records.py`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Index, Select, bindparam, func, select

from connector.domain.contract.duty import Duty
from connector.domain.contract.use import Counted, UseRecord
from connector.store.database.scope import Scope
from connector.store.repository import SqlRepository
from connector.store.tables.declared import column
from connector.store.tables.keyed import LONG, UTC_TIME, WHOLE, Row, keyed, table_of


class DutyRow(Row, table=True):
    """`Duty`."""

    NAME = "duty"
    PARTS = (
        keyed("duty", "agreement_id", "path"),
        Index("duty_look_at", "look_at"),
        Index("duty_state", "state"),
    )
    KEY = ("agreement_id", "path")

    agreement_id: str
    path: str
    action: str
    debtor: str
    creditor: str
    towards: str = column(LONG)
    state: str
    since: datetime | None = column(UTC_TIME)
    due: datetime | None = column(UTC_TIME)
    done_at: datetime | None = column(UTC_TIME)
    open: int = column(WHOLE)
    note: str
    reminded: datetime | None = column(UTC_TIME)
    escalated: datetime | None = column(UTC_TIME)
    waived: str
    changes: datetime | None = column(UTC_TIME)
    look_at: datetime | None = column(UTC_TIME)
    notice: str
    tries: int = column(WHOLE)
    try_at: datetime | None = column(UTC_TIME)


class DeedRow(Row, table=True):
    """`Deed`."""

    NAME = "deed"
    PARTS = (keyed("deed", "agreement_id", "party", "number"),)
    KEY = ("agreement_id", "party", "number")

    agreement_id: str
    party: str
    number: int = column(WHOLE)
    kind: str
    about: str
    at: datetime = column(UTC_TIME)
    evidence: str
    note: str
    deletions: str = column(LONG)
    statement: str
    stated_at: datetime = column(UTC_TIME)
    unnamed: str = column(LONG)


class UseRecordRow(Row, table=True):
    """`UseRecord`."""

    NAME = "use_record"
    PARTS = (keyed("use_record", "id"), Index("use_agreement", "agreement_id"))

    id: str
    agreement_id: str
    action: str
    started_at: datetime = column(UTC_TIME)
    ended_at: datetime | None = column(UTC_TIME)


class SqlDuties(SqlRepository[Duty]):
    """Duties, by the time at which the clock has to look at them."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope, Duty, DutyRow)

    def contracts_due(self, now: datetime, limit: int) -> list[str]:
        """Return contracts with a duty to look at by now; see `ports.Duties`."""
        return [row[0] for row in self._scope.ask(_DUE, {"asked_now": now, "most_rows": limit})]

    def next_look(self) -> datetime | None:
        """Return when to look next; see `ports.Duties`."""
        found: datetime | None = self._scope.ask(_NEXT, {})[0][0]
        return found


class SqlUses(SqlRepository[UseRecord]):
    """Uses, and how many there are of each contract and action."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope, UseRecord, UseRecordRow)

    def counted(self) -> list[Counted]:
        """Return how often contracts were used; see `ports.Uses`."""
        return [Counted(*row) for row in self._scope.ask(_COUNTED, {})]


def _due() -> Select[Any]:
    row: Any = table_of(DutyRow).c
    by_now = row.look_at <= bindparam("asked_now", type_=row.look_at.type)
    most = bindparam("most_rows", type_=BigInteger())
    found = select(row.agreement_id).where(by_now).group_by(row.agreement_id)
    return found.order_by(func.min(row.look_at)).limit(most)


_DUE: Final = _due()
_NEXT: Final = select(func.min(table_of(DutyRow).c.look_at))
_use: Final = table_of(UseRecordRow).c
_COUNTED: Final = select(
    *(_use.agreement_id, _use.action, func.count()),
    *(func.min(_use.started_at), func.max(_use.started_at)),
).group_by(_use.agreement_id, _use.action)
