"""Rows that hold what no node wrote: a list names them, and whatever decides is refused."""

from __future__ import annotations

import operator
import sqlite3
from contextlib import closing
from dataclasses import fields, replace
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from connector.domain.contract.negotiation import NegotiationState, Role
from connector.domain.contract.notice import Act, Notice, Standing
from connector.domain.log.audit import Sought
from connector.domain.page import Damaged
from connector.errors import RowDamaged, StoreUnavailable
from connector.store import SqlStore
from tests.ports.test_store import KEYS
from tests.support.doubles import NOON
from tests.support.federation import reservation
from tests.support.stored import contract, dataset, message, negotiation
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
                assert f"`{column}`" in page.damaged[0].fault or value == "-1.5"  # of its type
                assert value.strip("'") not in page.damaged[0].fault
                with pytest.raises(RowDamaged):
                    repository.find()
            else:
                assert len(repository.find()) == 2
            run(tx, "ROLLBACK TO SAVEPOINT whole")


COUNTED = {
    "promise": ("until", "epsilon", "delta", "contracts"),
    "reservation": ("agreement_id", "committed_rounds", "epsilon", "delta", "state"),
    "agreement": ("id", "role", "valid_until", "epsilon", "delta", "stands"),
}


@pytest.fixture
def counted(store: SqlStore) -> SqlStore:
    """A register with a contract that runs, one that ended with a job, and an open job of it."""
    with store.write() as tx:
        for name, register in (("urn:d1", "urn:r1"), ("urn:d2", "urn:r2")):
            tx.datasets.put(dataset(name, register))
        tx.agreements.put(contract("runs"))
        tx.agreements.put(contract("over", stands=False))
        tx.agreements.put(contract("late", valid_until=NOON))
        tx.agreements.put(contract("other", dataset_id="urn:d2"))
        for name, agreement in (("j1", "over"), ("j2", "late")):
            job = reservation(name, agreement, "urn:d1", epsilon=0.5)
            tx.reservations.put(replace(job, register_id="urn:r1"))
    return store


def totals(tx: Any, register: str) -> tuple[float, ...]:
    """Return all that counts against a register, by either sum."""
    ended = tx.promises.ended(register, NOON)
    whole = (min(each.epsilon, each.allowed_epsilon) for each in ended)
    spent = (min(each.delta, each.allowed_delta) for each in ended)
    promised = tx.promises.standing(register, NOON)
    return promised[0] + sum(whole), promised[1] + sum(spent), *tx.promises.charged(register)[1:]


@pytest.mark.parametrize("table", COUNTED)
def test_a_spoiled_figure_never_counts_as_less(counted: SqlStore, table: str) -> None:
    mine = {"promise": "dataset_id = 'urn:d1'", "agreement": "id <> 'other'"}.get(table, "1 = 1")
    odd = {"contracts": ("0",), "stands": ("2",), "role": ("0",)}
    refused = []
    with counted.write() as tx:
        before, other = totals(tx, "urn:r1"), totals(tx, "urn:r2")
        for column in COUNTED[table]:
            for value in (*SPOILED, *odd.get(column, ())):
                run(tx, "SAVEPOINT one")
                if spoil(tx, table, column, value, mine):
                    try:
                        now = totals(tx, "urn:r1")
                        assert all(map(operator.ge, now, before)), (column, value, now)
                    except RowDamaged as exc:
                        refused.append((exc.reason, value))
                    assert totals(tx, "urn:r2") == other
                run(tx, "ROLLBACK TO SAVEPOINT one")
    assert len(refused) >= (10 if counted._engine.dialect.name == "sqlite" else 2)
    for reason, value in refused:
        assert "`urn:r1`" in reason
        assert len(value) == 1 or value.strip("'") not in reason


KEYED = {
    "promise": ("dataset_id",),
    "reservation": ("register_id",),
    "dataset": ("id", "register_id"),
}


def test_a_row_whose_key_is_spoiled_never_counts_as_less(counted: SqlStore) -> None:
    """No sum can tell whose it is, and so none is known."""
    if counted._engine.dialect.name != "sqlite":  # its types are upheld
        return
    with counted.write() as tx:
        totals(tx, "urn:r1")
        for table, keys in KEYED.items():
            for key, value in product(keys, ("x'ff00'", "x''")):
                run(tx, "SAVEPOINT one")
                assert spoil(tx, table, key, value, "seq = 1")
                for register in ("urn:r1", "urn:r2"):
                    with pytest.raises(RowDamaged):
                        totals(tx, register)
                run(tx, "ROLLBACK TO SAVEPOINT one")
        assert totals(tx, "urn:r1") > totals(tx, "urn:r2")


