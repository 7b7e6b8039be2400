"""A transfer between two nodes: asked for, fetched, completed; suspended, ended, refused."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.domain.contract.notice import Act as Notice
from connector.domain.transfer.extract import ExtractState, commitment
from connector.domain.transfer.transfer import Transfer, TransferState
from connector.errors import (
    AgreementUnknown,
    ContentMismatch,
    ContractEnded,
    ContractExpired,
    ContractSuspended,
    ExtractUnavailable,
    IllegalMessage,
    Malformed,
    NotFound,
    PreauError,
    TransferInactive,
)
from connector.identity import document as documents
from connector.identity.receipts import transfer_receipt
from connector.jsonld.canonical import canonical
from connector.services.negotiation import notices
from connector.services.transfer import acts, consumer_side, provider_side
from connector.services.transfer.acts import Wish
from tests.support.link import Fault, Link, Node, link
from tests.support.transferring import AGREEMENT, DATA, EXTRACT, agreed, prepared

State = TransferState
SAMPLES = Path(__file__).parents[1] / "samples" / "transfer-receipt"
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path, "other") as made:
        agreed(made.school.ports, made.lab.ports)
        prepared(made.school.ports, made.lab.ports)
        yield made


def only(node: Node) -> Transfer:
    with node.ports.store.read() as tx:
        (found,) = tx.transfers.find()
    return found


def started(pair: Link) -> str:
    """Ask for the extract, let messages pass, and return the consumer's pid."""
    asked = consumer_side.request(pair.lab.ports, AGREEMENT, EXTRACT)
    pair.pump()
    return asked.pid


def states(pair: Link) -> tuple[State, State]:
    return only(pair.lab).state, only(pair.school).state


def bytes_of(node: Node, pid: str, offset: int = 0) -> bytes:
    return b"".join(consumer_side.content(node.ports, pid, offset)[1])


def test_from_the_request_to_two_receipts_that_agree(pair: Link) -> None:
    pid = started(pair)
    assert states(pair) == (State.STARTED, State.STARTED)
    assert bytes_of(pair.lab, pid) == DATA
    consumer_side.received(pair.lab.ports, pid, DIGEST, len(DATA))
    pair.pump()
    assert states(pair) == (State.COMPLETED, State.COMPLETED)
    ours, theirs = only(pair.school), only(pair.lab)
    assert (ours.receipt, ours.peer_receipt) == (theirs.peer_receipt, theirs.receipt)
    signed = [
        transfer_receipt.read(text, documents.read(node.member.data, node.did))
        for text, node in ((ours.receipt, pair.school), (theirs.receipt, pair.lab))
    ]
    assert signed[0].agrees(signed[1])
    assert signed[0].content.suppressed == 2
    assert ours.passed == theirs.passed == len(DATA)
    assert not pair.school.log("transfer.differs")
    assert [each.kind for each in pair.school.log() if each.kind.startswith("transfer.")] == [
        "transfer.requested",
        "transfer.started",
        "transfer.flowed",
        "transfer.completed",
    ]


def test_a_receipt_of_version_1_verifies() -> None:
    sample = json.loads((SAMPLES / "version-1.json").read_bytes())
    document = documents.read(canonical(sample["document"]), sample["document"]["id"])
    found = transfer_receipt.read(sample["receipt"], document)
    assert found.content.source == "33" * 32


def test_no_peer_is_told_the_digest_of_a_source(pair: Link) -> None:
    """What it gets instead is opened by digest and salt, and by no other digest."""
    pid = started(pair)
    bytes_of(pair.lab, pid)
    consumer_side.received(pair.lab.ports, pid, DIGEST, len(DATA))
    pair.pump()
    with pair.school.ports.store.read() as tx:
        extract = tx.extracts.get(EXTRACT)
    assert extract is not None
    told = only(pair.lab)
    assert told.content is not None
    assert told.content.source == commitment(extract.snapshot_digest, extract.salt)
    assert told.content.source != commitment("ce" * 32, extract.salt)
    payloads = [
        base64.urlsafe_b64decode(each.split(".")[1] + "==").decode()
        for each in (told.receipt, told.peer_receipt)
    ]
    for held in (*payloads, repr(told)):
        assert extract.snapshot_digest not in held
        assert extract.salt not in held


