"""The dispatcher's thread: fair places, wake-ups, and one dead peer among others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain.contract.negotiation import NegotiationState
from connector.domain.delivery import OutgoingMessage
from connector.domain.participant import Participant
from connector.errors import PeerUnreachable, StoreUnavailable
from connector.services.messages import deliver
from connector.services.negotiation import negotiate
from connector.services.publication import publish
from tests.support.doubles import NOON
from tests.support.link import DATASET, Link, Node, description, link
from tests.support.outgoing import acknowledge, kept, queue, scripted

State = NegotiationState


SECONDS = 20.0  # nothing here takes as long; it bounds a test that would hang


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        yield pair


@contextmanager
def running(node: Node) -> Iterator[threading.Thread]:
    """Run the dispatcher in a thread; stop it at the end, and see it stop."""
    stop = threading.Event()
    thread = threading.Thread(target=deliver.run, args=(node.ports, stop), daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        node.ports.wakeups.notify("outbox")
        thread.join(SECONDS)
        assert not thread.is_alive()


def test_the_dispatcher_runs_a_whole_negotiation(pair: Link) -> None:
    finished = threading.Event()
    honest = pair.handle

    def handle(call: Any) -> Any:
        answer = honest(call)
        if call.kind == "ContractNegotiationEventMessage":
            finished.set()
        return answer

    pair.handle = handle  # type: ignore[method-assign] - the test listens in
    with running(pair.lab), running(pair.school):
        negotiate.request(pair.lab.ports, pair.school.did, DATASET)
        assert finished.wait(SECONDS)
    assert pair.lab.only().state is pair.school.only().state is State.FINALIZED


def test_a_dead_peer_does_not_delay_the_others(pair: Link) -> None:
    other = pair.add("other")
    release, served = threading.Event(), threading.Event()

    def answer(peer: Participant, kind: str, body: Any) -> Any:
        if peer.did == other.did:
            release.wait(SECONDS)
            raise PeerUnreachable("dead")
        if body.get("message_id", "") == "urn:school:19":
            served.set()
        return acknowledge(peer, kind, body)

    wire = scripted(pair.lab, answer)
    for number in range(20):
        queue(pair.lab, f"urn:other:{number}", other.did)
        queue(pair.lab, f"urn:school:{number}", pair.school.did)
    with running(pair.lab):
        assert served.wait(SECONDS)  # while every call to the dead peer still hangs
        hanging = [did for did, _ in wire.calls if did == other.did]
        assert 1 <= len(hanging) <= deliver.PER_PEER
        release.set()


class Pool:
    """A pool whose tasks end when the test says so."""

    def __init__(self) -> None:
        self.under_way: dict[str, Future[bool]] = {}
        self.fresh: list[bool] = []

    def submit(self, _task: Any, message: OutgoingMessage, *, fresh: bool) -> Future[bool]:
        self.fresh.append(fresh)
        self.under_way[message.peer] = Future()
        return self.under_way[message.peer]


def test_peers_that_do_not_answer_leave_threads_for_the_others(pair: Link) -> None:
    dead = [f"did:web:dead-{n}.example" for n in range(2 * deliver.THREADS)]
    for did in dead:
        queue(pair.school, did, did)
    pool = Pool()
    dispatcher = deliver.Dispatcher(pair.school.ports, pool)  # type: ignore[arg-type] - as above
    dispatcher.dispatch()
    assert set(pool.under_way) == set(dead)  # nobody knows yet
    # What waits for a thread is read again before it is sent.
    assert pool.fresh == [True] * deliver.THREADS + [False] * deliver.THREADS
    for task in pool.under_way.values():
        task.set_result(False)
    pool.under_way.clear()
    queue(pair.school, "urn:alive", pair.lab.did)
    dispatcher.dispatch()
    assert pair.lab.did in pool.under_way
    assert len(pool.under_way) == deliver.TO_SILENT + 1


def test_what_opens_a_negotiation_goes_out_without_a_look_at_the_outbox(pair: Link) -> None:
    pool = Pool()
    dispatcher = deliver.Dispatcher(pair.lab.ports, pool)  # type: ignore[arg-type] - as above
    pair.lab.ports.courier.take = dispatcher.take
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    assert set(pool.under_way) == {pair.school.did}
    pool.under_way.clear()
    dispatcher.dispatch()
    assert not pool.under_way  # it is under way already


@pytest.mark.parametrize("closed", [True, False])
def test_what_opens_a_negotiation_waits_where_it_has_to(pair: Link, *, closed: bool) -> None:
    bell, pool = Bell(), Pool()
    pair.lab.ports = replace(pair.lab.ports, wakeups=bell)  # type: ignore[arg-type] - only notifies
    dispatcher = deliver.Dispatcher(pair.lab.ports, pool)  # type: ignore[arg-type] - as above
    pair.lab.ports.courier.take = dispatcher.take
    if closed:
        dispatcher.close()
    else:
        for number in range(deliver.PER_PEER):
            queue(pair.lab, f"urn:{number}", pair.school.did)
        dispatcher.dispatch()
    before = len(pool.fresh)
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    assert len(pool.fresh) == before
    assert bell.rung == ["outbox"]  # where it is found


def test_what_opens_a_negotiation_does_not_overtake_what_waits_for_a_place(pair: Link) -> None:
    pool = Pool()
    dispatcher = deliver.Dispatcher(pair.lab.ports, pool)  # type: ignore[arg-type] - as above
    pair.lab.ports.courier.take = dispatcher.take
    for number in range(deliver.PER_PEER + 1):
        queue(pair.lab, f"urn:{number}", pair.school.did)
    dispatcher.dispatch()
    pool.under_way[pair.school.did].set_result(True)
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    assert len(pool.fresh) == deliver.PER_PEER
    dispatcher.dispatch()  # by its age, what waited goes first
    assert len(pool.fresh) == deliver.PER_PEER + 1


@pytest.mark.parametrize("change", [{"delivered_at": NOON}, {"failed": "NOT_FOUND: no"}, {}])
def test_what_ended_before_it_is_handed_over_is_not_sent_again(
    pair: Link, change: dict[str, Any]
) -> None:
    wire = scripted(pair.lab, acknowledge)
    message = queue(pair.lab, "urn:1", pair.school.did)
    with pair.lab.ports.store.write() as tx:
        tx.outbox.put(replace(message, **change))
    with ThreadPoolExecutor(1) as pool:
        dispatcher = deliver.Dispatcher(pair.lab.ports, pool)
        assert dispatcher.take(message)
    assert wire.calls == ([] if change else [(pair.school.did, "urn:1")])


def test_a_message_for_which_there_was_no_thread_is_started_later(pair: Link) -> None:
    pool, waiting = Pool(), queue(pair.lab, "urn:1", pair.school.did)
    submit = pool.submit

    def refuse(*_args: Any, **_more: Any) -> Any:
        raise RuntimeError("can't start new thread")

    pool.submit = refuse  # type: ignore[method-assign] - as on a machine that is full
    dispatcher = deliver.Dispatcher(pair.lab.ports, pool)  # type: ignore[arg-type] - as above
    for _ in range(deliver.PER_PEER):
        assert not dispatcher.take(waiting)
        with pytest.raises(RuntimeError):
            dispatcher.dispatch()
    pool.submit = submit  # type: ignore[method-assign] - there is one again
    dispatcher.dispatch()
    assert pair.school.did in pool.under_way


class Bell:
    """Counts who was woken."""

    def __init__(self) -> None:
        self.rung: list[str] = []

    def notify(self, name: str) -> None:
        self.rung.append(name)


@pytest.mark.parametrize(
    ("subjects", "looks", "delivered", "woken"),
    [
        (1, 1, True, False),  # nothing else is due
        (1, 1, False, True),  # it is due again later
        (1, 2, True, False),  # the second look found the same message under way
        (deliver.PER_PEER + 1, 1, True, True),  # its peer was busy
    ],
)
def test_a_delivery_that_ends_wakes_the_dispatcher_for_what_waits(
    pair: Link, subjects: int, looks: int, *, delivered: bool, woken: bool
) -> None:
    bell, pool = Bell(), Pool()
    ports = replace(pair.lab.ports, wakeups=bell)  # type: ignore[arg-type] - only notifies
    for number in range(subjects):
        queue(pair.lab, f"urn:{number}", pair.school.did)
    dispatcher = deliver.Dispatcher(ports, pool)  # type: ignore[arg-type] - as above
    for _ in range(looks):
        dispatcher.dispatch()
    pool.under_way[pair.school.did].set_result(delivered)
    assert bell.rung == ["outbox"] * woken


def test_the_next_message_of_a_subject_follows_at_once(pair: Link) -> None:
    bell = Bell()
    scripted(pair.lab, acknowledge)
    ports = replace(pair.lab.ports, wakeups=bell)  # type: ignore[arg-type] - only notifies
    first, last = (queue(pair.lab, name, pair.school.did, "urn:s") for name in ("urn:1", "urn:2"))
    assert deliver.deliver(ports, first)
    assert bell.rung == ["outbox"]
    assert deliver.deliver(ports, last)
    assert bell.rung == ["outbox"]


def test_a_message_that_waited_behind_another_is_looked_for_once_that_ends(pair: Link) -> None:
    bell, pool = Bell(), Pool()
    ports = replace(pair.lab.ports, wakeups=bell)  # type: ignore[arg-type] - only notifies
    scripted(pair.lab, acknowledge)
    first = queue(pair.lab, "urn:1", pair.school.did, "urn:s")
    dispatcher = deliver.Dispatcher(ports, pool)  # type: ignore[arg-type] - as above
    dispatcher.dispatch()
    deliver.deliver(pair.lab.ports, first)  # its thread has not ended when the next one comes
    queue(pair.lab, "urn:2", pair.school.did, "urn:s")
    dispatcher.dispatch()
    pool.under_way[pair.school.did].set_result(True)
    assert bell.rung == ["outbox"]


def test_a_peer_that_has_a_message_already_is_not_silent(pair: Link) -> None:
    scripted(pair.lab, acknowledge)
    message = queue(pair.lab, "urn:1", pair.school.did)
    assert deliver.deliver(pair.lab.ports, message)
    bell, pool = Bell(), Pool()
    ports = replace(pair.lab.ports, wakeups=bell)  # type: ignore[arg-type] - only notifies
    dispatcher = deliver.Dispatcher(ports, pool)  # type: ignore[arg-type] - as above
    queue(pair.lab, "urn:2", pair.school.did)
    dispatcher.dispatch()
    had = deliver.deliver(pair.lab.ports, message)  # a look at the outbox was older than its end
    pool.under_way[pair.school.did].set_result(had)
    assert bell.rung == []


def test_a_delivery_that_ends_while_the_outbox_is_read_is_not_done_twice(pair: Link) -> None:
    queue(pair.lab, "urn:1", pair.school.did)
    pool, store = Pool(), pair.lab.ports.store

    class Slow:
        """A store whose second reading ends only after the delivery."""

        looks = 0

        @contextmanager
        def read(self) -> Iterator[Any]:
            with store.read() as tx:
                yield tx
            self.looks += 1
            if self.looks == 2:
                pool.under_way.pop(pair.school.did).set_result(True)

    ports = replace(pair.lab.ports, store=Slow())  # type: ignore[arg-type] - only reads
    dispatcher = deliver.Dispatcher(ports, pool)  # type: ignore[arg-type] - as above
    dispatcher.dispatch()
    dispatcher.dispatch()
    assert not pool.under_way
    dispatcher.dispatch()  # by now the outbox says that it still waits
    assert pool.under_way


def test_a_store_that_cannot_be_read_is_tried_again(pair: Link) -> None:
    queue(pair.lab, "urn:1", pair.school.did)
    scripted(pair.lab, acknowledge)
    store: Any = pair.lab.ports.store
    read = store.read
    failed = threading.Event()

    def broken() -> Any:
        store.read = read
        failed.set()
        raise StoreUnavailable("locked")

    store.read = broken
    with running(pair.lab):
        assert failed.wait(SECONDS)
        for _ in range(200):
            if kept(pair.lab, "urn:1").delivered_at is not None:
                break
            threading.Event().wait(0.05)
    assert kept(pair.lab, "urn:1").delivered_at is not None


def test_a_fault_of_ours_does_not_stop_the_dispatcher(
    pair: Link, caplog: pytest.LogCaptureFixture
) -> None:
    served = threading.Event()

    def answer(peer: Participant, kind: str, body: Any) -> Any:
        if body.get("message_id", "") == "urn:bad":
            raise ZeroDivisionError
        served.set()
        return acknowledge(peer, kind, body)

    scripted(pair.lab, answer)
    queue(pair.lab, "urn:bad", pair.school.did)
    with running(pair.lab):
        queue(pair.lab, "urn:good", pair.school.did)
        pair.lab.ports.wakeups.notify("outbox")
        assert served.wait(SECONDS)
    assert "could not be handled" in caplog.text
    assert kept(pair.lab, "urn:bad").delivered_at is None
