"""Which outgoing messages are due.

Rules: messages of one subject leave in the order they were written, so only the oldest waiting one
of a subject is ever due; one that failed for good no longer stands in the way. Two replicas that
ask at once may get the same message: delivery is at least once, and receivers deduplicate.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, func, select

from connector.domain.delivery import OutgoingMessage
from connector.store.repository import SqlRepository
from connector.store.scope import Scope
from connector.store.tables import OutboxRow, table_of


def due_messages(scope: Scope, now: datetime, limit: int) -> list[OutgoingMessage]:
    """Return at most `limit` messages due by `now`, each the oldest waiting of its subject.

    They come in the order they were written.
    """
    table = table_of(OutboxRow)
    waiting = and_(table.c.delivered_at.is_(None), table.c.failed == "")
    oldest = select(func.min(table.c.seq)).where(waiting).group_by(table.c.subject)
    outbox = SqlRepository(scope, OutgoingMessage, OutboxRow)
    return outbox.matching(table.c.seq.in_(oldest), table.c.due_at <= now, limit=limit)
