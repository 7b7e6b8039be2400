"""Rows that hold what no node wrote: a list names them, and whatever decides is refused."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from connector.domain.contract.notice import Act, Notice, Standing
from connector.domain.page import Damaged
from connector.errors import RowDamaged
from connector.store import SqlStore
from tests.ports.test_store import KEYS
from tests.support.doubles import NOON
from tests.support.stored import message
from tests.support.values import values_of

# SQLite takes any value in any column; PostgreSQL refuses most of these, which is as well.
SPOILED = (
    *("x'ff00'", "CAST(x'ff' AS TEXT)", "'NOPE'", "'{'", "'null'", "'[1]'", "'{\"a\": 1}'"),
    *("9e999", "-1.5", "'NaN'", "'9999-99-99 00:00:00.000000'", "'infinity'", "'[[[]]]'"),
    "'\"\\ud800\"'",
)
BAD_TIME = {"sqlite": "'9999-99-99 00:00:00.000000'", "postgresql": "'infinity'"}


def run(tx: Any, statement: str) -> Any:
    """Run a statement past the repositories."""
    return tx._scope.change(text(statement))


def spoil(tx: Any, table: str, column: str, value: str, where: str) -> bool:
    """Put a value into a column; return whether the database takes it."""
    run(tx, "SAVEPOINT whole")
    try:
        run(tx, f'UPDATE {table} SET "{column}" = {value} WHERE {where}')  # noqa: S608 - our own
    except DBAPIError:
        run(tx, "ROLLBACK TO SAVEPOINT whole")
        return False
    return True


@settings(
    max_examples=1,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
@pytest.mark.parametrize("name", ["datasets", "negotiations", "reservations"])  # every codec
def test_a_spoiled_column_is_named_and_hides_no_other_row(
    store: SqlStore, name: str, data: st.DataObject
) -> None:
    kind, key = KEYS[name]
    one, other = (_keyed(data.draw(values_of(kind)), key, n) for n in (1, 2))
    with store.write() as tx:
        repository = getattr(tx, name)
        table = repository._table.name
        run(tx, f"DELETE FROM {table}")  # noqa: S608 - our own
        repository.put(one)
        repository.put(other)
        assert repository.find() == [one, other]
        for column, value in product([field.name for field in fields(kind)], SPOILED):
            if not spoil(tx, table, column, value, f"seq = (SELECT min(seq) FROM {table})"):  # noqa: S608
                continue
            page = repository.page()
            assert other in page.values
            assert len(page.rows) == 2
            if page.damaged:
                assert f"`{column}`" in page.damaged[0].fault
                assert value.strip("'") not in page.damaged[0].fault
                with pytest.raises(RowDamaged):
                    repository.find()
            else:
                assert len(repository.find()) == 2
            run(tx, "ROLLBACK TO SAVEPOINT whole")


def test_a_spoiled_message_holds_up_no_other(store: SqlStore) -> None:
    with store.write() as tx:
        tx.outbox.put(message("m1", "s1"))
        tx.outbox.put(message("m2", "s2"))
        assert spoil(tx, "outbox", "created_at", BAD_TIME[store._engine.dialect.name], "id = 'm1'")
        assert [each.id for each in tx.due_messages(NOON, 10)] == ["m2"]
        (named,), whole = tx.damaged(60.0)
        assert (named.row, whole) == ("m1", True)
        assert named.fault == "ROW_DAMAGED: column `created_at` of table `outbox` cannot be read"
        tx.outbox.put(message("m1", "s1"))  # which writes each column anew
        assert [each.id for each in tx.due_messages(NOON, 10)] == ["m1", "m2"]


def test_a_spoiled_notice_takes_back_no_other(store: SqlStore) -> None:
    acts = [
        ("a", 1, Act.SUSPENDED),
        ("a", 2, Act.RESUMED),
        ("b", 1, Act.ENDED),
        ("b", 2, Act.NOTED),
    ]
    with store.write() as tx:
        for name, number, act in acts:
            tx.notices.put(Notice(name, "us", number, act, "why", "signed", NOON))
        assert tx.notices.taken_back("us") == {"b": Standing.ENDED}
        assert spoil(tx, "notice", "act", "'NOPE'", "number = 2")
        assert tx.notices.taken_back("us") == {"a": Standing.SUSPENDED, "b": Standing.ENDED}


def test_a_spoiled_entry_of_the_log_is_named_and_the_others_are_listed(store: SqlStore) -> None:
    with store.write() as tx:
        for number in range(3):
            tx.audit.append("kind", f"urn:{number}")
        assert [entry.index for entry in tx.audit.page(None, 1).values] == [1, 2]
        assert spoil(tx, "audit_entry", "at", BAD_TIME[store._engine.dialect.name], '"index" = 1')
        page = tx.audit.page(None)
        assert [entry.index for entry in page.values] == [0, 2]
        fault = "ROW_DAMAGED: column `at` of table `audit_entry` cannot be read"
        assert page.damaged == (Damaged("1", fault),)
        with pytest.raises(RowDamaged):
            tx.audit.entries()
        assert tx.audit.check() == "entry 1, or one soon after it, cannot be read"


def _keyed(value: Any, key: tuple[str, ...], number: int) -> Any:
    """Return a value with a key of its own."""
    texts = {part: f"urn:{number}" for part in key if isinstance(getattr(value, part), str)}
    return replace(value, **texts)
