"""How the two databases are opened, and how their failures are named.

Rules: SQLite keeps a write-ahead log and is asked to reach the disk at each commit (`synchronous`
FULL), its writers queue at BEGIN IMMEDIATE; on PostgreSQL a read sees one snapshot. Every wait is
bounded. A foreign exception becomes `StoreUnavailable` here, with neither URL nor statement in it.
"""

from __future__ import annotations

import errno
import math
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    URL,
    Connection,
    Dialect,
    Engine,
    PoolProxiedConnection,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from connector.errors import ConfigurationInvalid, StoreUnavailable

_LOCKED: Final = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED", "LockNotAvailable", "DeadlockDetected"})
_DRIVERS: Final = {
    "sqlite": "sqlite+pysqlite",
    "sqlite+pysqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_SNAPSHOT: Final = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_USED_AT: Final = "used_at"
_WRITES: Final = "writes"  # whether a connection to SQLite takes changes now
_TRUSTED: Final = 1.0  # seconds after its use that a connection is not asked whether it is alive
# Connections kept while idle, by the pool and by `Idle`; each costs memory (SQLite: 2 MB of cache).
_KEPT_OPEN: Final = 4
_MORE: Final = 28


class Unreadable(ValueError):
    """The driver cannot read what a row holds."""


def open_engine(address: str, wait: float) -> Engine:
    """Return an engine; nothing is connected yet.

    Args:
        address: SQLAlchemy URL.
        wait: seconds that a statement waits for a lock, and a caller for a connection.

    Raises:
        ConfigurationInvalid: not a URL of a database that this node knows.
        StoreUnavailable: the SQLite file cannot be created.
    """
    url = _known(address)
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite:
        _create_private(url)
    engine = create_engine(
        url,
        hide_parameters=True,  # rows do not belong into messages
        pool_size=_KEPT_OPEN,
        max_overflow=_MORE,
        pool_timeout=wait,
        pool_use_lifo=True,  # the connection used last knows its pages and its statements
        connect_args={"timeout": wait} if sqlite else _postgres_options(wait),
    )
    if sqlite:
        event.listen(engine, "connect", partial(_prepare_sqlite, wait))
    else:
        event.listen(engine, "connect", _used)
        event.listen(engine, "checkout", partial(_alive, engine.dialect))
    return engine


class Idle:
    """Connections between two transactions of a store: the pool takes as long as two queries.

    To the pool they are in use. What one transaction left in doubt goes back to it, and what was
    idle for a while, so that it is asked whether it lives; and all, while somebody asks it for one.

    Attributes:
        engine: whose connections they are.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._lock = threading.Lock()
        self._free: list[PoolProxiedConnection] = []
        self._asking = 0  # threads that ask the pool, where each connection may be in use

    def take(self, *, writable: bool) -> PoolProxiedConnection:
        """Return a connection, the one used last of those that were set so before, if one is here.

        SQLite compiles all statements of a connection anew once it is set otherwise.
        """
        while (found := self._pop(writable)) is not None:
            if time.monotonic() - found.info[_USED_AT] < _TRUSTED:
                return found
            found.close()
        try:
            return self.engine.raw_connection()
        finally:
            with self._lock:
                self._asking -= 1

    def _pop(self, writable: bool) -> PoolProxiedConnection | None:  # noqa: FBT001 - as `take`
        """Return a connection that waits here; else note that the pool is asked for one."""
        with self._lock:
            if not self._free:
                self._asking += 1
                return None
            last = len(self._free) - 1
            places = range(last, -1, -1)
            set_so = (at for at in places if self._free[at].info.get(_WRITES) is writable)
            return self._free.pop(next(set_so, last))

    def give(self, found: PoolProxiedConnection, *, ended: bool) -> None:
        """Take a connection back.

        Args:
            found: the connection.
            ended: whether its transaction is known to be over.
        """
        if found.is_valid:
            found.info[_USED_AT] = time.monotonic() if ended else -math.inf
            with self._lock:
                if ended and not self._asking and len(self._free) < _KEPT_OPEN:
                    self._free.append(found)
                    return
        found.close()

    def dispose(self) -> None:
        """Close all that are idle, here and in the pool."""
        with self._lock:
            free, self._free = self._free, []
        for each in free:
            each.close()
        self.engine.dispose()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that sees one state and writes nothing."""
    sqlite = engine.dialect.name == "sqlite"
    options = {} if sqlite else _SNAPSHOT
    with engine.connect().execution_options(**options) as connection:
        connection.begin()
        if sqlite:
            begin_sqlite(connection.connection, writable=False)
        yield connection
        connection.commit()


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that is committed at the end of the block, or rolled back."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":  # not by an event: those cost a third of a statement
            begin_sqlite(connection.connection, writable=True)
        yield connection


def begin_sqlite(pooled: PoolProxiedConnection, *, writable: bool) -> None:
    """Begin on SQLite, past SQLAlchemy, which would take half the time of a transaction for it.

    SQLite itself refuses a change by who reads, as PostgreSQL does. A reader of the write-ahead log
    sees one state from its first query on.
    """
    driver: Any = pooled.dbapi_connection
    if pooled.info.get(_WRITES) is not writable:
        driver.execute(f"PRAGMA query_only={not writable:d}")
        pooled.info[_WRITES] = writable
    driver.execute("BEGIN IMMEDIATE" if writable else "BEGIN")


# What the driver, the mapping and the pool raise; anything else is a fault of ours.
_FAULTS: Final = (DBAPIError, Unreadable, PoolTimeout, sqlite3.Error)


@contextmanager
def translated() -> Iterator[None]:
    """Turn a failure of the database into one of ours.

    Raises:
        StoreUnavailable: the database did not answer, stayed locked or refused the change.
    """
    try:
        yield
    except _FAULTS as exc:
        fault = translation(exc)
        if fault is None:
            raise
        raise fault from exc


def translation(exc: BaseException) -> StoreUnavailable | None:
    """Return what a failure of the database is called here; None of what is none."""
    if isinstance(exc, DBAPIError):
        return unavailable(exc.orig)
    if isinstance(exc, Unreadable):
        return unavailable(exc.__cause__)
    if isinstance(exc, PoolTimeout):
        return StoreUnavailable("all connections to the database are busy")
    if isinstance(exc, sqlite3.Error):  # raised while a new connection is prepared
        return unavailable(exc)
    return None


def unavailable(cause: BaseException | None) -> StoreUnavailable:
    """Return what a failure of the database's driver is called here."""
    name = getattr(cause, "sqlite_errorname", None) or type(cause).__name__
    if name in _LOCKED:
        return StoreUnavailable("the database stayed locked", hint="try again")
    return StoreUnavailable(
        f"the database did not answer ({name})", hint="run `preau doctor` to see why"
    )


def _known(address: str) -> URL:
    known = ", ".join(f"`{name}`" for name in _DRIVERS)
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        # `from None`: the cause may quote the URL, which may hold a password
        raise ConfigurationInvalid(f"`database` is not a URL of {known}") from None
    if url.drivername not in _DRIVERS:
        raise ConfigurationInvalid(f"`database` must be a URL of {known}")
    return url.set(drivername=_DRIVERS[url.drivername])


def _create_private(url: URL) -> None:
    """Create the file before SQLite does, readable by its owner only; its log files follow."""
    if not url.database or url.database == ":memory:":
        raise ConfigurationInvalid("`database` must name a file", hint="`sqlite:////path/to/file`")
    path = Path(url.database)
    try:
        # Not where it is there: who closes a file loses the locks that its process holds there
        # (fcntl(2)), with which the log of a store would go once another process has closed it.
        if not path.is_file():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        elif not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as exc:
        raise StoreUnavailable(f"`{url.database}` cannot be opened: {exc.strerror}") from exc


def _used(_connection: Any, record: Any) -> None:
    """Note when a connection was last seen to work."""
    record.info[_USED_AT] = time.monotonic()


def _alive(dialect: Dialect, connection: Any, record: Any, _proxy: Any) -> None:
    """Ask a connection that was idle whether it still is one: the server may have started anew.

    Not at each transaction, of which the question would be a third.

    Raises:
        InvalidatePoolError: it is dead; SQLAlchemy then opens others.
    """
    if time.monotonic() - record.info[_USED_AT] < _TRUSTED:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as exc:
        raise InvalidatePoolError from exc


def _postgres_options(wait: float) -> dict[str, Any]:
    milliseconds = int(wait * 1000)
    return {
        "connect_timeout": max(2, int(wait)),  # libpq: seconds, at least 2
        "prepare_threshold": None,  # else psycopg drops at times what `pipeline.py` prepared
        "options": f"-c lock_timeout={milliseconds} -c idle_in_transaction_session_timeout=120000",
    }


def _prepare_sqlite(wait: float, connection: Any, _record: Any) -> None:
    """Set up a new connection: transactions are begun by `reading` and `writing` alone."""
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        _keep_log(cursor, wait)
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA secure_delete=ON")  # a key that was destroyed is not left in a page
    finally:
        cursor.close()


def _keep_log(cursor: sqlite3.Cursor, wait: float) -> None:
    """Switch to the write-ahead log; SQLite does not wait there by itself for another process."""
    until = time.monotonic() + wait
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorname not in _LOCKED or time.monotonic() >= until:
                raise
            time.sleep(0.01)
        else:
            return
