"""Data over Arrow Flight between two nodes, with real processes: whole, resumed, judged, killed."""

from __future__ import annotations

import hashlib
import io
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import flight, ipc

from connector.dataplane.flight import plane, ticket
from connector.dataplane.flight.fetching import READ
from connector.domain.contract.notice import Standing
from connector.domain.transfer.transfer import Transfer, TransferState
from connector.errors import (
    BY_CODE,
    ContractExpired,
    ContractSuspended,
    PeerUnreachable,
    PreauError,
    TransferInactive,
    Untrusted,
)
from connector.identity import document as documents
from connector.identity import pull_token
from connector.identity.receipts import transfer_receipt
from connector.peer.client import GrpcWire
from connector.protocol.transfer_messages import TransferAccess
from connector.services.messages import deliver
from connector.services.transfer import acts, consumer_side
from connector.services.transfer.acts import Wish
from tests.support.live_space import LiveSpace, Node, live_space, wait_until
from tests.support.management import commanded
from tests.support.ports import free_port
from tests.support.transferring import (
    AGREEMENT,
    EXTRACT,
    HUGE,
    agreed,
    answering,
    begun,
    over,
    prepared,
)

DATA = bytes(range(256)) * 4096 * 3 + b"the end"  # three batches and a bit
LONG = DATA[: 1 << 20] * 64  # of which a consumer that does not read holds back most


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSpace]:
    with live_space(tmp_path_factory.mktemp("space"), "lab") as made:
        port = free_port()
        where = {"flight_listen": f"127.0.0.1:{port}", "flight_endpoint": f"localhost:{port}"}
        made.add("school", **where)
        answering(*made.nodes.values())
        made.meet("lab", "school")
        yield made


@pytest.fixture(autouse=True)
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_side, "FLIGHT_LEAST", 0)


@pytest.fixture
def going(space: LiveSpace) -> Iterator[str]:
    """A transfer that has started; the consumer's pid."""
    yield begun(space["school"].ports, space["lab"].ports, DATA)
    over(space["school"].ports, space["lab"].ports)


def of(node: Node, pid: str) -> Transfer:
    return acts.transfer(node.ports, pid)


def stream(space: LiveSpace, pid: str, offset: int = 0) -> Any:
    found = consumer_side.content(space["lab"].ports, pid, offset)[1]
    assert type(found).__module__.startswith("connector.dataplane.flight")
    return found


def access(space: LiveSpace, pid: str) -> TransferAccess:
    return consumer_side.access(space["lab"].ports, pid, flight=True)[0]


def client(space: LiveSpace, pid: str) -> flight.FlightClient:
    found, roots = consumer_side.access(space["lab"].ports, pid, flight=True)
    small = [("grpc.http2.bdp_probe", 0)]  # the window stays 64 KiB, however slow the machine is
    return flight.connect(
        f"grpc+tls://{found.flight}", tls_root_certs="".join(roots).encode(), generic_options=small
    )


def read(space: LiveSpace, pid: str, offset: int) -> bytes:
    """Return the bytes as any client gets them, in this process."""
    asked = flight.Ticket(ticket.write(access(space, pid).token, offset))
    with client(space, pid) as one:
        return b"".join(one.do_get(asked).read_all().column(0).to_pylist())


