"""Statements handed to the driver: the same rows as SQLAlchemy's own way, and named failures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import ColumnElement, bindparam, func, select, text

from connector.errors import StoreUnavailable
from connector.store.database.engine import Idle, open_engine
from connector.store.database.prepared import prepared
from connector.store.database.scope import Scope
from connector.store.database.session import open_session
from connector.store.recent import Recent
from connector.store.tables.keyed import table_of
from connector.store.tables.messages import OutboxRow

NOW = datetime(2026, 11, 27, 12, 30, 1, 250_000, tzinfo=UTC)
OUTBOX = table_of(OutboxRow)
IDS = select(OUTBOX.c.id).order_by(OUTBOX.c.seq)
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
def idle(database_url: str) -> Any:
    """The test's database, opened."""
    made = Idle(open_engine(database_url, 5))
    yield made
    made.dispose()


@contextmanager
def writing(idle: Idle, *, commit: bool = True) -> Iterator[Scope]:
    """Open a writing transaction."""
    with in_transaction(idle, writable=True, commit=commit) as scope:
        yield scope


@contextmanager
def reading(idle: Idle) -> Iterator[Scope]:
    """Open a reading transaction."""
    with in_transaction(idle, writable=False) as scope:
        yield scope


@contextmanager
def in_transaction(idle: Idle, *, writable: bool, commit: bool = True) -> Iterator[Scope]:
    begin = partial(open_session, idle, writable=writable)
    scope = Scope(begin, Recent(), writable=writable)
    try:
        yield scope
    except BaseException:
        scope.end(commit=False)
        raise
    scope.end(commit=commit)


def insert(idle: Idle, *rows: dict[str, Any]) -> None:
    """Insert rows into the outbox, each by one statement."""
    with writing(idle) as scope:
        for row in rows:
            scope.tell(OUTBOX.insert(), row, tuple(row))


def ids(idle: Idle) -> list[str]:
    with reading(idle) as scope:
        return [name for (name,) in scope.ask(IDS)]


def test_rows_go_in_and_come_back_as_sqlalchemy_has_them(idle: Idle) -> None:
    delivered = {**SENT, "id": "urn:b", "delivered_at": NOW}
    insert(idle, SENT)
    with writing(idle) as scope:
        scope.change(OUTBOX.insert(), delivered)
    columns: list[ColumnElement[Any]] = [OUTBOX.c[name] for name in SENT]
    query = select(*columns).where(OUTBOX.c.due_at <= bindparam("by", type_=OUTBOX.c.due_at.type))
    with reading(idle) as scope:
        ours = scope.ask(query, {"by": NOW})
        theirs = scope.read(query, {"by": NOW}).all()
    assert ours == [tuple(row) for row in theirs]
    assert [dict(zip(SENT, row, strict=True)) for row in ours] == [SENT, delivered]


def test_compiling_leaves_little_behind(idle: Idle) -> None:
    query = select(OUTBOX.c.id, OUTBOX.c.peer).where(OUTBOX.c.kind == "K")
    kept = {*vars(query)}
    with reading(idle) as scope:
        assert scope.ask(query) == []
    assert {*vars(query)} == kept
    assert OUTBOX.c.id.type is OUTBOX.c.peer.type  # of which SQLAlchemy keeps notes as well


def test_statements_see_those_before_them_whoever_runs_them(idle: Idle) -> None:
    """What is told may wait for the next question, and does not wait past it."""
    other, third = {**SENT, "id": "urn:b"}, {**SENT, "id": "urn:c"}
    with writing(idle) as scope:
        scope.tell(OUTBOX.insert(), SENT, tuple(SENT))
        assert scope.read(select(OUTBOX.c.id)).all() == [("urn:a",)]
        scope.change(OUTBOX.insert(), other)
        asked = scope.ahead(IDS)
        assert scope.ask(IDS) == asked() == [("urn:a",), ("urn:b",)]
        scope.tell(OUTBOX.insert(), third, tuple(third))
    assert ids(idle) == ["urn:a", "urn:b", "urn:c"]


