"""The SQL tables of credentials held, asked for, issued and presented; see `records.py`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index

from connector.store.tables.declared import column
from connector.store.tables.keyed import LONG, UTC_TIME, WHOLE, Row, keyed


class HeldCredentialRow(Row, table=True):
    """`HeldCredential`."""

    NAME = "held_credential"
    PARTS = (keyed("held_credential", "issuer", "id"),)
    KEY = ("issuer", "id")

    issuer: str
    id: str
    token: str
    holder_pid: str
    received_at: datetime = column(UTC_TIME)


class CredentialRequestRow(Row, table=True):
    """`CredentialRequest`."""

    NAME = "credential_request"
    PARTS = (keyed("credential_request", "holder_pid"),)
    KEY = ("holder_pid",)

    holder_pid: str
    issuer: str
    credentials: str = column(LONG)
    issuer_pid: str
    status: str
    reason: str
    at: datetime = column(UTC_TIME)


class IssuanceRequestRow(Row, table=True):
    """`IssuanceRequest`."""

    NAME = "issuance_request"
    PARTS = (keyed("issuance_request", "issuer_pid"), Index("issuance_request_holder", "holder"))
    KEY = ("issuer_pid",)

    issuer_pid: str
    holder: str
    holder_pid: str
    credentials: str = column(LONG)
    status: str
    reason: str
    access_token: str
    at: datetime = column(UTC_TIME)
    due_at: datetime | None = column(UTC_TIME)
    attempts: int = column(WHOLE)


class PresentedRow(Row, table=True):
    """`Presented`."""

    NAME = "presented"
    PARTS = (keyed("presented", "holder", "question"),)
    KEY = ("holder", "question")

    holder: str
    question: str
    credentials: str = column(LONG)
    at: datetime = column(UTC_TIME)


class PublishedCopyRow(Row, table=True):
    """`PublishedCopy`."""

    NAME = "published_copy"
    PARTS = (keyed("published_copy", "url"),)
    KEY = ("url",)

    url: str
    token: str
    fetched_at: datetime = column(UTC_TIME)
