"""The port `Store`: one suite, run on a SQLite file and on a real PostgreSQL server."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.domain import merkle
from connector.domain.audit import Checkpoint
from connector.domain.budget import Reservation, ReservationState
from connector.domain.dataset import Dataset, Offer
from connector.domain.delivery import OutgoingMessage, ReceivedMessage
from connector.domain.job import Job, JobSite, RoundRecord
from connector.domain.membership import Membership
from connector.domain.negotiation import Agreement, Negotiation
from connector.domain.participant import IssuerDocument, Participant, StatusList
from connector.errors import Malformed, StoreUnavailable
from connector.jsonld.canonical import parse_object
from connector.ports import Transaction
from connector.store import SqlStore
from tests.support.doubles import NOON, FixedClock
from tests.support.values import values_of

ROOT = Path(__file__).parents[2]
KEYS: dict[str, tuple[type[Any], tuple[str, ...]]] = {
    "participants": (Participant, ("did",)),
    "issuers": (IssuerDocument, ("did",)),
    "status_lists": (StatusList, ("url",)),
    "datasets": (Dataset, ("id",)),
    "offers": (Offer, ("id",)),
    "negotiations": (Negotiation, ("pid",)),
    "agreements": (Agreement, ("id",)),
    "outbox": (OutgoingMessage, ("id",)),
    "inbox": (ReceivedMessage, ("peer", "id")),
    "reservations": (Reservation, ("job_id",)),
    "jobs": (Job, ("id",)),
    "sites": (JobSite, ("job_id", "site")),
    "rounds": (RoundRecord, ("job_id", "round")),
    "checkpoints": (Checkpoint, ("origin", "size")),
    "members": (Membership, ("did",)),
}


class Undo(Exception):
    """Raised by tests to roll back."""


@pytest.fixture
def open_again(database_url: str) -> Iterator[Callable[..., SqlStore]]:
    """Open the test's database; each call is a node that started anew."""
    opened: list[SqlStore] = []

    def open_(wait: float = 10.0) -> SqlStore:
        opened.append(SqlStore(database_url, FixedClock(), wait=wait))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(open_again: Callable[..., SqlStore]) -> SqlStore:
    return open_again()


def message(name: str, subject: str = "s", **changes: Any) -> OutgoingMessage:
    plain = OutgoingMessage(name, "did:web:p", "DatasetRequestMessage", b"{}", subject, NOON, NOON)
    return replace(plain, **changes)


def issuer(name: str, document: bytes = b"{}") -> IssuerDocument:
    return IssuerDocument(name, document, NOON)


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
    others = {"audit", "tokens"}
    assert set(KEYS) | others == set(Transaction.__annotations__)


def test_an_absent_key_is_none(store: SqlStore) -> None:
    with store.write() as tx:
        assert tx.rounds.get("job", 1) is None
        assert tx.rounds.lock("job", 1) is None
        tx.rounds.remove("job", 1)


@pytest.mark.parametrize("key", [(), ("one",), ("one", 2, "three")])
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
    return Reservation(job, "a", "d", 3.0, 0.2, 100, 5, committed, 2.9, 1e-5, state, NOON)


def test_a_reservation_never_holds_more_than_it_reserved(store: SqlStore) -> None:
    with store.write() as tx:
        tx.reservations.put(reservation("j", ReservationState.OPEN, committed=20))
    with pytest.raises(StoreUnavailable), store.write() as tx:
        tx.reservations.put(reservation("j", ReservationState.OPEN, committed=21))


@pytest.mark.parametrize("name", ["nul\x00", "surrogate\ud800", "x" * 1025, "é" * 513])
def test_a_text_that_cannot_be_stored_is_refused_alike(store: SqlStore, name: str) -> None:
    with pytest.raises(Malformed), store.write() as tx:
        tx.issuers.put(issuer(name))


@pytest.mark.parametrize("name", ["", "x" * 1024, "é" * 512, "\U0001f3eb\n\t'\";--"])
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
    with pytest.raises(ValueError, match="naive"), store.write() as tx:
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


