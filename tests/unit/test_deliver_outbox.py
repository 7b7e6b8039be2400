"""The dispatcher: order, bounds, refusals, and one dead peer among others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.domain.contract.negotiation import UNVERIFIED, NegotiationState
from connector.domain.delivery import OutgoingMessage
from connector.domain.participant import Participant
from connector.errors import (
    CredentialExpired,
    CredentialRevoked,
    IllegalMessage,
    MessageTooLarge,
    NotFound,
    PeerUnreachable,
    PreauError,
    QuotaReached,
    StoreUnavailable,
    TermsRefused,
    TokenInvalid,
    TooManyRequests,
    UnknownPeer,
    Untrusted,
    UpgradeRequired,
)
from connector.jsonld.canonical import canonical
from connector.protocol import messages as m
from connector.services.messages import deliver
from connector.services.negotiation import negotiate
from connector.services.publication import publish
from tests.support.link import DATASET, Fault, Link, Node, description, link, offer
from tests.support.negotiating import only_offer, states

State = NegotiationState
SECONDS = 20.0  # nothing here takes as long; it bounds a test that would hang


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        yield pair


class ScriptedWire:
    """The port `PeerWire`: what each call does is a function of the test."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.calls: list[tuple[str, str]] = []

    def call(self, peer: Participant, kind: str, body: Any, *, seconds: float = 10.0) -> Any:
        assert seconds <= deliver.CALL_SECONDS
        self.calls.append((peer.did, body.get("message_id", "")))
        return self.answer(peer, kind, body)


def acknowledge(_peer: Participant, _kind: str, _body: Any) -> Any:
    return m.ContractNegotiation("urn:p", "urn:c", "TERMINATED").to_body()


def scripted(node: Node, answer: Any) -> ScriptedWire:
    wire = ScriptedWire(answer)
    node.ports = replace(node.ports, wire=wire)
    return wire


def queue(node: Node, identifier: str, peer: str, subject: str = "") -> OutgoingMessage:
    now = node.ports.clock.now()
    body = m.ContractNegotiationTerminationMessage(identifier, "urn:p", "urn:c", "", ())
    message = OutgoingMessage(
        id=identifier,
        peer=peer,
        kind="ContractNegotiationTerminationMessage",
        body=canonical(body.to_body()),
        subject=subject or f"urn:subject:{identifier}",
        created_at=now,
        due_at=now,
    )
    with node.ports.store.write() as tx:
        tx.outbox.put(message)
    return message


def refuse(error: PreauError) -> Any:
    def answer(_peer: Participant, _kind: str, _body: Any) -> Any:
        raise error

    return answer


def kept(node: Node, identifier: str) -> OutgoingMessage:
    with node.ports.store.read() as tx:
        found = tx.outbox.get(identifier)
    assert found is not None
    return found


def outgoing(node: Node) -> list[OutgoingMessage]:
    with node.ports.store.read() as tx:
        return tx.outbox.find()


def test_one_subject_in_order(pair: Link) -> None:
    wire = scripted(pair.lab, acknowledge)
    for identifier in ("urn:1", "urn:2", "urn:3"):
        queue(pair.lab, identifier, pair.school.did, "urn:subject")
    assert [deliver.deliver_due(pair.lab.ports) for _ in range(4)] == [1, 1, 1, 0]
    assert [identifier for _, identifier in wire.calls] == ["urn:1", "urn:2", "urn:3"]
    assert kept(pair.lab, "urn:1").delivered_at == pair.clock.now()


def test_a_delivered_message_is_not_sent_again(pair: Link) -> None:
    wire = scripted(pair.lab, acknowledge)
    message = queue(pair.lab, "urn:1", pair.school.did)
    assert deliver.deliver(pair.lab.ports, message)
    assert not deliver.deliver(pair.lab.ports, message)
    assert len(wire.calls) == 1