def test_what_is_rolled_back_is_not_there(idle: Idle) -> None:
    insert(idle, SENT)
    other = {**SENT, "id": "urn:b"}
    with writing(idle, commit=False) as scope:
        scope.tell(OUTBOX.insert(), other, tuple(other))
    with writing(idle, commit=False) as scope:
        scope.tell(OUTBOX.insert(), other, tuple(other))
        assert len(scope.ask(IDS)) == 2
        scope.tell(OUTBOX.delete())
    assert ids(idle) == ["urn:a"]


def test_a_list_is_no_value_of_a_prepared_statement(idle: Idle) -> None:
    query = select(OUTBOX.c.id).where(OUTBOX.c.id.in_(["urn:a"]))
    with pytest.raises(TypeError, match="list"):
        prepared(query, idle.engine.dialect)


def test_a_failure_is_named_and_undoes_the_transaction(idle: Idle) -> None:
    other = {**SENT, "id": "urn:b"}
    with pytest.raises(StoreUnavailable, match="did not answer"):
        insert(idle, other, SENT, SENT)
    insert(idle, SENT)
    assert ids(idle) == ["urn:a"]


@pytest.mark.parametrize("told", [True, False])
def test_what_the_database_rolled_back_by_itself_is_kept_in_no_part(
    idle: Idle, *, told: bool
) -> None:
    """SQLite does so on a full disk, PostgreSQL on any failure; here a caller passes over it."""
    insertion, other = OUTBOX.insert(), {**SENT, "id": "urn:b"}
    undone = (
        insertion.prefix_with("OR ROLLBACK") if idle.engine.dialect.name == "sqlite" else insertion
    )

    def passing_over() -> None:
        with writing(idle) as scope:
            scope.tell(insertion, SENT, tuple(SENT))
            with suppress(StoreUnavailable):
                scope.answered(undone, SENT, tuple(SENT))
            with suppress(StoreUnavailable):
                if told:
                    scope.tell(insertion, other, tuple(other))
                else:
                    scope.change(insertion, other)

    with pytest.raises(StoreUnavailable):
        passing_over()
    assert ids(idle) == []
    insert(idle, SENT)
    assert ids(idle) == ["urn:a"]


def test_many_rows_that_fail_are_named(idle: Idle) -> None:
    with pytest.raises(StoreUnavailable), writing(idle) as scope:
        scope.tell_many(OUTBOX.insert(), [SENT, SENT])
    with writing(idle) as scope:
        scope.tell_many(OUTBOX.insert(), [SENT, {**SENT, "id": "urn:b"}])
        assert len(scope.ask(IDS)) == 2


def test_a_reading_transaction_changes_nothing(idle: Idle) -> None:
    with reading(idle) as scope:
        with pytest.raises(RuntimeError, match="reading"):
            scope.tell(OUTBOX.insert(), SENT, tuple(SENT))
        with pytest.raises(RuntimeError, match="reading"):
            scope.tell_many(OUTBOX.insert(), [SENT])
        assert scope.ask(IDS) == []


def test_connections_that_a_server_closed_are_used_no_more(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None is asked whether it lives.
    monkeypatch.setattr("connector.store.database.engine._TRUSTED", 1e9)
    idle = Idle(open_engine(postgres_url, 5))
    others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> :own "
        "AND datname = current_database()"
    )
    with reading(idle) as one, reading(idle) as two:
        assert one.ask(IDS) == two.ask(IDS) == []  # two connections wait in the pool then
    killer = open_engine(postgres_url, 5)
    with killer.connect() as connection:
        own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        connection.execute(others, {"own": own})
    with pytest.raises(StoreUnavailable):
        ids(idle)
    assert ids(idle) == []
    for each in (idle, killer):
        each.dispose()


def test_a_server_that_is_silent_is_not_waited_for_without_end(
    idle: Idle, monkeypatch: pytest.MonkeyPatch
) -> None:
    if idle.engine.dialect.name == "sqlite":  # has no server
        return
    with reading(idle) as scope:  # the twin: it answers in time
        scope.ask(select(func.pg_sleep(0.3)))
    monkeypatch.setattr("connector.store.database.pipeline.SILENT_SECONDS", 0.1)
    with pytest.raises(StoreUnavailable), reading(idle) as scope:
        scope.ask(select(func.pg_sleep(30)))
    monkeypatch.undo()
    assert ids(idle) == []
