"""Which call tokens were used: the port `UsedTokens`.

Rule: one token, one use, over restarts and over replicas; the database decides, in one statement.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import delete

from connector.store.database.scope import Scope
from connector.store.mapping import storable_key
from connector.store.tables.keyed import table_of
from connector.store.tables.records import UsedTokenRow

_TOKENS: Final = table_of(UsedTokenRow)


class SqlUsedTokens:
    """Used tokens in one table."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def use(self, issuer: str, jti: str, expires: datetime) -> bool:
        """Record a token; return False when it was used before.

        Raises:
            Malformed: a text cannot be stored, or is too long for a key.
            RuntimeError: the transaction is for reading.
        """
        values = {
            "issuer": storable_key(issuer),
            "jti": storable_key(jti),
            "expires": expires,
        }
        return self._scope.insert_new(_TOKENS, values, ("issuer", "jti"))

    def forget(self, before: datetime) -> None:
        """Drop tokens that expired before a time.

        Raises:
            RuntimeError: the transaction is for reading.
        """
        self._scope.change(delete(_TOKENS).where(_TOKENS.c.expires < before))
