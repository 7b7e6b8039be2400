"""Data over real TLS between two nodes: whole, resumed, judged while it flows, cut off."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from connector.domain.catalog.source import FOLDER as FOLDER_OF_SOURCES
from connector.domain.contract.negotiation import NegotiationState
from connector.domain.contract.notice import Standing
from connector.domain.transfer.extract import FOLDER
from connector.domain.transfer.transfer import Transfer, TransferState
from connector.errors import (
    ContractSuspended,
    ExtractUnavailable,
    PeerUnreachable,
    PreauError,
    TooManyStreams,
    TransferInactive,
    Untrusted,
)
from connector.peer.calls import fetch
from connector.peer.routes import FETCH, STATED, TOKEN_KEY, write_fetch
from connector.peer.status import translate
from connector.ports import Ports
from connector.preparing.child import ConfinedPreparing
from connector.services.messages import deliver
from connector.services.negotiation import negotiate, telling
from connector.services.publication import publish
from connector.services.transfer import acts, consumer_side
from connector.services.transfer.acts import Wish
from connector.services.use import asking, deciding, preparing
from connector.sources.snapshots import HomeSources
from tests.support.census import CensusWorkers
from tests.support.link import DATASET
from tests.support.live_space import LiveSpace, Node, live_space, wait_until
from tests.support.raw_caller import channel_to, token_of
from tests.support.transferring import HUGE, agreed, answering, begun, endless, over, prepared
from tests.unit import test_use_noise as noise

DATA = bytes(range(256)) * 4096 * 3 + b"the end"  # three chunks and a bit


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSpace]:
    with live_space(tmp_path_factory.mktemp("space"), "school", "lab") as made:
        answering(*made.nodes.values())
        made.meet("lab", "school")
        yield made


@pytest.fixture
def going(space: LiveSpace) -> Iterator[str]:
    """A transfer that has started; the consumer's pid."""
    yield begun(space["school"].ports, space["lab"].ports, DATA)
    over(space["school"].ports, space["lab"].ports)


def of(node: Node, pid: str) -> Transfer:
    return acts.transfer(node.ports, pid)


def stream(space: LiveSpace, pid: str, offset: int = 0) -> Iterator[bytes]:
    return consumer_side.content(space["lab"].ports, pid, offset)[1]


def test_all_bytes_come_in_order_and_from_any_offset(space: LiveSpace, going: str) -> None:
    whole = b"".join(stream(space, going))
    assert hashlib.sha256(whole).digest() == hashlib.sha256(DATA).digest()
    for offset in (1, fetch.CHUNK, len(DATA) - 1, len(DATA)):
        assert b"".join(stream(space, going, offset)) == DATA[offset:]
    peer_pid = of(space["lab"], going).peer_pid
    assert wait_until(lambda: of(space["school"], peer_pid).passed == len(DATA))


def _suspend_transfer(space: LiveSpace, pid: str) -> None:
    peer_pid = of(space["lab"], pid).peer_pid
    acts.give(space["school"].ports, peer_pid, Wish.SUSPEND, "a pause")


def _suspend_contract(space: LiveSpace, _pid: str) -> None:
    agreed(space["school"].ports, space["lab"].ports, standing=Standing.SUSPENDED)


def _block(space: LiveSpace, _pid: str) -> None:
    lab = space["school"].known(space["lab"].did)
    with space["school"].ports.store.write() as tx:
        tx.participants.put(replace(lab, blocked="left the space"))


