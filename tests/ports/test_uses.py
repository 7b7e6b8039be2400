"""Uses of contracts are counted by compare-and-swap, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connector.domain.contract.duty import Duty
from connector.domain.contract.negotiation import Agreement
from connector.domain.contract.use import UseRecord
from connector.domain.decision import Refusal
from connector.enforcement.history import History
from connector.errors import TooManyRequests
from connector.ports import Ports
from connector.services.duties import keeping, uses
from connector.services.negotiation import agree
from connector.store import SqlStore
from policies_odrl import Policy, PolicyKind
from tests.support.doubles import NOON, ports_for_tests
from tests.support.stored import contract as stored

PLAIN = Policy(kind=PolicyKind.AGREEMENT, id="urn:c")
LAST = 3


@pytest.fixture
def ports(store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ports:
    monkeypatch.setattr(agree, "policy_of", lambda *_: PLAIN)
    return ports_for_tests(tmp_path, "did:web:school", store=store)


def contract() -> Agreement:
    return stored("urn:c")


def use(name: str) -> UseRecord:
    return UseRecord(name, "urn:c", "urn:read", NOON + timedelta(seconds=1.5), None)


def at_most(most: int) -> Callable[[History], Refusal | None]:
    def decide(history: History) -> Refusal | None:
        return Refusal("USED_UP", ()) if len(history.uses) >= most else None

    return decide


def test_two_at_once_cannot_both_take_the_last_use(ports: Ports) -> None:
    for number in range(LAST - 1):
        assert uses.claimed(ports, contract(), use(f"u{number}"), at_most(LAST)) is None
    together, wanting = threading.Barrier(4), at_most(LAST)

    def decide(history: History) -> Refusal | None:
        if len(history.uses) < LAST:
            together.wait(timeout=20)  # all have seen that one use is left
        return wanting(history)

    with ThreadPoolExecutor(4) as pool:
        names = [f"w{number}" for number in range(4)]
        tried = [pool.submit(uses.claimed, ports, contract(), use(name), decide) for name in names]
        codes = [each.result() for each in tried]
    assert sum(code is None for code in codes) == 1
    with ports.store.read() as tx:
        assert tx.uses.count(agreement_id="urn:c") == LAST


def test_a_use_is_counted_once_and_only_what_came_to_nothing_is_taken_back(ports: Ports) -> None:
    for _ in range(2):
        assert uses.claimed(ports, contract(), use("u"), at_most(1)) is None
    assert uses.claimed(ports, contract(), use("v"), at_most(1)) == Refusal("USED_UP", ())
    with ports.store.write() as tx:
        uses.end(tx, "u", NOON + timedelta(hours=1))
        uses.end(tx, "u", NOON + timedelta(hours=2))
        found = keeping.history(tx, contract()).uses
        assert found == (
            replace(
                use("u"), started_at=NOON + timedelta(seconds=1), ended_at=NOON + timedelta(hours=1)
            ),
        )
        uses.release(ports, tx, contract(), "u")
    assert uses.claimed(ports, contract(), use("v"), at_most(1)) is None


def test_a_use_that_others_always_overtake_is_asked_for_again(ports: Ports) -> None:
    def decide(history: History) -> Refusal | None:
        with ports.store.write() as tx:
            assert uses.claim(
                ports, tx, contract(), use(f"o{len(history.uses)}"), len(history.uses)
            )
        return None

    with pytest.raises(TooManyRequests):
        uses.claimed(ports, contract(), use("u"), decide)


def test_the_next_look_is_asked_of_the_columns(store: SqlStore) -> None:
    lab, school = "did:web:lab", "did:web:school"
    plain = Duty("a", "/1", "urn:inform", lab, school, (), "due", None, None, None, 1, "")
    looks = {("a", "/1"): 30, ("a", "/2"): 10, ("b", "/1"): 20, ("c", "/1"): None}
    with store.write() as tx:
        assert tx.duties.next_look() is None
        for (agreement, path), seconds in looks.items():
            at = None if seconds is None else NOON + timedelta(seconds=seconds)
            tx.duties.put(replace(plain, agreement_id=agreement, path=path, look_at=at))
    with store.read() as tx:
        assert tx.duties.next_look() == NOON + timedelta(seconds=10)
        assert tx.duties.contracts_due(NOON, 9) == []
        assert tx.duties.contracts_due(NOON + timedelta(seconds=20), 9) == ["a", "b"]
        assert tx.duties.contracts_due(NOON + timedelta(seconds=20), 1) == ["a"]