@pytest.mark.parametrize(
    "error",
    [
        PeerUnreachable("x"),
        TooManyRequests("x"),
        UnknownPeer("x"),
        UpgradeRequired("x"),
        PreauError("bug of the peer"),
    ],
    ids=lambda error: error.code,
)
def test_what_may_pass_is_tried_again_later(pair: Link, error: PreauError) -> None:
    scripted(pair.lab, refuse(error))
    queue(pair.lab, "urn:1", pair.school.did)
    assert deliver.deliver_due(pair.lab.ports) == 0
    waiting = kept(pair.lab, "urn:1")
    assert waiting.attempts == 1
    assert waiting.due_at > pair.clock.now()
    assert deliver.deliver_due(pair.lab.ports) == 0
    assert kept(pair.lab, "urn:1").attempts == 1  # not due yet


def test_pauses_grow_are_bounded_and_differ(pair: Link) -> None:
    message = queue(pair.lab, "urn:1", pair.school.did)
    pauses = [deliver.pause(replace(message, attempts=n)).total_seconds() for n in range(30)]
    for attempt, seconds in enumerate(pauses):
        full = min(deliver.LONGEST_PAUSE, deliver.FIRST_PAUSE * 2.0**attempt)
        assert full / 2 <= seconds <= full
    assert deliver.pause(message) != deliver.pause(replace(message, id="urn:2"))


def test_a_silent_peer_delays_its_other_messages_without_trying_each(pair: Link) -> None:
    wire = scripted(pair.lab, refuse(PeerUnreachable("x")))
    queue(pair.lab, "urn:1", pair.school.did)
    queue(pair.lab, "urn:2", pair.school.did)
    first = kept(pair.lab, "urn:1")
    deliver.deliver(pair.lab.ports, first)
    assert kept(pair.lab, "urn:2").due_at == kept(pair.lab, "urn:1").due_at
    assert kept(pair.lab, "urn:2").attempts == 0
    assert len(wire.calls) == 1


def test_a_peer_that_was_never_met_is_given_up_in_the_end(pair: Link) -> None:
    queue(pair.lab, "urn:1", "did:web:unheard.example")
    _outlast(pair, pair.lab)
    assert "never met" in kept(pair.lab, "urn:1").failed


@pytest.mark.parametrize("error", [TermsRefused("too much"), IllegalMessage("no")])
def test_a_refusal_is_final(pair: Link, error: PreauError) -> None:
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    scripted(pair.lab, refuse(error))
    assert deliver.deliver_due(pair.lab.ports) == 0
    found = pair.lab.only()
    assert found.state is State.TERMINATED
    assert (found.code, found.reasons) == (error.code, (error.reason,))
    assert pair.lab.waiting() == []
    (entry,) = pair.lab.log("delivery.failed")
    assert error.code.encode() in entry.event


def test_silence_past_the_bound_ends_the_negotiation(pair: Link) -> None:
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    wire = scripted(pair.lab, refuse(PeerUnreachable("no answer")))
    pause = deliver.MAX_AGE.total_seconds() / (deliver.MAX_ATTEMPTS - 1)
    for _ in range(deliver.MAX_ATTEMPTS):
        assert pair.lab.only().state is State.REQUESTED
        deliver.deliver_due(pair.lab.ports)
        pair.clock.advance(pause)
    assert len(wire.calls) == deliver.MAX_ATTEMPTS
    assert pair.lab.only().state is State.TERMINATED
    assert pair.lab.only().code == "PEER_UNREACHABLE"
    assert deliver.deliver_due(pair.lab.ports) == 0


@pytest.mark.parametrize(("hint", "waits"), [(900.0, 900.0), (1e9, deliver.LONGEST_HINT)])
def test_a_peer_is_not_asked_again_before_it_says_that_it_helps(
    pair: Link, hint: float, waits: float
) -> None:
    queue(pair.lab, "urn:1", pair.school.did)
    scripted(pair.lab, refuse(TooManyRequests("x", retry_after=hint)))
    deliver.deliver_due(pair.lab.ports)
    assert kept(pair.lab, "urn:1").due_at == pair.clock.now() + timedelta(seconds=waits)
    deliver.set_right(pair.lab.ports)
    assert kept(pair.lab, "urn:1").due_at == pair.clock.now() + timedelta(seconds=waits)