@pytest.mark.parametrize(
    ("act", "refusal"),
    [
        (_suspend_transfer, TransferInactive),
        (_suspend_contract, ContractSuspended),
        (_block, Untrusted),
    ],
)
def test_what_no_longer_stands_stops_the_bytes(
    space: LiveSpace,
    going: str,
    act: Any,
    refusal: type[PreauError],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endless(monkeypatch, space["school"].ports, DATA)
    flowing = stream(space, going)
    next(flowing)
    known = space["school"].known(space["lab"].did)
    act(space, going)
    with pytest.raises(refusal):
        sum(map(len, flowing))
    peer_pid = of(space["lab"], going).peer_pid
    assert wait_until(lambda: of(space["school"], peer_pid).passed > 0)
    assert of(space["school"], peer_pid).passed < HUGE / 2
    with space["school"].ports.store.write() as tx:
        tx.participants.put(known)


def test_a_consumer_that_goes_leaves_nothing_open(
    space: LiveSpace, going: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless(monkeypatch, space["school"].ports, DATA)
    flowing: Any = stream(space, going)
    next(flowing)
    flowing.close()
    peer_pid = of(space["lab"], going).peer_pid
    assert wait_until(lambda: of(space["school"], peer_pid).passed > 0)
    assert of(space["school"], peer_pid).state is TransferState.STARTED


def test_a_provider_that_goes_is_noticed_and_asked_again(
    space: LiveSpace, going: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless(monkeypatch, space["school"].ports, DATA)
    flowing = stream(space, going)
    begun = next(flowing)
    space["school"].restart()
    with pytest.raises(PeerUnreachable):
        sum(map(len, flowing))
    prepared(space["school"].ports, space["lab"].ports, DATA)
    assert begun + b"".join(stream(space, going, len(begun))) == DATA


def test_a_file_that_is_not_as_it_was_made_is_not_sent(space: LiveSpace, going: str) -> None:
    extract = prepared(space["school"].ports, space["lab"].ports, DATA)
    (space["school"].settings.path(FOLDER) / extract.path).write_bytes(DATA[:-1])
    with pytest.raises(ExtractUnavailable):
        stream(space, going)


def test_one_consumer_takes_few_streams(
    space: LiveSpace, going: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless(monkeypatch, space["school"].ports, DATA)
    many: list[Any] = [stream(space, going) for _ in range(fetch.STREAMS_PER_PEER)]
    with pytest.raises(TooManyStreams):
        stream(space, going)
    for each in many:
        each.close()


@pytest.mark.parametrize("fault", ["none", "other bytes", "no token"])
def test_the_token_is_bound_to_the_request(space: LiveSpace, going: str, fault: str) -> None:
    lab, school = space["lab"], space["school"]
    data = write_fetch(of(lab, going).peer_pid, 0)
    signed = token_of(lab, school, FETCH, data + b"x" if fault == "other bytes" else data)
    metadata = (*STATED, *(((TOKEN_KEY, signed),) if fault != "no token" else ()))
    code = ""
    with channel_to(school, lab.leaves.current()) as channel:
        try:
            list(channel.unary_stream(FETCH)(data, timeout=20, metadata=metadata))
        except grpc.RpcError as exc:
            code = translate(school.did, exc).code
    expected = {"none": "", "other bytes": "TOKEN_MISMATCH", "no token": "TOKEN_MISSING"}
    assert code == expected[fault]


@pytest.fixture
def equipped(space: LiveSpace, monkeypatch: pytest.MonkeyPatch) -> tuple[Ports, Ports]:
    """Let both nodes publish, account and prepare; return the ports of school and lab."""
    monkeypatch.setattr(deciding, "WAIT_SECONDS", 0.0)
    for node in space.nodes.values():
        node.ports = replace(
            node.ports,
            accountant=noise.Direct(),
            workers=CensusWorkers(),
            sources=HomeSources(node.home / FOLDER_OF_SOURCES, 1 << 20),
            preparing=ConfinedPreparing(),
        )
    return space["school"].ports, space["lab"].ports


def test_noise_is_charged_and_drawn_by_a_confined_process(
    equipped: tuple[Ports, Ports], tmp_path: Path
) -> None:
    """The whole way between nodes: contract, charge, tally, cells and the signed statement."""
    school, lab = equipped
    (tmp_path / "pupils.csv").write_text(f"pupil,grade,reading,sex\n{noise.ROWS}", "utf-8")
    publish.publish(school, noise.described(tmp_path))
    pid = negotiate.request(lab, school.settings.did, DATASET).pid
    assert wait_until(lambda: _signed(lab, school, pid))
    contract = negotiate.negotiation(lab, pid).agreement_id
    found = asking.ask(lab, contract, noise.WANTED)
    while preparing.turn(school, steady=True) == 0:
        pass
    found = asking.again(lab, found.request_id)
    rows = noise.rows_of(found)
    assert [row["grade"] for row in rows] == [1, 2, 3]
    assert all(abs(row["count"] - 200) < 150 for row in rows)  # of scale 4: beyond once in e³⁷
    with school.store.read() as tx:
        (kept,) = tx.reservations.find()
        assert (kept.job_id, kept.committed_rounds) == (found.extract_id, 1)


def _signed(lab: Ports, school: Ports, pid: str) -> bool:
    for ports in (lab, school):
        telling.turn(ports)
        deliver.deliver_due(ports)
    return negotiate.negotiation(lab, pid).state is NegotiationState.FINALIZED