@pytest.mark.parametrize(
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
    ids=["put", "add", "lock", "remove", "append", "use", "forget"],
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
    other = open_again()
    with store.read() as before:
        assert before.issuers.find() == []
        with other.write() as tx:
            tx.issuers.put(issuer("a"))
            assert store_sees(store) == []
        assert before.issuers.find() == []
    assert store_sees(store) == [issuer("a")]


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
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
    assert [exc.reason for exc in refused] == ["the database stayed locked"]
    with second.write() as tx:  # and it recovers
        tx.issuers.put(issuer("b"))
    assert store_sees(first) == [issuer("a"), issuer("b")]


# --- outbox and tokens --------------------------------------------------------------------------


def due(store: SqlStore, now: datetime = NOON, limit: int = 10) -> list[str]:
    with store.read() as tx:
        return [found.id for found in tx.due_messages(now, limit)]


def test_only_the_oldest_message_of_a_subject_is_due_in_order(store: SqlStore) -> None:
    with store.write() as tx:
        for name, subject in [("b1", "b"), ("a1", "a"), ("b2", "b"), ("a2", "a"), ("c1", "c")]:
            assert tx.outbox.add(message(name, subject))
    assert due(store) == ["b1", "a1", "c1"]
    assert due(store, limit=2) == ["b1", "a1"]
    with store.write() as tx:
        tx.outbox.put(message("b1", "b", delivered_at=NOON))
    assert due(store) == ["a1", "b2", "c1"]


def test_a_message_not_due_yet_holds_back_its_subject_only(store: SqlStore) -> None:
    later = NOON + timedelta(seconds=5)
    with store.write() as tx:
        tx.outbox.add(message("a1", "a", due_at=later, attempts=1))
        tx.outbox.add(message("a2", "a"))
        tx.outbox.add(message("b1", "b"))
    assert due(store) == ["b1"]
    assert due(store, later - timedelta(microseconds=1)) == ["b1"]
    assert due(store, later) == ["a1", "b1"]


def test_a_message_given_up_no_longer_stands_in_the_way(store: SqlStore) -> None:
    with store.write() as tx:
        tx.outbox.add(message("a1", "a", failed="PEER_UNREACHABLE"))
        tx.outbox.add(message("a2", "a"))
    assert due(store) == ["a2"]


def test_a_token_is_used_once_also_after_a_restart(
    store: SqlStore, open_again: Callable[..., SqlStore]
) -> None:
    expires = NOON + timedelta(seconds=60)
    with store.write() as tx:
        assert tx.tokens.use("did:web:p", "t1", expires)
        assert not tx.tokens.use("did:web:p", "t1", expires)
        assert tx.tokens.use("did:web:q", "t1", expires)
    store.close()
    with open_again().write() as tx:
        assert not tx.tokens.use("did:web:p", "t1", expires)
        assert tx.tokens.use("did:web:p", "t2", expires)


def test_tokens_are_forgotten_only_after_they_expired(store: SqlStore) -> None:
    with store.write() as tx:
        tx.tokens.use("did:web:p", "old", NOON - timedelta(seconds=1))
        tx.tokens.use("did:web:p", "new", NOON)
        tx.tokens.forget(NOON)
        assert tx.tokens.use("did:web:p", "old", NOON)
        assert not tx.tokens.use("did:web:p", "new", NOON)


@pytest.mark.parametrize("jti", ["x" * 1025, "nul\x00", "\ud800"])
def test_a_token_id_that_cannot_be_stored_is_refused_alike(store: SqlStore, jti: str) -> None:
    with pytest.raises(Malformed), store.write() as tx:
        tx.tokens.use("did:web:p", jti, NOON)


def test_a_token_raced_by_eight_threads_is_used_once(store: SqlStore) -> None:
    used: list[bool] = []

    def use(_number: int) -> None:
        with store.write() as tx:
            used.append(tx.tokens.use("did:web:p", "t", NOON))

    in_threads(8, use)
    assert sorted(used) == [False] * 7 + [True]


# --- audit log ----------------------------------------------------------------------------------


def test_an_entry_keeps_its_exact_event(store: SqlStore) -> None:
    with store.write() as tx:
        first = tx.audit.append("negotiation.agreed", "urn:uuid:1", peer="did:web:p", count=2)
        second = tx.audit.append("job.refused", "urn:uuid:2")
    with store.read() as tx:
        assert tx.audit.entries() == [first, second]
    assert parse_object(first.event) == {
        "kind": "negotiation.agreed",
        "at": "2026-11-24T12:00:00Z",
        "subject": "urn:uuid:1",
        "index": 0,
        "facts": {"peer": "did:web:p", "count": 2},
    }
    assert first.leaf == merkle.leaf_hash(first.event)
    assert (first.at, second.index) == (NOON, 1)


def test_entries_are_paged_and_filtered(store: SqlStore) -> None:
    with store.write() as tx:
        for index in range(6):
            tx.audit.append("test.event", f"s{index % 2}")
    with store.read() as tx:
        assert [e.index for e in tx.audit.entries(start=4)] == [4, 5]
        assert [e.index for e in tx.audit.entries(limit=2)] == [0, 1]
        assert [e.index for e in tx.audit.entries(subject="s1", start=2)] == [3, 5]
        assert tx.audit.entries(subject="s9") == []


@pytest.mark.parametrize("facts", [{"x": float("nan")}, {"x": b"bytes"}, {"x": 2**53}])
def test_facts_without_canonical_form_are_refused(
    store: SqlStore, facts: dict[str, object]
) -> None:
    with pytest.raises(Malformed), store.write() as tx:
        tx.audit.append("test.event", "s", **facts)
    with store.read() as tx:
        assert tx.audit.head()[0] == 0


def test_proofs_verify_after_a_restart(
    store: SqlStore, open_again: Callable[..., SqlStore]
) -> None:
    roots = [merkle.EMPTY_ROOT]
    for number in range(21):
        with store.write() as tx:
            tx.audit.append("test.event", "s", number=number)
            roots.append(tx.audit.head()[1])
    store.close()
    with open_again().read() as tx:
        leaves = [entry.leaf for entry in tx.audit.entries()]
        assert tx.audit.head() == (21, merkle.root(21, merkle.from_leaves(leaves)))
        for size in range(22):
            assert tx.audit.root(size) == roots[size]
            proof = tx.audit.consistency(size, 21)
            assert merkle.verify_consistency(size, 21, roots[size], roots[21], proof)
        for index, leaf in enumerate(leaves):
            for size in (index + 1, 21):
                proof = tx.audit.inclusion(index, size)
                assert merkle.verify_inclusion(leaf, index, size, proof, roots[size])
                assert not merkle.verify_inclusion(leaves[index - 1], index, size, proof, b"")


@pytest.mark.parametrize(
    "ask",
    [
        lambda log: log.root(4),
        lambda log: log.root(-1),
        lambda log: log.inclusion(0, 4),
        lambda log: log.inclusion(3, 3),
        lambda log: log.consistency(1, 4),
        lambda log: log.consistency(3, 2),
    ],
)
def test_a_proof_of_what_never_was_is_refused(
    store: SqlStore, ask: Callable[[Any], object]
) -> None:
    with store.write() as tx:
        for _ in range(3):
            tx.audit.append("test.event", "s")
    with store.read() as tx, pytest.raises(ValueError, match=r"never|not in|no consistency"):
        ask(tx.audit)


def test_appends_of_eight_threads_and_two_replicas_leave_no_gap(
    store: SqlStore, open_again: Callable[..., SqlStore]
) -> None:
    stores = (store, open_again())

    def append(number: int) -> None:
        for turn in range(5):
            with stores[number % 2].write() as tx:
                tx.audit.append("test.event", f"t{number}", turn=turn)

    in_threads(8, append)
    with store.read() as tx:
        entries = tx.audit.entries()
        size, root = tx.audit.head()
    assert [entry.index for entry in entries] == list(range(40))
    assert root == merkle.root(size, merkle.from_leaves([entry.leaf for entry in entries]))
    for number in range(8):
        own = [parse_object(e.event)["facts"]["turn"] for e in entries if e.subject == f"t{number}"]
        assert own == list(range(5))


def in_threads(count: int, act: Callable[[int], None]) -> None:
    failed: list[BaseException] = []

    def run(number: int) -> None:
        try:
            act(number)
        except BaseException as exc:  # noqa: BLE001 - shown by the assertion below
            failed.append(exc)

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert failed == []


# --- kill -9 ------------------------------------------------------------------------------------

_HALF = """
import sys, time
from connector.domain.participant import IssuerDocument
from connector.store import SqlStore
from tests.support.doubles import NOON, FixedClock
store = SqlStore(sys.argv[1], FixedClock())
with store.write() as tx:
    tx.issuers.put(IssuerDocument("a", b"", NOON))
    tx.audit.append("test.event", "s")
    print("written", flush=True)
    time.sleep(60)
"""
_LOOP = """
import sys
from connector.domain.participant import IssuerDocument
from connector.store import SqlStore
from tests.support.doubles import NOON, FixedClock
store = SqlStore(sys.argv[1], FixedClock())
for number in range(100_000):
    with store.write() as tx:
        index = tx.audit.append("test.event", "s").index
        tx.issuers.add(IssuerDocument(f"n{index}", b"", NOON))
    print(index, flush=True)
"""


def start(program: str, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, url], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def kill(process: subprocess.Popen[str]) -> str:
    """Kill a process and return what it had still written."""
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    assert process.stdout is not None
    with process.stdout as rest:
        return rest.read()


def test_a_writer_killed_inside_its_block_leaves_nothing(
    store: SqlStore, database_url: str
) -> None:
    process = start(_HALF, database_url)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
    finally:
        kill(process)
    with store.write() as tx:
        assert tx.issuers.find() == []
        assert tx.audit.append("test.event", "s").index == 0


def test_a_writer_killed_at_any_instant_leaves_whole_transactions(
    store: SqlStore, database_url: str
) -> None:
    for round_ in range(3):
        process = start(_LOOP, database_url)
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(10 + 3 * round_)]
        lines += kill(process).splitlines(keepends=True)
        with store.read() as tx:
            size, root = tx.audit.head()
            entries = tx.audit.entries(limit=100_000)
            assert len(tx.issuers.find()) == len(entries) == size
        assert root == merkle.root(size, merkle.from_leaves([entry.leaf for entry in entries]))
        reported = [int(line) for line in lines if line.endswith("\n")]
        assert size > reported[-1]  # what was reported as committed is there


def test_the_store_says_utc_whatever_the_clock_says(
    database_url: str, open_again: Callable[..., SqlStore]
) -> None:
    del open_again
    paris = datetime.fromisoformat("2026-11-24T13:00:00.75+01:00")
    store = SqlStore(database_url, FixedClock(paris))
    with store.write() as tx:
        entry = tx.audit.append("test.event", "s")
    store.close()
    assert entry.at == datetime(2026, 11, 24, 12, tzinfo=UTC)
