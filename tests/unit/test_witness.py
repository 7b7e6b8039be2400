"""Others' logs witnessed: proofs asked for, contradictions, and what a suspect may still do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from connector.domain.log import merkle
from connector.domain.log.audit import Checkpoint, Epoch
from connector.domain.participant import Participant
from connector.errors import (
    CheckpointFork,
    InRecovery,
    Malformed,
    NotFound,
    PeerRolledBack,
    PeerUnreachable,
    PreauError,
    SignatureInvalid,
    TooManyRequests,
    UnknownPeer,
)
from connector.jsonld.canonical import canonical
from connector.ports import Ports
from connector.protocol.messages import ConsistencyProof
from connector.services.evidence import own_log, witness
from connector.services.evidence.witness import Witness
from tests.support.contracts import CONSUMER, NOW, PROVIDER, stranger
from tests.support.doubles import FixedClock, ports_for_tests
from tests.support.evidence import Log, event
from tests.support.federation import participant

PEER = stranger(CONSUMER)


@dataclass
class Wire:
    """The port `PeerWire` towards a peer with a log of its own."""

    log: Log
    asked: list[tuple[int, int]] = field(default_factory=list)
    fault: PreauError | None = None
    meanwhile: Callable[[], object] = lambda: None

    def call(
        self, peer: Participant, kind: str, body: Mapping[str, Any], *, seconds: float = 10.0
    ) -> Mapping[str, Any]:
        assert (peer.did, kind) == (CONSUMER, "ConsistencyRequestMessage")
        assert seconds > 0
        if self.fault is not None:
            raise self.fault
        first, second = int(body["from_size"]), int(body["to_size"])
        self.asked.append((first, second))
        self.meanwhile()
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
        self.ports.clock.advance(witness.PROOF_EVERY.total_seconds() + 1)

    def held(self) -> list[Checkpoint]:
        with self.ports.store.read() as tx:
            return tx.checkpoints.find(origin=CONSUMER)

    def sizes(self) -> list[int]:
        return [head.size for head in self.held()]

    def events(self) -> list[str]:
        return [entry.kind for entry in own_log.events(self.ports).values]

    def unproven(self) -> tuple[str, str]:
        with self.ports.store.read() as tx:
            found = tx.peer_logs.get(CONSUMER)
        return (found.unproven, found.refusal) if found else ("", "")

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


def test_a_smaller_head_with_another_root_is_found_however_soon_it_is_shown(rig: Rig) -> None:
    """The peer speaks again before it may be asked, and shows only its true log from then on."""
    other = Log(rig.log.events[:2])
    other.append("thing.else", "urn:else")
    rig.see()
    rig.see(other.note(PEER))
    assert rig.wire.asked == []
    rig.see()
    rig.grow()
    with pytest.raises(CheckpointFork):
        rig.see()
    assert (rig.wire.asked, rig.suspected(), rig.sizes()) == ([(3, 5)], True, [5])
    assert (
        canonical(other.note(PEER)) in own_log.events(rig.ports, subject=CONSUMER).values[0].event
    )


def test_a_smaller_head_of_the_same_log_is_proven_and_harmless(rig: Rig) -> None:
    """The twin of the one above."""
    rig.see()
    rig.see(Log(rig.log.events[:3]).note(PEER))
    rig.grow()
    rig.see()
    rig.grow()
    rig.see()
    assert (rig.wire.asked, rig.suspected(), rig.sizes()) == ([(3, 5), (5, 7)], False, [7])


def test_a_waiting_head_that_the_peer_has_passed_with_another_root(rig: Rig) -> None:
    other = Log(list(rig.log.events))
    other.append("thing.else", "urn:else")
    rig.see()
    rig.see(other.note(PEER))  # waits: it grew, says the peer
    rig.log.append("thing.done", "urn:5")
    with rig.ports.store.write() as tx:  # a deposit proved the true one meanwhile
        witness.keep_within(tx, witness.verified(rig.ports, participant(PEER), rig.log.note(PEER)))
    with pytest.raises(CheckpointFork):
        rig.see()
    assert rig.suspected()


@pytest.mark.parametrize("honest", [True, False])
def test_a_head_that_is_proven_while_a_deposit_comes_is_compared_with_it(
    rig: Rig, *, honest: bool
) -> None:
    rig.see()
    other = Log([*rig.log.events, event(5, "thing.done", "urn:else")])
    rig.grow()
    shown, note = rig.log.note(PEER), ""
    longer = rig.log if honest else other

    def deposit() -> None:
        nonlocal note
        rig.wire.meanwhile = lambda: None
        longer.append("thing.done", "urn:longer")
        note = longer.note(PEER)
        witness.keep(rig.ports, witness.verified(rig.ports, participant(PEER), note))

    rig.wire.meanwhile = deposit
    rig.see(shown)
    assert rig.sizes() == [7]
    assert isinstance(rig.ports.clock, FixedClock)
    rig.ports.clock.advance(witness.PROOF_EVERY.total_seconds() + 1)
    if honest:
        rig.see(note)
        assert (rig.sizes(), rig.suspected()) == ([7], False)
    else:
        with pytest.raises(CheckpointFork):
            rig.see(note)
        assert rig.suspected()


@pytest.mark.parametrize("fault", [NotFound("no"), TooManyRequests("later"), InRecovery("no")])
def test_a_head_whose_proof_is_refused_is_kept_and_asked_for_again(
    rig: Rig, fault: PreauError
) -> None:
    rig.see()
    rig.grow()
    rig.wire.fault = fault
    unproven = rig.log.note(PEER)
    for _ in range(4):
        with pytest.raises(type(fault)):
            rig.see()
        rig.grow()
    assert (rig.sizes(), rig.suspected(), rig.unproven()) == ([5], False, (unproven, fault.code))
    assert rig.events() == [witness.UNPROVEN]  # once, so that no two logs chase one another
    rig.wire.fault = None
    rig.see()
    assert (rig.sizes(), rig.unproven()) == ([10], (unproven, fault.code))
    assert isinstance(rig.ports.clock, FixedClock)
    rig.ports.clock.advance(witness.AGAIN_EVERY.total_seconds())
    rig.see()
    assert (rig.wire.asked[-1], rig.unproven()) == ((6, 10), ("", ""))


def test_a_refused_head_that_turns_out_to_be_another_history(rig: Rig) -> None:
    other = Log(list(rig.log.events))
    other.append("thing.else", "urn:else")
    rig.see()
    rig.grow()
    rig.wire.fault = NotFound("no")
    with pytest.raises(NotFound):
        rig.see(other.note(PEER))
    rig.wire.fault = None
    rig.grow()
    rig.see()
    assert isinstance(rig.ports.clock, FixedClock)
    rig.ports.clock.advance(witness.AGAIN_EVERY.total_seconds())
    with pytest.raises(CheckpointFork):
        rig.see()
    assert rig.suspected()


def test_silence_is_kept_but_not_logged(rig: Rig) -> None:
    rig.see()
    rig.grow()
    rig.wire.fault = PeerUnreachable("down")
    with pytest.raises(PeerUnreachable):
        rig.see()
    assert (rig.unproven(), rig.events()) == ((rig.log.note(PEER), "PEER_UNREACHABLE"), [])


def test_an_earlier_epoch_passes_for_as_long_as_a_call_is_under_way_and_no_longer(rig: Rig) -> None:
    """Also while the later epoch shows newer heads all the time."""
    before, resumed = rig.log.note(PEER), rig.log.note(PEER, epoch=1)
    with rig.ports.store.write() as tx:
        tx.epochs.put(Epoch(CONSUMER, 1, 0, 5, b"", resumed, "", before, NOW))
    witness.keep(rig.ports, witness.verified(rig.ports, participant(PEER), resumed))
    assert isinstance(rig.ports.clock, FixedClock)
    for _ in range(2):
        rig.ports.clock.advance(50.0)
        rig.grow()
        rig.see(rig.log.note(PEER, epoch=1))
        rig.see(before)
        assert rig.events() == []
    rig.ports.clock.advance(50.0)
    with pytest.raises(CheckpointFork):
        rig.see(before)
    assert rig.suspected()


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
    event = own_log.events(rig.ports, subject=CONSUMER).values[0].event
    for note in (first, rig.log.note(PEER)):
        assert canonical(note) in event


def test_a_peer_that_gives_no_proof_is_asked_again_later(rig: Rig) -> None:
    rig.see()
    rig.grow()
    rig.wire.fault = PeerUnreachable("down")
    with pytest.raises(PeerUnreachable):
        rig.see()
    rig.wire.fault = None
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