@pytest.mark.parametrize("table", COUNTED)
def test_a_cell_that_lost_its_value_never_counts_as_less(counted: SqlStore, table: str) -> None:
    """A page of the file was damaged: nothing stands where something must."""
    if counted._engine.dialect.name != "sqlite":
        return
    may = "UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '')"
    counted.close()
    with closing(sqlite3.connect(str(counted._engine.url.database))) as file, file:
        file.execute("PRAGMA writable_schema = ON")
        file.execute(may)
    with counted.write() as tx:
        before = totals(tx, "urn:r1")
        for column in {*COUNTED[table], *KEYED.get(table, ())} - {"valid_until"}:
            run(tx, "SAVEPOINT one")
            assert spoil(tx, table, column, "NULL", "1 = 1")
            try:
                now = totals(tx, "urn:r1")
                assert all(map(operator.ge, now, before)), (column, now)
            except RowDamaged:
                pass
            run(tx, "ROLLBACK TO SAVEPOINT one")


def test_a_spoiled_count_is_neither_mended_nor_lessened_by_the_next_contract(
    counted: SqlStore,
) -> None:
    value = "'NOPE'" if counted._engine.dialect.name == "sqlite" else "-1"
    with counted.write() as tx:
        assert tx.promises.astray() == []
        assert spoil(tx, "promise", "contracts", value, "dataset_id = 'urn:d1'")
        tx.agreements.put(contract("more"))
        tx.agreements.remove("runs")
        with pytest.raises(RowDamaged, match=r"`urn:r1` promised is not known.*`promise`"):
            tx.promises.standing("urn:r1", NOON)
        assert tx.promises.astray() == ["urn:r1"]
        tx.promises.recount()
        assert tx.promises.astray() == []
        assert tx.promises.standing("urn:r1", NOON) == (3.0, 1e-5)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE promise SET contracts = 7 WHERE dataset_id = 'urn:d1'", ["urn:r1"]),
        ("UPDATE promise SET epsilon = 0.1 WHERE dataset_id = 'urn:d2'", ["urn:r2"]),
        ("UPDATE promise SET dataset_id = 'urn:none' WHERE dataset_id = 'urn:d2'", ["", "urn:r2"]),
        ("DELETE FROM promise", ["urn:r1", "urn:r2"]),
        ("UPDATE agreement SET epsilon = 0.1 WHERE id = 'other'", ["urn:r2"]),
    ],
)
def test_a_count_that_is_not_that_of_the_contracts_is_found_and_counted_anew(
    counted: SqlStore, change: str, named: list[str]
) -> None:
    with counted.write() as tx:
        run(tx, change)
        assert tx.promises.astray() == named
        tx.promises.recount()
        assert tx.promises.astray() == []


def test_a_negotiation_whose_state_is_spoiled_counts_as_open(store: SqlStore) -> None:
    with store.write() as tx:
        for state in NegotiationState:
            tx.negotiations.put(negotiation(state.value, state=state, peer="did:web:p"))
        over = {NegotiationState.FINALIZED, NegotiationState.TERMINATED}
        known = len(set(NegotiationState) - over)
        assert tx.holdings.open_negotiations("did:web:p", Role.CONSUMER) == known
        for value in ("'A'", "'NOPE'", "'ZZ'"):
            assert spoil(tx, "negotiation", "state", value, "pid = 'FINALIZED'")
            assert tx.holdings.open_negotiations("did:web:p", Role.CONSUMER) == known + 1


def test_the_database_itself_refuses_a_change_by_a_reader(store: SqlStore) -> None:
    with store.write() as tx:
        tx.datasets.put(dataset("urn:d", "urn:r"))
    with pytest.raises(StoreUnavailable), store.read() as tx:
        tx._scope.session.connection.execute(text("DELETE FROM dataset"))
    with store.write() as tx:  # the same connection writes again
        assert tx.datasets.get("urn:d") is not None
        tx.datasets.put(dataset("urn:e", "urn:r"))


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
        assert [entry.index for entry in tx.audit.page(Sought(1)).values] == [1, 2]
        assert spoil(tx, "audit_entry", "at", BAD_TIME[store._engine.dialect.name], '"index" = 1')
        page = tx.audit.page(Sought())
        assert [entry.index for entry in page.values] == [0, 2]
        fault = "ROW_DAMAGED: column `at` of table `audit_entry` cannot be read"
        assert page.damaged == (Damaged("1", fault),)
        with pytest.raises(RowDamaged):
            tx.audit.entries()
        assert tx.audit.check() == "entry 1, or one shortly after it, cannot be read"


def _keyed(value: Any, key: tuple[str, ...], number: int) -> Any:
    """Return a value with a key of its own."""
    texts = {part: f"urn:{number}" for part in key if isinstance(getattr(value, part), str)}
    return replace(value, **texts)
