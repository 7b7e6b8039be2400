"""Each transfer message in each state, at each role: what the table refuses changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from connector.domain.contract.negotiation import Role
from connector.domain.transfer.extract import Content
from connector.domain.transfer.transfer import Transfer, TransferState
from connector.errors import IllegalMessage
from connector.protocol import transfer_messages as t
from connector.protocol.transfer import TRANSITIONS, Act
from connector.services.transfer import receipts
from tests.support.link import Link, Node, link
from tests.support.transferring import AGREEMENT, EXTRACT, agreed, prepared

P, C = "urn:provider-pid", "urn:consumer-pid"
NUMBERS = iter(range(1_000_000))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    with link(tmp_path_factory.mktemp("pair")) as made:
        agreed(made.school.ports, made.lab.ports)
        prepared(made.school.ports, made.lab.ports)
        yield made


def _hold(node: Node, peer: Node, role: Role, state: TransferState) -> Transfer:
    """Keep a transfer of this node in a state; the other side suspended it, where somebody did."""
    own, other = (P, C) if role is Role.PROVIDER else (C, P)
    now = node.ports.clock.now()
    found = Transfer(
        pid=own,
        role=role,
        peer=peer.did,
        peer_pid=other,
        agreement_id=AGREEMENT,
        extract_id=EXTRACT,
        state=state,
        held_by=role.other if state is TransferState.SUSPENDED else None,
        content=_content(node if role is Role.PROVIDER else peer),
        created_at=now,
        updated_at=now,
    )
    with node.ports.store.write() as tx:
        tx.transfers.put(found)
    return found


def _content(provider: Node) -> Content:
    with provider.ports.store.read() as tx:
        extract = tx.extracts.get(EXTRACT)
    assert extract is not None
    return extract.content


def _message(act: Act, sender: Node, transfer: Transfer) -> t.Transferring:
    number = f"urn:message:{next(NUMBERS)}"
    assert transfer.content is not None
    statement = receipts.own(sender.ports, _of_sender(transfer, sender), transfer.content)
    return {
        Act.REQUEST: t.TransferRequestMessage(number, C, AGREEMENT, EXTRACT),
        Act.START: t.TransferStartMessage(number, P, C, statement),
        Act.SUSPENSION: t.TransferSuspensionMessage(number, P, C, "", ("a pause",)),
        Act.COMPLETION: t.TransferCompletionMessage(number, P, C, statement),
        Act.TERMINATION: t.TransferTerminationMessage(number, P, C, "", ("over",)),
    }[act]


def _of_sender(transfer: Transfer, sender: Node) -> Transfer:
    """Return the transfer as the other side holds it."""
    receiver = next(node for node in sender.pair.nodes.values() if node.did != sender.did)
    return replace(transfer, role=transfer.role.other, peer=receiver.did)


@pytest.mark.parametrize("state", TransferState)
@pytest.mark.parametrize("role", Role)
def test_messages_follow_the_table(pair: Link, role: Role, state: TransferState) -> None:
    provider, consumer = pair.school, pair.lab
    node, peer = (provider, consumer) if role is Role.PROVIDER else (consumer, provider)
    for act in Act:
        if act is Act.REQUEST and role is Role.CONSUMER:
            continue  # it has nothing that a provider could ask for
        held = _hold(node, peer, role, state)
        message = _message(act, peer, held)
        after = TRANSITIONS.get((state, act, role.other))
        if after is None:
            with pytest.raises(IllegalMessage):
                node.receive(peer, message)
            after = state
        else:
            assert node.receive(peer, message)["state"] == after.value
        with node.ports.store.read() as tx:
            (found,) = tx.transfers.find()
        assert found.state is after, act
        if after is state:
            assert found == held
