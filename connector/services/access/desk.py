"""The gate to the services for one account: what it may do, and the record that it did.

Rules: a service that `rights.py` does not name is done for nobody; what changes something is in the
audit log with the account's pseudonym, in the transaction of what it changes; an act that no
service notes, since it found nothing to change or asked somebody else, is noted here, and so is a
refusal. Roles are asked here, on each call, and nowhere else. A service that is no command cannot
write to the store, and a request that only reads reaches no command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

from connector.domain.account import Account
from connector.domain.log.audit import LogEntry
from connector.errors import NotPermitted, PreauError
from connector.ports import AuditLog, Ports, Store, Transaction
from connector.services.access.rights import Right, right_of

P = ParamSpec("P")
T = TypeVar("T")


class Desk:
    """Where one account is served."""

    def __init__(self, ports: Ports, account: Account, *, reads: bool = False) -> None:
        """Prepare.

        Args:
            ports: of the node.
            account: who is served.
            reads: whether what is asked only reads, as a `GET` (RFC 9110, section 9.2.1).
        """
        self.account = account
        self._ports, self._reads = ports, reads

    @property
    def node(self) -> str:
        """DID of the institution's node."""
        return self._ports.settings.did

    @property
    def now(self) -> datetime:
        """The time, UTC."""
        return self._ports.clock.now()

    def may(self, service: Callable[..., Any]) -> bool:
        """Say whether this account may ask for a service."""
        right = right_of(service)
        return right is not None and not right.roles.isdisjoint(self.account.roles)

    def check(self, service: Callable[..., Any]) -> Right:
        """Return who may ask for a service, of whom this account is one.

        Raises:
            NotPermitted: it is not one for the roles of this account.
        """
        right = right_of(service)
        if right is None or right.roles.isdisjoint(self.account.roles):
            name = getattr(service, "__name__", "this").replace("_", " ")
            self._refused(right, name, NotPermitted.code)
            raise NotPermitted(f"`{name}` is not for the roles of this account")
        return right

    def do(
        self, service: Callable[Concatenate[Ports, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do a service, and return what it returns.

        Raises:
            NotPermitted: it is not one for the roles of this account.
            PreauError: as the service's own.
            RuntimeError: a page that only reads asked for a command.
        """
        right = self.check(service)
        store: Store = _Read(self._ports.store)
        if not right.command:
            return service(replace(self._ports, store=store), *args, **kwargs)
        if self._reads:
            raise RuntimeError(f"the command `{service.__name__}` stands behind a page that reads")
        noted = _Attributed(self._ports.store, self.account.id)
        try:
            made = service(replace(self._ports, store=noted), *args, **kwargs)
        except PreauError as exc:
            self._refused(right, service.__name__, exc.code)
            raise
        if not noted.entries:
            self._note("command.done", command=service.__name__)
        return made

    def _refused(self, right: Right | None, name: str, code: str) -> None:
        if right is None or right.command:
            self._note("command.refused", code=code, command=name)

    def _note(self, kind: str, **facts: str) -> None:
        with self._ports.store.write() as tx:
            tx.audit.append(kind, self.account.id, **facts)


class _Read:
    """The port `Store` of who changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self) -> AbstractContextManager[Transaction]:
        """Open a reading transaction; see `ports.Store`."""
        return self._store.read()

    def write(self) -> AbstractContextManager[Transaction]:
        """Refuse.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("a service that is listed as no command writes to the store")


class _Attributed:
    """The port `Store`, whose log entries name an account."""

    def __init__(self, store: Store, account: str) -> None:
        self._store, self._account = store, account
        self.entries = 0  # that were committed

    def read(self) -> AbstractContextManager[Transaction]:
        """Open a reading transaction; see `ports.Store`."""
        return self._store.read()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Open a writing transaction; see `ports.Store`."""
        added: list[LogEntry] = []
        with self._store.write() as tx:
            log = _Log(tx.audit, self._account, added)
            yield _Signed(tx, log)  # type: ignore[misc]  # delegates all
        self.entries += len(added)


@dataclass(frozen=True, slots=True)
class _Signed:
    """A transaction with another log."""

    _tx: Transaction
    audit: AuditLog

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)


@dataclass(frozen=True, slots=True)
class _Log:
    """A log that adds who it was."""

    _log: AuditLog
    _account: str
    _added: list[LogEntry]

    def append(self, kind: str, subject: str, **facts: Any) -> LogEntry:
        """Add an event; see `ports.AuditLog`."""
        self._added.append(self._log.append(kind, subject, **{**facts, "account": self._account}))
        return self._added[-1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)
