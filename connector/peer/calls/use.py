"""The one use of a call's token, written in the transaction of what the call changes.

Both bindings have such tokens: `identity/token.py`, and over HTTPS `identity/dcp/self_issued.py`.

Rules: nothing that a call changes is kept without the use of its token; a token that was used
meanwhile undoes the whole transaction; a call that changed nothing writes the use by itself, before
its answer leaves. One transaction instead of two halves what a message costs the disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Protocol

from connector.errors import TokenReplayed
from connector.ports import Store, Transaction


class Token(Protocol):
    """The part of a token that its use needs."""

    @property
    def issuer(self) -> str:
        """DID of its bearer."""
        ...

    @property
    def jti(self) -> str:
        """Its one-use id."""
        ...

    @property
    def expires(self) -> datetime:
        """Until when its use must be kept in mind, UTC."""
        ...


class Use:
    """The port `Store` for one call: its first write uses the token."""

    def __init__(self, store: Store, token: Token) -> None:
        """Prepare; nothing is written yet.

        Args:
            store: of the node.
            token: of the call; it passed every check but this one.
        """
        self._store = store
        self._token = token
        self._written = False

    def read(self) -> AbstractContextManager[Transaction]:
        """Open a reading transaction; see `ports.Store`."""
        return self._store.read()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Open a writing transaction; see `ports.Store`.

        Raises:
            TokenReplayed: the token was used before; nothing is kept.
        """
        before = self._written
        try:
            with self._store.write() as tx:
                if not before:
                    self._take(tx)
                yield tx
        except BaseException:
            self._written = before
            raise

    def settle(self) -> None:
        """Write the use, unless that is done.

        Raises:
            TokenReplayed: the token was used before.
            StoreUnavailable: it could not be written.
        """
        if not self._written:
            with self.write():
                pass

    def _take(self, tx: Transaction) -> None:
        if not tx.tokens.use(self._token.issuer, self._token.jti, self._token.expires):
            raise TokenReplayed("the token was used before")
        self._written = True
