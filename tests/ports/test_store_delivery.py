"""The port `Store`, as delivery, tokens, the audit log and a killed process need it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.domain.log import merkle
from connector.errors import Malformed
from connector.jsonld.canonical import parse_object
from connector.store import SqlStore, audit_log
from tests.support.doubles import NOON, FixedClock
from tests.support.each import over
from tests.support.stored import message

ROOT = Path(__file__).parents[2]


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


def test_peers_take_turns_so_that_one_fills_no_answer_for_the_others(store: SqlStore) -> None:
    with store.write() as tx:
        for number in range(4):
            tx.outbox.add(replace(message(f"a{number}", f"a{number}"), peer="did:web:slow"))
        tx.outbox.add(replace(message("b0", "b"), peer="did:web:other"))
    assert due(store, limit=3) == ["a0", "b0", "a1"]
    assert due(store) == ["a0", "b0", "a1", "a2", "a3"]


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


@over("jti", ["x" * 1025, "nul\x00", "\ud800"])
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


@over("facts", [{"x": float("nan")}, {"x": b"bytes"}, {"x": 2**53}])
def test_facts_without_canonical_form_are_refused(
    store: SqlStore, facts: dict[str, object]
) -> None:
    with pytest.raises(Malformed), store.write() as tx:
        tx.audit.append("test.event", "s", **facts)
    with store.read() as tx:
        assert tx.audit.head()[0] == 0


ANOTHER = "(SELECT event FROM audit_entry WHERE {index} = 3)"
TREE = "(SELECT hash FROM audit_node WHERE level = 1 AND position = 0)"


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ("SELECT 1", ""),
        ("UPDATE audit_entry SET event = {another} WHERE {index} = 2", "entry 2 "),
        ("UPDATE audit_entry SET leaf = event WHERE {index} = 5", "entry 5 "),
        ("UPDATE audit_entry SET kind = 'x.y' WHERE {index} = 4", "entry 4 "),
        ("UPDATE audit_entry SET subject = 'x' WHERE {index} = 0", "entry 0 "),
        ("UPDATE audit_entry SET {index} = 9 WHERE {index} = 1", "entry 1 "),
        ("DELETE FROM audit_entry WHERE {index} = 3", "entry 3 "),
        ("DELETE FROM audit_entry WHERE {index} >= 6", "has 6 entries"),
        ("UPDATE audit_head SET size = 6", "head covers 6"),
        ("UPDATE audit_head SET frontier = {tree}", "has 7 entries"),
        ("UPDATE audit_node SET hash = {tree} WHERE level = 1 AND position = 2", "the tree over"),
        ("DELETE FROM audit_node WHERE level = 2", "the tree over"),
    ],
)
def test_an_edited_log_is_found(store: SqlStore, database_url: str, edit: str, says: str) -> None:
    with store.write() as tx:
        for index in range(7):
            tx.audit.append("test.event", f"s{index}", text='a "quoted" é')
    for name, means in (("{another}", ANOTHER), ("{tree}", TREE), ("{index}", '"index"')):
        edit = edit.replace(name, means)
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text(edit))
    engine.dispose()
    with store.read() as tx:
        found = tx.audit.check()
    assert (says in found) if says else found == ""


def test_a_log_is_recomputed_a_page_at_a_time(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "CHECKED_AT_ONCE", 3)
    with store.write() as tx:
        assert tx.audit.check() == ""
        for index in range(9):
            tx.audit.append("test.event", f"s{index}")
            assert tx.audit.check() == ""


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
from connector.bootstrap.system import SystemClock
from connector.domain.participant import IssuerDocument
from connector.store import SqlStore
clock = SystemClock()
store = SqlStore(sys.argv[1], clock)
with store.write() as tx:
    tx.issuers.put(IssuerDocument("a", b"", clock.now()))
    tx.audit.append("test.event", "s")
    print("written", flush=True)
    time.sleep(60)
"""
_LOOP = """
import sys
from connector.bootstrap.system import SystemClock
from connector.domain.participant import IssuerDocument
from connector.store import SqlStore
clock = SystemClock()
store = SqlStore(sys.argv[1], clock)
for number in range(100_000):
    with store.write() as tx:
        index = tx.audit.append("test.event", "s").index
        tx.issuers.add(IssuerDocument(f"n{index}", b"", clock.now()))
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
        with store.write() as tx:  # a reader may see issuers as they were a second ago
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