def test_asking_twice_is_one_transfer(pair: Link) -> None:
    pair.fault = lambda _call: Fault.TWICE
    pid = started(pair)
    assert consumer_side.request(pair.lab.ports, AGREEMENT, EXTRACT).pid == pid
    pair.pump()
    assert states(pair) == (State.STARTED, State.STARTED)


def test_it_goes_on_where_it_broke_off(pair: Link) -> None:
    pid = started(pair)
    _, stream = consumer_side.content(pair.lab.ports, pid, 0)
    begun = next(stream) + next(stream)
    assert begun + bytes_of(pair.lab, pid, len(begun)) == DATA
    assert bytes_of(pair.lab, pid, len(DATA)) == b""
    with pytest.raises(Malformed, match="past the end"):
        bytes_of(pair.lab, pid, len(DATA) + 1)


@pytest.mark.parametrize("by", ["school", "lab"])
def test_a_suspension_stops_the_stream_and_its_own_side_resumes(pair: Link, by: str) -> None:
    pid = started(pair)
    _, stream = consumer_side.content(pair.lab.ports, pid, 0)
    next(stream)
    one, other = (pair.nodes[name] for name in (by, "lab" if by == "school" else "school"))
    acts.give(one.ports, only(one).pid, Wish.SUSPEND, "the table is being mended")
    pair.pump()
    assert states(pair) == (State.SUSPENDED, State.SUSPENDED)
    with pytest.raises(TransferInactive, match="mended"):
        next(stream)
    with pytest.raises(TransferInactive):
        bytes_of(pair.lab, pid)
    with pytest.raises(IllegalMessage, match="has suspended"):
        acts.give(other.ports, only(other).pid, Wish.RESUME, "we want it")
    acts.give(one.ports, only(one).pid, Wish.RESUME, "mended")
    pair.pump()
    assert states(pair) == (State.STARTED, State.STARTED)
    assert bytes_of(pair.lab, pid) == DATA


@pytest.mark.parametrize("by", ["school", "lab"])
def test_either_side_ends_it_for_good(pair: Link, by: str) -> None:
    pid = started(pair)
    one = pair.nodes[by]
    acts.give(one.ports, only(one).pid, Wish.END, "no longer needed")
    pair.pump()
    assert states(pair) == (State.TERMINATED, State.TERMINATED)
    assert only(pair.lab).reasons == ("no longer needed",)
    with pytest.raises(TransferInactive):
        bytes_of(pair.lab, pid)


def test_a_consumer_ends_what_the_provider_has_not_answered(pair: Link) -> None:
    asked = consumer_side.request(pair.lab.ports, AGREEMENT, EXTRACT)
    acts.give(pair.lab.ports, asked.pid, Wish.END, "asked by mistake")
    pair.pump()
    assert states(pair) == (State.TERMINATED, State.TERMINATED)


@pytest.mark.parametrize(
    ("act", "refusal"),
    [(Notice.SUSPENDED, ContractSuspended), (Notice.ENDED, TransferInactive)],
)
def test_a_contract_that_is_taken_back_stops_the_stream(
    pair: Link, act: Notice, refusal: type[PreauError]
) -> None:
    pid = started(pair)
    _, stream = consumer_side.content(pair.lab.ports, pid, 0)
    next(stream)
    notices.give(pair.school.ports, AGREEMENT, act, "an objection")
    with pytest.raises(refusal):
        next(stream)
    pair.deliver()
    if act is Notice.ENDED:
        assert only(pair.school).code == ContractEnded.code


