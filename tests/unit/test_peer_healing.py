"""When a call introduces the node anew, how often, and what it waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from connector.errors import (
    AddressForbidden,
    BudgetExceeded,
    CertificateMismatch,
    CredentialRevoked,
    PeerUnreachable,
    PreauError,
    TokenInvalid,
    TokenReplayed,
    UnknownPeer,
)
from connector.peer.healing import Backoff, Healing
from connector.peer.wires import Wires
from tests.support.contracts import Space, stranger
from tests.support.link import participant

OLD = participant(Space().admit(stranger("did:web:peer.example")))
NEW = participant(Space().admit(stranger("did:web:peer.example")))
ANSWER = {"answer": 1}


class Wire:
    """`GrpcWire`: refuses the peer as it was known, answers it as it is known now."""

    def __init__(self, error: PreauError) -> None:
        self.error = error
        self.calls: list[Any] = []
        self.deaf = False

    def call(
        self, peer: Any, _kind: str, _body: Any, *, seconds: float = 10.0, carries: bool = False
    ) -> Any:
        del carries
        assert 0 < seconds <= 10
        self.calls.append(peer)
        if peer is OLD or self.deaf:
            raise self.error
        return ANSWER

    def participate(self, lead: Any, hello: Any) -> Any:
        return self.call(lead, "", hello)


class Introducer:
    """Counts introductions; each waits until it may end."""

    def __init__(self, error: PreauError | None = None) -> None:
        self.error = error
        self.count = 0
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()

    def __call__(self, _did: str) -> Any:
        self.count += 1
        self.begun.set()
        assert self.may_end.wait(20)
        if self.error is not None:
            raise self.error
        return NEW


Make = Callable[..., tuple[Wires, Wire, Introducer]]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Healing] = []

    def build(
        error: PreauError, introducer: Introducer | None = None, pause: float = 1.0
    ) -> tuple[Wires, Wire, Introducer]:
        wire, introduce = Wire(error), introducer or Introducer()
        healing = Healing(Backoff(pause, 8.0, lambda: 0.0))
        healing.introduce_by(introduce)
        made.append(healing)
        return Wires(wire, healing), wire, introduce  # type: ignore[arg-type]  # a double

    yield build
    for each in made:
        each.close()


@pytest.mark.parametrize(
    "error", [PeerUnreachable("x"), UnknownPeer("x"), CertificateMismatch("x"), TokenInvalid("x"),
              CredentialRevoked("x")], ids=lambda error: error.code,
)  # fmt: skip
def test_what_an_introduction_may_mend(make: Make, error: PreauError) -> None:
    healing, wire, introduce = make(error)
    assert healing.call(OLD, "Kind", {}) == ANSWER
    assert healing.participate(OLD, None) == ANSWER  # type: ignore[arg-type, comparison-overlap] - a double
    assert wire.calls == [OLD, NEW, OLD, NEW]
    assert introduce.count == 2  # what went well begins anew


@pytest.mark.parametrize(
    "error", [AddressForbidden("x"), TokenReplayed("x"), BudgetExceeded("x"), PreauError("x")],
    ids=lambda error: error.code,
)  # fmt: skip
def test_what_it_does_not(make: Make, error: PreauError) -> None:
    healing, wire, introduce = make(error)
    with pytest.raises(type(error)):
        healing.call(OLD, "Kind", {})
    assert (wire.calls, introduce.count) == ([OLD], 0)


@pytest.mark.parametrize("failure", [PeerUnreachable("y"), None])
def test_a_peer_that_stays_deaf_is_told_once_and_then_ever_later(
    make: Make, failure: PreauError | None
) -> None:
    healing, wire, introduce = make(UnknownPeer("x"), Introducer(failure))
    wire.deaf = True
    for _ in range(5):
        with pytest.raises(UnknownPeer):
            healing.call(OLD, "Kind", {})
    assert introduce.count == 1


def test_a_call_does_not_outlast_its_time_for_an_introduction(make: Make) -> None:
    healing, wire, introduce = make(UnknownPeer("x"))
    introduce.may_end.clear()
    with pytest.raises(UnknownPeer):
        healing.call(OLD, "Kind", {}, seconds=0.05)
    introduce.may_end.set()
    assert wire.calls == [OLD]
    assert healing.call(NEW, "Kind", {}) == ANSWER


def test_calls_at_once_share_one_introduction(make: Make) -> None:
    healing, _wire, introduce = make(UnknownPeer("x"), pause=0.0)
    introduce.may_end.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(healing.call, OLD, "Kind", {})
        assert introduce.begun.wait(20)
        for _ in range(3):
            with pytest.raises(UnknownPeer):
                healing.call(OLD, "Kind", {}, seconds=0.01)
        introduce.may_end.set()
        assert first.result(20) == ANSWER
    assert introduce.count == 1


def test_pauses_double_up_to_the_longest() -> None:
    now = [0.0]
    backoff = Backoff(1.0, 4.0, lambda: now[0])
    tried = []
    for second in range(16):
        now[0] = float(second)
        if backoff.take("a"):
            tried.append(second)
    assert tried == [0, 1, 3, 7, 11, 15]
    assert backoff.take("b")
    backoff.forget("a")
    assert backoff.take("a")