def test_a_file_comes_whole_and_the_receipts_agree(
    space: LiveSpace, going: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    school, lab = space["school"], space["lab"]
    monkeypatch.setattr(GrpcWire, "fetch", None)  # there is no other way
    with commanded(lab.ports) as preau:
        done = preau("get", AGREEMENT, "--extract", EXTRACT, "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    (file,) = tmp_path.iterdir()
    assert hashlib.sha256(file.read_bytes()).digest() == hashlib.sha256(DATA).digest()
    deliver.deliver_due(lab.ports)
    theirs = of(lab, going)
    ours = of(school, theirs.peer_pid)
    assert (ours.state, theirs.state) == (TransferState.COMPLETED, TransferState.COMPLETED)
    assert (ours.receipt, ours.peer_receipt) == (theirs.peer_receipt, theirs.receipt)
    signed = [
        transfer_receipt.read(text, documents.read(node.document(), node.did))
        for text, node in ((ours.receipt, school), (theirs.receipt, lab))
    ]
    assert signed[0].agrees(signed[1])
    assert ours.passed == theirs.passed == len(DATA)


def test_the_bytes_come_from_any_offset(space: LiveSpace, going: str) -> None:
    for offset in (1 << 20, len(DATA) - 1, len(DATA)):
        assert read(space, going, offset) == DATA[offset:]
    peer_pid = of(space["lab"], going).peer_pid
    assert wait_until(lambda: of(space["school"], peer_pid).passed == len(DATA))


def lengthen(space: LiveSpace) -> None:
    """Let the extract be larger than what is on its way to who does not read."""
    extract = prepared(space["school"].ports, space["lab"].ports, LONG)
    for ports in (space["school"].ports, space["lab"].ports):
        with ports.store.write() as tx:
            for each in tx.transfers.find(extract_id=extract.id):
                tx.transfers.put(replace(each, content=extract.content))


def long(space: LiveSpace, pid: str) -> Any:
    """Return a stream of which one chunk was read."""
    lengthen(space)
    flowing = stream(space, pid)
    assert next(flowing)
    return flowing  # of chunks of `READ` bytes at most


def _suspend_transfer(space: LiveSpace, pid: str) -> None:
    peer_pid = of(space["lab"], pid).peer_pid
    acts.give(space["school"].ports, peer_pid, Wish.SUSPEND, "a pause")


def _suspend_contract(space: LiveSpace, _pid: str) -> None:
    agreed(space["school"].ports, space["lab"].ports, standing=Standing.SUSPENDED)


def _block(space: LiveSpace, _pid: str) -> None:
    lab = space["school"].known(space["lab"].did)
    with space["school"].ports.store.write() as tx:
        tx.participants.put(replace(lab, blocked="left the space"))


def _expire(space: LiveSpace, _pid: str) -> None:
    clock = space["school"].clock
    ends = clock.now() + timedelta(minutes=1)
    agreed(space["school"].ports, space["lab"].ports, valid_until=ends)
    clock.advance(61)


@pytest.mark.parametrize(
    ("act", "refusal"),
    [
        (_suspend_transfer, TransferInactive),
        (_expire, ContractExpired),
        (_suspend_contract, ContractSuspended),
        (_block, Untrusted),
    ],
)
def test_what_no_longer_stands_stops_the_bytes(
    space: LiveSpace, going: str, act: Any, refusal: type[PreauError]
) -> None:
    lengthen(space)
    given = access(space, going)
    known = space["school"].known(space["lab"].did)
    peer_pid = of(space["lab"], going).peer_pid
    with client(space, going) as one:
        flowing = one.do_get(flight.Ticket(ticket.write(given.token, 0)))
        flowing.read_chunk()
        act(space, going)
        wait_until(lambda: False, 1.0)  # the second within which it stops
        with pytest.raises(flight.FlightError) as stopped:
            flowing.read_all()
    assert issubclass(BY_CODE[stopped.value.extra_info.decode()], refusal)
    space["school"].clock.offset = timedelta()
    with space["school"].ports.store.write() as tx:
        tx.participants.put(known)
    assert wait_until(lambda: 0 < of(space["school"], peer_pid).passed < len(LONG))


def test_the_consumer_hears_why_its_bytes_stop(space: LiveSpace, going: str) -> None:
    flowing = long(space, going)
    _suspend_transfer(space, going)
    wait_until(lambda: False, 1.0)  # the second within which it stops
    with pytest.raises(TransferInactive):
        sum(map(len, flowing))


def _running(part: str = "server") -> list[int]:
    """Return the processes of this one that serve Flight, or that fetch."""
    word = f"connector.dataplane.flight.{part}".encode()
    found = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    children = [int(each) for file in found for each in file.read_text().split()]
    return [pid for pid in children if word in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _resident(pid: int) -> int:
    """Return the bytes that a process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_what_fetches_holds_no_more_of_a_larger_file(space: LiveSpace, going: str) -> None:
    flowing = long(space, going)
    (pid,) = _running("client")
    taken, held = 0, {}
    for chunk in flowing:
        taken += len(chunk)
        held[taken * 4 // len(LONG)] = _resident(pid)
        if taken > len(LONG) - 2 * READ:  # it is still there
            break
    flowing.close()
    assert held[3] - held[1] < len(LONG) / 4  # of half the file


def test_a_consumer_that_goes_leaves_nothing_open(space: LiveSpace, going: str) -> None:
    flowing = long(space, going)
    (pid,) = _running()
    before = _resident(pid)
    wait_until(lambda: False, 0.5)
    assert _resident(pid) - before < len(LONG) / 4  # who does not read holds it back
    flowing.close()
    peer_pid = of(space["lab"], going).peer_pid
    assert wait_until(lambda: 0 < of(space["school"], peer_pid).passed < len(LONG), 30.0)
    assert of(space["school"], peer_pid).state is TransferState.STARTED


def test_a_process_that_is_killed_is_started_again(space: LiveSpace, going: str) -> None:
    flowing = long(space, going)
    (pid,) = _running()
    assert b"token" not in Path(f"/proc/{pid}/environ").read_bytes()
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(PeerUnreachable):
        sum(map(len, flowing))
    planes = space["school"].planes
    assert wait_until(lambda: planes._planes[-1].over)
    planes._planes[-1].end()  # as a node does that stops at that moment
    assert read(space, going, len(LONG) - 5) == LONG[-5:]
    assert _running() != [pid]


def test_one_consumer_takes_few_streams(space: LiveSpace, going: str) -> None:
    lengthen(space)
    asked = flight.Ticket(ticket.write(access(space, going).token, 0))
    with client(space, going) as one:
        many = [one.do_get(asked) for _ in range(plane.STREAMS_PER_PEER)]
        with pytest.raises(flight.FlightError, match="too many transfers"):
            one.do_get(asked).read_all()
        for each in many:
            each.cancel()


def test_where_the_port_is_closed_the_bytes_come_over_grpc(
    space: LiveSpace, going: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    school = space["school"]
    elsewhere = replace(school.settings, flight_endpoint=f"localhost:{free_port()}")
    monkeypatch.setattr(school.planes, "_ports", replace(school.ports, settings=elsewhere))
    found = consumer_side.content(space["lab"].ports, going, 0)[1]
    assert type(found).__module__ == "connector.peer.fetching"
    assert b"".join(found) == DATA


def test_a_certificate_that_was_renewed_is_shown(
    space: LiveSpace, going: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengthen(space)
    asked = flight.Ticket(ticket.write(access(space, going).token, 0))
    with client(space, going) as one:
        flowing = one.do_get(asked)
        (before,) = _running()
        monkeypatch.setattr(space["school"].leaves, "_leaf", None)
        assert read(space, going, len(LONG) - 5) == LONG[-5:]
        assert len(_running()) == 2
        assert before in _running()
        assert flowing.read_all().num_rows == 64  # to its end
    assert wait_until(lambda: before not in _running()), "it stays for what it streams, no longer"


def test_any_client_reads_the_rows_of_an_arrow_extract(space: LiveSpace, going: str) -> None:
    school, lab = space["school"].ports, space["lab"].ports
    table = pa.table({"uai": ["0750001A", "0750002B"] * 5000, "pupils": list(range(10000))})
    sink = io.BytesIO()
    with ipc.new_stream(sink, table.schema) as out:
        out.write_table(table, max_chunksize=1000)
    given = access(space, going)
    prepared(school, lab, sink.getvalue(), format="arrow")
    with client(space, going) as found:
        assert found.do_get(flight.Ticket(given.token.encode())).read_all() == table
        prepared(school, lab, DATA, format="csv")
        with pytest.raises(flight.FlightUnauthorizedError, match="USE_REFUSED"):
            found.do_get(flight.Ticket(given.token.encode())).read_all()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("none", ""),
        ("garbage", "TOKEN_INVALID"),
        ("signed by the consumer", "TOKEN_INVALID"),
        ("expired", "TOKEN_INVALID"),
        ("another extract", "TOKEN_MISMATCH"),
        ("another contract", "TOKEN_MISMATCH"),
        ("another consumer", "UNKNOWN_PEER"),
        ("no ticket", "MALFORMED_MESSAGE"),
        ("past the end", "MALFORMED_MESSAGE"),
    ],
)
def test_only_the_token_that_was_given_opens_it(
    space: LiveSpace, going: str, fault: str, code: str
) -> None:
    school, lab = space["school"], space["lab"]
    grant = pull_token.Grant(lab.did, of(lab, going).peer_pid, EXTRACT, AGREEMENT, "urn:d1")
    wrong = {
        "another extract": {"extract": EXTRACT[:-1] + "2"},
        "another contract": {"agreement": "urn:another"},
        "another consumer": {"consumer": "did:web:other.example"},
    }.get(fault, {})
    signer = lab.signer if fault == "signed by the consumer" else school.signer
    late = 2 * pull_token.LIFE if fault == "expired" else timedelta()
    token = pull_token.make(signer, school.did, replace(grant, **wrong), school.clock.now() - late)
    asked = ticket.write("x.y.z" if fault == "garbage" else token, HUGE if "past" in fault else 0)
    found = ""
    with client(space, going) as one:
        try:
            one.do_get(flight.Ticket(b"{" if fault == "no ticket" else asked)).read_all()
        except flight.FlightError as exc:
            found = exc.extra_info.decode()
    assert found == code
