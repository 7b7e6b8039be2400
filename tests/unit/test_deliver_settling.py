"""Messages that were given up: what ends by it, what does not, and how it is settled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connector.domain.contract.negotiation import UNVERIFIED, NegotiationState
from connector.domain.delivery import OutgoingMessage
from connector.errors import (
    CredentialExpired,
    CredentialRevoked,
    IllegalMessage,
    MessageTooLarge,
    NotFound,
    PreauError,
    TokenInvalid,
    Untrusted,
)
from connector.protocol import messages as m
from connector.services.messages import deliver, sending
from connector.services.negotiation import negotiate, outcomes
from connector.services.publication import publish
from tests.support.link import DATASET, Fault, Link, Node, description, link
from tests.support.outgoing import kept, queue, refuse, scripted

State = NegotiationState


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        yield pair


def outgoing(node: Node) -> list[OutgoingMessage]:
    with node.ports.store.read() as tx:
        return tx.outbox.find()


def test_a_peer_that_was_never_met_is_given_up_in_the_end(pair: Link) -> None:
    queue(pair.lab, "urn:1", "did:web:unheard.example")
    _outlast(pair, pair.lab)
    assert "never met" in kept(pair.lab, "urn:1").failed


def _outlast(pair: Link, node: Node, age: timedelta = outcomes.SIGNED_AGE) -> None:
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
    assert sending.retry(pair.lab.ports, pair.lab.only().pid) == 1
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
    ended = m.ContractNegotiation("p", "c", "TERMINATED").to_body()
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
