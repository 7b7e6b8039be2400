"""Opening a database: what is accepted, who may read the file, and what a failure says."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from connector.errors import ConfigurationInvalid, Malformed, StoreUnavailable
from connector.store import SqlStore
from connector.store.database import engine as engine_module
from connector.store.database.engine import open_engine
from connector.store.migrations import upgrade
from tests.support.doubles import FixedClock, open_store
from tests.support.each import over


@over(
    "url",
    [
        "",
        "not a url",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://user:s3cret@db/x",
        "postgresql+asyncpg://user:s3cret@db/x",
        "postgresql://user:s3cret@db:port/x",
    ],
)
def test_other_databases_are_refused_without_naming_secrets(url: str) -> None:
    with pytest.raises(ConfigurationInvalid) as caught:
        SqlStore(url, FixedClock())
    assert "s3cret" not in str(caught.value)
    assert "`sqlite" in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgresql://u@db/x", "postgresql+psycopg"),
        ("postgresql+psycopg://u@db/x", "postgresql+psycopg"),
        ("sqlite:///{}/n.sqlite", "sqlite+pysqlite"),
    ],
)
def test_known_databases_are_opened_with_our_driver(url: str, driver: str, tmp_path: Path) -> None:
    engine = open_engine(url.format(tmp_path), 1)
    assert engine.url.drivername == driver
    engine.dispose()


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    store = SqlStore("postgresql://user:s3cret@127.0.0.1:1/x", FixedClock(), wait=1)
    with pytest.raises(StoreUnavailable) as caught, store.read() as tx:
        tx.issuers.find()
    assert caught.value.reason == "the database did not answer (OperationalError)"
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_rows_do_not_get_into_messages(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'no-schema.sqlite'}", FixedClock())
    private = "did:web:" + "private.example"  # not one literal: a traceback shows source lines
    with pytest.raises(StoreUnavailable) as caught, store.read() as tx:
        tx.issuers.get(private)
    assert private not in "".join(traceback.format_exception(caught.value, chain=True))
    store.close()


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_only_the_owner_reads_the_file_and_its_logs(tmp_path: Path, suffix: str) -> None:
    url = f"sqlite:///{tmp_path / 'node.sqlite'}"
    upgrade(url)
    store = SqlStore(url, FixedClock())
    with store.write() as tx:
        tx.audit.append("test.event", "s")
        mode = (tmp_path / f"node.sqlite{suffix}").stat().st_mode
    store.close()
    assert stat.S_IMODE(mode) == 0o600


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="No such file or directory"):
        SqlStore(f"sqlite:///{tmp_path / 'none' / 'node.sqlite'}", FixedClock())


def test_a_store_opened_beside_another_takes_no_locks_from_it(tmp_path: Path) -> None:
    """Else the next process that closes the file takes the log away from under the first store."""
    file = tmp_path / "node.sqlite"
    upgrade(url := f"sqlite:///{file}")
    store = SqlStore(url, FixedClock())
    with store.write() as tx:
        tx.audit.append("test.event", "s")
    SqlStore(url, FixedClock()).close()
    query = "SELECT 1 FROM audit_entry"
    command = f"import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('{query}')"
    log = tmp_path / "node.sqlite-wal"
    before = log.stat().st_ino
    subprocess.run([sys.executable, "-c", command, str(file)], check=True)
    assert log.stat().st_ino == before
    store.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "node.sqlite"
    file.write_bytes(b"something else, and long enough to be looked at" * 100)
    store = SqlStore(f"sqlite:///{file}", FixedClock())
    with pytest.raises(StoreUnavailable, match="SQLITE_NOTADB"), store.read() as tx:
        tx.issuers.find()
    store.close()


def test_sqlite_reaches_the_disk_at_each_commit(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'node.sqlite'}", 1)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 1000
    engine.dispose()


def test_more_readers_than_connections_are_answered_in_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.store.database.engine._KEPT_OPEN", 1)
    monkeypatch.setattr("connector.store.database.engine._MORE", 0)
    url = f"sqlite:///{tmp_path / 'node.sqlite'}"
    upgrade(url)
    store = SqlStore(url, FixedClock(), wait=0.1)
    with store.read() as first:
        assert first.offers.find() == []
        with store.read():  # a reader that asks nothing takes no connection
            pass
        with pytest.raises(StoreUnavailable, match="busy"), store.read() as tx:
            tx.offers.find()
    with store.read() as tx:
        assert tx.offers.find() == []
    store.close()


def test_readers_in_threads_do_not_disturb_one_another(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    counts: list[int] = []

    def look() -> None:
        for _ in range(10):
            with store.read() as tx:
                counts.append(len(tx.issuers.find()))

    threads = [threading.Thread(target=look, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert counts == [0] * 40
    store.close()


def test_the_switch_to_the_log_waits_for_another_process(tmp_path: Path) -> None:
    file = tmp_path / "node.db"
    holder = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    holder.execute("CREATE TABLE t (x)")
    holder.execute("BEGIN EXCLUSIVE")
    other = sqlite3.connect(file, timeout=0, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        engine_module._keep_log(other.cursor(), 0.05)
    threading.Timer(0.2, holder.execute, ["COMMIT"]).start()
    engine_module._keep_log(other.cursor(), 20.0)
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    for connection in (holder, other):
        connection.close()


def test_another_fault_is_not_waited_for() -> None:
    closed = sqlite3.connect(":memory:")
    cursor = closed.cursor()
    closed.close()
    with pytest.raises(sqlite3.ProgrammingError):
        engine_module._keep_log(cursor, 20.0)


def test_a_server_that_started_anew_is_found_again(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that was idle is asked first; of those in use, one call at most fails."""
    store = SqlStore(postgres_url, FixedClock())

    def ask() -> int:
        with store.read() as tx:
            return tx.audit.head()[0]

    def cut() -> None:
        other = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
        with other.connect() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        other.dispose()

    monkeypatch.setattr("connector.store.database.engine._TRUSTED", 3600.0)
    assert ask() == 0
    cut()
    with pytest.raises(StoreUnavailable):
        ask()
    assert ask() == 0
    monkeypatch.setattr("connector.store.database.engine._TRUSTED", 0.0)
    cut()
    assert ask() == 0
    store.close()


