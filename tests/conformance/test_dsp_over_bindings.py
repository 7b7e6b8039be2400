"""Each message in each state, at each role, over each way that it may come by: one table for all.

Over the codec alone, over gRPC and over HTTPS between two nodes composed through `bootstrap`: what
the table refuses is refused as such and changes nothing; a termination or suspension that it allows
leads where it says. What else must be sound in an allowed message is tried elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from connector.bootstrap import dataspace
from connector.domain.contract.negotiation import Negotiation, NegotiationState, Role
from connector.domain.participant import Participant
from connector.domain.transfer.transfer import Transfer, TransferState
from connector.errors import IllegalMessage, SignatureInvalid
from connector.jsonld.canonical import canonical
from connector.protocol import messages as m
from connector.protocol import negotiation as negotiations
from connector.protocol import transfer as transfers
from connector.protocol import transfer_messages as t
from connector.protocol.dsp import binding, faults, negotiation, transfer
from connector.protocol.dsp.negotiation import Negotiated
from connector.protocol.dsp.transfer import Transferred
from connector.services.messages import receive
from tests.support.binding_fuzz import reached
from tests.support.dsp import AGREED, AS_THEY_STAND
from tests.support.dsp_crowd import Crowd
from tests.support.dsp_negotiations import published
from tests.support.dsp_nodes import Speaking, speaking
from tests.support.each import over

NUMBERS = count()
PLENTY = {
    "max_negotiations_per_peer": 10_000,
    "max_transfers_per_peer": 10_000,
    "dsp_requests_per_minute": 1_000_000,
    "member_openings_per_hour": 100_000,
}
AGREEMENT = "urn:agreement:of-nobody"


@dataclass
class Pair:
    """Two nodes, and what is negotiated.

    Attributes:
        here: receives.
        there: sends.
        policy: terms of an offer of `here`, canonical JSON-LD.
        offer_id: of it.
        dataset_id: what it is about.
    """

    here: Speaking
    there: Speaking
    policy: bytes
    offer_id: str
    dataset_id: str

    @property
    def sender(self) -> Participant:
        with self.here.ports.store.read() as tx:
            found = tx.participants.get(self.there.did)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with speaking(tmp_path_factory.mktemp("pair"), "school", "lab", **PLENTY) as (school, lab):
        offer = school.publish(tmp_path_factory.mktemp("data"), "schools")
        yield Pair(school, lab, offer.policy, offer.id, offer.dataset_id)


def written(pair: Pair, value: Negotiated | Transferred) -> dict[str, Any]:
    """Return the body of a message, of a peer that does not name it and signs nothing."""
    plain: Any = replace(value, message=replace(value.message, message_id=""))
    if isinstance(value, Transferred):
        return transfer.write(plain)
    stated = isinstance(value.message, m.ContractAgreementMessage)
    return negotiation.write(
        plain, AS_THEY_STAND if stated else dataspace.policies(pair.here.ports)
    )


def by_codec(pair: Pair, value: Negotiated | Transferred) -> Any:
    kind, data = type(value.message).__name__, json.dumps(written(pair, value)).encode()
    if isinstance(value, Transferred):
        return receive.received(pair.here.ports, pair.sender, transfer.read(data, (kind,)))
    read = negotiation.read(data, dataspace.policies(pair.here.ports), (kind,))
    return receive.received(pair.here.ports, pair.sender, read)


def by_grpc(pair: Pair, value: Negotiated | Transferred) -> Any:
    with pair.there.ports.store.read() as tx:
        known = tx.participants.get(pair.here.did)
    assert known is not None
    peer, kind = reached(known, pair.here.ports), type(value.message).__name__
    answer = pair.there.ports.wire.call(peer, kind, value.message.to_body())
    process = m.ContractNegotiation if isinstance(value, Negotiated) else t.TransferProcess
    return process.from_body(answer)


def by_https(pair: Pair, value: Negotiated | Transferred) -> Any:
    kind = type(value.message).__name__
    pids = (value.message.provider_pid, value.message.consumer_pid)
    own = next(pid for pid in pids if pid.endswith(":here"))
    fault = faults.TRANSFER if isinstance(value, Transferred) else faults.NEGOTIATION
    path = binding.path(kind, own)
    answer = pair.here.ask(path, written(pair, value), by=pair.there.did)
    if answer.status != 200:
        assert answer.status == 400
        raise faults.read(answer.body, fault).as_exception()
    return (transfer if fault == faults.TRANSFER else negotiation).read_state(answer.body)


WAYS: dict[str, Callable[[Pair, Any], Any]] = {
    "codec": by_codec,
    "gRPC": by_grpc,
    "HTTPS": by_https,
}


def pids_of(role: Role) -> tuple[str, str, str, str]:
    """Return pid and peer pid, and then as provider's and consumer's."""
    number = next(NUMBERS)
    here, there = f"urn:pid:{number}:here", f"urn:pid:{number}:there"
    return (here, there, *((here, there) if role is Role.PROVIDER else (there, here)))


def negotiating(pair: Pair, act: negotiations.Act, provider: str, consumer: str) -> Any:
    name, about = f"urn:message:{next(NUMBERS)}", (pair.offer_id, pair.dataset_id, pair.policy)
    event = m.ContractNegotiationEventMessage
    return {
        negotiations.Act.REQUEST: m.ContractRequestMessage(name, consumer, provider, *about),
        negotiations.Act.OFFER: m.ContractOfferMessage(name, provider, consumer, *about),
        negotiations.Act.AGREEMENT: m.ContractAgreementMessage(name, provider, consumer, b"", ""),
        negotiations.Act.VERIFICATION: m.ContractAgreementVerificationMessage(
            name, provider, consumer, "a..b"
        ),
        negotiations.Act.ACCEPTED: event(name, provider, consumer, "ACCEPTED"),
        negotiations.Act.FINALIZED: event(name, provider, consumer, "FINALIZED", "a.b.c"),
        negotiations.Act.TERMINATION: m.ContractNegotiationTerminationMessage(
            name, provider, consumer, "", ("over",)
        ),
    }[act]


def transferring(act: transfers.Act, provider: str, consumer: str) -> Any:
    name = f"urn:message:{next(NUMBERS)}"
    return {
        transfers.Act.START: t.TransferStartMessage(name, provider, consumer, ""),
        transfers.Act.SUSPENSION: t.TransferSuspensionMessage(
            name, provider, consumer, "", ("a pause",)
        ),
        transfers.Act.COMPLETION: t.TransferCompletionMessage(name, provider, consumer, ""),
        transfers.Act.TERMINATION: t.TransferTerminationMessage(
            name, provider, consumer, "", ("over",)
        ),
    }[act]


def negotiated(pair: Pair, message: Any, way: str) -> Negotiated:
    """Return what is sent of a negotiation; over gRPC an agreement is always signed."""
    if not isinstance(message, m.ContractAgreementMessage):
        return Negotiated(message)
    if way == "gRPC":
        return Negotiated(replace(message, agreement=b"{}", provider_signature="a..b"))
    parties = {"assigner": pair.there.did, "assignee": pair.here.did}
    stated = {**AGREED, **parties, "target": pair.dataset_id}
    return Negotiated(message, policy=canonical(stated))


def hold(pair: Pair, role: Role, state: NegotiationState, pid: str, peer_pid: str) -> Negotiation:
    now = pair.here.ports.clock.now()
    held = Negotiation(
        pid=pid,
        role=role,
        peer=pair.there.did,
        peer_pid=peer_pid,
        state=state,
        dataset_id=pair.dataset_id,
        offer_id=pair.offer_id,
        policy=pair.policy,
        policy_by=Role.PROVIDER,
        created_at=now,
        updated_at=now,
    )
    with pair.here.ports.store.write() as tx:
        tx.negotiations.put(held)
    return held


def hold_transfer(
    pair: Pair, role: Role, state: TransferState, pid: str, peer_pid: str
) -> Transfer:
    now = pair.here.ports.clock.now()
    held = Transfer(
        pid=pid,
        role=role,
        peer=pair.there.did,
        peer_pid=peer_pid,
        agreement_id=AGREEMENT,
        extract_id="",
        state=state,
        held_by=role.other if state is TransferState.SUSPENDED else None,
        content=None,
        created_at=now,
        updated_at=now,
    )
    with pair.here.ports.store.write() as tx:
        tx.transfers.put(held)
    return held


@over("way", WAYS)
@over("role", Role)
def test_negotiations(pair: Pair, role: Role, way: str) -> None:
    led, refused = 0, 0
    for state in NegotiationState:
        for act in negotiations.Act:
            after = negotiations.RECEIVING.get((state, act, role.other))
            if after is not None and act is not negotiations.Act.TERMINATION:
                continue  # what it says must be sound as well
            pid, peer_pid, *named = pids_of(role)
            held = hold(pair, role, state, pid, peer_pid)
            value = negotiated(pair, negotiating(pair, act, *named), way)
            if after is None:
                with pytest.raises(IllegalMessage) as refusal:
                    WAYS[way](pair, value)
                assert state in refusal.value.reason or "sends no" in refusal.value.reason
                assert pair.here.negotiation(pid) == held, (state, act)
                refused += 1
            else:
                assert WAYS[way](pair, value).state == after
                assert pair.here.negotiation(pid).state is after
                led += 1
    assert (led, refused > 30) == (5, True)


@over("way", WAYS)
@over("role", Role)
def test_transfers(pair: Pair, role: Role, way: str) -> None:
    led, refused = 0, 0
    for state in TransferState:
        for act in (each for each in transfers.Act if each is not transfers.Act.REQUEST):
            after = transfers.TRANSITIONS.get((state, act, role.other))
            if after is not None and act in (transfers.Act.START, transfers.Act.COMPLETION):
                continue  # what it says must be sound as well
            pid, peer_pid, *named = pids_of(role)
            held = hold_transfer(pair, role, state, pid, peer_pid)
            value = Transferred(transferring(act, *named))
            if after is None:
                signed = way == "gRPC" and act in (transfers.Act.START, transfers.Act.COMPLETION)
                with pytest.raises(
                    (SignatureInvalid, IllegalMessage) if signed else IllegalMessage
                ):
                    WAYS[way](pair, value)
                assert pair.here.transfer(pid) == held, (state, act)
                refused += 1
            else:
                assert WAYS[way](pair, value).state == after
                assert pair.here.transfer(pid).state is after
                led += 1
    assert (led, refused > 8) == (4, True)


def test_random_negotiations_over_https(pair: Pair, tmp_path: Path) -> None:
    draw = Random(13)  # noqa: S311 - a test's choice
    shelf = published(pair.here.ports, draw, tmp_path / "data")
    ends = Crowd(pair.here, pair.there, shelf, draw).play(200)
    assert ends["provider FINALIZED"] == ends["consumer FINALIZED"] > 50
    assert ends["provider TERMINATED"] > 20
