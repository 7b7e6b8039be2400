"""Statements handed to the driver: the same rows as SQLAlchemy's own way, and named failures."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import ColumnElement, Engine, bindparam, select, text

from connector.errors import StoreUnavailable
from connector.store.engine import open_engine, reading, translated, writing
from connector.store.prepared import prepared
from connector.store.recent import Recent
from connector.store.scope import Scope
from connector.store.tables import OutboxRow, RegisterRow, table_of

NOW = datetime(2026, 11, 27, 12, 30, 1, 250_000, tzinfo=UTC)
OUTBOX = table_of(OutboxRow)
SENT: dict[str, Any] = {
    "id": "urn:a",
    "peer": "did:web:é.example",
    "kind": "K",
    "body": b"\x00\xff",
    "subject": "s",
    "created_at": NOW,
    "due_at": NOW,
    "attempts": 2**40,
    "delivered_at": None,
    "failed": "",
}


@pytest.fixture
def engine(database_url: str) -> Any:
    """The test's database, opened."""
    made = open_engine(database_url, 5)
    yield made
    made.dispose()


def insert(engine: Engine, *rows: dict[str, Any]) -> None:
    """Insert rows into the outbox, each by one statement."""
    with translated(), writing(engine) as connection:
        for row in rows:
            prepared(OUTBOX.insert(), engine.dialect, tuple(row)).run(connection, row)


def test_rows_go_in_and_come_back_as_sqlalchemy_has_them(engine: Engine) -> None:
    delivered = {**SENT, "id": "urn:b", "delivered_at": NOW}
    insert(engine, SENT)
    with writing(engine) as connection:
        connection.execute(OUTBOX.insert(), delivered)
    columns: list[ColumnElement[Any]] = [OUTBOX.c[name] for name in SENT]
    query = select(*columns).where(OUTBOX.c.due_at <= bindparam("by", type_=OUTBOX.c.due_at.type))
    with reading(engine) as connection:
        ours = prepared(query, engine.dialect).run(connection, {"by": NOW})
        theirs = connection.execute(query, {"by": NOW}).all()
    assert ours == [tuple(row) for row in theirs]
    assert [dict(zip(SENT, row, strict=True)) for row in ours] == [SENT, delivered]


def test_a_list_is_no_value_of_a_prepared_statement(engine: Engine) -> None:
    query = select(OUTBOX.c.id).where(OUTBOX.c.id.in_(["urn:a"]))
    with pytest.raises(TypeError, match="list"):
        prepared(query, engine.dialect)


def test_a_failure_is_named_and_undoes_the_transaction(engine: Engine) -> None:
    other = {**SENT, "id": "urn:b"}
    with pytest.raises(StoreUnavailable, match="did not answer"):
        insert(engine, other, SENT, SENT)
    insert(engine, SENT)
    with reading(engine) as connection:
        assert prepared(select(OUTBOX.c.id), engine.dialect).run(connection, {}) == [("urn:a",)]


def test_many_rows_that_fail_are_named(engine: Engine) -> None:
    with pytest.raises(StoreUnavailable), writing(engine) as connection:
        Scope(lambda: connection, Recent(), writable=True).tell_many(OUTBOX.insert(), [SENT, SENT])
    with writing(engine) as connection:
        scope = Scope(lambda: connection, Recent(), writable=True)
        scope.tell_many(OUTBOX.insert(), [SENT, {**SENT, "id": "urn:b"}])
        assert len(scope.ask(select(OUTBOX.c.id))) == 2


def test_a_reading_transaction_changes_nothing(engine: Engine) -> None:
    with reading(engine) as connection:
        scope = Scope(lambda: connection, Recent(), writable=False)
        with pytest.raises(RuntimeError, match="reading"):
            scope.tell(OUTBOX.insert(), SENT, tuple(SENT))
        with pytest.raises(RuntimeError, match="reading"):
            scope.tell_many(OUTBOX.insert(), [SENT])
        assert scope.ask(select(OUTBOX.c.id)) == []


def test_connections_that_a_server_closed_are_used_no_more(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.store.engine._TRUSTED", 1e9)  # none is asked whether it lives
    engine = open_engine(postgres_url, 5)
    query = select(table_of(RegisterRow).c.id)
    others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> :own "
        "AND datname = current_database()"
    )
    with reading(engine), reading(engine):
        pass  # two connections wait in the pool
    killer = open_engine(postgres_url, 5)
    with killer.connect() as connection:
        own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        connection.execute(others, {"own": own})
    with pytest.raises(StoreUnavailable), reading(engine) as connection:
        prepared(query, engine.dialect).run(connection, {})
    with reading(engine) as connection:
        assert prepared(query, engine.dialect).run(connection, {}) == []
    for each in (engine, killer):
        each.dispose()