def _changed(pair: Link, **changes: Any) -> None:
    with pair.school.ports.store.write() as tx:
        found = tx.extracts.get(EXTRACT)
        assert found is not None
        tx.extracts.put(replace(found, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"state": ExtractState.GONE},
        {"state": ExtractState.PREPARING},
        {"consumer": "did:web:other.example"},
        {"agreement_id": "urn:another"},
        {"due_at": "past"},
    ],
    ids=str,
)
def test_an_extract_that_is_not_for_this_consumer_now_is_refused(
    pair: Link, changes: dict[str, Any]
) -> None:
    if "due_at" in changes:
        changes = {"due_at": pair.clock.now() - timedelta(seconds=1)}
    _changed(pair, **changes)
    started(pair)
    found = only(pair.lab)
    assert (found.state, found.code) == (State.TERMINATED, ExtractUnavailable.code)
    with pair.school.ports.store.read() as tx:
        assert tx.transfers.find() == []


def test_data_stops_when_its_deletion_falls_due(pair: Link) -> None:
    pid = started(pair)
    _, stream = consumer_side.content(pair.lab.ports, pid, 0)
    next(stream)
    _changed(pair, due_at=pair.clock.now())
    with pytest.raises(ExtractUnavailable):
        next(stream)


def test_a_contract_past_its_end_gives_nothing(pair: Link) -> None:
    end = pair.clock.now() + timedelta(minutes=1)
    agreed(pair.school.ports, pair.lab.ports, valid_until=end)
    pid = started(pair)
    pair.clock.advance(120)
    with pytest.raises(ContractExpired):
        bytes_of(pair.lab, pid)
    with pytest.raises(ContractExpired):
        consumer_side.request(pair.lab.ports, AGREEMENT, "urn:uuid:x")


def test_nobody_else_gets_it(pair: Link) -> None:
    started(pair)
    pid = only(pair.school).pid
    with pytest.raises(NotFound):
        provider_side.judge(pair.school.ports, pid, pair.other.did)
    with pytest.raises(AgreementUnknown):
        consumer_side.request(pair.school.ports, AGREEMENT, EXTRACT)
    with pytest.raises(IllegalMessage):
        consumer_side.content(pair.school.ports, pid, 0)


@pytest.mark.parametrize("said", [("00" * 32, len(DATA)), (DIGEST, len(DATA) - 1)], ids=str)
def test_other_bytes_complete_nothing(pair: Link, said: tuple[str, int]) -> None:
    pid = started(pair)
    with pytest.raises(ContentMismatch):
        consumer_side.received(pair.lab.ports, pid, *said)
    assert states(pair) == (State.STARTED, State.STARTED)


def test_receipts_that_differ_are_logged(pair: Link) -> None:
    pid = started(pair)
    with pair.lab.ports.store.write() as tx:
        held = tx.transfers.get(pid)
        assert held is not None
        assert held.content is not None
        tx.transfers.put(replace(held, content=replace(held.content, rows=41)))
    consumer_side.received(pair.lab.ports, pid, DIGEST, len(DATA))
    pair.pump()
    assert states(pair) == (State.COMPLETED, State.COMPLETED)
    assert len(pair.school.log("transfer.differs")) == 1


def test_a_provider_states_its_content_once(pair: Link) -> None:
    pid = started(pair)
    acts.give(pair.school.ports, only(pair.school).pid, Wish.SUSPEND, "a pause")
    pair.pump()
    with pair.lab.ports.store.write() as tx:
        held = tx.transfers.get(pid)
        assert held is not None
        assert held.content is not None
        tx.transfers.put(replace(held, content=replace(held.content, digest="00" * 32)))
    acts.give(pair.school.ports, only(pair.school).pid, Wish.RESUME, "on")
    pair.pump()
    assert states(pair) == (State.TERMINATED, State.TERMINATED)
    assert only(pair.lab).code == only(pair.school).code == ContentMismatch.code