@pytest.mark.parametrize("opener", ["consumer", "provider"])
@pytest.mark.parametrize(
    "error",
    [TooManyRequests("x"), QuotaReached("x", retry_after=3600.0), PeerUnreachable("x")],
    ids=lambda error: error.code,
)
def test_a_peer_that_is_busy_or_away_ends_no_negotiation_before_its_deadline(
    pair: Link, error: PreauError, opener: str
) -> None:
    if opener == "consumer":
        node = pair.lab
        negotiate.request(node.ports, pair.school.did, DATASET)
    else:
        node = pair.school
        negotiate.offer(node.ports, pair.lab.did, DATASET, only_offer(node))
    honest = node.ports.wire
    calls = scripted(node, refuse(error)).calls
    for _ in range(6 * 24):
        pair.clock.advance(3600.0)
        deliver.deliver_due(node.ports)
        assert negotiate.expire(node.ports) == 0
    assert len(calls) > deliver.MAX_ATTEMPTS  # age alone, and tries alone, give nothing up
    node.ports = replace(node.ports, wire=honest)
    pair.clock.advance(3600.0)
    for each in pair.nodes.values():
        each.have_fresh_papers()
    pair.pump()
    end = State.FINALIZED if opener == "consumer" else State.OFFERED
    assert states(pair) == ([end], [end])


@pytest.mark.parametrize("seconds", [7200.0, deliver.MAX_AGE.total_seconds() * 400])
@pytest.mark.parametrize(
    "error",
    [TokenInvalid("x"), CredentialExpired("x"), PeerUnreachable("x")],
    ids=lambda error: error.code,
)
def test_a_clock_that_jumps_ends_nothing(pair: Link, error: PreauError, seconds: float) -> None:
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    honest = pair.lab.ports.wire
    scripted(pair.lab, refuse(error))
    pair.clock.advance(seconds)
    deliver.deliver_due(pair.lab.ports)
    assert pair.lab.only().state is State.REQUESTED
    pair.clock.advance(-seconds)
    pair.lab.ports = replace(pair.lab.ports, wire=honest)
    assert deliver.deliver_due(pair.lab.ports) == 0  # it was postponed by the other time
    deliver.set_right(pair.lab.ports)
    assert deliver.deliver_due(pair.lab.ports) == 1


def test_what_waits_a_usual_pause_is_left_alone(pair: Link) -> None:
    queue(pair.lab, "urn:1", pair.school.did)
    scripted(pair.lab, refuse(PeerUnreachable("x")))
    deliver.deliver_due(pair.lab.ports)
    before = kept(pair.lab, "urn:1")
    deliver.set_right(pair.lab.ports)
    assert kept(pair.lab, "urn:1") == before


def _outlast(pair: Link, node: Node, age: timedelta = deliver.SIGNED_AGE) -> None:
    """Let the last try of what waits come, `age` after it was written."""
    now = pair.clock.now()
    with node.ports.store.write() as tx:
        for waiting in tx.outbox.find(delivered_at=None, failed=""):
            old = replace(waiting, created_at=now - age, due_at=now)
            tx.outbox.put(replace(old, attempts=deliver.MAX_ATTEMPTS - 1))
    assert deliver.deliver_due(node.ports) == 0


def test_who_has_signed_last_does_not_give_up_alone(pair: Link) -> None:
    pair.hold("ContractAgreementVerificationMessage", "ContractNegotiationEventMessage")
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver()
    _outlast(pair, pair.lab, deliver.MAX_AGE)
    assert len(pair.lab.waiting()) == 1
    _outlast(pair, pair.lab)
    assert pair.lab.only().state is State.VERIFIED
    assert pair.lab.waiting() == []
    pair.hold("ContractNegotiationEventMessage")
    assert deliver.retry(pair.lab.ports, pair.lab.only().pid) == 1
    pair.deliver()
    assert pair.school.only().state is State.FINALIZED
    _outlast(pair, pair.school)
    assert pair.school.only().state is State.FINALIZED
    assert pair.school.waiting() == []
    pair.hold()
    assert negotiate.reconcile(pair.school.ports, pair.school.only().pid).state is State.FINALIZED
    pair.pump()
    assert pair.lab.only().state is State.FINALIZED


