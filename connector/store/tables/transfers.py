"""The SQL tables of requests for uses, extracts and transfer processes; see `records.py`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index

from connector.store.tables.declared import column
from connector.store.tables.keyed import LONG, UTC_TIME, WHOLE, Row, keyed


class ExtractRow(Row, table=True):
    """`Extract`."""

    NAME = "extract"
    PARTS = (
        keyed("extract", "id"),
        Index("extract_request", "consumer", "request_id"),
        Index("extract_agreement", "agreement_id", "state"),
    )

    id: str
    agreement_id: str
    consumer: str
    request_id: str
    plan_digest: str
    snapshot_digest: str
    salt: str
    digest: str
    rows: int = column(WHOLE)
    bytes: int = column(WHOLE)
    suppressed: int = column(WHOLE)
    format: str
    path: str
    sealed_key: str
    state: str
    code: str
    made_at: datetime = column(UTC_TIME)
    due_at: datetime | None = column(UTC_TIME)


class RequestedRow(Row, table=True):
    """`Requested`."""

    NAME = "use_request"
    PARTS = (
        keyed("use_request", "consumer", "request_id"),
        Index("use_request_id", "id"),
        Index("use_request_agreement", "agreement_id"),
    )
    KEY = ("consumer", "request_id")

    consumer: str
    request_id: str
    id: str
    agreement_id: str
    action: str
    request: bytes
    signature: str
    digest: str
    code: str
    reasons: str = column(LONG)
    at: datetime = column(UTC_TIME)


class ReleasedRow(Row, table=True):
    """`ReleasedTables`."""

    NAME = "released_table"
    PARTS = (keyed("released_table", "use_id"), Index("released_dataset", "dataset_id"))
    KEY = ("use_id",)

    use_id: str
    dataset_id: str
    body: bytes
    at: datetime = column(UTC_TIME)


class TransferRow(Row, table=True):
    """`Transfer`."""

    NAME = "transfer"
    PARTS = (
        keyed("transfer", "pid"),
        Index("transfer_agreement", "agreement_id", "state"),
        Index("transfer_peer", "peer", "peer_pid"),
    )
    KEY = ("pid",)

    pid: str
    role: str
    peer: str
    peer_pid: str
    agreement_id: str
    extract_id: str
    state: str
    held_by: str | None
    code: str
    reasons: str = column(LONG)
    content: str | None = column(LONG)
    passed: int = column(WHOLE)
    receipt: str
    peer_receipt: str
    created_at: datetime = column(UTC_TIME)
    updated_at: datetime = column(UTC_TIME)
    address: str
    heard: str
    format: str
    data_address: bytes
