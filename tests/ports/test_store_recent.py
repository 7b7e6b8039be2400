"""Tables that change seldom: own changes are seen at once, those of another replica soon."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from connector.domain.participant import Participant
from connector.store import SqlStore, recent
from connector.store.recent import Recent
from tests.support.doubles import NOON

PEER = "did:web:peer.example"
Open = Callable[..., SqlStore]


def participant(name: str) -> Participant:
    return Participant(PEER, name, b"", "", "", "", "localhost:1", (), NOON, NOON)


def put(store: SqlStore, name: str) -> None:
    with store.write() as tx:
        tx.participants.put(participant(name))


def name(store: SqlStore) -> str | None:
    with store.read() as tx:
        found = tx.participants.get(PEER)
        assert [found] == (tx.participants.find() or [None])
    return found.name if found else None


@pytest.fixture
def age(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    def set_(seconds: float) -> None:
        monkeypatch.setattr(recent, "SECONDS", seconds)

    set_(3600.0)
    return set_


@pytest.mark.usefixtures("age")
def test_what_is_written_here_is_seen_at_once(store: SqlStore) -> None:
    assert name(store) is None
    for each in ("a", "b"):
        put(store, each)
        assert name(store) == each
    with suppress(ZeroDivisionError), store.write() as tx:
        tx.participants.put(participant("c"))
        raise ZeroDivisionError
    assert name(store) == "b"
    with store.write() as tx:
        tx.participants.remove(PEER)
    assert name(store) is None
    with store.write() as tx:
        assert tx.participants.add(participant("d"))
    assert name(store) == "d"


@pytest.mark.usefixtures("age")
def test_a_reader_of_an_older_state_keeps_nothing_for_others(store: SqlStore) -> None:
    put(store, "old")
    with store.read() as tx:
        assert tx.negotiations.find() == []  # from here on it sees this state
        put(store, "new")
        found = tx.participants.get(PEER)
        assert found is not None
        assert found.name == "old"
    assert name(store) == "new"


def test_what_another_replica_writes_is_seen_within_a_second(
    open_again: Open, age: Callable[[float], None]
) -> None:
    assert recent.SECONDS == 3600.0
    one, other = open_again(), open_again()
    put(one, "a")
    assert name(other) == "a"
    put(one, "b")
    assert name(other) == "a"
    age(0.0)
    assert name(other) == "b"


@pytest.mark.usefixtures("age")
def test_who_writes_sees_what_is_there_now(open_again: Open) -> None:
    one, other = open_again(), open_again()
    put(one, "a")
    assert name(other) == "a"
    put(one, "b")
    with other.write() as tx:
        found = tx.participants.get(PEER)
        assert found is not None
        assert found.name == "b"
        assert [each.name for each in tx.participants.find()] == ["b"]


@pytest.mark.usefixtures("age")
def test_the_log_s_head_is_the_own_one_at_once(open_again: Open) -> None:
    one, other = open_again(), open_again()
    for size in (1, 2):
        with one.write() as tx:
            tx.audit.append("a.b", "x")
        with one.read() as tx:
            assert tx.audit.recent_head() == tx.audit.head()
            assert tx.audit.recent_head()[0] == size
    with other.read() as tx:
        assert tx.audit.recent_head()[0] == 2
    with one.write() as tx:
        tx.audit.append("a.b", "x")
    with other.read() as tx:
        assert (tx.audit.recent_head()[0], tx.audit.head()[0]) == (2, 3)


@pytest.mark.usefixtures("age")
def test_lists_belong_to_who_asked(store: SqlStore) -> None:
    put(store, "a")
    for _ in range(2):
        with store.read() as tx:
            found = tx.participants.find()
            assert len(found) == 1
            found.clear()


def test_answers_of_a_table_are_bounded_and_age() -> None:
    now, asked = [0.0], []

    def ask() -> int:
        asked.append(0)
        return len(asked)

    kept = Recent(lambda: now[0])
    assert [kept.answer("t", "q", kept.mark(), ask) for _ in range(2)] == [1, 1]
    for number in range(recent.MOST):
        kept.answer("t", number, kept.mark(), int)
    assert kept.answer("t", "q", kept.mark(), ask) == 2
    now[0] += recent.SECONDS
    assert kept.answer("t", "q", kept.mark(), ask) == 3
    assert kept.answer("other", "q", kept.mark(), ask) == 4
    kept.forget(["t"])
    assert kept.answer("t", "q", kept.mark(), ask) == 5
    assert kept.answer("other", "q", kept.mark(), ask) == 4
