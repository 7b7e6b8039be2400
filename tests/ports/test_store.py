"""The port `Store`: one suite, run on a SQLite file and on a real PostgreSQL server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update

from connector.domain.account import Account
from connector.domain.catalog.dataset import Dataset, Offer
from connector.domain.contract.approval import Approval
from connector.domain.contract.duty import Deed, Duty
from connector.domain.contract.negotiation import Agreement, Negotiation
from connector.domain.contract.notice import Notice, Telling
from connector.domain.contract.use import UseRecord
from connector.domain.credentials import (
    CredentialRequest,
    HeldCredential,
    IssuanceRequest,
    Presented,
    PublishedCopy,
)
from connector.domain.delivery import OutgoingMessage, ReceivedMessage
from connector.domain.federation.job import Job, JobSite, RoundRecord
from connector.domain.layer import KeptLayer
from connector.domain.log import merkle
from connector.domain.log.audit import (
    Checkpoint,
    CosignedHead,
    Epoch,
    Head,
    PeerLog,
    ReturnedHead,
    Stand,
)
from connector.domain.membership import Membership
from connector.domain.participant import IssuerDocument, KeptList, Participant, StatusList
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.domain.privacy.census import Census, RegisterPersons, SuppressedPersons
from connector.domain.privacy.register import Register
from connector.domain.privacy.tally import Forfeit
from connector.domain.transfer.extract import Extract
from connector.domain.transfer.requested import ReleasedTables, Requested
from connector.domain.transfer.transfer import Transfer
from connector.errors import Malformed, StoreUnavailable
from connector.ports import Transaction
from connector.store import SqlStore
from connector.store.database.engine import _KEPT_OPEN
from connector.store.tables.keyed import table_of
from connector.store.tables.records import ReservationRow
from federated.privacy.event import Events, sampled_gaussian
from tests.support.doubles import NOON
from tests.support.each import over
from tests.support.stored import issuer, message
from tests.support.values import values_of

KEYS: dict[str, tuple[type[Any], tuple[str, ...]]] = {
    "participants": (Participant, ("did",)),
    "issuers": (IssuerDocument, ("did",)),
    "kept_lists": (KeptList, ("digest",)),
    "layers": (KeptLayer, ("digest",)),
    "status_lists": (StatusList, ("url",)),
    "datasets": (Dataset, ("id",)),
    "registers": (Register, ("id",)),
    "persons": (RegisterPersons, ("register_id",)),
    "suppressed": (SuppressedPersons, ("register_id",)),
    "censuses": (Census, ("dataset_id",)),
    "offers": (Offer, ("id",)),
    "negotiations": (Negotiation, ("pid",)),
    "agreements": (Agreement, ("id",)),
    "approvals": (Approval, ("id",)),
    "requests": (Requested, ("consumer", "request_id")),
    "released": (ReleasedTables, ("use_id",)),
    "extracts": (Extract, ("id",)),
    "transfers": (Transfer, ("pid",)),
    "duties": (Duty, ("agreement_id", "path")),
    "deeds": (Deed, ("agreement_id", "party", "number")),
    "uses": (UseRecord, ("id",)),
    "tellings": (Telling, ("id",)),
    "notices": (Notice, ("agreement_id", "party", "number")),
    "outbox": (OutgoingMessage, ("id",)),
    "inbox": (ReceivedMessage, ("peer", "id")),
    "reservations": (Reservation, ("job_id",)),
    "jobs": (Job, ("id",)),
    "sites": (JobSite, ("job_id", "site")),
    "rounds": (RoundRecord, ("job_id", "round")),
    "checkpoints": (Checkpoint, ("origin", "size")),
    "peer_logs": (PeerLog, ("origin",)),
    "epochs": (Epoch, ("origin", "number")),
    "returned_heads": (ReturnedHead, ("peer",)),
    "cosigned_heads": (CosignedHead, ("peer",)),
    "forfeits": (Forfeit, ("id",)),
    "members": (Membership, ("did",)),
    "held_credentials": (HeldCredential, ("issuer", "id")),
    "credential_requests": (CredentialRequest, ("holder_pid",)),
    "issuance_requests": (IssuanceRequest, ("issuer_pid",)),
    "presented": (Presented, ("holder", "question")),
    "published_copies": (PublishedCopy, ("url",)),
    "accounts": (Account, ("name",)),
}
EVENTS = Events((sampled_gaussian(3.0, 0.2, 5),))


class Undo(Exception):
    """Raised by tests to roll back."""


# --- repositories -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KEYS)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_value_comes_back_equal(store: SqlStore, name: str, data: st.DataObject) -> None:
    kind, key_fields = KEYS[name]
    value = data.draw(values_of(kind))
    key = [getattr(value, field) for field in key_fields]
    with store.write() as tx:
        getattr(tx, name).put(value)
        assert getattr(tx, name).lock(*key) == value
    with store.read() as tx:
        assert getattr(tx, name).get(*key) == value
        assert value in getattr(tx, name).find(**dict(zip(key_fields, key, strict=True)))
    with store.write() as tx:
        getattr(tx, name).remove(*key)
        assert getattr(tx, name).get(*key) is None


def test_every_repository_of_the_port_is_tested() -> None:
    others = {"audit", "holdings", "promises", "shelf", "tokens"}
    assert set(KEYS) | others == set(Transaction.__annotations__)


def test_an_absent_key_is_none(store: SqlStore) -> None:
    with store.write() as tx:
        assert tx.rounds.get("job", 1) is None
        assert tx.rounds.lock("job", 1) is None
        tx.rounds.remove("job", 1)


@over("key", [(), ("one",), ("one", 2, "three")])
def test_a_key_of_another_length_is_refused(store: SqlStore, key: tuple[Any, ...]) -> None:
    with store.read() as tx, pytest.raises(ValueError, match="zip"):
        tx.rounds.get(*key)


def test_add_tells_whether_the_key_was_free_and_leaves_the_first(store: SqlStore) -> None:
    with store.write() as tx:
        assert tx.issuers.add(issuer("a", b"first"))
        assert not tx.issuers.add(issuer("a", b"second"))
        assert tx.issuers.add(issuer("b"))
    with store.read() as tx:
        assert [found.document for found in tx.issuers.find(did="a")] == [b"first"]
        assert tx.issuers.get("b") is not None


def test_put_replaces_and_keeps_the_place(store: SqlStore) -> None:
    with store.write() as tx:
        for name in ("c", "a", "b"):
            tx.issuers.put(issuer(name))
        tx.issuers.put(issuer("c", b"new"))
    with store.read() as tx:
        assert [found.did for found in tx.issuers.find()] == ["c", "a", "b"]
        assert tx.issuers.get("c") == issuer("c", b"new")


def test_find_by_several_fields_by_enum_and_by_none(store: SqlStore) -> None:
    with store.write() as tx:
        tx.outbox.put(message("a", "one"))
        tx.outbox.put(message("b", "one", delivered_at=NOON))
        tx.outbox.put(message("c", "two", delivered_at=NOON))
        tx.reservations.put(reservation("j", ReservationState.OPEN))
        tx.reservations.put(reservation("k", ReservationState.CLOSED))
    with store.read() as tx:
        assert [m.id for m in tx.outbox.find(delivered_at=None)] == ["a"]
        assert [m.id for m in tx.outbox.find(delivered_at=NOON, subject="one")] == ["b"]
        assert [r.job_id for r in tx.reservations.find(state=ReservationState.CLOSED)] == ["k"]
        assert tx.outbox.find(subject="three") == []


def test_find_by_an_unknown_field_is_refused(store: SqlStore) -> None:
    with store.read() as tx, pytest.raises(KeyError):
        tx.outbox.find(colour="red")


def reservation(job: str, state: ReservationState, committed: int = 0) -> Reservation:
    return Reservation(job, "a", "d", "r", EVENTS, 20, committed, 2.9, 1e-5, state, NOON)


def test_a_reservation_never_holds_more_than_it_reserved(store: SqlStore) -> None:
    with store.write() as tx:
        tx.reservations.put(reservation("j", ReservationState.OPEN, committed=20))
    with pytest.raises(ValueError, match="no job can have such"):
        reservation("j", ReservationState.OPEN, committed=21)
    more = update(table_of(ReservationRow)).values(committed_rounds=21)
    with pytest.raises(StoreUnavailable), store.write() as tx:  # nor does the database itself
        tx._scope.change(more)


@over("name", ["nul\x00", "surrogate\ud800", "x" * 1025, "é" * 513])
def test_a_text_that_cannot_be_stored_is_refused_alike(store: SqlStore, name: str) -> None:
    with pytest.raises(Malformed), store.write() as tx:
        tx.issuers.put(issuer(name))


@over("name", ["", "x" * 1024, "é" * 512, "\U0001f3eb\n\t'\";--"])
def test_every_other_text_is_stored(store: SqlStore, name: str) -> None:
    with store.write() as tx:
        tx.issuers.put(issuer(name))
        assert tx.issuers.get(name) == issuer(name)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_a_number_past_64_bits_is_refused(store: SqlStore, number: int) -> None:
    with pytest.raises(Malformed), store.write() as tx:
        tx.outbox.put(message("a", attempts=number))


def test_times_come_back_in_utc(store: SqlStore) -> None:
    paris = datetime.fromisoformat("2026-11-24T13:00:00+01:00")
    with store.write() as tx:
        tx.issuers.put(IssuerDocument("a", b"", paris))
    with store.read() as tx:
        found = tx.issuers.get("a")
    assert found is not None
    assert found.fetched_at == NOON
    assert found.fetched_at.utcoffset() == timedelta(0)


def test_a_naive_time_is_refused(store: SqlStore) -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(ValueError, match="without a time zone"), store.write() as tx:
        tx.issuers.put(IssuerDocument("a", b"", naive))


# --- transactions -------------------------------------------------------------------------------


def test_an_exception_leaves_nothing(store: SqlStore) -> None:
    ran: list[str] = []

    def write_and_fail() -> None:
        with store.write() as tx:
            tx.issuers.put(issuer("a"))
            tx.outbox.put(message("m"))
            tx.audit.append("test.happened", "s")
            tx.tokens.use("did:web:p", "1", NOON)
            tx.after_commit(lambda: ran.append("x"))
            raise Undo

    with pytest.raises(Undo):
        write_and_fail()
    assert ran == []
    with store.write() as tx:
        assert tx.issuers.find() == []
        assert tx.outbox.find() == []
        assert tx.audit.head() == (0, merkle.EMPTY_ROOT)
        assert tx.audit.entries() == []
        assert tx.tokens.use("did:web:p", "1", NOON)


def test_a_taken_key_does_not_break_the_transaction(store: SqlStore) -> None:
    with store.write() as tx:
        tx.issuers.add(issuer("a"))
    with store.write() as tx:
        assert not tx.issuers.add(issuer("a"))
        tx.issuers.put(issuer("b"))
    with store.read() as tx:
        assert [found.did for found in tx.issuers.find()] == ["a", "b"]


def test_actions_run_in_order_once_it_is_committed(store: SqlStore) -> None:
    seen: list[Any] = []

    def look() -> None:
        with store.read() as tx:
            seen.append(tx.issuers.get("a"))

    with store.write() as tx:
        tx.after_commit(look)
        tx.after_commit(lambda: seen.append("second"))
        tx.issuers.put(issuer("a"))
        assert seen == []
    assert seen == [issuer("a"), "second"]


def test_an_action_may_write(store: SqlStore) -> None:
    def write_more() -> None:
        with store.write() as tx:
            tx.issuers.put(issuer("b"))

    with store.write() as tx:
        tx.after_commit(write_more)
    with store.read() as tx:
        assert tx.issuers.get("b") == issuer("b")


def test_the_log_says_when_the_newest_entry_of_a_kind_came(store: SqlStore) -> None:
    with store.write() as tx:
        assert tx.audit.since("job.accepted") == 0
        for kind in ("job.accepted", "x.y", "job.accepted", "x.y"):
            tx.audit.append(kind, "s")
        assert tx.audit.since("job.accepted") == 3


@over(
    "act",
    [
        lambda tx: tx.issuers.put(issuer("a")),
        lambda tx: tx.issuers.add(issuer("a")),
        lambda tx: tx.issuers.lock("a"),
        lambda tx: tx.issuers.remove("a"),
        lambda tx: tx.audit.append("x.y", "s"),
        lambda tx: tx.tokens.use("i", "1", NOON),
        lambda tx: tx.tokens.forget(NOON),
    ],
    ["put", "add", "lock", "remove", "append", "use", "forget"],
)
def test_a_reading_transaction_writes_nothing(
    store: SqlStore, act: Callable[[Transaction], object]
) -> None:
    with store.read() as tx, pytest.raises(RuntimeError, match="writes nothing"):
        act(tx)


def test_a_write_block_inside_another_is_refused_at_once(store: SqlStore) -> None:
    with store.write(), pytest.raises(RuntimeError, match="inside"), store.write():
        pass
    with store.write() as tx:
        tx.issuers.put(issuer("a"))


def test_a_reader_sees_one_state_and_is_not_blocked(
    store: SqlStore, open_again: Callable[..., SqlStore]
) -> None:
    other, one = open_again(), Forfeit("a", 0, "why", NOON)

    def seen() -> list[Forfeit]:
        with store.read() as tx:
            return tx.forfeits.find()

    with store.read() as before:
        assert before.forfeits.find() == []
        with other.write() as tx:
            tx.forfeits.put(one)
            assert seen() == []
        assert before.forfeits.find() == []
    assert seen() == [one]


def store_sees(store: SqlStore) -> list[IssuerDocument]:
    with store.read() as tx:
        return tx.issuers.find()


@pytest.mark.parametrize("replica", [False, True], ids=["same process", "another replica"])
def test_a_second_writer_waits_for_the_first(
    store: SqlStore, open_again: Callable[..., SqlStore], *, replica: bool
) -> None:
    second = open_again() if replica else store
    with store.write() as tx:
        tx.issuers.put(issuer("n", b"0"))
    holding, waiting, done = threading.Event(), threading.Event(), threading.Event()

    def add_one() -> None:
        holding.wait(10)
        waiting.set()
        with second.write() as tx:
            found = tx.issuers.lock("n")
            assert found is not None
            tx.issuers.put(issuer("n", str(int(found.document) + 1).encode()))
        done.set()

    thread = threading.Thread(target=add_one, daemon=True)
    thread.start()
    with store.write() as tx:
        tx.issuers.lock("n")
        holding.set()
        assert waiting.wait(10)
        assert not done.wait(0.2)
        tx.issuers.put(issuer("n", b"10"))
    assert done.wait(10)
    thread.join(10)
    assert store_sees(store) == [issuer("n", b"11")]


@pytest.mark.parametrize("replica", [False, True], ids=["same process", "another replica"])
def test_the_wait_for_a_lock_is_bounded(
    open_again: Callable[..., SqlStore], *, replica: bool
) -> None:
    first = open_again(wait=0.3)
    second = open_again(wait=0.3) if replica else first
    refused: list[StoreUnavailable] = []

    def write() -> None:
        try:
            with second.write() as tx:
                tx.issuers.put(issuer("b"))
        except StoreUnavailable as exc:
            refused.append(exc)

    with first.write() as tx:
        tx.issuers.put(issuer("a"))
        assert tx.issuers.get("a")  # at the latest now
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
    assert [exc.reason for exc in refused] == ["the database stayed locked"]
    with second.write() as tx:  # and it recovers
        tx.issuers.put(issuer("b"))
    assert store_sees(first) == [issuer("a"), issuer("b")]


_NO_HEAD = {  # from now on, the head of the log cannot be written
    "sqlite": "CREATE TRIGGER no_head BEFORE UPDATE ON audit_head "
    "BEGIN SELECT RAISE(ABORT, 'no'); END",
    "postgresql": "ALTER TABLE audit_head ADD CONSTRAINT no_head CHECK (size < 1)",
}
_HEAD_AGAIN = {
    "sqlite": "DROP TRIGGER no_head",
    "postgresql": "ALTER TABLE audit_head DROP CONSTRAINT no_head",
}


def test_what_fails_at_the_end_of_a_block_undoes_it_and_holds_nobody_up(store: SqlStore) -> None:
    dialect = store._engine.dialect.name
    with store._engine.begin() as connection:
        connection.execute(text(_NO_HEAD[dialect]))

    def keep() -> None:
        with store.write() as tx:
            tx.outbox.put(message("m1"))
            tx.audit.append("a.b", "x")

    with pytest.raises(StoreUnavailable):
        keep()
    with store._engine.begin() as connection:
        connection.execute(text(_HEAD_AGAIN[dialect]))
    with store.write() as tx:
        assert tx.outbox.get("m1") is None
        assert tx.audit.append("a.b", "x").index == 0


def test_a_connection_serves_one_transaction_after_another(store: SqlStore) -> None:
    with store.read() as tx:
        tx.outbox.find()
    with store.read() as first, store.read() as second:
        first.outbox.find()
        second.outbox.find()
        assert store._engine.pool.checkedout() == 2  # type: ignore[attr-defined] - of this kind

    def give_up() -> None:
        with store.write() as tx:
            tx.outbox.put(message("m1"))
            raise RuntimeError("over")

    with pytest.raises(RuntimeError, match="over"):
        give_up()
    with store.write() as tx:
        assert tx.outbox.get("m1") is None
    assert store._engine.pool.checkedout() == 2  # type: ignore[attr-defined] - as above
    store.close()
    assert store._engine.pool.checkedout() == 0  # type: ignore[attr-defined] - as above
    with store.read() as tx:
        assert tx.outbox.find() == []


def test_who_waits_for_a_connection_gets_one_that_another_gives_back(
    open_again: Callable[..., SqlStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.store.database.engine._MORE", 0)
    store = open_again(wait=3.0)
    asked, found = threading.Event(), []
    ask = store._engine.raw_connection

    def late() -> None:
        store._engine.raw_connection = noted  # type: ignore[method-assign] - tells when it is asked
        try:
            with store.read() as tx:
                found.append(tx.outbox.find())
        except StoreUnavailable as refused:
            found.append(refused)

    def noted() -> Any:
        asked.set()
        return ask()

    thread = threading.Thread(target=late)
    with ExitStack() as all_:
        for _ in range(_KEPT_OPEN):
            all_.enter_context(store.read()).outbox.find()
        thread.start()
        assert asked.wait(10.0)
    thread.join(10.0)
    assert found == [[]]


def test_a_connection_left_in_doubt_is_asked_whether_it_lives(store: SqlStore) -> None:
    with store.read() as tx:
        tx.outbox.find()
    taken = store._idle.take(writable=False)
    record: Any = taken._connection_record  # type: ignore[attr-defined] - of SQLAlchemy's own kind
    store._idle.give(taken, ended=False)
    assert record.info["used_at"] < 0


@pytest.mark.parametrize("writable", [True, False])
def test_a_transaction_that_is_over_does_nothing_more(store: SqlStore, *, writable: bool) -> None:
    with store.write() if writable else store.read() as over:
        over.outbox.find()
    with store.write() as tx:
        for later in (over.inbox.find, over.audit.head, lambda: over.outbox.put(message("m1"))):
            with pytest.raises(RuntimeError):
                later()
        assert tx.outbox.find() == []


def test_a_transaction_that_asked_nothing_is_over_too(store: SqlStore) -> None:
    with store.read() as over:
        assert store._engine.pool.checkedout() == 0  # type: ignore[attr-defined] - of this kind
    with pytest.raises(RuntimeError):
        over.outbox.find()
    assert store._engine.pool.checkedout() == 0  # type: ignore[attr-defined] - of this kind


def test_a_writer_sees_how_the_log_stands_after_its_own_entry(store: SqlStore) -> None:
    with store.write() as tx:

        def stand() -> Stand:
            return Stand(Head(0, *tx.audit.head()), tx.audit.since("a.b"))

        assert tx.audit.recent(("a.b",), stand).head.size == 0
        tx.audit.append("a.b", "x")
        assert tx.audit.recent(("a.b",), stand) == stand()


_NO_ISSUER = {
    "sqlite": "CREATE TRIGGER no_issuer BEFORE INSERT ON issuer "
    "BEGIN SELECT RAISE(ABORT, 'no'); END",
    "postgresql": "ALTER TABLE issuer ADD CONSTRAINT no_issuer CHECK (did = '')",
}


def test_of_a_block_that_passes_over_a_failure_nothing_is_kept(store: SqlStore) -> None:
    with store._engine.begin() as connection:
        connection.execute(text(_NO_ISSUER[store._engine.dialect.name]))

    def keep() -> None:
        with store.write() as tx:
            tx.outbox.put(message("m1"))
            with suppress(StoreUnavailable):
                tx.issuers.add(issuer("a"))
            tx.audit.append("a.b", "x")

    with pytest.raises(StoreUnavailable):
        keep()
    with store.read() as tx:
        assert tx.outbox.get("m1") is None
        assert tx.audit.size() == 0
