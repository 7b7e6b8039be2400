"""The SQL tables of duties, deeds and uses, and the ports `Duties` and `Uses`; see `records.py`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, Final

from sqlalchemy import BigInteger, Index, Select, bindparam, func, or_, select, union_all

from connector.domain.contract.duty import OPEN, Duty
from connector.domain.contract.use import Counted, UseRecord
from connector.domain.page import PAGE, Page, place
from connector.errors import Malformed
from connector.store.database.prepared import Names
from connector.store.database.scope import Scope
from connector.store.repository import MOST, SqlRepository
from connector.store.tables.declared import column
from connector.store.tables.keyed import LONG, UTC_TIME, WHOLE, Row, keyed, table_of


class DutyRow(Row, table=True):
    """`Duty`."""

    NAME = "duty"
    PARTS = (
        keyed("duty", "agreement_id", "path"),
        Index("duty_look_at", "look_at"),
        Index("duty_urgent", "state", "due", "seq"),
        Index("duty_owed", "debtor", "state", "due", "seq"),
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

    def urgent(self, *, debtor: str = "", after: str = "", limit: int = PAGE) -> Page[Duty]:
        """Return open duties, the most urgent first; see `ports.Duties`.

        Raises:
            Malformed: `after` is not a `Page.next`.
        """
        due, seq = _place(after)
        values = {"after_due": due or _LAST, "after_seq": seq, "endless": 0 if due else seq}
        if debtor:
            values["asked_debtor"] = debtor
        found, places = self._taken(partial(_urgent, bool(debtor)), values, limit)
        if len(places) <= limit:
            return Page.of(found, "")
        ends = self._scope.ask(_DUE_AT, {"asked_seq": places[limit - 1]})[0][0]
        return Page.of(found, f"{ends.isoformat() if ends else ''}_{places[limit - 1]}")

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


def _place(after: str) -> tuple[datetime | None, int]:
    """Return deadline and number of the row that a page comes after; no deadline: it has none.

    Raises:
        Malformed: not where a page ended.
    """
    if not after:
        return _FIRST, 0
    due, _, seq = after.rpartition("_")
    try:
        read = datetime.fromisoformat(due).astimezone(UTC) if due else None
    except ValueError:
        raise Malformed("`after` is not where a page of this list ended") from None
    return read, place(seq)


@cache
def _urgent(owed: bool, fields: Names) -> Select[Any]:  # noqa: FBT001 - half of a statement's name
    """Return the query: few rows of each state by the index, and of these the first, whole."""
    table, most = table_of(DutyRow), bindparam(MOST, type_=BigInteger())
    each = [part.subquery() for state in sorted(OPEN) for part in _of_state(state, owed)]
    some = union_all(*(select(part) for part in each)).subquery()
    order = (some.c.due.is_(None), some.c.due, some.c.seq)
    found = select(some).order_by(*order).limit(most).subquery()
    order = (found.c.due.is_(None), found.c.due, found.c.seq)
    shown = (found.c.seq, *(table.c[name] for name in fields))
    return select(*shown).join_from(found, table, table.c.seq == found.c.seq).order_by(*order)


def _of_state(state: str, owed: bool) -> Iterator[Select[Any]]:  # noqa: FBT001 - same
    row: Any = table_of(DutyRow).c
    due = bindparam("after_due", type_=row.due.type)
    seq, endless = (bindparam(name, type_=BigInteger()) for name in ("after_seq", "endless"))
    most = bindparam(MOST, type_=BigInteger())
    wanted = [row.state == state]
    wanted += [row.debtor == bindparam("asked_debtor", type_=row.debtor.type)] if owed else []
    query = select(row.due, row.seq).where(*wanted).limit(most)
    dated = query.where(row.due >= due, or_(row.due > due, row.seq > seq))
    yield dated.order_by(row.due, row.seq)
    yield query.where(row.due.is_(None), row.seq > endless).order_by(row.seq)


def _due() -> Select[Any]:
    row: Any = table_of(DutyRow).c
    by_now = row.look_at <= bindparam("asked_now", type_=row.look_at.type)
    most = bindparam("most_rows", type_=BigInteger())
    found = select(row.agreement_id).where(by_now).group_by(row.agreement_id)
    return found.order_by(func.min(row.look_at)).limit(most)


_FIRST, _LAST = (datetime(year, 1, 1, tzinfo=UTC) for year in (1, 9999))
_DUE: Final = _due()
_DUE_AT: Final = select(table_of(DutyRow).c.due).where(
    table_of(DutyRow).c.seq == bindparam("asked_seq", type_=BigInteger())
)
_NEXT: Final = select(func.min(table_of(DutyRow).c.look_at))
_use: Final = table_of(UseRecordRow).c
_COUNTED: Final = select(
    *(_use.agreement_id, _use.action, func.count()),
    *(func.min(_use.started_at), func.max(_use.started_at)),
).group_by(_use.agreement_id, _use.action)
