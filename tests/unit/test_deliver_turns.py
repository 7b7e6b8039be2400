"""A delivery goes on with what was written when its answer was taken; what fails falls back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain.contract.negotiation import NegotiationState
from connector.domain.delivery import Turn
from connector.errors import IllegalMessage, Malformed, PeerUnreachable, TooManyRequests
from connector.protocol import messages as m
from connector.services.messages import deliver, sending
from connector.services.negotiation import negotiate
from connector.services.publication import publish
from tests.support.link import DATASET, Call, Link, description, link
from tests.support.negotiating import both, states
from tests.support.outgoing import acknowledge, kept, queue

State = NegotiationState
REQUEST = m.ContractRequestMessage.__name__
VERIFICATION = m.ContractAgreementVerificationMessage.__name__
SECONDS = 20.0  # nothing here takes as long; it bounds a test that would hang


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path, carries=True) as pair:
        roomy = description(pair.folder, cap={"epsilon": 100, "delta": 0.1})
        publish.publish(pair.school.ports, roomy)
        yield pair


class Bell:
    """Counts who was woken."""

    def __init__(self) -> None:
        self.rung: list[str] = []

    def notify(self, name: str) -> None:
        self.rung.append(name)


class AtOnce:
    """A pool with one thread: that of the test."""

    def submit(self, task: Callable[..., bool], *args: Any, **kwargs: Any) -> Future[bool]:
        future: Future[bool] = Future()
        try:
            future.set_result(task(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as pools do
            future.set_exception(error)
        return future


def asked(pair: Link) -> tuple[deliver.Dispatcher, Bell]:
    """Return a dispatcher that finds a request in the outbox, and the bell that wakes it."""
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    bell = Bell()
    pair.lab.ports = replace(pair.lab.ports, wakeups=bell)  # type: ignore[arg-type] - only notifies
    return deliver.Dispatcher(pair.lab.ports, AtOnce()), bell  # type: ignore[arg-type] - as above


def on_verification(pair: Link, act: Callable[[], object]) -> list[str]:
    """Do something before the school hears a verification; return the kinds of calls from now."""
    honest, seen = pair.handle, list[str]()

    def handle(call: Call) -> Any:
        seen.append(call.kind)
        if call.kind == VERIFICATION:
            act()
        return honest(call)

    pair.handle = handle  # type: ignore[method-assign] - the test stands between the two
    return seen


def fail(error: Exception) -> Callable[[], object]:
    def act() -> object:
        raise error

    return act


def waiting(pair: Link) -> list[tuple[str, int]]:
    return [(each.kind, each.attempts) for each in pair.lab.waiting()]


def test_one_look_at_the_outbox_concludes_a_contract(pair: Link) -> None:
    dispatcher, bell = asked(pair)
    dispatcher.dispatch()
    assert states(pair) == both(State.FINALIZED)
    assert (waiting(pair), bell.rung) == ([], [])


def test_without_a_turn_the_dispatcher_is_woken(pair: Link) -> None:
    _, bell = asked(pair)
    deliver.deliver(pair.lab.ports, pair.lab.waiting()[0])
    assert waiting(pair) == [(VERIFICATION, 0)]
    assert bell.rung == ["outbox"]


def test_a_crash_before_it_is_sent_leaves_it_to_the_next_start(pair: Link) -> None:
    asked(pair)
    (request,) = pair.lab.waiting()
    turn = Turn(request.subject)
    assert deliver.deliver(replace(pair.lab.ports, turn=turn), request)
    assert turn.following is not None  # and the thread is gone before it is sent
    assert waiting(pair) == [(VERIFICATION, 0)]
    deliver.Dispatcher(pair.lab.ports, AtOnce()).dispatch()  # type: ignore[arg-type] - as above
    assert states(pair) == both(State.FINALIZED)
    assert waiting(pair) == []


def test_a_fault_of_ours_is_put_off_and_the_request_stays_delivered(pair: Link) -> None:
    dispatcher, bell = asked(pair)
    (request,) = pair.lab.waiting()
    honest = pair.handle
    on_verification(pair, fail(ZeroDivisionError()))
    dispatcher.dispatch()
    assert waiting(pair) == [(VERIFICATION, 1)]
    assert kept(pair.lab, request.id).delivered_at is not None
    assert bell.rung == ["outbox"]
    pair.handle = honest  # type: ignore[method-assign] - as above
    pair.clock.advance(deliver.LONGEST_PAUSE)
    dispatcher.dispatch()
    assert states(pair) == both(State.FINALIZED)


@pytest.mark.parametrize(
    "error",
    [PeerUnreachable("dead"), TooManyRequests("slower"), Malformed("no"), IllegalMessage("no")],
    ids=lambda error: error.code,
)
def test_what_is_refused_is_handled_as_if_the_dispatcher_had_sent_it(
    tmp_path: Path, error: Exception
) -> None:
    found = []
    for name in ("turn", "apart"):
        with link(tmp_path / name, carries=True) as pair:
            publish.publish(pair.school.ports, description(pair.folder))
            dispatcher, bell = asked(pair)
            seen = on_verification(pair, fail(error))
            if name == "turn":
                dispatcher.dispatch()
                assert bell.rung[-1:] == ["outbox"]
            else:
                deliver.deliver_due(pair.lab.ports)
                deliver.deliver_due(pair.lab.ports)
            with pair.lab.ports.store.read() as tx:
                outbox = [(e.kind, e.attempts, e.due_at, e.failed) for e in tx.outbox.find()]
            log = [each.kind for each in pair.lab.log()]
            found.append((sorted(outbox), seen, log, states(pair)))
    assert found[0] == found[1]
    assert found[0][1].count(VERIFICATION) == 1


@pytest.mark.parametrize("why", ["others wait for a thread", "the node is stopping"])
def test_it_is_left_to_the_dispatcher(
    pair: Link, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatcher, bell = asked(pair)
    if why == "the node is stopping":
        dispatcher.close()
    else:
        monkeypatch.setattr(deliver, "THREADS", 0)
    dispatcher.dispatch()
    assert waiting(pair) == [(VERIFICATION, 0)]
    assert bell.rung == ["outbox"]
    dispatcher.dispatch()
    assert states(pair) == both(State.FINALIZED)


def test_the_dispatcher_does_not_send_it_too(pair: Link) -> None:
    dispatcher, bell = asked(pair)
    seen = on_verification(pair, dispatcher.dispatch)
    dispatcher.dispatch()
    assert seen == [REQUEST, VERIFICATION]
    assert bell.rung == []
    assert states(pair) == both(State.FINALIZED)


def test_an_older_message_goes_before(pair: Link) -> None:
    dispatcher, bell = asked(pair)
    honest, seen = pair.handle, list[str]()
    (request,) = pair.lab.waiting()
    queue(pair.lab, "urn:older", pair.school.did, request.subject)

    def handle(call: Call) -> Any:
        seen.append(call.kind)
        older = call.body["message_id"] == "urn:older"
        return acknowledge(None, "", None) if older else honest(call)  # type: ignore[arg-type] - unused

    pair.handle = handle  # type: ignore[method-assign] - the test stands between the two
    dispatcher.dispatch()
    assert seen == [REQUEST]
    assert bell.rung
    dispatcher.dispatch()
    dispatcher.dispatch()
    assert seen == [REQUEST, "ContractNegotiationTerminationMessage", VERIFICATION]


def test_what_was_not_committed_is_not_sent(pair: Link) -> None:
    turn = Turn("urn:s")
    ports = replace(pair.lab.ports, turn=turn)
    message = queue(pair.lab, "urn:1", pair.school.did, "urn:s")
    with suppress(ZeroDivisionError), ports.store.write() as tx:
        sending.put(ports, tx, message)
        raise ZeroDivisionError
    assert turn.following is None
    with ports.store.write() as tx:
        sending.put(ports, tx, message)
        sending.put(ports, tx, replace(message, id="urn:2"))
    assert turn.following is message


def test_a_peer_that_hangs_holds_no_more_threads_than_before(pair: Link) -> None:
    other = pair.add("other")
    release, full, served = threading.Event(), threading.Semaphore(0), threading.Event()
    wire, hung = pair.lab.ports.wire, list[str]()

    class Hanging:
        """Answers requests, and hangs at what follows."""

        def call(self, peer: Any, kind: str, body: Any, **how: Any) -> Any:
            if peer.did == other.did:
                served.set()
                return acknowledge(peer, kind, body)
            if kind != VERIFICATION:
                return wire.call(peer, kind, body, **how)
            hung.append(body["consumer_pid"])
            full.release()
            assert release.wait(SECONDS)
            raise PeerUnreachable("it hangs")

    pair.lab.ports = replace(pair.lab.ports, wire=Hanging())  # type: ignore[arg-type] - only calls
    for _ in range(deliver.PER_PEER + 2):
        negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    with ThreadPoolExecutor(deliver.THREADS) as pool:
        dispatcher = deliver.Dispatcher(pair.lab.ports, pool)
        dispatcher.dispatch()
        for _ in range(deliver.PER_PEER):
            assert full.acquire(timeout=SECONDS)
        queue(pair.lab, "urn:other", other.did)
        dispatcher.dispatch()
        assert served.wait(SECONDS)
        assert len(hung) == len(set(hung)) == deliver.PER_PEER
        release.set()
    left = [(VERIFICATION, 1)] * deliver.PER_PEER + [(REQUEST, 0)] * 2
    assert sorted(waiting(pair)) == sorted(left)
