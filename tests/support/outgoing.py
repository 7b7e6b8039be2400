"""What waits to be sent, and a wire that does as a test says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from connector.domain.delivery import OutgoingMessage
from connector.domain.participant import Participant
from connector.errors import PreauError
from connector.jsonld.canonical import canonical
from connector.protocol import messages as m
from connector.services.messages import deliver
from tests.support.link import Node


class ScriptedWire:
    """The port `PeerWire`: what each call does is a function of the test."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.calls: list[tuple[str, str]] = []

    def call(
        self,
        peer: Participant,
        kind: str,
        body: Any,
        *,
        seconds: float = 10.0,
        carries: bool = False,
    ) -> Any:
        del carries
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
