"""Each message in each state, at each role: what the table refuses changes nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain.contract.negotiation import Negotiation, NegotiationState, Role
from connector.errors import IllegalMessage, Malformed, NotFound
from connector.jsonld.canonical import canonical
from connector.protocol import messages as m
from connector.protocol.negotiation import RECEIVING, SENDING, Act, allowed
from connector.services.messages.receive import HANDLERS
from connector.services.negotiation import negotiate, steps
from connector.services.publication import publish
from tests.support.each import over
from tests.support.link import DATASET, Link, Node, description, link, offer, participant

P, C = "urn:provider-pid", "urn:consumer-pid"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    folder: Path = tmp_path_factory.mktemp("pair")
    with link(folder) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        yield pair


def _message(act: Act, number: int) -> Any:
    first = f"urn:message:{number}"
    policy = canonical(offer())
    event = m.ContractNegotiationEventMessage
    return {
        Act.REQUEST: m.ContractRequestMessage(first, C, P, "urn:offer", DATASET),
        Act.OFFER: m.ContractOfferMessage(first, P, C, "urn:offer", DATASET, policy),
        Act.AGREEMENT: m.ContractAgreementMessage(first, P, C, b"{}", "a..b"),
        Act.VERIFICATION: m.ContractAgreementVerificationMessage(first, P, C, "a..b"),
        Act.ACCEPTED: event(first, P, C, "ACCEPTED"),
        Act.FINALIZED: event(first, P, C, "FINALIZED", "a.b.c"),
        Act.TERMINATION: m.ContractNegotiationTerminationMessage(first, P, C, "", ()),
    }[act]


def _ends(pair: Link, role: Role) -> tuple[Node, Node]:
    """Return the node of a role, and its peer."""
    ends = (pair.lab, pair.school)
    return ends if role is Role.CONSUMER else (ends[1], ends[0])


def _hold(node: Node, peer: Node, role: Role, state: NegotiationState) -> Negotiation:
    now = node.ports.clock.now()
    own, other = (P, C) if role is Role.PROVIDER else (C, P)
    held = Negotiation(
        pid=own,
        role=role,
        peer=peer.did,
        peer_pid=other,
        state=state,
        dataset_id=DATASET,
        offer_id="urn:offer",
        policy=canonical(offer()),
        policy_by=Role.PROVIDER,
        created_at=now,
        updated_at=now,
    )
    with node.ports.store.write() as tx:
        tx.negotiations.put(held)
    return held


@over("state", NegotiationState)
@over("role", Role)
def test_messages_that_the_state_does_not_allow(
    pair: Link, role: Role, state: NegotiationState
) -> None:
    node, peer = _ends(pair, role)
    _hold(node, peer, role, state)
    before = node.state_of_everything()
    refused = [act for act in Act if not allowed(state, act, role.other, sending=False)]
    for number, act in enumerate(refused):
        with pytest.raises(IllegalMessage) as refusal:
            node.receive(peer, _message(act, number))
        assert state in refusal.value.reason
        assert act in refusal.value.reason
        assert node.state_of_everything() == before
    assert len(refused) >= 4


@over(
    ("state", "role"),
    [(state, sender.other) for (state, act, sender) in RECEIVING if act is Act.TERMINATION],
)
def test_terminations_that_the_state_allows(
    pair: Link, role: Role, state: NegotiationState
) -> None:
    node, peer = _ends(pair, role)
    held = _hold(node, peer, role, state)
    message = replace(
        _message(Act.TERMINATION, 0),
        message_id=f"urn:end:{role}:{state}",
        code="TERMS_REFUSED",
        reasons=("too much",),
    )
    answer = node.receive(peer, message)
    assert answer == m.ContractNegotiation(P, C, "TERMINATED").to_body()
    ended = negotiate.negotiation(node.ports, held.pid)
    assert (ended.code, ended.reasons) == ("TERMS_REFUSED", ("too much",))
    assert node.receive(peer, message) == answer  # the duplicate gets the stored answer


@over("state", NegotiationState)
@over("role", Role)
def test_an_operators_termination_follows_the_diagram(
    pair: Link, role: Role, state: NegotiationState
) -> None:
    node, peer = _ends(pair, role)
    held = _hold(node, peer, role, state)
    before = node.state_of_everything()
    if (state, Act.TERMINATION, role) in SENDING:
        assert negotiate.terminate(node.ports, held.pid).state is NegotiationState.TERMINATED
        return
    with pytest.raises(IllegalMessage):
        negotiate.terminate(node.ports, held.pid)
    assert node.state_of_everything() == before


@over("act", Act)
def test_messages_about_a_negotiation_that_is_not_there(pair: Link, act: Act) -> None:
    message = replace(_message(act, 0), provider_pid="urn:none", consumer_pid="urn:nothing")
    before = pair.school.state_of_everything()
    with pytest.raises(NotFound):
        pair.school.receive(pair.lab, message)
    assert pair.school.state_of_everything() == before


@over("act", Act)
def test_a_peer_pid_does_not_change(pair: Link, act: Act) -> None:
    _hold(pair.school, pair.lab, Role.PROVIDER, NegotiationState.OFFERED)
    before = pair.school.state_of_everything()
    with pytest.raises(NotFound):
        pair.school.receive(pair.lab, replace(_message(act, 0), consumer_pid="urn:another"))
    assert pair.school.state_of_everything() == before


def test_a_request_for_a_head_says_nothing(pair: Link) -> None:
    caller = participant(pair.lab.member)
    assert HANDLERS["HeadRequestMessage"](pair.school.ports, caller, {})["note"] == ""


@over(
    ("kind", "body"),
    [
        (kind, body)
        for kind in HANDLERS
        for body in ({}, {"message_id": 3}, {"unknown": "x"})
        if body or kind != "HeadRequestMessage"
    ],
)
def test_malformed_messages_change_nothing(pair: Link, kind: str, body: dict[str, Any]) -> None:
    before = pair.school.state_of_everything()
    with pytest.raises(Malformed):
        HANDLERS[kind](pair.school.ports, participant(pair.lab.member), body)
    assert pair.school.state_of_everything() == before


def test_every_kind_has_a_handler() -> None:
    assert set(HANDLERS) == set(m.KINDS)


def test_an_answer_names_both_pids(pair: Link) -> None:
    held = _hold(pair.lab, pair.school, Role.CONSUMER, NegotiationState.REQUESTED)
    assert steps.answer_of(held) == m.ContractNegotiation(P, C, "REQUESTED").to_body()
