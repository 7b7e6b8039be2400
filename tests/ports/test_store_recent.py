"""Tables that change seldom: own changes are seen at once, those of another replica soon."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from connector.domain.log.audit import Epoch, Head, Stand
from connector.domain.participant import Participant
from connector.store import SqlStore, recent
from connector.store.recent import Recent
from tests.support.doubles import NOON

PEER = "did:web:peer.example"
OWN = "did:web:own.example"
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


def stand(store: SqlStore) -> tuple[Stand, bool]:
    """Return how the log stands, and whether it was asked for that."""
    asked = []

    def ask() -> Stand:
        asked.append(True)
        size, root = tx.audit.head()
        epochs = tx.epochs.page(origin=OWN).values
        return Stand(Head(len(epochs), size, root), tx.audit.since("spent"))

    with store.read() as tx:
        return tx.audit.recent(("spent",), ask), bool(asked)


def anew(store: SqlStore) -> Stand:
    with store.read() as tx:
        size, root = tx.audit.head()
        return Stand(Head(tx.epochs.count(origin=OWN), size, root), tx.audit.since("spent"))


def append(store: SqlStore, *kinds: str) -> None:
    with store.write() as tx:
        for kind in kinds:
            tx.audit.append(kind, "x")


@pytest.mark.usefixtures("age")
def test_what_is_appended_here_is_known_without_asking(store: SqlStore) -> None:
    append(store, "other")
    assert stand(store) == (anew(store), True)
    for kinds in (["other"], ["other", "spent", "other"], ["spent"], ["other"] * 5, []):
        append(store, *kinds)
        assert stand(store) == (anew(store), False)
    with suppress(ZeroDivisionError), store.write() as tx:
        tx.audit.append("spent", "x")
        raise ZeroDivisionError
    assert stand(store)[0] == anew(store)


@pytest.mark.usefixtures("age")
def test_how_the_log_stands_is_asked_after_an_epoch(store: SqlStore) -> None:
    append(store, "spent")
    before, _ = stand(store)
    with store.write() as tx:
        tx.audit.append("other", "x")
        tx.epochs.put(Epoch(OWN, 1, 0, 1, b"", "", "", "", NOON))
    found, asked = stand(store)
    assert (found, asked) == (anew(store), True)
    assert found.head.epoch == before.head.epoch + 1


@pytest.mark.usefixtures("age")
def test_what_another_replica_appended_is_never_passed_over(open_again: Open) -> None:
    one, other = open_again(), open_again()
    append(one, "other")
    append(other, "other")
    assert stand(one)[0].head.size == 2
    append(other, "spent")
    assert stand(one)[0].head.size == 2  # perhaps as it was a moment ago
    append(one, "other")  # follows from nothing that is known here
    assert stand(one) == (anew(other), True)
    assert anew(one).since == 3


def test_how_the_log_stands_is_asked_again_in_time(
    store: SqlStore, age: Callable[[float], None]
) -> None:
    append(store, "other")
    assert stand(store)[1]
    append(store, "other")
    assert not stand(store)[1]
    age(0.0)
    assert stand(store) == (anew(store), True)


def test_who_writes_asks_once_and_sees_own_changes(store: SqlStore) -> None:
    with store.write() as tx:
        for each in ("a", "b"):
            assert tx.offers.get("urn:o") is None
            tx.participants.put(participant(each))
            for _ in range(2):
                found = tx.participants.get(PEER)
                assert found == participant(each)
                assert tx.participants.lock(PEER) == found
                assert tx.participants.find() == [found]
        tx.participants.remove(PEER)
        assert tx.participants.get(PEER) is None
        assert tx.participants.add(participant("c"))
        assert tx.participants.get(PEER) == participant("c")
        assert not tx.participants.add(participant("d"))
        assert tx.participants.find() == [participant("c")]


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
