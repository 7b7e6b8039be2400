"""Which outgoing messages are due.

Rules: messages of one subject leave in the order they were written, so only the oldest waiting one
of a subject is ever due; one that failed for good no longer stands in the way. Peers take turns, so
that what waits for one of them fills no answer for the others. Two replicas that ask at once may
get the same message: delivery is at least once, and receivers deduplicate. A row that is damaged
holds up its own subject alone; `preau doctor` names it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Select, and_, bindparam, func, select

from connector.domain.delivery import OutgoingMessage
from connector.errors import RowDamaged
from connector.store import rows
from connector.store.database.scope import Scope
from connector.store.mapping import fields_of
from connector.store.tables.keyed import table_of
from connector.store.tables.messages import OutboxRow


def due_messages(scope: Scope, now: datetime, limit: int) -> list[OutgoingMessage]:
    """Return at most `limit` messages due by `now`, each the oldest waiting of its subject.

    The oldest of each peer come first, then the second oldest, and so on.
    """
    table, asked = table_of(OutboxRow), {"asked_now": now, "most_rows": limit}
    try:
        return rows.strictly(OutgoingMessage, table, lambda: scope.ask(_DUE, asked))
    except RowDamaged:  # stops no other subject's
        places = [row[0] for row in scope.ask(_DUE_PLACES, asked)]
        found = rows.one_by_one(scope, OutgoingMessage, table, OutboxRow.KEY, places)
        return [each for each in found if isinstance(each, OutgoingMessage)]


def _due(*names: str) -> Select[Any]:
    table = table_of(OutboxRow)
    row: Any = table.c
    waiting = and_(row.delivered_at.is_(None), row.failed == "")
    oldest = select(func.min(row.seq)).where(waiting).group_by(row.subject)
    turn = func.row_number().over(partition_by=row.peer, order_by=row.seq)
    by_now = row.due_at <= bindparam("asked_now", type_=row.due_at.type)
    due = select(row.seq, turn.label("turn")).where(row.seq.in_(oldest), by_now)
    most = bindparam("most_rows", type_=BigInteger())
    ranked = due.order_by("turn", row.seq).limit(most).subquery()
    return (
        select(*(row[name] for name in names))
        .join_from(ranked, table, row.seq == ranked.c.seq)
        .order_by(ranked.c.turn, row.seq)
    )


_DUE: Final = _due(*fields_of(OutgoingMessage))
_DUE_PLACES: Final = _due("seq")