def test_postgresql_keeps_what_it_prepared_from_one_transaction_to_the_next(
    postgres_url: str,
) -> None:
    """Also where a fault of ours ended one."""
    store = SqlStore(postgres_url, FixedClock())

    def prepared() -> int:
        with store.read() as tx:
            rows = tx.audit._scope.session.connection.exec_driver_sql(  # type: ignore[attr-defined]
                "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%audit_head%%'"
            )
            return int(rows.scalar_one())

    def ask(fault: str = "") -> None:
        with store.read() as tx:
            tx.audit.head()
            if fault:
                raise Malformed(fault)

    for _ in range(10):
        ask()
    assert prepared() == 1
    with pytest.raises(Malformed):
        ask("planned")
    assert prepared() == 1
    store.close()


def test_the_connection_used_last_is_used_next(database_url: str) -> None:
    """It knows its pages and its statements; the others cost nothing until they are needed."""
    store = SqlStore(database_url, FixedClock())

    def used() -> object:
        with store.read() as tx:
            tx.audit.head()
            return tx.audit._scope.session.connection.connection.driver_connection  # type: ignore[attr-defined]

    with store.read() as one, store.read() as two:
        one.audit.head()
        two.audit.head()
    assert len({id(used()) for _ in range(4)}) == 1
    store.close()


def test_on_sqlite_a_connection_goes_on_to_read_or_to_write(tmp_path: Path) -> None:
    """All its statements would be compiled anew."""
    store = open_store(tmp_path)
    with store.read() as one, store.write() as two:
        one.audit.head()
        two.audit.head()

    def used(*, writable: bool) -> int:
        with store.write() if writable else store.read() as tx:
            tx.audit.head()
            return id(tx.audit._scope.session.connection.connection.driver_connection)  # type: ignore[attr-defined]

    found = [used(writable=writable) for writable in (True, False) * 3]
    assert len(set(found[::2])) == len(set(found[1::2])) == 1
    assert found[0] != found[1]
    store.close()
