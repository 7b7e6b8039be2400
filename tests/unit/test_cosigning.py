"""Counterparties cosign one another's logs, and only what continues what they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap.threads import exchange as exchanges
from connector.bootstrap.threads.exchange import Exchange
from connector.domain.log.audit import CosignedHead, Head
from connector.errors import (
    CheckpointFork,
    InRecovery,
    NotFound,
    PeerRolledBack,
    PeerUnreachable,
    SignatureInvalid,
)
from connector.identity import checkpoint as checkpoints
from connector.protocol import messages as m
from connector.services.continuity import recovery
from connector.services.evidence import cosigning, own_log, witness
from connector.store.audit_log import SqlAuditLog
from tests.support.contracts import NOW, stranger
from tests.support.each import over
from tests.support.link import Call, Fault, Link, link, participant

SCHOOL, LAB = stranger("did:web:school.example"), stranger("did:web:lab.example")
HEAD = Head(0, 3, b"r" * 32)
NOTE = checkpoints.make(SCHOOL.signer, SCHOOL.did, HEAD, 0)
COSIGNED = NOTE + checkpoints.cosign(LAB.signer, LAB.did, NOTE, NOW)


def test_a_cosignature_says_who_and_when() -> None:
    assert checkpoints.cosigned_at(COSIGNED, LAB.document) == NOW
    assert checkpoints.verify(COSIGNED, SCHOOL.document, NOW).head == HEAD  # still the origin's


def _flipped(line: int, place: int) -> str:
    lines = COSIGNED.split("\n")
    spoiled = "A" if lines[line][place] != "A" else "B"
    lines[line] = lines[line][:place] + spoiled + lines[line][place + 1 :]
    return "\n".join(lines)


@over(
    "note",
    [
        NOTE,
        NOTE + checkpoints.cosign(stranger(LAB.did).signer, LAB.did, NOTE, NOW),
        NOTE + checkpoints.cosign(LAB.signer, SCHOOL.did, NOTE, NOW),
        NOTE + NOTE.splitlines()[-1].replace(SCHOOL.did, LAB.did) + "\n",
        COSIGNED.replace("\n3\n", "\n2\n", 1),
        _flipped(-2, -20),
        _flipped(-2, len(LAB.did) + 12),  # the time
    ],
    ["no line", "another key", "another name", "a head's line", "another size", "-", "time"],
)
def test_lines_that_cosign_nothing(note: str) -> None:
    assert checkpoints.cosigned_at(note, LAB.document) is None


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        for node in (pair.school, pair.lab):
            with node.ports.store.write() as tx:
                tx.audit.append("node.started", node.did)
        yield pair


def ask(pair: Link) -> CosignedHead:
    return cosigning.ask(pair.school.ports, participant(pair.lab.member))


def kept(pair: Link) -> list[CosignedHead]:
    with pair.school.ports.store.read() as tx:
        return tx.cosigned_heads.find()


def grow(pair: Link) -> None:
    with pair.school.ports.store.write() as tx:
        tx.audit.append("thing.done", "urn:x")


def test_a_log_that_grows_is_cosigned_again(pair: Link) -> None:
    first = ask(pair)
    grow(pair)
    pair.clock.advance(5)
    second = ask(pair)
    assert (first.size, second.size, kept(pair)) == (1, 2, [second])
    assert second.at == pair.clock.now()
    asked = [call for call in pair.calls if call.kind == "CosignRequestMessage"]
    assert [call.body["from_size"] for call in asked] == ["0", "0", "1"]


def test_a_history_that_went_another_way_is_not_cosigned(pair: Link) -> None:
    ask(pair)
    other = own_log.signed(pair.school.ports, _Other())  # type: ignore[arg-type] - what it reads
    with pytest.raises(CheckpointFork):
        _cosign(pair, m.CosignRequestMessage(other.note, 1, (b"x" * 32,)))
    with pair.lab.ports.store.read() as tx:
        assert witness.suspicion(tx, pair.school.did) is not None
    grow(pair)
    with pytest.raises(PeerRolledBack):
        ask(pair)


class _Other:
    """A log of two entries that nobody wrote."""

    def __init__(self) -> None:
        self.audit, self.epochs = self, self

    def head(self) -> tuple[int, bytes]:
        return 2, b"z" * 32

    def since(self, *_kinds: str) -> int:
        return 0

    def find(self, **_equal: object) -> list[Any]:
        return []


def _cosign(pair: Link, message: m.Body) -> m.Cosignature:
    body = cosigning.cosign(pair.lab.ports, participant(pair.school.member), message.to_body())
    return m.Cosignature.from_body(body)


def test_a_proof_from_elsewhere_or_a_smaller_head_gets_no_line(pair: Link) -> None:
    small = own_log.checkpoint(pair.school.ports).note
    grow(pair)
    ask(pair)
    assert _cosign(pair, m.CosignRequestMessage(small, 0, ())) == m.Cosignature("", 2)
    grow(pair)
    large = own_log.checkpoint(pair.school.ports).note
    assert _cosign(pair, m.CosignRequestMessage(large, 1, ())) == m.Cosignature("", 2)


def test_a_head_that_another_signed_gets_no_line(pair: Link) -> None:
    forged = checkpoints.make(stranger(pair.school.did).signer, pair.school.did, HEAD, 0)
    with pytest.raises(SignatureInvalid):
        _cosign(pair, m.CosignRequestMessage(forged, 0, ()))


@pytest.mark.parametrize(
    "other",
    [lambda _line: COSIGNED.splitlines()[-1] + "\n", lambda line: f"{line}the contract is void\n"],
    ids=["another's", "words beside it"],
)
def test_what_is_not_the_peer_s_line_alone_is_not_kept(
    pair: Link, other: Callable[[str], str]
) -> None:
    honest = pair.handle

    def handle(call: Call) -> Any:
        answer = dict(honest(call))
        if call.kind == "CosignRequestMessage":
            answer["line"] = other(answer["line"])
        return answer

    pair.handle = handle  # type: ignore[method-assign] - a dishonest peer
    with pytest.raises(SignatureInvalid):
        ask(pair)
    assert kept(pair) == []


@pytest.mark.parametrize("fault", [PeerUnreachable("down"), NotFound("an older release")])
def test_who_does_not_cosign_is_asked_again_later(pair: Link, fault: Exception) -> None:
    honest = pair.handle

    def handle(call: Call) -> Any:
        if call.kind == "CosignRequestMessage":
            raise fault
        return honest(call)

    pair.handle = handle  # type: ignore[method-assign] - as above
    asking = pair.school.ports.asking
    asking.cosigners.add(pair.lab.did)
    exchange = Exchange(pair.school.ports)
    exchange._turn()
    assert (asking.cosigners, kept(pair)) == ({pair.lab.did}, [])
    pair.handle = honest  # type: ignore[method-assign] - as above
    exchange._turn()
    assert (asking.cosigners, [each.peer for each in kept(pair)]) == (set(), [pair.lab.did])


def test_more_peers_than_one_turn_deals_with_follow_in_the_next(
    pair: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchanges, "MOST_PEERS", 1)
    asking, both = pair.school.ports.asking, {pair.lab.did, pair.add("third").did}
    exchange = Exchange(pair.school.ports)
    exchange._turn()
    exchange._turn()
    assert set(asking.answered) == both
    for did in both:  # who is waited for does not wait for its turn
        asking.cosigners.add(did)
        exchange._turn()
        assert asking.cosigners == set()


def test_a_dead_peer_that_is_pressing_leaves_its_turn_to_others(
    pair: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchanges, "MOST_PEERS", 1)
    asking, third = pair.school.ports.asking, pair.add("third").did
    pair.fault = lambda call: Fault.LOSE_REQUEST if call.receiver == pair.lab.did else Fault.NONE
    asking.cosigners.update({pair.lab.did, third})
    exchange = Exchange(pair.school.ports)
    for _ in range(4):
        exchange._turn()
    assert asking.cosigners == {pair.lab.did}
    pair.fault = lambda _call: Fault.NONE
    exchange._turn()
    assert asking.cosigners == {pair.lab.did}  # it rests
    asking.again.add(pair.lab.did)  # it is heard
    exchange._turn()
    assert asking.cosigners == set()


def test_a_contract_concluded_meanwhile_is_cosigned_next(pair: Link) -> None:
    asking, honest = pair.school.ports.asking, pair.handle

    def handle(call: Call) -> Any:
        answer = honest(call)
        if call.kind == "CosignRequestMessage":
            asking.cosigners.add(pair.lab.did)
        return answer

    pair.handle = handle  # type: ignore[method-assign] - a contract in the middle of the call
    asking.cosigners.add(pair.lab.did)
    exchange = Exchange(pair.school.ports)
    exchange._turn()
    assert asking.cosigners == {pair.lab.did}
    pair.handle = honest  # type: ignore[method-assign] - as above
    exchange._turn()
    assert asking.cosigners == set()


def test_a_head_that_the_log_continues_is_compared_once(
    pair: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each contract and job asks whether the node went back; there is a head for each party."""
    compared: list[int] = []
    root = SqlAuditLog.root
    monkeypatch.setattr(
        SqlAuditLog, "root", lambda log, size: compared.append(size) or root(log, size)
    )

    def whole() -> list[int]:
        compared.clear()
        with pair.school.ports.store.read() as tx:
            recovery.whole(pair.school.ports, tx)
        return [size for size in compared if size]  # without what the home recorded at the start

    grow(pair)
    ask(pair)
    assert (whole(), whole()) == ([2], [])
    grow(pair)
    ask(pair)
    assert (whole(), whole()) == ([3], [])


def test_a_log_that_falls_short_of_a_cosigned_head_went_back(pair: Link) -> None:
    grow(pair)
    head = ask(pair)
    with pair.school.ports.store.write() as tx:
        claim = checkpoints.unverified_claim(head.note)
        longer = checkpoints.make(
            pair.school.member.signer, pair.school.did, replace(claim.head, size=9), 0
        )
        tx.cosigned_heads.put(replace(head, size=9, note=longer))
        assert any(
            "9 entries" in line
            for line in recovery.faults(tx, pair.school.ports.charges, pair.school.did)
        )
    with pytest.raises(InRecovery):
        ask(pair)
