"""The SQL table of the accounts of the institution's persons; see `records.py`."""

from __future__ import annotations

from datetime import datetime

from connector.store.tables.declared import column
from connector.store.tables.keyed import LONG, UTC_TIME, Row, keyed


class AccountRow(Row, table=True):
    """`Account`."""

    NAME = "account"
    PARTS = (keyed("account", "name"),)
    KEY = ("name",)

    id: str
    name: str
    roles: str = column(LONG)
    reviews: str = column(LONG)
    password: str
    subject: str
    closed: bool
    made_at: datetime = column(UTC_TIME)
    changed_at: datetime = column(UTC_TIME)
