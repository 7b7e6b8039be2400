"""Others' logs witnessed: proofs asked for, contradictions, and what a suspect may still do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from connector.domain import merkle
from connector.domain.audit import Checkpoint
from connector.domain.participant import Participant
from connector.errors import (
    CheckpointFork,
    Malformed,
    PeerRolledBack,
    PeerUnreachable,
    SignatureInvalid,
    UnknownPeer,
)
from connector.jsonld.canonical import canonical
from connector.ports import Ports
from connector.protocol.messages import ConsistencyProof
from connector.services.evidence import own_log, witness
from connector.services.evidence.witness import Witness
from tests.support.contracts import CONSUMER, NOW, PROVIDER, stranger
from tests.support.doubles import FixedClock, ports_for_tests
from tests.support.evidence import Log
from tests.support.federation import participant

PEER = stranger(CONSUMER)


@dataclass
class Wire:
    """The port `PeerWire` towards a peer with a log of its own."""

    log: Log
    asked: list[tuple[int, int]] = field(default_factory=list)
    down: bool = False

    def call(
        self, peer: Participant, kind: str, body: Mapping[str, Any], *, seconds: float = 10.0
    ) -> Mapping[str, Any]:
        assert (peer.did, kind) == (CONSUMER, "ConsistencyRequestMessage")
        assert seconds > 0
        if self.down:
            raise PeerUnreachable("down")
        first, second = int(body["from_size"]), int(body["to_size"])
        self.asked.append((first, second))
        if second > len(self.log.events):
            raise Malformed("the log has fewer entries")
        proof = merkle.consistency(first, second, self.log.node())
        return ConsistencyProof(hashes=tuple(proof)).to_body()


@dataclass
class Rig:
    """A node that witnesses the log of one peer."""

    ports: Ports
    log: Log
    wire: Wire
    witness: Witness

    def see(self, note: str = "") -> None:
        self.witness.see(CONSUMER, note or self.log.note(PEER))

    def grow(self) -> None:
        """Let the peer's log grow, and time pass, so that it may be asked."""
        self.log.append("thing.done", "urn:more")
        assert isinstance(self.ports.clock, FixedClock)
        self.ports.clock.advance(3.0)

    def held(self) -> list[Checkpoint]:
        with self.ports.store.read() as tx:
            return tx.checkpoints.find(origin=CONSUMER)

    def sizes(self) -> list[int]:
        return [head.size for head in self.held()]

    def events(self) -> list[str]:
        return [entry.kind for entry in own_log.events(self.ports)]

    def suspected(self) -> bool:
        with self.ports.store.read() as tx:
            try:
                witness.check_peer(tx, CONSUMER)
            except PeerRolledBack:
                return True
        return False


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    log = Log()
    for number in range(5):
        log.append("thing.done", f"urn:{number}")
    wire = Wire(log)
    ports = ports_for_tests(tmp_path, PROVIDER, wire=wire, clock=FixedClock(NOW))
    with ports.store.write() as tx:
        tx.participants.put(participant(PEER))
    return Rig(ports, log, wire, Witness(ports))


def test_the_first_head_is_kept(rig: Rig) -> None:
    rig.see()
    assert [(head.size, head.root) for head in rig.held()] == [(5, rig.log.root())]
    assert rig.wire.asked == []


def test_a_log_that_grew_must_prove_it(rig: Rig) -> None:
    rig.see()
    rig.grow()
    rig.see()
    assert (rig.wire.asked, rig.sizes()) == ([(5, 6)], [6])


def test_witnessing_writes_nothing_to_the_own_log(rig: Rig) -> None:
    rig.see()
    rig.grow()
    rig.see()
    assert rig.events() == []


def test_heads_in_quick_succession_are_proven_once(rig: Rig) -> None:
    rig.see()
    rig.log.append("thing.done", "urn:5")
    rig.see()
    assert (rig.wire.asked, rig.sizes()) == ([], [5])
    rig.grow()
    rig.see()
    assert rig.wire.asked == [(5, 7)]


def test_an_overtaken_head_is_proven_once_and_harmless(rig: Rig) -> None:
    early = rig.log.note(PEER)
    rig.grow()
    rig.see()
    rig.grow()
    for _ in range(50):
        rig.see(early)
    assert rig.wire.asked == [(5, 6)]
    rig.see()
    assert (rig.suspected(), rig.sizes()) == (False, [6])


def test_a_log_that_went_back_is_asked_once_and_suspected(rig: Rig) -> None:
    rig.grow()
    rig.see()
    rig.grow()
    del rig.log.events[3:]
    with pytest.raises(CheckpointFork):
        rig.see()
    assert rig.suspected()
    for _ in range(60):
        rig.grow()
        rig.see()
    assert rig.wire.asked == [(3, 6)]
    assert (rig.sizes(), rig.events()) == ([6], [witness.FORKED])


def test_a_log_that_went_back_and_grew_past_it_is_suspected(rig: Rig) -> None:
    rig.grow()
    rig.see()
    del rig.log.events[3:]
    for _ in range(5):
        rig.log.append("thing.done", "urn:other")
    rig.grow()
    with pytest.raises(CheckpointFork):
        rig.see()
    assert (rig.suspected(), rig.sizes()) == (True, [6])


def test_two_roots_of_one_size_are_a_fork(rig: Rig) -> None:
    rig.see()
    rig.log.events[2] = rig.log.events[1]
    with pytest.raises(CheckpointFork):
        rig.see()
    assert (rig.events(), rig.wire.asked) == ([witness.FORKED], [])
    assert rig.held()[0].root != rig.log.root()


def test_an_epoch_without_its_record_is_not_believed(rig: Rig) -> None:
    rig.see()
    rig.grow()
    with pytest.raises(CheckpointFork):
        rig.see(rig.log.note(PEER, epoch=1))
    assert (rig.suspected(), rig.wire.asked) == (True, [])


def test_both_heads_of_a_fork_are_kept_as_proof(rig: Rig) -> None:
    first = rig.log.note(PEER)
    rig.see()
    rig.log.events[2] = rig.log.events[1]
    with pytest.raises(CheckpointFork):
        rig.see()
    event = own_log.events(rig.ports, subject=CONSUMER)[0].event
    for note in (first, rig.log.note(PEER)):
        assert canonical(note) in event


def test_a_peer_that_gives_no_proof_is_asked_again_later(rig: Rig) -> None:
    rig.see()
    rig.grow()
    rig.wire.down = True
    with pytest.raises(PeerUnreachable):
        rig.see()
    rig.wire.down = False
    rig.see()  # not yet: it was asked just now
    assert (rig.suspected(), rig.sizes()) == (False, [5])
    rig.grow()
    rig.see()
    assert rig.sizes() == [7]


def test_heads_that_are_refused(rig: Rig) -> None:
    with pytest.raises(SignatureInvalid):
        rig.see(rig.log.note(stranger(CONSUMER)))
    with pytest.raises(Malformed):
        rig.see(rig.log.note(stranger(PROVIDER)))
    with pytest.raises(Malformed):
        rig.see("x")
    with pytest.raises(UnknownPeer):
        rig.witness.see("did:web:else.example", rig.log.note(PEER))
    assert rig.held() == []
