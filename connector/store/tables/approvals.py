"""The SQL table of what waits for a decision of persons; see `records.py`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index

from connector.store.tables.declared import column
from connector.store.tables.keyed import LONG, UTC_TIME, WHOLE, Row, keyed


class ApprovalRow(Row, table=True):
    """`Approval`."""

    NAME = "approval"
    PARTS = (
        keyed("approval", "id"),
        Index("approval_state", "state", "dataset_id"),
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