@pytest.mark.parametrize(
    "error",
    [
        CredentialRevoked("x"),
        CredentialExpired("x"),
        TokenInvalid("x"),
        MessageTooLarge("x"),
        IllegalMessage("x"),
    ],
    ids=lambda error: error.code,
)
def test_a_refused_signature_does_not_end_what_the_peer_may_hold(
    pair: Link, error: PreauError
) -> None:
    kind = "ContractAgreementVerificationMessage"
    pair.fault = lambda call: Fault.LOSE_ANSWER if call.kind == kind else Fault.NONE
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver(1)
    pair.deliver(1)
    assert pair.school.only().state is State.FINALIZED
    (waiting,) = pair.lab.waiting()
    assert waiting.kind == kind
    honest = pair.lab.ports.wire
    scripted(pair.lab, refuse(error))
    pair.clock.advance(deliver.LONGEST_PAUSE)
    deliver.deliver_due(pair.lab.ports)
    failed = kept(pair.lab, waiting.id)
    believed = not isinstance(error, Untrusted)
    assert failed.failed.partition(":")[0] == (error.code if believed else "")
    assert not any(n.state is State.TERMINATED for n in pair.lab.negotiations())
    pair.lab.ports = replace(pair.lab.ports, wire=honest)
    pair.hold()
    negotiate.reconcile(pair.lab.ports, pair.lab.only().pid)
    pair.pump()
    assert pair.lab.only().state is pair.school.only().state is State.FINALIZED
    assert kept(pair.lab, waiting.id).delivered_at is not None


def test_what_stands_still_is_settled_without_an_operator(pair: Link) -> None:
    pair.hold("ContractAgreementVerificationMessage")
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver()
    _outlast(pair, pair.lab)
    pair.hold()
    assert negotiate.settle(pair.lab.ports) == 0  # too old to be asked of by itself
    (failed,) = [m for m in outgoing(pair.lab) if m.failed]
    with pair.lab.ports.store.write() as tx:
        tx.outbox.put(replace(failed, created_at=pair.clock.now()))
    assert negotiate.settle(pair.lab.ports) == 0  # it was just tried
    with pair.lab.ports.store.write() as tx:
        before = pair.clock.now() - 2 * negotiate.SETTLE_EVERY
        tx.outbox.put(replace(failed, created_at=before))
    assert negotiate.settle(pair.lab.ports) == 1
    pair.pump()
    assert pair.lab.only().state is pair.school.only().state is State.FINALIZED


def test_who_denies_a_negotiation_ends_nothing_that_was_signed(pair: Link) -> None:
    """It may hold the signature, and complete the contract later."""
    pair.hold("ContractNegotiationEventMessage")
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver()
    assert (pair.lab.only().state, pair.school.only().state) == (State.VERIFIED, State.FINALIZED)
    pid, kind = pair.lab.only().pid, "ContractAgreementVerificationMessage"
    with pair.lab.ports.store.write() as tx:  # as if its answer had been lost, hours ago
        (sent,) = [m for m in tx.outbox.find(subject=pid) if m.kind == kind]
        before = pair.clock.now() - 2 * negotiate.SETTLE_EVERY
        failed = replace(sent, delivered_at=None, failed="NOT_FOUND: x", created_at=before)
        tx.outbox.put(failed)
    honest = pair.lab.ports
    scripted(pair.lab, refuse(NotFound("no such negotiation with this peer")))
    assert negotiate.settle(pair.lab.ports) == 1
    assert pair.lab.only().state is State.VERIFIED
    pair.lab.ports = honest
    pair.hold()
    pair.pump()
    assert pair.lab.only().state is State.FINALIZED


@pytest.mark.parametrize("side", ["lab", "school"])
def test_what_a_peer_says_ends_no_contract_and_gives_nothing_back(pair: Link, side: str) -> None:
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.pump()
    node = pair.nodes[side]
    before = node.agreements()
    ended = {"provider_pid": "p", "consumer_pid": "c", "state": "TERMINATED"}
    for answer in (refuse(NotFound("none")), lambda *_: ended):
        scripted(node, answer)
        negotiate.reconcile(node.ports, node.only().pid)
        assert (node.only().state, node.agreements()) == (State.FINALIZED, before)


