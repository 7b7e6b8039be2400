"""The SQL tables of messages on their way; see `records.py`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index

from connector.store.tables.declared import column
from connector.store.tables.keyed import UTC_TIME, WHOLE, Row, keyed


class OutboxRow(Row, table=True):
    """`OutgoingMessage`."""

    NAME = "outbox"
    PARTS = (
        keyed("outbox", "id"),
        Index("outbox_waiting", "delivered_at", "failed", "subject"),
    )

    id: str
    peer: str
    kind: str
    body: bytes
    subject: str
    created_at: datetime = column(UTC_TIME)
    due_at: datetime = column(UTC_TIME)
    attempts: int = column(WHOLE)
    delivered_at: datetime | None = column(UTC_TIME)
    failed: str
    address: str


class InboxRow(Row, table=True):
    """`ReceivedMessage`."""

    NAME = "inbox"
    PARTS = (keyed("inbox", "peer", "id"), Index("inbox_received", "received_at"))
    KEY = ("peer", "id")

    id: str
    peer: str
    digest: str
    answer: bytes
    received_at: datetime = column(UTC_TIME)
