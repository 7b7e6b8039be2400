"""The dispatcher: order, bounds, refusals, and one dead peer among others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.domain.contract.negotiation import NegotiationState
from connector.domain.participant import Participant
from connector.errors import (
    CredentialExpired,
    IllegalMessage,
    PeerUnreachable,
    PreauError,
    QuotaReached,
    StoreUnavailable,
    TermsRefused,
    TokenInvalid,
    TooManyRequests,
    UnknownPeer,
    UpgradeRequired,
)
from connector.services.messages import deliver
from connector.services.negotiation import negotiate
from connector.services.publication import publish
from tests.support.link import DATASET, Link, description, link, offer
from tests.support.negotiating import only_offer, states
from tests.support.outgoing import acknowledge, kept, queue, refuse, scripted

State = NegotiationState


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        yield pair


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
    assert deliver.deliver(pair.lab.ports, message)  # the peer has it: it is not silent
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