def test_a_stated_end_ends_what_was_signed(pair: Link) -> None:
    pair.hold("ContractAgreementVerificationMessage")
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver()
    pair.clock.advance(UNVERIFIED.total_seconds() + 1)
    assert negotiate.expire(pair.school.ports) == 1
    pair.hold()
    deliver.deliver_due(pair.lab.ports)  # refused: the school has ended it
    assert pair.lab.only().state is State.VERIFIED
    assert negotiate.reconcile(pair.lab.ports, pair.lab.only().pid).state is State.TERMINATED


def test_an_agreement_that_is_never_answered_frees_the_provider(pair: Link) -> None:
    pair.hold("ContractAgreementMessage")
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver()
    _outlast(pair, pair.school)
    assert pair.school.only().state is State.TERMINATED
    assert pair.lab.only().state is State.REQUESTED
    assert negotiate.reconcile(pair.lab.ports, pair.lab.only().pid).state is State.TERMINATED


def test_a_refusal_is_told_where_the_peer_holds_the_negotiation(pair: Link) -> None:
    negotiate.request(pair.lab.ports, pair.school.did, DATASET, policy=offer(epsilon="5"))
    pair.pump()
    assert pair.lab.only().state is State.OFFERED
    negotiate.counter(pair.lab.ports, pair.lab.only().pid, offer(epsilon="1"))
    honest = pair.lab.ports.wire

    def refuse_requests(peer: Participant, kind: str, body: Any) -> Any:
        if kind == "ContractRequestMessage":
            raise TermsRefused("not today")
        return honest.call(peer, kind, body)

    scripted(pair.lab, refuse_requests)
    pair.pump()
    for node in (pair.lab, pair.school):
        assert node.only().state is State.TERMINATED
        assert node.only().code == "TERMS_REFUSED"


def test_a_malformed_acknowledgement_is_a_refusal(pair: Link) -> None:
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    scripted(pair.lab, lambda *_: {"state": "OPEN"})
    assert deliver.deliver_due(pair.lab.ports) == 0
    assert pair.lab.only().state is State.TERMINATED
    assert pair.lab.only().code == "MALFORMED_MESSAGE"


def test_an_acknowledgement_brings_the_peers_pid(pair: Link) -> None:
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    deliver.deliver_due(pair.lab.ports)
    assert pair.lab.only().peer_pid == pair.school.only().pid


def test_messages_of_other_kinds_are_only_delivered(pair: Link) -> None:
    scripted(pair.lab, lambda *_: {"anything": 1})
    message = queue(pair.lab, "urn:1", pair.school.did)
    with pair.lab.ports.store.write() as tx:
        tx.outbox.put(replace(message, kind="JobCancellation"))
    assert deliver.deliver_due(pair.lab.ports) == 1
    scripted(pair.lab, refuse(IllegalMessage("no")))
    message = queue(pair.lab, "urn:2", pair.school.did)
    with pair.lab.ports.store.write() as tx:
        tx.outbox.put(replace(message, kind="JobCancellation"))
    assert deliver.deliver_due(pair.lab.ports) == 0
    assert kept(pair.lab, "urn:2").failed == "ILLEGAL_MESSAGE: no"


def test_a_store_that_fails_while_writing_sends_again(pair: Link) -> None:
    message = queue(pair.lab, "urn:1", pair.school.did)
    wire = scripted(pair.lab, acknowledge)
    store: Any = pair.lab.ports.store
    write = store.write

    def broken() -> Any:
        raise StoreUnavailable("locked")

    store.write = broken
    with pytest.raises(StoreUnavailable):
        deliver.deliver(pair.lab.ports, message)
    store.write = write
    assert deliver.deliver_due(pair.lab.ports) == 1
    assert len(wire.calls) == 2


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

    def submit(self, _task: Any, _ports: Any, message: OutgoingMessage) -> Future[bool]:
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
    for task in pool.under_way.values():
        task.set_result(False)
    pool.under_way.clear()
    queue(pair.school, "urn:alive", pair.lab.did)
    dispatcher.dispatch()
    assert pair.lab.did in pool.under_way
    assert len(pool.under_way) == deliver.TO_SILENT + 1


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
        (1, 2, True, True),  # another message of its subject may wait
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
